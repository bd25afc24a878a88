//! The ordinary life of records.

use std::time::Duration;

use serde_json::json;
use shoal_discovery::{Instance, InstanceState, Resolver as _};
use shoal_testkit::{Etcd, eventually};
use tokio::time::Instant;

use super::support::{LEASE_S, Node, SOON, config, ids, known, proxied, register, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_seen_when_it_registers_drains_and_goes() {
    let etcd = Etcd::start().await;
    let config = config(etcd.endpoints());
    let (billing, order) = (Node::new("billing", &config), Node::new("order", &config));
    let mut watch = order.registry.watch("billing");
    assert!(order.registry.unread().contains(&"billing".to_owned()));
    until(&mut watch, "read", |list| !list.stale).await;
    assert!(order.registry.unread().is_empty());

    let registration = billing.registry.register();
    let mut instance = Instance::at("127.0.0.1:8082");
    instance.version = "1.2.3".into();
    instance.labels.insert("gray".into(), "v2".into());
    registration.announce(instance.clone());
    let list = until(&mut watch, "registered", |list| !list.list.is_empty()).await;
    assert_eq!(*list.list, [instance.clone()]);

    assert!(registration.drain(SOON).await);
    let list = until(&mut watch, "draining", |list| !list.list[0].takes_work()).await;
    assert_eq!(list.list[0].state, InstanceState::Draining);
    assert_eq!(list.list[0].labels, instance.labels);

    assert!(registration.deregister(SOON).await);
    until(&mut watch, "gone", |list| list.list.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_announced_any_more_once_the_service_drains() {
    let etcd = Etcd::start().await;
    let node = Node::new("billing", &config(etcd.endpoints()));
    let registration = node.registry.register();
    let late = registration.announcement();
    assert!(registration.drain(SOON).await);
    late.announce(Instance::at("127.0.0.1:1"));
    assert!(registration.written(SOON).await);
    let other = register(&node, "other").await;
    let found = || async { ids(&known(&node, "billing")) == ["other"] };
    eventually(found, SOON).await;
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_ends_without_a_word_is_gone_with_its_lease() {
    let etcd = Etcd::start().await;
    let (proxy, through) = proxied(&etcd.endpoints()[0]).await;
    let cut_off = Node::new("billing", &config(vec![through]));
    let order = Node::new("order", &config(etcd.endpoints()));
    let _registration = register(&cut_off, "a").await;
    let mut watch = order.registry.watch("billing");
    until(&mut watch, "seen", |list| ids(list) == ["a"]).await;

    let start = Instant::now();
    proxy.freeze();
    until(&mut watch, "expired", |list| list.list.is_empty()).await;
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(u64::from(LEASE_S)) / 2,
        "{took:?}"
    );
    // Back, it finds its lease gone and registers again.
    proxy.heal();
    until(&mut watch, "seen again", |list| ids(list) == ["a"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_watching_clients_hear_of_a_drain_and_a_deregistration_within_200_ms() {
    let etcd = Etcd::start().await;
    let config = config(etcd.endpoints());
    let billing = Node::new("billing", &config);
    let registration = register(&billing, "a").await;
    let clients: Vec<_> = (0..50).map(|_| Node::new("order", &config)).collect();
    let mut watches = Vec::new();
    for client in &clients {
        let mut watch = client.registry.watch("billing");
        until(&mut watch, "seen", |list| ids(list) == ["a"]).await;
        watches.push(watch);
    }
    // From the moment at which etcd has it, which is before we are told so.
    let gone = registration.drain(SOON).await;
    let start = Instant::now();
    assert!(gone);
    let mut late = Vec::new();
    for watch in &mut watches {
        until(watch, "draining", |list| !list.list[0].takes_work()).await;
        late.push(start.elapsed());
    }
    assert!(registration.deregister(SOON).await);
    let start = Instant::now();
    for watch in &mut watches {
        until(watch, "gone", |list| list.list.is_empty()).await;
        late.push(start.elapsed());
    }
    late.sort();
    let worst = late[late.len() - 1];
    assert!(worst <= Duration::from_millis(200), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_harms_no_other() {
    let etcd = Etcd::start().await;
    let node = Node::new("billing", &config(etcd.endpoints()));
    let mut watch = node.registry.watch("billing");
    until(&mut watch, "read", |list| !list.stale).await;
    // "/services/billing/instances/bad" and "garbage".
    let bad = json!({
        "key": "L3NlcnZpY2VzL2JpbGxpbmcvaW5zdGFuY2VzL2JhZA==",
        "value": "Z2FyYmFnZQ==",
    });
    etcd.ask("/v3/kv/put", bad).await;
    let _registration = register(&node, "good").await;
    until(&mut watch, "the good one", |list| ids(list) == ["good"]).await;
    // Also in a snapshot.
    let fresh = Node::new("order", &config(etcd.endpoints()));
    let found = || async { ids(&known(&fresh, "billing")) == ["good"] };
    eventually(found, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_may_ask_for_a_password() {
    let etcd = Etcd::start().await;
    etcd.require_password("shoal", "s3cret").await;
    let mut config = config(etcd.endpoints());
    let stranger = Node::new("billing", &config);
    let refused = stranger.registry.register();
    refused.announce(Instance::at("127.0.0.1:9"));
    assert!(!refused.written(Duration::from_millis(500)).await);

    config.user = "shoal".to_owned();
    config.password = "s3cret".to_owned();
    let friend = Node::new("billing", &config);
    let _registration = register(&friend, "a").await;
    let mut watch = friend.registry.watch("billing");
    until(&mut watch, "seen", |list| ids(list) == ["a"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_somebody_revokes_is_taken_anew() {
    let etcd = Etcd::start().await;
    let node = Node::new("billing", &config(etcd.endpoints()));
    let _registration = register(&node, "a").await;
    let mut watch = node.registry.watch("billing");
    until(&mut watch, "seen", |list| ids(list) == ["a"]).await;
    let leases = etcd.ask("/v3/lease/leases", json!({})).await;
    for lease in leases["leases"].as_array().unwrap() {
        etcd.ask("/v3/lease/revoke", json!({ "ID": lease["ID"] }))
            .await;
    }
    until(&mut watch, "gone", |list| list.list.is_empty()).await;
    until(&mut watch, "seen again", |list| ids(list) == ["a"]).await;
}
