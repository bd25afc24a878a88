use shoal_modules::{Error, Git};

use super::support::{Scratch, git_in};

#[test]
fn a_plain_folder_and_a_folder_inside_a_repository_are_no_repository() {
    let error = Git::open(Scratch::plain().root()).unwrap_err();
    assert!(
        matches!(error, Error::NotARepository { .. }) && error.to_string().contains("clone"),
        "{error}"
    );
    let inside = Scratch::committed();
    assert!(matches!(
        Git::open(&inside.root().join("services")).unwrap_err(),
        Error::NotARepository { .. }
    ));
}

#[test]
fn a_revision_that_is_not_there_is_refused_by_name() {
    let scratch = Scratch::committed();
    let git = scratch.repository();
    for rev in [
        "v9",
        "",
        "--all",
        "HEAD~5",
        "HEAD:Cargo.toml",
        "0000000000000000000000000000000000000001",
    ] {
        let error = git.resolve(rev).unwrap_err();
        assert!(
            matches!(error, Error::NoSuchRevision { .. }),
            "{rev}: {error}"
        );
    }
    assert_eq!(
        git.resolve("main").unwrap(),
        scratch.git(&["rev-parse", "HEAD"])
    );
}

#[test]
fn a_repository_without_commits_has_no_head() {
    let scratch = Scratch::plain();
    scratch.git(&["init", "-q", "-b", "main"]);
    assert!(matches!(
        scratch.repository().resolve("HEAD").unwrap_err(),
        Error::NoSuchRevision { .. }
    ));
    assert!(scratch.repository().is_dirty().unwrap());
}

#[test]
fn what_a_shallow_clone_cannot_know_is_said_instead_of_guessed() {
    let scratch = Scratch::committed();
    scratch.write("README.md", "more");
    scratch.commit("Second");
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", scratch.root().display());
    git_in(clone.path(), &["clone", "-q", "--depth=1", &url, "."]);
    let git = Git::open(clone.path()).unwrap();
    assert!(git.is_shallow() && !scratch.repository().is_shallow());
    let old = scratch.git(&["rev-parse", "HEAD~1"]);
    for error in [
        git.resolve(&old).unwrap_err(),
        git.commits(None, "HEAD", "").unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::Shallow { .. }) && error.to_string().contains("--unshallow"),
            "{error}"
        );
    }
    assert_eq!(git.show("HEAD", "README.md").unwrap().unwrap(), b"more");
}

#[test]
fn dirt_is_seen_per_folder_with_strange_names_and_files_unknown_to_git() {
    let scratch = Scratch::committed();
    let git = scratch.repository();
    assert!(!git.is_dirty().unwrap());
    scratch.write(".gitignore", "*.log\n");
    scratch.commit("Ignore logs");
    scratch.write("services/order/x.log", "");
    assert!(!git.is_dirty().unwrap());
    scratch.write("services/order/a \"quoted\"\nname ü.txt", "");
    scratch.write("services/billing/Cargo.toml", "changed");
    scratch.remove("services/order/CHANGELOG.md");
    assert_eq!(
        git.dirty("services/order").unwrap(),
        [
            "services/order/CHANGELOG.md",
            "services/order/a \"quoted\"\nname ü.txt"
        ]
    );
    assert_eq!(
        git.dirty("services/billing").unwrap(),
        ["services/billing/Cargo.toml"]
    );
    assert_eq!(git.dirty("").unwrap().len(), 3);
    assert!(git.dirty("libs").unwrap().is_empty());
}

#[test]
fn changed_files_are_committed_staged_unstaged_and_new_ones() {
    let scratch = Scratch::committed();
    let git = scratch.repository();
    scratch.write("committed.txt", "1");
    scratch.commit("Add");
    scratch.write("staged.txt", "1");
    scratch.git(&["add", "staged.txt"]);
    scratch.write("new.txt", "1");
    scratch.write("Cargo.toml", "[workspace] # changed\n");
    assert_eq!(
        git.changed_files("HEAD~1").unwrap(),
        ["Cargo.toml", "committed.txt", "new.txt", "staged.txt"]
    );
    assert_eq!(
        git.changed_files("HEAD").unwrap(),
        ["Cargo.toml", "new.txt", "staged.txt"]
    );
    assert_eq!(
        git.changed_between("HEAD~1", "HEAD", "").unwrap(),
        ["committed.txt"]
    );
    assert!(
        git.changed_between("HEAD~1", "HEAD", "services")
            .unwrap()
            .is_empty()
    );
    assert!(git.changed_files("gone").is_err());
}

#[test]
fn files_are_read_as_they_were() {
    let scratch = Scratch::committed();
    scratch.write("services/order/empty", "");
    scratch.write("services/order/binary", "a\0b\n\nc");
    scratch.write("services/orders/other", "no");
    scratch.commit("More");
    scratch.write("services/order/binary", "now");
    scratch.commit("Change");
    let git = scratch.repository();
    assert_eq!(
        git.show("HEAD~1", "services/order/binary")
            .unwrap()
            .unwrap(),
        b"a\0b\n\nc"
    );
    assert_eq!(
        git.show("HEAD", "services/order/binary").unwrap().unwrap(),
        b"now"
    );
    assert_eq!(git.show("HEAD", "services/order/gone").unwrap(), None);
    assert_eq!(git.show("HEAD", "services/order").unwrap(), None);
    let names = [
        "services/order/CHANGELOG.md",
        "services/order/Cargo.toml",
        "services/order/binary",
        "services/order/empty",
    ];
    assert_eq!(git.list("HEAD", "services/order").unwrap(), names);
    assert_eq!(git.list("HEAD", "services/order/").unwrap(), names);
    assert!(git.list("HEAD", "nothing").unwrap().is_empty());
    let read = git.read_folder("HEAD~1", "services/order").unwrap();
    assert_eq!(read.keys().map(String::as_str).collect::<Vec<_>>(), names);
    assert_eq!(read["services/order/binary"], b"a\0b\n\nc");
    assert_eq!(read["services/order/empty"], b"");
}

#[test]
fn reading_a_large_folder_does_not_jam_the_pipes() {
    let scratch = Scratch::committed();
    for n in 0..3000 {
        scratch.write(&format!("many/{n:04}"), &format!("{n}\n").repeat(20));
    }
    scratch.commit("Many");
    let read = scratch.repository().read_folder("HEAD", "many").unwrap();
    assert_eq!(read.len(), 3000);
    assert!(read["many/2999"].starts_with(b"2999\n"));
}

#[test]
fn tags_of_a_prefix_lead_to_commits_whether_annotated_or_not() {
    let scratch = Scratch::committed();
    scratch.git(&[
        "tag",
        "-a",
        "-m",
        "1",
        "order/v1.0.0+build-20261123-abcdef0",
    ]);
    scratch.git(&["tag", "order/v1.1.0"]);
    scratch.git(&["tag", "billing/v1.0.0"]);
    let blob = scratch.git(&["rev-parse", "HEAD:Cargo.toml"]);
    scratch.git(&["tag", "order/v-blob", &blob]);
    let head = scratch.git(&["rev-parse", "HEAD"]);
    let tags = scratch.repository().tags("order/v").unwrap();
    let read: Vec<_> = tags
        .iter()
        .map(|tag| (tag.name.as_str(), tag.commit == head))
        .collect();
    assert_eq!(
        read,
        [
            ("order/v1.0.0+build-20261123-abcdef0", true),
            ("order/v1.1.0", true)
        ]
    );
}

#[test]
fn commits_are_told_newest_first_and_by_folder() {
    let scratch = Scratch::committed();
    scratch.write("services/order/a", "1");
    scratch.commit("Change order");
    scratch.write("services/billing/a", "1");
    scratch.commit("Change billing");
    let git = scratch.repository();
    let subjects = |base, folder| {
        git.commits(base, "HEAD", folder)
            .unwrap()
            .into_iter()
            .map(|c| c.subject)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        subjects(Some("HEAD~2"), ""),
        ["Change billing", "Change order"]
    );
    assert_eq!(subjects(Some("HEAD~2"), "services/order"), ["Change order"]);
    assert_eq!(subjects(None, "services/order"), ["Change order", "Begin"]);
    assert!(subjects(Some("HEAD"), "").is_empty());
    assert_eq!(
        git.commits(None, "HEAD", "").unwrap()[0].date.len(),
        "2026-11-23".len()
    );
}

#[test]
fn the_merge_base_is_where_the_histories_part() {
    let scratch = Scratch::committed();
    let fork = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git(&["checkout", "-q", "-b", "side"]);
    scratch.commit("Side");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.commit("Main");
    assert_eq!(
        scratch.repository().merge_base("main", "side").unwrap(),
        fork
    );
    scratch.git(&["checkout", "-q", "--orphan", "island"]);
    scratch.commit("Island");
    assert!(matches!(
        scratch
            .repository()
            .merge_base("main", "island")
            .unwrap_err(),
        Error::NoMergeBase { .. }
    ));
}
