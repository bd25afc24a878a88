#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::change::packages::tests::packages;

const ROOT: &str = r#"
[workspace]
members = ["libs/base", "services/order", "services/billing", "services/mail", "tools/up"]
[workspace.dependencies]
base = { path = "libs/base" }
serde = "1"
"#;

fn workspace(root: &str) -> Packages {
    let package =
        |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n[dependencies]\n{rest}");
    let (base, order) = (
        package("base", ""),
        package("order", "base.workspace = true\n"),
    );
    let billing = package("billing", "serde.workspace = true\n");
    let mail = package("mail", "[dev-dependencies]\nbase.workspace = true\n");
    let up = package("up", "order = { path = \"../../services/order\" }\n");
    packages(&[
        ("Cargo.toml", root),
        ("libs/base/Cargo.toml", &base),
        ("services/order/Cargo.toml", &order),
        ("services/billing/Cargo.toml", &billing),
        ("services/mail/Cargo.toml", &mail),
        ("tools/up/Cargo.toml", &up),
    ])
}

fn facts() -> BTreeMap<String, Facts> {
    let named = |name: &str| Facts {
        name: name.to_owned(),
        ..Facts::default()
    };
    let list = |item: &str| vec![item.to_owned()];
    BTreeMap::from([
        (
            "services/order".to_owned(),
            Facts {
                calls: list("billing"),
                publishes: list("order.placed.v1"),
                ..named("order")
            },
        ),
        ("services/billing".to_owned(), named("billing")),
        (
            "services/mail".to_owned(),
            Facts {
                consumes: list("order.placed.v1"),
                ..named("mail")
            },
        ),
    ])
}

fn scope_of(files: &[&str]) -> Scope {
    scope_between(files, &workspace(ROOT), &workspace(ROOT), &[])
}

fn scope_between(files: &[&str], base: &Packages, head: &Packages, locked: &[&str]) -> Scope {
    let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    Scope::of(&Inputs {
        files: &files,
        base,
        head,
        facts: &facts(),
        locked: &locked.iter().map(|name| (*name).to_owned()).collect(),
        build_folders: &BTreeSet::from(["docs/portal".to_owned()]),
    })
}

fn reasons(scope: &Scope, folder: &str) -> (How, String) {
    let found = scope
        .packages
        .iter()
        .find(|reached| reached.folder == folder);
    let found = found.unwrap_or_else(|| panic!("{folder} is not reached: {scope:?}"));
    (found.how, found.because.join("; "))
}

#[test]
fn a_library_reaches_all_that_are_built_from_it() {
    let scope = scope_of(&["libs/base/src/lib.rs"]);
    assert_eq!(
        reasons(&scope, "libs/base"),
        (How::Changed, "its files".into())
    );
    assert_eq!(
        reasons(&scope, "services/order"),
        (How::Affected, "uses `libs/base`".into())
    );
    assert_eq!(
        reasons(&scope, "tools/up"),
        (How::Affected, "uses `services/order`".into())
    );
    assert_eq!(
        reasons(&scope, "services/mail"),
        (How::Affected, "tests use `libs/base`".into())
    );
    let programs = ["libs/base", "services/order", "tools/up"];
    assert_eq!(
        scope.programs(),
        BTreeSet::from(programs),
        "tests alone change no program"
    );
    let targets = ["libs/base", "services/mail", "services/order", "tools/up"];
    assert_eq!(
        scope.targets,
        targets.map(|folder| format!("//{folder}/..."))
    );
}

#[test]
fn a_service_reaches_its_callers_and_the_consumers_of_its_events() {
    let billing = scope_of(&["services/billing/src/lib.rs"]);
    assert_eq!(
        reasons(&billing, "services/order"),
        (How::Affected, "calls `billing`".into())
    );
    assert_eq!(
        reasons(&billing, "tools/up"),
        (How::Affected, "uses `services/order`".into())
    );
    assert!(
        billing
            .packages
            .iter()
            .all(|reached| reached.folder != "services/mail")
    );
    let order = scope_of(&["services/order/src/lib.rs"]);
    let consumer = (
        How::Affected,
        "consumes `order.placed.v1` of `order`".into(),
    );
    assert_eq!(reasons(&order, "services/mail"), consumer);
}

#[test]
fn a_proto_file_reaches_the_callers_of_the_module_that_owns_it() {
    let scope = scope_of(&["proto/proto/shoal/billing/v1/billing.proto"]);
    assert_eq!(
        reasons(&scope, "services/order"),
        (How::Affected, "calls `billing`".into())
    );
}

#[test]
fn documents_reach_nobody_else() {
    let scope = scope_of(&["libs/base/README.md", "docs/portal/guide.md", "README.md"]);
    assert_eq!(scope.packages.len(), 1);
    assert_eq!(
        reasons(&scope, "libs/base"),
        (How::Documents, "its documents".into())
    );
    assert_eq!(scope.outside, ["docs/portal/guide.md", "README.md"]);
    assert_eq!(scope.targets, ["//docs/portal/...", "//libs/base/..."]);
    let compiled = scope_of(&["libs/base/src/help.md"]);
    assert_eq!(reasons(&compiled, "libs/base").0, How::Changed);
}

#[test]
fn the_foundation_reaches_everything() {
    for file in [
        "MODULE.bazel",
        "tools/bazel/defs.bzl",
        "rust-toolchain.toml",
    ] {
        let scope = scope_of(&[file]);
        assert!(scope.is_everything());
        assert_eq!(scope.targets, ["//..."]);
    }
    let lints = format!("{ROOT}\n[workspace.lints.rust]\nunsafe_code = \"deny\"\n");
    let scope = scope_between(&["Cargo.toml"], &workspace(ROOT), &workspace(&lints), &[]);
    assert!(scope.is_everything());
}

#[test]
fn a_shared_dependency_reaches_those_that_name_it() {
    let bumped = ROOT.replace("serde = \"1\"", "serde = \"2\"");
    let scope = scope_between(
        &["Cargo.toml"],
        &workspace(ROOT),
        &workspace(&bumped),
        &["up"],
    );
    assert!(!scope.is_everything());
    let billing = reasons(&scope, "services/billing");
    assert_eq!(billing, (How::Changed, "`serde` in `Cargo.toml`".into()));
    assert_eq!(reasons(&scope, "tools/up").0, How::Changed);
}
