//! Processes of their own, which are killed and stopped in the middle of things.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use shoal_discovery::{Resolver as _, Term};
use shoal_task::Scope;
use shoal_testkit::{Etcd, eventually};
use tokio::time::Instant;

use super::support::{LEASE_S, Node, SOON, config, ids, register, until};

const ROLE: &str = "SHOAL_CHILD_ROLE";
const ENDPOINT: &str = "SHOAL_CHILD_ENDPOINT";
const JOURNAL: &str = "SHOAL_CHILD_JOURNAL";

/// How often a leader writes its token.
const STROKE: Duration = Duration::from_millis(5);

/// This test binary once more. Killed when dropped.
struct Child(std::process::Child);

impl Child {
    fn start(role: &str, etcd: &Etcd, journal: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "all::process::what_a_child_does", "--nocapture"])
            .env(ROLE, role)
            .env(ENDPOINT, &etcd.endpoints()[0])
            .env(JOURNAL, journal)
            // Closed when this process ends, however it ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn tell(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -\"$0\" \"$1\"", signal, &pid]);
        assert!(kill.status().unwrap().success());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No test of its own: what a child is told to do, and nothing otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_child_does() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let node = Node::new("billing", &config(vec![std::env::var(ENDPOINT).unwrap()]));
    let scope = Scope::root("child");
    if role == "instance" {
        std::mem::forget(register(&node, "child").await);
    } else {
        let journal = PathBuf::from(std::env::var(JOURNAL).unwrap());
        let leadership = node.registry.campaign("scribe");
        let own = scope.clone();
        let writing = async move {
            let work = |term: Term, _| write_on(journal.clone(), term);
            leadership.lead(&own, work).await;
        };
        drop(scope.spawn_detached_context("scribe", writing));
    }
    let _ = tokio::task::block_in_place(|| std::io::stdin().read(&mut [0]));
    std::process::exit(0);
}

/// Writes the token again and again, as a leader without fencing would.
async fn write_on(journal: PathBuf, term: Term) {
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(journal)
        .unwrap();
    loop {
        writeln!(file, "{}", term.token).unwrap();
        tokio::time::sleep(STROKE).await;
    }
}

fn tokens(journal: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// The token that is being written, other than `but`.
async fn writes(journal: &Path, but: i64) -> i64 {
    let probe = || async {
        let last = tokens(journal).last().copied();
        last.filter(|token| *token != but)
    };
    eventually(probe, SOON).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_is_gone_with_its_lease_and_a_stopped_one_comes_back() {
    let etcd = Etcd::start().await;
    let folder = tempfile::tempdir().unwrap();
    let order = Node::new("order", &config(etcd.endpoints()));
    let mut watch = order.registry.watch("billing");
    let child = Child::start("instance", &etcd, folder.path());
    until(&mut watch, "registered", |list| ids(list) == ["child"]).await;
    // For longer than the lease, as a machine that sleeps.
    child.tell("STOP");
    until(&mut watch, "expired", |list| list.list.is_empty()).await;
    child.tell("CONT");
    until(&mut watch, "registered anew", |list| ids(list) == ["child"]).await;

    let start = Instant::now();
    child.tell("KILL");
    until(&mut watch, "gone", |list| list.list.is_empty()).await;
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(u64::from(LEASE_S) + 2),
        "{took:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_or_stopped_is_followed_by_one_with_a_higher_token() {
    let etcd = Etcd::start().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let first = Child::start("leader", &etcd, &journal);
    let one = writes(&journal, 0).await;
    let second = Child::start("leader", &etcd, &journal);

    first.tell("STOP");
    let two = writes(&journal, one).await;
    assert!(two > one);
    // It wakes up deposed, and stops before it has done much: strokes that were
    // under way are what a store refuses by the token.
    let before = tokens(&journal)
        .iter()
        .filter(|token| **token == one)
        .count();
    first.tell("CONT");
    let grown = tokens(&journal).len() + 100;
    eventually(|| async { tokens(&journal).len() >= grown }, SOON).await;
    let after = tokens(&journal)
        .iter()
        .filter(|token| **token == one)
        .count();
    assert!(
        after - before <= 3,
        "{} strokes by a deposed leader",
        after - before
    );

    drop(second);
    let three = writes(&journal, two).await;
    assert!(three > two, "{one} {two} {three}");
    // Each lead is one stretch, but for those late strokes.
    let mut leads = tokens(&journal);
    leads.dedup();
    let late = leads.len() > 3;
    let whole = if late {
        vec![one, two, one, two, three]
    } else {
        vec![one, two, three]
    };
    assert_eq!(leads, whole);
}
