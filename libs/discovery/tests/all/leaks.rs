//! Nothing of a registry runs on once its scope has ended.

use std::time::Duration;

use shoal_discovery::Resolver as _;
use shoal_testkit::{Etcd, eventually};
use tokio::runtime::{Builder, Runtime};

use super::support::{LEASE_S, Node, SOON, config, ids, register, until};

#[test]
fn a_scope_that_has_ended_leaves_no_task_behind() {
    let (servers, clients) = (runtime(), runtime());
    let etcd = servers.block_on(Etcd::cluster(3));
    clients.block_on(async {
        let node = Node::new("billing", &config(etcd.endpoints()));
        let mut watch = node.registry.watch("billing");
        let registration = register(&node, "a").await;
        until(&mut watch, "registered", |list| !list.list.is_empty()).await;
        let mut led = node.registry.campaign("relay");
        while led.term().is_none() {
            led.changed().await;
        }
        // After this long the record stands only because its lease was renewed.
        tokio::time::sleep(Duration::from_secs(u64::from(LEASE_S) + 1)).await;
        assert_eq!(ids(&watch.current()), ["a"]);
        registration.deregister(SOON).await;
        node.stop().await;
    });
    let idle = || async { clients.metrics().num_alive_tasks() == 0 };
    clients.block_on(eventually(idle, SOON));
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}
