//! The files of a new module.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::plan::Wish;
use crate::{Error, Result};

macro_rules! templates {
    ($($folder:literal: $($name:literal),+;)+) => {
        /// Where each goes below its folder, and its text.
        const TEMPLATES: &[(&str, &str, &str)] = &[$($((
            $folder,
            $name,
            include_str!(concat!("../template/", $folder, "/", $name, ".jinja")),
        ),)+)+];
    };
}

templates! {
    "service":
        "BUILD.bazel", "CHANGELOG.md", "Cargo.toml", "README.md", "deploy/service.yaml",
        "migrations/postgres/0001_items.sql", "migrations/sqlite/0001_items.sql",
        "src/api/items.rs", "src/api/mod.rs", "src/config.rs", "src/domain/codes.rs", "src/domain/items.rs",
        "src/domain/mod.rs", "src/events.rs", "src/lib.rs", "src/main.rs", "src/rpc.rs", "src/store/items.rs",
        "src/store/mod.rs", "src/usecases/items.rs", "src/usecases/mod.rs",
        "tests/all.rs", "tests/all/document.rs", "tests/all/grpc.rs", "tests/all/items.rs";
    "proto": "service.proto", "events.rs";
}

/// Every file of the module with its path from the top.
pub(crate) fn render(wish: &Wish) -> Result<Vec<(String, String)>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|error| Error::Template {
        name: "of all files",
        problem: error.to_string(),
    })?);
    let values = context! {
        name => &wish.name,
        Name => wish.type_name(),
        NAME => wish.name.to_uppercase(),
        about => &wish.about,
        port => wish.port,
    };
    let fill = |&(folder, name, text): &(&str, &'static str, &str)| {
        let wrong = |error: minijinja::Error| Error::Template {
            name,
            problem: error.to_string(),
        };
        let text = environment.render_str(text, &values).map_err(wrong)?;
        Ok((place(folder, name, &wish.name), text))
    };
    TEMPLATES.iter().map(fill).collect()
}

fn place(folder: &str, template: &str, name: &str) -> String {
    match (folder, template) {
        ("proto", "service.proto") => format!("proto/proto/shoal/{name}/v1/{name}.proto"),
        ("proto", _) => format!("proto/src/events/{name}.rs"),
        (_, "deploy/service.yaml") => format!("services/{name}/deploy/{name}.yaml"),
        _ => format!("services/{name}/{template}"),
    }
}
