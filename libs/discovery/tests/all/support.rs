//! One process of the platform, as far as discovery is concerned.

use std::net::SocketAddr;
use std::time::Duration;

use shoal_discovery::{EtcdConfig, EtcdRegistry, Instance, Instances, Resolver as _, Watch};
use shoal_task::{Scope, system_clock};
use shoal_telemetry::Telemetry;
use shoal_testkit::FaultProxy;

/// Longest that anything may take which is not measured.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Short, so that tests see leases end.
pub(crate) const LEASE_S: u32 = 2;

pub(crate) fn config(endpoints: Vec<String>) -> EtcdConfig {
    EtcdConfig {
        endpoints,
        lease_s: LEASE_S,
        ..EtcdConfig::default()
    }
}

/// A process with a registry of its own; its tasks end with it.
pub(crate) struct Node {
    pub(crate) registry: EtcdRegistry,
    scope: Scope,
}

impl Node {
    pub(crate) fn new(service: &str, config: &EtcdConfig) -> Self {
        Telemetry::init_for_tests();
        let scope = Scope::root(service);
        let registry = EtcdRegistry::new(service, config, &scope, system_clock()).unwrap();
        Self { registry, scope }
    }

    /// Ends it in order: its leases are given back.
    pub(crate) async fn stop(self) {
        let report = self.scope.drain(SOON).await;
        assert!(report.aborted.is_empty(), "{report:?}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

/// A proxy in front of an endpoint, and the endpoint that it makes.
pub(crate) async fn proxied(endpoint: &str) -> (FaultProxy, String) {
    let upstream: SocketAddr = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = FaultProxy::to(upstream).await;
    let through = format!("http://{}", proxy.addr());
    (proxy, through)
}

pub(crate) fn ids(instances: &Instances) -> Vec<&str> {
    instances.list.iter().map(|i| i.id.as_str()).collect()
}

/// Waits until the watch shows a list that fits, and gives it.
pub(crate) async fn until(
    watch: &mut Watch,
    what: &str,
    fits: impl Fn(&Instances) -> bool,
) -> Instances {
    let search = async {
        loop {
            let list = watch.changed().await.expect("the resolver lives");
            if fits(&list) {
                return list;
            }
        }
    };
    let found = tokio::time::timeout(SOON, search).await;
    found.unwrap_or_else(|_| panic!("never: {what}; last: {:?}", watch.current()))
}

/// Registers `id` at the service of `node`; waits until it is written.
pub(crate) async fn register(node: &Node, id: &str) -> shoal_discovery::Registration {
    let registration = node.registry.register();
    registration.announce(Instance {
        id: id.to_owned(),
        ..Instance::at("127.0.0.1:9")
    });
    assert!(registration.written(SOON).await, "{id} was not written");
    registration
}

/// The list of a service as `node` knows it now.
pub(crate) fn known(node: &Node, service: &str) -> Instances {
    node.registry.resolve(service)
}
