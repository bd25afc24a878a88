//! A small repository: a shop that was released twice and a mailer that never was.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shoal_portal::{BuildError, Options, Summary, build};
use tempfile::TempDir;

/// The repository and the folder of its site.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
        let fixture = Self {
            folder: TempDir::with_prefix_in("portal-", base).unwrap(),
        };
        for name in ["MODULE.bazel", "Cargo.toml"] {
            fixture.write(name, "");
        }
        fixture.write(
            "CODEOWNERS",
            "* @shop/platform\n/services/shop/ @shop/sales\n",
        );
        fixture.write(
            "docs/guides/first.md",
            "# First steps\n\nSee [the shop](../../services/shop/README.md#stock).\n",
        );
        fixture.write(
            "docs/adr/0001-why.md",
            "# 1. Why\n\n[Steps](../guides/first.md), [code](../../libs/x/src/lib.rs).\n",
        );
        fixture.service(
            "shop",
            "1.1.0",
            "# shop\n\nSells.\n\n## Stock\n\nCounted.\n",
        );
        fixture.contract("shop", "contract", "1.1.0", &["list", "buy"]);
        fixture.release("shop", "1.0.0", &["list"]);
        fixture.release("shop", "0.9.0", &["list", "haggle"]);
        fixture.service("mailer", "0.1.0", "# mailer\n\nWrites to people.\n");
        fixture.contract("mailer", "contract", "0.1.0", &["list"]);
        for (asset, path) in [
            ("scalar", "dist/browser/standalone.js"),
            ("minisearch", "dist/umd/index.js"),
        ] {
            let text = format!("self.{asset} = 1;\n//# sourceMappingURL=x.map");
            fixture.write(&format!("npm/{asset}/{path}"), &text);
        }
        fixture
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.root().join("site")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn build(&self) -> Result<Summary, BuildError> {
        self.build_to(self.out())
    }

    pub(crate) fn build_to(&self, out: PathBuf) -> Result<Summary, BuildError> {
        let asset = |name: &str| (name.to_owned(), self.root().join("npm").join(name));
        build(&Options {
            root: self.root().to_owned(),
            assets: ["scalar", "minisearch"].map(asset).into(),
            out,
            ..Options::default()
        })
    }

    /// A page of the built site.
    pub(crate) fn page(&self, path: &str) -> String {
        fs::read_to_string(self.out().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn service(&self, name: &str, version: &str, readme: &str) {
        let manifest = format!(
            "[package]\nname = \"shop-{name}\"\nversion = \"{version}\"\ndescription = \"The {name}.\"\n"
        );
        self.write(&format!("services/{name}/Cargo.toml"), &manifest);
        self.write(&format!("services/{name}/README.md"), readme);
        self.write(
            &format!("services/{name}/CHANGELOG.md"),
            "# Changelog\n\n## Unreleased\n\n- Buying.\n",
        );
    }

    fn release(&self, name: &str, version: &str, operations: &[&str]) {
        let folder = format!("releases/{version}");
        self.contract(name, &folder, version, operations);
        let record = json!({
            "version": version, "date": "2026-11-01", "commit": "8a3f1c0", "tag": format!("{name}/v{version}+build-20261101-8a3f1c"),
        });
        self.write(
            &format!("services/{name}/{folder}/release.json"),
            &record.to_string(),
        );
    }

    fn contract(&self, name: &str, folder: &str, version: &str, operations: &[&str]) {
        let write = |file: &str, value: Value| {
            self.write(
                &format!("services/{name}/{folder}/{file}"),
                &value.to_string(),
            );
        };
        let publishes = if name == "shop" {
            vec!["shop.sold.v1"]
        } else {
            vec![]
        };
        let consumes = if name == "mailer" {
            vec!["shop.sold.v1"]
        } else {
            vec![]
        };
        write(
            "module.json",
            json!({
                "name": name, "version": version, "port": 9000, "calls": [], "grpc": [],
                "publishes": publishes, "consumes": consumes,
            }),
        );
        write("openapi.json", openapi(name, version, operations));
        write(
            "errors.json",
            json!([
                { "code": format!("{name}.sold_out"), "status": 409, "grpc": "ABORTED", "title": "Sold out", "action": "Wait for `stock`." },
                { "code": "common.not_found", "status": 404, "grpc": "NOT_FOUND", "title": "Not found", "action": "Look again.", "common": true },
            ]),
        );
        if name == "shop" {
            write(
                "schemas/events/shop.sold.v1.json",
                json!({
                    "title": "shop.sold.v1", "type": "object", "description": "Something was sold.",
                    "required": ["id"], "properties": { "id": { "type": "string", "description": "What." } },
                }),
            );
        }
        self.write(
            &format!("services/{name}/{folder}/config.md"),
            "# Settings\n\n| key | allowed | default | environment | meaning |\n|---|---|---|---|---|\n| `listen` | a text | `\"x\"` | `SHOP__LISTEN` | Where. |\n",
        );
    }
}

fn openapi(name: &str, version: &str, operations: &[&str]) -> Value {
    let paths = operations.iter().map(|operation| {
        let item = json!({ "post": {
            "operationId": operation, "tags": ["things"], "summary": format!("To {operation}."),
            "x-error-codes": [format!("{name}.sold_out")],
            "responses": { "200": { "description": "Done." } },
        } });
        (format!("/{name}/v1/{operation}"), item)
    });
    json!({
        "openapi": "3.1.0",
        "info": { "title": name, "version": version },
        "paths": paths.collect::<serde_json::Map<_, _>>(),
    })
}
