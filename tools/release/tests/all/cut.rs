use std::os::unix::fs::PermissionsExt as _;

use shoal_contracts::proto::buf::Buf;
use shoal_release::cut::{Prepared, Request};

use super::support::{DAY, Scratch, git_in, lock};

#[test]
fn a_first_release_freezes_the_contract_and_tags_the_commit() {
    let scratch = Scratch::new();
    let from = scratch.git(&["rev-parse", "HEAD"]);
    let done = scratch.cut("order", None).unwrap();
    assert_eq!(
        done.tag,
        format!("order/v1.1.0+build-20261123-{}", &from[..7])
    );
    assert_eq!(scratch.git(&["cat-file", "-t", &done.tag]), "tag");
    assert_eq!(
        scratch.git(&["rev-parse", &format!("{}^{{commit}}", done.tag)]),
        done.commit
    );
    assert_eq!(
        scratch.git(&["log", "-1", "--format=%s"]),
        "Release order 1.1.0"
    );
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    let release = "services/order/releases/1.1.0";
    let record = scratch.json(&format!("{release}/release.json"));
    assert_eq!(
        record,
        serde_json::json!({"version": "1.1.0", "date": DAY, "commit": from, "tag": done.tag})
    );
    let frozen = scratch.git(&["ls-files", release]);
    for file in [
        "openapi.json",
        "module.json",
        "config.md",
        "release.json",
        "proto/shoal/order/v1/order.proto",
        "proto/shoal/common/v1/money.proto",
    ] {
        assert!(
            frozen.contains(&format!("{release}/{file}")),
            "{file} is not among\n{frozen}"
        );
    }
    assert!(!frozen.contains("billing"), "{frozen}");
    assert_eq!(
        scratch.json(&format!("{release}/openapi.json")),
        scratch.json("services/order/contract/openapi.json")
    );
}

#[test]
fn what_a_release_wrote_is_no_change_since_with_tags_and_without() {
    let scratch = Scratch::new();
    let done = scratch.cut("order", None).unwrap();
    let request = shoal_contracts::check::Request {
        base: "1.1.0".to_owned(),
        module: Some("order".to_owned()),
        buf: None,
        options: shoal_contracts::Options::default(),
    };
    for tagged in [true, false] {
        if !tagged {
            scratch.git(&["tag", "--delete", &done.tag]);
        }
        let outcome = shoal_contracts::check::check(&scratch.workspace(), &request).unwrap();
        assert_eq!(outcome.modules[0].refusals, [], "tagged: {tagged}");
    }
    scratch.write("services/order/src/lib.rs", "// changed\n");
    let outcome = shoal_contracts::check::check(&scratch.workspace(), &request).unwrap();
    let rules: Vec<_> = outcome.modules[0]
        .refusals
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(rules, ["changelog-entry-missing"]);
}

#[test]
fn the_changelog_moves_and_keeps_everything_else() {
    let scratch = Scratch::new();
    scratch.cut("order", None).unwrap();
    let expected = "# Changelog\n\nAbout it.\n\n## Unreleased\n\n## 1.1.0 (2026-11-23)\n\n### Added\n- Something new.\n\n## 0.9.0 (2026-01-01)\n\n- First.\n";
    assert_eq!(scratch.read("services/order/CHANGELOG.md"), expected);
    assert!(
        scratch
            .git(&["log", "-1", "--format=%b"])
            .contains("### Added\n- Something new.")
    );
}

#[test]
fn a_planned_section_and_unreleased_entries_become_one_release() {
    let scratch = Scratch::new();
    scratch.write(
        "services/order/CHANGELOG.md",
        "# Changelog\n\n## [Unreleased]\n\n- Late.\n\n## [1.1.0] — unreleased\n\n- Early.\n",
    );
    scratch.commit("Plan");
    scratch.cut("order", None).unwrap();
    assert_eq!(
        scratch.read("services/order/CHANGELOG.md"),
        "# Changelog\n\n## Unreleased\n\n## 1.1.0 (2026-11-23)\n\n- Late.\n- Early.\n"
    );
}

#[test]
fn a_new_version_is_stamped_wherever_the_old_one_stood_and_nowhere_else() {
    let scratch = Scratch::with_a_release();
    scratch.openapi("order", "1.1.0", &["/things", "/more"]);
    scratch.replace(
        "services/order/CHANGELOG.md",
        "## Unreleased\n",
        "## Unreleased\n\n- More.\n",
    );
    scratch.commit("Add more");
    let openapi = scratch.read("services/order/contract/openapi.json");
    let facts = scratch.read("services/order/contract/module.json");
    let manifest = scratch.read("services/order/Cargo.toml");
    let done = scratch.cut("order", Some("2.0.0")).unwrap();
    assert!(
        done.tag.starts_with("order/v2.0.0+build-20261123-"),
        "{}",
        done.tag
    );
    assert_eq!(
        scratch.read("services/order/Cargo.toml"),
        manifest.replace("\"1.1.0\" # its own", "\"2.0.0\" # its own")
    );
    assert_eq!(scratch.read("Cargo.lock"), lock("2.0.0"));
    assert_eq!(
        scratch.read("services/order/contract/module.json"),
        facts.replace("1.1.0", "2.0.0")
    );
    let stamped = openapi.replace(
        "\"title\": \"order\",\n    \"version\": \"1.1.0\"",
        "\"title\": \"order\",\n    \"version\": \"2.0.0\"",
    );
    assert_ne!(stamped, openapi);
    assert_eq!(
        scratch.read("services/order/contract/openapi.json"),
        stamped
    );
    assert_eq!(
        scratch.read("services/order/deploy/order.yaml"),
        "image: shoal/order:2.0.0\nimage: other:1.1.0\n"
    );
    assert!(
        scratch
            .read("services/billing/Cargo.toml")
            .contains("1.1.0")
    );
    assert_eq!(
        scratch.read("services/order/releases/2.0.0/openapi.json"),
        stamped
    );
    assert_eq!(
        scratch.json("services/order/releases/1.1.0/module.json")["version"],
        "1.1.0"
    );
}

#[test]
fn what_is_not_committed_in_the_module_or_its_contracts_stands_in_the_way_and_nothing_else_does() {
    for path in [
        "services/order/src/new.rs",
        "proto/proto/shoal/order/v1/order.proto",
        "proto/proto/shoal/common/v1/money.proto",
        "Cargo.lock",
    ] {
        let scratch = Scratch::new();
        scratch.write(path, "// changed\n");
        let refusal = scratch.refusal("order", None);
        assert!(
            refusal.contains(path) && refusal.contains("commit"),
            "{refusal}"
        );
    }
    let scratch = Scratch::new();
    scratch.write("services/billing/src/lib.rs", "// staged\n");
    scratch.git(&["add", "-A"]);
    scratch.write("README.md", "not even staged");
    scratch.cut("order", None).unwrap();
    assert_eq!(
        scratch.git(&["status", "--porcelain"]),
        "M  services/billing/src/lib.rs\n?? README.md"
    );
}

#[test]
fn a_step_that_says_too_little_is_refused_with_the_version_that_says_enough() {
    let scratch = Scratch::with_a_release();
    scratch.openapi("order", "1.1.0", &["/others"]);
    scratch.replace(
        "services/order/CHANGELOG.md",
        "## Unreleased\n",
        "## Unreleased\n\n- Renamed.\n",
    );
    scratch.commit("Rename the path");
    for version in ["1.1.1", "1.2.0"] {
        let refusal = scratch.refusal("order", Some(version));
        assert!(
            refusal.contains("major") && refusal.contains("2.0.0"),
            "{refusal}"
        );
    }
    assert_eq!(
        scratch
            .prepare("order", None)
            .unwrap()
            .record
            .version
            .to_string(),
        "2.0.0"
    );
}

#[test]
fn a_grown_contract_needs_a_minor_step_and_an_inner_change_a_patch() {
    let scratch = Scratch::with_a_release();
    scratch.replace(
        "services/order/CHANGELOG.md",
        "## Unreleased\n",
        "## Unreleased\n\n- Faster.\n",
    );
    scratch.write("services/order/src/fast.rs", "// faster\n");
    scratch.commit("Be faster");
    assert_eq!(
        scratch
            .prepare("order", None)
            .unwrap()
            .record
            .version
            .to_string(),
        "1.1.1"
    );
    scratch.openapi("order", "1.1.0", &["/things", "/more"]);
    scratch.commit("Offer more");
    assert!(scratch.refusal("order", Some("1.1.1")).contains("minor"));
    assert_eq!(
        scratch
            .prepare("order", None)
            .unwrap()
            .record
            .version
            .to_string(),
        "1.2.0"
    );
}

#[test]
fn an_empty_changelog_is_refused() {
    let scratch = Scratch::new();
    scratch.replace("services/order/CHANGELOG.md", "- Something new.\n", "");
    scratch.commit("Say nothing");
    assert!(
        scratch
            .refusal("order", None)
            .contains("no entry below `## Unreleased`")
    );
}

#[test]
fn nothing_new_is_no_release() {
    let scratch = Scratch::with_a_release();
    assert!(scratch.refusal("order", None).contains("nothing changed"));
    assert!(
        scratch
            .refusal("order", Some("1.1.1"))
            .contains("nothing changed")
    );
}

#[test]
fn a_version_that_exists_is_not_released_again() {
    let scratch = Scratch::with_a_release();
    scratch.replace(
        "services/order/CHANGELOG.md",
        "## Unreleased\n",
        "## Unreleased\n\n- More.\n",
    );
    scratch.commit("More");
    for version in ["1.1.0", "1.0.0"] {
        assert!(
            scratch
                .refusal("order", Some(version))
                .contains("not above 1.1.0")
        );
    }
    scratch.git(&["tag", "order/v1.1.1"]);
    assert!(
        scratch
            .refusal("order", Some("1.1.1"))
            .contains("not above 1.1.1")
    );
    let billing = Scratch::new();
    billing.replace("services/billing/CHANGELOG.md", "## 0.9.0", "## 1.1.0");
    billing.commit("Claim");
    assert!(
        billing
            .refusal("billing", None)
            .contains("dated section for 1.1.0")
    );
}

#[test]
fn versions_with_metadata_and_days_that_are_none_are_refused() {
    let scratch = Scratch::new();
    assert!(
        scratch
            .refusal("order", Some("1.2.0+abc"))
            .contains("plain version")
    );
    assert!(
        scratch
            .refusal("order", Some("1.2.0-rc.1"))
            .contains("plain version")
    );
    let request = shoal_release::cut::Request {
        module: "order".to_owned(),
        version: None,
        date: "today".to_owned(),
        buf: None,
    };
    let git = shoal_modules::Git::open(scratch.root()).unwrap();
    let error =
        shoal_release::cut::Prepared::new(&scratch.workspace(), &git, &request).unwrap_err();
    assert!(
        error.to_string().contains("`today` is not a day"),
        "{error}"
    );
}

#[test]
fn a_contract_of_another_version_is_refused() {
    let scratch = Scratch::new();
    scratch.replace("services/order/Cargo.toml", "\"1.1.0\"", "\"1.2.0\"");
    scratch.commit("Raise the version by hand");
    let refusal = scratch.refusal("order", None);
    assert!(
        refusal.contains("1.1.0") && refusal.contains("1.2.0") && refusal.contains(":renew"),
        "{refusal}"
    );
}

#[test]
fn a_shallow_clone_and_a_commit_without_a_branch_are_refused() {
    let scratch = Scratch::new();
    scratch.write("x", "1");
    scratch.commit("Second");
    let clone = tempfile::tempdir().unwrap();
    git_in(
        clone.path(),
        &[
            "clone",
            "-q",
            "--depth=1",
            &format!("file://{}", scratch.root().display()),
            ".",
        ],
    );
    let request = shoal_release::cut::Request {
        module: "order".to_owned(),
        version: None,
        date: DAY.to_owned(),
        buf: None,
    };
    let workspace = shoal_modules::Workspace::at(clone.path()).unwrap();
    let error = shoal_release::cut::Prepared::new(&workspace, &workspace.git().unwrap(), &request)
        .unwrap_err();
    assert!(error.to_string().contains("--unshallow"), "{error}");
    scratch.git(&["checkout", "-q", "--detach"]);
    assert!(scratch.refusal("order", None).contains("branch"));
}

#[test]
fn a_refused_commit_leaves_everything_as_it_was() {
    let scratch = Scratch::new();
    let hook = scratch.root().join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(
        &hook,
        "#!/bin/sh\necho 'no releases on Mondays' >&2\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    scratch.write("README.md", "somebody's work");
    let before = scratch.state();
    let error = scratch.cut("order", None).unwrap_err();
    assert!(
        error.to_string().contains("no releases on Mondays"),
        "{error}"
    );
    assert_eq!(scratch.state(), before);
    assert!(!scratch.root().join("services/order/releases").exists());
}

#[test]
fn a_tag_that_cannot_be_made_takes_the_commit_back() {
    let scratch = Scratch::new();
    // A tag with the name of the folder that the release's tag needs.
    scratch.git(&["tag", "order"]);
    let (before, head) = (scratch.state(), scratch.git(&["rev-parse", "HEAD"]));
    let error = scratch.cut("order", None).unwrap_err();
    assert!(error.to_string().contains("tag"), "{error}");
    assert_eq!(scratch.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(scratch.state(), before);
    assert!(!scratch.root().join("services/order/releases").exists());
}

#[test]
fn a_file_that_cannot_be_written_takes_back_those_that_were() {
    let scratch = Scratch::new();
    // A file where the folder of releases has to be.
    scratch.write("services/order/releases", "in the way");
    scratch.commit("Block");
    let before = scratch.state();
    assert!(scratch.cut("order", None).is_err());
    assert_eq!(scratch.state(), before);
}

/// A program that answers as buf does.
fn fake_buf(scratch: &Scratch, script: &str) -> Buf {
    let path = scratch.root().join(".git/buf");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Buf::find(Some(&path)).unwrap()
}

#[test]
fn changed_proto_files_are_not_released_uncompared_and_a_break_needs_a_major_step() {
    let scratch = Scratch::with_a_release();
    let file = "proto/proto/shoal/order/v1/order.proto";
    scratch.replace(file, "message A {", "message B {");
    scratch.replace(
        "services/order/CHANGELOG.md",
        "## Unreleased\n",
        "## Unreleased\n\n- Renamed.\n",
    );
    scratch.commit("Rename a message");
    assert!(scratch.refusal("order", None).contains("SHOAL_BUF"));
    assert!(
        scratch
            .refusal("order", Some("2.0.0"))
            .contains("SHOAL_BUF")
    );
    let request = |buf| Request {
        module: "order".to_owned(),
        version: None,
        date: DAY.to_owned(),
        buf: Some(buf),
    };
    let version = |buf| {
        let git = scratch.workspace().git().unwrap();
        Prepared::new(&scratch.workspace(), &git, &request(buf))
            .map(|prepared| prepared.record.version.to_string())
    };
    // It is asked about the files of this module and what they import, and nothing else.
    let breaks = r#"[ -f shoal/order/v1/order.proto ] && [ -f shoal/common/v1/money.proto ] && [ ! -e shoal/billing ] || exit 1
[ -f "$4/shoal/order/v1/order.proto" ] || exit 1
echo '{"path":"shoal/order/v1/order.proto","type":"MESSAGE_NO_DELETE","message":"gone"}'
exit 100"#;
    assert_eq!(version(fake_buf(&scratch, breaks)).unwrap(), "2.0.0");
    assert_eq!(version(fake_buf(&scratch, "exit 0")).unwrap(), "1.2.0");
    let error = version(fake_buf(&scratch, "echo broken >&2; exit 1")).unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
}
