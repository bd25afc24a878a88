use shoal_modules::{Error, Facts, Workspace};

use super::support::Scratch;

#[test]
fn modules_are_found_with_version_package_and_owner() {
    let scratch = Scratch::plain();
    std::fs::create_dir_all(scratch.root().join("services/left-behind/src")).unwrap();
    let modules = scratch.workspace().modules().unwrap();
    let read: Vec<_> = modules
        .iter()
        .map(|m| {
            (
                m.name.as_str(),
                m.folder.as_str(),
                m.package.as_str(),
                m.version.to_string(),
                m.owner.as_str(),
            )
        })
        .collect();
    assert_eq!(
        read,
        [
            (
                "billing",
                "services/billing",
                "shoal-billing",
                "0.1.0".to_owned(),
                "@shoal/platform"
            ),
            (
                "order",
                "services/order",
                "shoal-order",
                "1.2.0".to_owned(),
                "@shoal/order"
            ),
        ]
    );
    assert_eq!(modules[1].about, "All about order.");
    assert_eq!(modules[1].tag_prefix(), "order/v");
}

#[test]
fn the_workspace_is_found_from_any_folder_below_its_top() {
    let scratch = Scratch::plain();
    let below = scratch.root().join("services/order");
    assert_eq!(Workspace::above(&below).unwrap().root(), scratch.root());
    let error = Workspace::above(std::path::Path::new("/proc")).unwrap_err();
    assert!(matches!(error, Error::NoWorkspace { .. }), "{error}");
    assert!(matches!(
        Workspace::at(below).unwrap_err(),
        Error::NoWorkspace { .. }
    ));
}

#[test]
fn an_unknown_module_is_refused_with_the_list_of_those_there_are() {
    let error = Scratch::plain().workspace().module("ordre").unwrap_err();
    assert!(
        error.to_string().contains("`ordre`") && error.to_string().contains("billing, order"),
        "{error}"
    );
}

#[test]
fn a_manifest_without_a_proper_version_is_refused_and_named() {
    for (manifest, problem) in [
        (
            "[package]\nname = \"x\"\nversion = \"1.0\"\n",
            "`1.0` is not a semantic version",
        ),
        (
            "[package]\nname = \"x\"\nversion.workspace = true\n",
            "no `version` of its own",
        ),
        ("[package]\nversion = \"1.0.0\"\n", "no `name`"),
        ("[workspace]\n", "no [package]"),
        ("[package\n", "not TOML"),
    ] {
        let scratch = Scratch::plain();
        scratch.write("services/order/Cargo.toml", manifest);
        let error = scratch.workspace().modules().unwrap_err().to_string();
        assert!(
            error.contains("services/order/Cargo.toml") && error.contains(problem),
            "{error}"
        );
    }
}

#[test]
fn a_module_without_a_changelog_is_told_to_write_one() {
    let scratch = Scratch::plain();
    let order = scratch.workspace().module("order").unwrap();
    assert_eq!(order.changelog().unwrap().unreleased_entries(), 1);
    scratch.remove("services/order/CHANGELOG.md");
    let error = order.changelog().unwrap_err();
    assert!(
        matches!(error, Error::NoChangelog { .. }) && error.to_string().contains("## Unreleased"),
        "{error}"
    );
}

#[test]
fn a_changelog_that_is_not_understood_names_file_and_line() {
    let scratch = Scratch::plain();
    scratch.write(
        "services/order/CHANGELOG.md",
        "# Changelog\n\n## Next week\n",
    );
    let error = scratch
        .workspace()
        .module("order")
        .unwrap()
        .changelog()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("services/order/CHANGELOG.md: line 3"),
        "{error}"
    );
}

#[test]
fn facts_come_from_the_generated_contract() {
    let scratch = Scratch::plain();
    let order = scratch.workspace().module("order").unwrap();
    assert_eq!(order.facts().unwrap(), None);
    scratch.write("services/order/contract/module.json", r#"{"name": "order", "version": "1.2.0", "calls": ["billing"], "publishes": ["order.placed.v1"], "new": 1}"#);
    let facts = Facts {
        name: "order".to_owned(),
        version: "1.2.0".to_owned(),
        calls: vec!["billing".to_owned()],
        publishes: vec!["order.placed.v1".to_owned()],
        ..Facts::default()
    };
    assert_eq!(order.facts().unwrap(), Some(facts));
    scratch.write("services/order/contract/module.json", "{");
    assert!(
        order
            .facts()
            .unwrap_err()
            .to_string()
            .contains("contract/module.json")
    );
}

#[test]
fn releases_are_listed_newest_first_by_their_records() {
    let scratch = Scratch::plain();
    for version in ["0.9.0", "0.10.0", "1.0.0"] {
        let record = format!(
            r#"{{"version": "{version}", "date": "2026-11-23", "commit": "abc", "tag": "order/v{version}"}}"#
        );
        scratch.write(
            &format!("services/order/releases/{version}/release.json"),
            &record,
        );
    }
    let order = scratch.workspace().module("order").unwrap();
    let versions: Vec<_> = order
        .releases()
        .unwrap()
        .iter()
        .map(|r| r.record.version.to_string())
        .collect();
    assert_eq!(versions, ["1.0.0", "0.10.0", "0.9.0"]);
    assert!(
        scratch
            .workspace()
            .module("billing")
            .unwrap()
            .releases()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_release_folder_whose_record_is_missing_or_of_another_version_is_refused() {
    let scratch = Scratch::plain();
    let order = scratch.workspace().module("order").unwrap();
    std::fs::create_dir_all(scratch.root().join("services/order/releases/1.0.0")).unwrap();
    assert!(
        order
            .releases()
            .unwrap_err()
            .to_string()
            .contains("releases/1.0.0/release.json: missing")
    );
    scratch.write(
        "services/order/releases/1.0.0/release.json",
        r#"{"version": "1.0.1", "date": "d", "commit": "c", "tag": "t"}"#,
    );
    assert!(
        order
            .releases()
            .unwrap_err()
            .to_string()
            .contains("record of 1.0.1")
    );
}
