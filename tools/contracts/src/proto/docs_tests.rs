//! What a page of a proto package must show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const SHOP: &str = r#"syntax = "proto3";
// What a shop sells.
package shop.v1;
import "base/v1/base.proto";
// Sells.
service Shop {
  // Finds | lists.
  rpc Find(FindRequest) returns (stream Thing);
}
// Asks.
message FindRequest { reserved 4 to 6, 9; reserved "old"; }
// A thing.
message Thing {
  // What it costs.
  base.v1.Amount price = 1;
  map<string, Kind> kinds = 2; // By name.
  optional int64 weight = 3 [deprecated = true];
  oneof owner { string user = 7; bytes group = 8; }
  // Inside.
  message Part { repeated Part parts = 1; }
}
// Kinds.
enum Kind { KIND_UNSPECIFIED = 0;
  /* Big. */
  KIND_BIG = 1; }
"#;
const BASE: &str = "syntax = \"proto3\"; package base.v1; // An amount.\nmessage Amount { \
                    Unit unit = 1; } enum Unit { UNIT_UNSPECIFIED = 0; } message Unused {}";

fn shop() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in [("shop/v1/shop.proto", SHOP), ("base/v1/base.proto", BASE)] {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn a_page_shows_methods_fields_and_comments_with_links_that_lead_somewhere() {
    let root = shop();
    let page = render_docs(root.path(), "shop.v1").unwrap();
    for expected in [
        "# gRPC contract `shop.v1`\n\nWhat a shop sells.",
        "| `Find` | [`FindRequest`](#findrequest) | stream of [`Thing`](#thing) | Finds \\| lists. |",
        "| 1 | `price` | [`base.v1.Amount`](#base-v1-amount) | What it costs. |",
        "| 2 | `kinds` | map of `string` to [`Kind`](#kind) | By name. |",
        "| 3 | `weight` | optional `int64` | **Deprecated.**  |",
        "| 7 | `user` | `string` | (one of `owner`)  |",
        "| 1 | `parts` | repeated [`Thing.Part`](#thing-part) |  |",
        "Reserved: 4 to 6, 9, `old`.",
        "| 1 | `KIND_BIG` | Big. |",
        "## Types used from other packages",
        "### `base.v1.Unit`",
    ] {
        assert!(page.contains(expected), "missing {expected:?} in\n{page}");
    }
    assert!(!page.contains("Unused") && !page.contains("KindsEntry"));
    for link in page.split("](#").skip(1) {
        let id = link.split(')').next().unwrap();
        assert!(page.contains(&format!("<a id=\"{id}\"></a>")), "#{id}");
    }
}

#[test]
fn an_unknown_package_names_those_that_exist() {
    let error = render_docs(shop().path(), "shop.v2")
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("there are base.v1, shop.v1"), "{error}");
}

#[test]
fn a_file_that_does_not_compile_is_an_error() {
    let root = shop();
    std::fs::write(root.path().join("bad.proto"), "message {").unwrap();
    assert!(matches!(
        render_docs(root.path(), "shop.v1"),
        Err(Error::Proto { .. })
    ));
}
