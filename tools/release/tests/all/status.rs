use shoal_release::bump::Bump;
use shoal_release::standing::{self, Standing, Verdict};

use super::support::{Scratch, git_in};

fn of(scratch: &Scratch, module: &str) -> Standing {
    standing::all(&scratch.workspace(), None)
        .unwrap()
        .into_iter()
        .find(|standing| standing.name == module)
        .unwrap()
}

#[test]
fn before_the_first_release_the_manifest_decides() {
    let standing = of(&Scratch::new(), "order");
    assert!(standing.last.is_none() && standing.unknown.is_empty());
    assert_eq!(standing.entries, 1);
    assert_eq!(
        standing.verdict(),
        Verdict::Ready {
            version: "1.1.0".parse().unwrap()
        }
    );
}

#[test]
fn after_a_release_only_what_changed_since_counts() {
    let scratch = Scratch::with_a_release();
    let fresh = of(&scratch, "order");
    assert_eq!(fresh.verdict(), Verdict::Unchanged);
    assert_eq!((fresh.files, fresh.commits), (Some(vec![]), Some(vec![])));
    scratch.write("services/billing/src/x.rs", "");
    scratch.commit("Change billing");
    assert_eq!(of(&scratch, "order").verdict(), Verdict::Unchanged);
    scratch.write("services/order/src/x.rs", "");
    scratch.commit("Change order");
    scratch.write("proto/src/events/order.rs", "// not committed\n");
    let changed = of(&scratch, "order");
    assert_eq!(
        changed.commits.as_deref(),
        Some(["Change order".to_owned()].as_slice())
    );
    assert_eq!(
        changed.files.as_deref(),
        Some(
            [
                "proto/src/events/order.rs".to_owned(),
                "services/order/src/x.rs".to_owned()
            ]
            .as_slice()
        )
    );
    assert_eq!(changed.dirty, ["proto/src/events/order.rs"]);
    assert_eq!(
        (changed.needed, changed.has),
        (Some(Bump::Patch), Bump::None)
    );
    assert!(
        matches!(changed.verdict(), Verdict::Blocked { reason } if reason.contains("## Unreleased"))
    );
}

#[test]
fn without_its_tag_a_release_is_known_by_its_record_and_that_is_said() {
    let scratch = Scratch::with_a_release();
    let tag = scratch.git(&["tag"]);
    scratch.git(&["tag", "-d", &tag]);
    scratch.write("services/order/src/x.rs", "");
    scratch.commit("Change order");
    let standing = of(&scratch, "order");
    assert!(
        standing
            .unknown
            .iter()
            .any(|line| line.contains(&tag) && line.contains("git fetch --tags")),
        "{:?}",
        standing.unknown
    );
    assert_eq!(standing.files.unwrap(), ["services/order/src/x.rs"]);
}

#[test]
fn a_shallow_clone_says_what_it_cannot_know() {
    let scratch = Scratch::with_a_release();
    scratch.write("services/order/src/x.rs", "");
    scratch.commit("Change order");
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
    let all = standing::all(&shoal_modules::Workspace::at(clone.path()).unwrap(), None).unwrap();
    let order = all
        .iter()
        .find(|standing| standing.name == "order")
        .unwrap();
    assert!(
        order
            .unknown
            .iter()
            .any(|line| line.contains("--unshallow")),
        "{:?}",
        order.unknown
    );
    assert_eq!((&order.files, order.needed), (&None, None));
    assert!(
        matches!(order.verdict(), Verdict::Blocked { reason } if reason.contains("not everything is known"))
    );
}

#[test]
fn a_copy_without_history_still_tells_versions_and_entries() {
    let scratch = Scratch::with_a_release();
    std::fs::remove_dir_all(scratch.root().join(".git")).unwrap();
    let standing = of(&scratch, "order");
    assert_eq!(standing.last.as_ref().unwrap().version.to_string(), "1.1.0");
    assert!(
        standing.unknown[0].contains("not the top of a git repository"),
        "{:?}",
        standing.unknown
    );
}
