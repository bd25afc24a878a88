//! How soon every watching client knows that an instance drains, or is gone.
//!
//! `cargo run --release -p shoal-discovery --example propagation`: 50 clients,
//! each with connections of its own, one etcd member or three, all on this
//! machine. Counted from the moment at which the instance sends its word, so
//! etcd's own commit is part of each figure.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use shoal_discovery::{EtcdConfig, EtcdRegistry, Instance, Instances, Resolver as _, Watch};
use shoal_task::{Scope, system_clock};
use shoal_testkit::Etcd;
use tokio::sync::Barrier;
use tokio::time::Instant;

const CLIENTS: usize = 50;
const ROUNDS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    for members in [1, 3] {
        let etcd = Etcd::cluster(members).await;
        measure(members, &etcd).await;
    }
}

async fn measure(members: usize, etcd: &Etcd) {
    let config = EtcdConfig {
        endpoints: etcd.endpoints(),
        ..EtcdConfig::default()
    };
    let scope = Scope::root("propagation");
    let registry = |service: &str| {
        EtcdRegistry::new(service, &config, &scope, system_clock()).expect("settings")
    };
    let billing = registry("billing");
    let barrier = Arc::new(Barrier::new(CLIENTS + 1));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let watch = registry("order").watch("billing");
            scope.spawn_detached_context("client", client(watch, Arc::clone(&barrier)))
        })
        .collect();
    let (mut drained, mut gone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let registration = billing.register();
        registration.announce(Instance::at("127.0.0.1:9"));
        // All have seen it…
        barrier.wait().await;
        drained.push(Instant::now());
        registration.drain(PATIENCE).await;
        // …all have seen it drain…
        barrier.wait().await;
        gone.push(Instant::now());
        registration.deregister(PATIENCE).await;
        barrier.wait().await;
    }
    let mut latencies = (Vec::new(), Vec::new());
    for client in clients {
        for (round, (drain, end)) in client.await.expect("a client").into_iter().enumerate() {
            latencies.0.push(drain - drained[round]);
            latencies.1.push(end - gone[round]);
        }
    }
    report(members, "draining", latencies.0);
    report(members, "deregistered", latencies.1);
    scope.drain(PATIENCE).await;
}

/// When it saw each round's drain and end.
async fn client(mut watch: Watch, barrier: Arc<Barrier>) -> Vec<(Instant, Instant)> {
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        until(&mut watch, |list| {
            list.list.iter().any(Instance::takes_work)
        })
        .await;
        barrier.wait().await;
        let drained = until(&mut watch, |list| {
            !list.list.iter().any(Instance::takes_work)
        })
        .await;
        barrier.wait().await;
        let gone = until(&mut watch, |list| list.list.is_empty()).await;
        barrier.wait().await;
        seen.push((drained, gone));
    }
    seen
}

async fn until(watch: &mut Watch, fits: impl Fn(&Instances) -> bool) -> Instant {
    while !fits(&watch.current()) {
        watch.changed().await.expect("the registry lives");
    }
    Instant::now()
}

fn report(members: usize, what: &str, mut latencies: Vec<Duration>) {
    latencies.sort();
    let at = |part: f64| {
        let rank = ((latencies.len() - 1) as f64 * part) as usize;
        latencies[rank].as_secs_f64() * 1_000.0
    };
    println!(
        "etcd members {members}, {what}: P50 {:.2} ms, P99 {:.2} ms, max {:.2} ms ({} samples)",
        at(0.5),
        at(0.99),
        at(1.0),
        latencies.len()
    );
}
