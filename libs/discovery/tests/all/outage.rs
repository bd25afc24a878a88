//! Members and whole clusters that die, stand still, and come back.

use std::time::Duration;

use shoal_discovery::{Instances, Resolver as _};
use shoal_testkit::{Etcd, eventually};
use tokio::time::Instant;

use super::support::{LEASE_S, Node, SOON, config, ids, known, proxied, register, until};

/// A registered instance `a` of billing, and an order service that sees it.
async fn pair(etcd: &Etcd) -> (Node, shoal_discovery::Registration, Node) {
    let config = config(etcd.endpoints());
    let (billing, order) = (Node::new("billing", &config), Node::new("order", &config));
    let registration = register(&billing, "a").await;
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "seen", |list| ids(list) == ["a"]).await;
    (billing, registration, order)
}

/// Looks at the list all the time; what it ever was, besides `allowed`.
async fn never_other_than(order: &Node, allowed: &[&[&str]], bound: Duration) {
    let mut watch = order.registry.watch("billing");
    let end = Instant::now() + bound;
    while let Ok(list) = tokio::time::timeout_at(end, watch.changed()).await {
        let list = list.expect("the resolver lives");
        assert!(allowed.contains(&ids(&list).as_slice()), "{list:?}");
    }
}

fn has_both(list: &Instances) -> bool {
    ids(list) == ["a", "b"]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_of_three_dies_and_the_lists_go_on() {
    let mut etcd = Etcd::cluster(3).await;
    let (_billing, registration, order) = pair(&etcd).await;
    let leader = etcd.leader().await;
    etcd.kill(leader);
    let quiet = never_other_than(
        &order,
        &[&["a"]],
        Duration::from_secs(u64::from(LEASE_S) * 3),
    );
    quiet.await;
    // Changes are heard again, and the record is still kept alive.
    let second = Node::new("billing", &config(etcd.endpoints()));
    let _second = register(&second, "b").await;
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "both", |list| has_both(list) && !list.stale).await;
    assert!(registration.drain(SOON).await);
    let drained = |list: &Instances| !list.list[0].takes_work();
    until(&mut watch, "draining", drained).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stands_still_is_left_for_another() {
    let etcd = Etcd::cluster(3).await;
    let (_billing, registration, order) = pair(&etcd).await;
    let mut watch = order.registry.watch("billing");
    // Each in turn, so that the one which the watch and the lease use is among
    // them, and the leader too.
    for at in etcd.members() {
        etcd.pause(at);
        let late = Node::new("billing", &config(etcd.endpoints()));
        let own = register(&late, "b").await;
        let start = Instant::now();
        until(&mut watch, "both", has_both).await;
        let took = start.elapsed();
        // Silence of 3 s, an attempt of 1.5 s at the paused one, an election.
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert!(own.deregister(SOON).await);
        until(&mut watch, "one again", |list| ids(list) == ["a"]).await;
        etcd.resume(at);
    }
    assert!(registration.written(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_lost_the_others_keeps_nobody_in_the_dark() {
    let mut etcd = Etcd::cluster(3).await;
    let billing = Node::new("billing", &config(etcd.endpoints()));
    // Knows no other member to go to.
    let order = Node::new("order", &config(vec![etcd.endpoints()[0].clone()]));
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "read", |list| !list.stale).await;
    let _a = register(&billing, "a").await;
    until(&mut watch, "seen", |list| ids(list) == ["a"]).await;
    // The one that is left answers, and knows nothing new.
    etcd.kill(1);
    etcd.kill(2);
    let list = until(&mut watch, "stale", |list| list.stale).await;
    assert_eq!(ids(&list), ["a"]);
    etcd.restart(1);
    until(&mut watch, "fresh", |list| {
        !list.stale && ids(list) == ["a"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_etcd_wholly_away_the_last_list_stays_and_is_fresh_again_afterwards() {
    let mut etcd = Etcd::cluster(3).await;
    let (billing, registration, order) = pair(&etcd).await;
    for at in etcd.members() {
        etcd.kill(at);
    }
    let mut watch = order.registry.watch("billing");
    let list = until(&mut watch, "stale", |list| list.stale).await;
    assert_eq!(ids(&list), ["a"]);
    let metrics = shoal_telemetry::metrics::encode_for("order");
    let stale = "shoal_discovery_stale{service=\"order\",target=\"billing\"}";
    assert!(metrics.contains(stale), "{metrics}");
    // For longer than the lease.
    let beyond = Duration::from_secs(u64::from(LEASE_S) * 2);
    never_other_than(&order, &[&["a"]], beyond).await;
    // Services that start meanwhile are not ready, and not wrong.
    let newcomer = Node::new("gateway", &config(etcd.endpoints()));
    assert!(known(&newcomer, "billing").list.is_empty());
    assert_eq!(newcomer.registry.unread(), ["billing"]);

    for at in etcd.members() {
        etcd.restart(at);
    }
    until(&mut watch, "fresh", |list| {
        !list.stale && ids(list) == ["a"]
    })
    .await;
    eventually(
        || async { ids(&known(&newcomer, "billing")) == ["a"] },
        SOON,
    )
    .await;
    // The record lives on, under whichever lease.
    never_other_than(&order, &[&["a"]], beyond).await;
    assert!(registration.deregister(SOON).await);
    until(&mut watch, "gone", |list| list.list.is_empty()).await;
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_lost_its_data_is_told_again_and_no_list_is_ever_empty() {
    let mut etcd = Etcd::start().await;
    let (_billing, _registration, order) = pair(&etcd).await;
    // A revision to go back from.
    let extra = Node::new("billing", &config(etcd.endpoints()));
    register(&extra, "x").await.deregister(SOON).await;
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "one", |list| ids(list) == ["a"]).await;

    etcd.lose_data();
    let watching = never_other_than(&order, &[&["a"]], Duration::from_secs(8));
    let back = async {
        etcd.restart(0);
        let mut watch = order.registry.watch("billing");
        until(&mut watch, "fresh", |list| !list.stale).await;
        // A client that never saw the old data sees the new.
        let newcomer = Node::new("gateway", &config(etcd.endpoints()));
        eventually(
            || async { ids(&known(&newcomer, "billing")) == ["a"] },
            SOON,
        )
        .await;
    };
    tokio::join!(watching, back);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_in_a_gap_is_seen_after_it_even_when_it_was_compacted() {
    let etcd = Etcd::start().await;
    let (proxy, through) = proxied(&etcd.endpoints()[0]).await;
    let billing = Node::new("billing", &config(etcd.endpoints()));
    let gone = register(&billing, "gone").await;
    let order = Node::new("order", &config(vec![through]));
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "seen", |list| ids(list) == ["gone"]).await;

    proxy.refuse();
    until(&mut watch, "stale", |list| list.stale).await;
    assert!(gone.deregister(SOON).await);
    let _new = register(&billing, "new").await;
    for round in 0..20 {
        let node = Node::new("billing", &config(etcd.endpoints()));
        let own = register(&node, &format!("brief{round}")).await;
        assert!(own.deregister(SOON).await);
    }
    etcd.compact().await;
    proxy.heal();
    let list = until(&mut watch, "fresh", |list| !list.stale).await;
    assert_eq!(ids(&list), ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_connection_falls_silent_notices_and_catches_up() {
    let etcd = Etcd::start().await;
    let (proxy, through) = proxied(&etcd.endpoints()[0]).await;
    let billing = Node::new("billing", &config(etcd.endpoints()));
    let order = Node::new("order", &config(vec![through]));
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "read", |list| !list.stale).await;
    // Seen by the watch and not by the first snapshot: the watch is open.
    let _a = register(&billing, "a").await;
    until(&mut watch, "seen", |list| ids(list) == ["a"]).await;
    proxy.freeze();
    let second = Node::new("billing", &config(etcd.endpoints()));
    let _b = register(&second, "b").await;
    let start = Instant::now();
    until(&mut watch, "stale", |list| list.stale).await;
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    proxy.heal();
    until(&mut watch, "fresh", |list| !list.stale && has_both(list)).await;
}
