use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use shoal_discovery::InstanceState;
use shoal_rpc::{Balance, ServerConfig};
use tokio::sync::Semaphore;

use crate::probe::{Caller, Probe, Server, eventually, secret, text};

/// A server that answers with its own name.
fn named(name: &'static str) -> Server {
    Server::start(Probe::unary(move |_| async move { Ok(text(name)) }))
}

async fn answers(caller: &Caller, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts
            .entry(caller.say("").await.unwrap().text)
            .or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn round_robin_gives_each_instance_its_share() {
    let (a, b) = (named("a"), named("b"));
    let mut light = b.instance();
    light.weight = 50;
    let caller = Caller::new([a.instance(), light], |config| {
        config.settings.balance = Balance::RoundRobin;
    });
    let counts = answers(&caller, 30).await;
    assert_eq!(counts, BTreeMap::from([("a".into(), 20), ("b".into(), 10)]));
}

#[tokio::test]
async fn calls_go_to_the_less_busy_instance() {
    let gate = Arc::new(Semaphore::new(0));
    let inside = Arc::clone(&gate);
    let slow = Server::start(Probe::unary(move |_| {
        let gate = Arc::clone(&inside);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(text("slow"))
        }
    }));
    let fast = named("fast");
    let caller = Caller::new([slow.instance(), fast.instance()], |config| {
        config.seed = Some(7);
    });
    // Of eight at once half land on each, and those on the slow one stay there…
    let mut calls: FuturesUnordered<_> = (0..8).map(|_| caller.say("")).collect();
    for _ in 0..4 {
        assert_eq!(calls.next().await.unwrap().unwrap().text, "fast");
    }
    // …which keeps all later ones away from it.
    assert_eq!(
        answers(&caller, 20).await,
        BTreeMap::from([("fast".into(), 20)])
    );
    gate.add_permits(4);
    while let Some(answer) = calls.next().await {
        assert_eq!(answer.unwrap().text, "slow");
    }
}

#[tokio::test]
async fn a_draining_instance_finishes_its_calls_and_gets_no_more() {
    let (began, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (began_in, go_in) = (Arc::clone(&began), Arc::clone(&go));
    let old = Server::start(Probe::unary(move |_| {
        began_in.add_permits(1);
        let go = Arc::clone(&go_in);
        async move {
            go.acquire().await.unwrap().forget();
            Ok(text("old"))
        }
    }));
    let new = named("new");
    let caller = Caller::new([old.instance()], |_| ());
    let drain = async {
        began.acquire().await.unwrap().forget();
        let mut draining = old.instance();
        draining.state = InstanceState::Draining;
        caller.resolver.set("probe", [draining, new.instance()]);
        let counts = answers(&caller, 10).await;
        go.add_permits(1);
        counts
    };
    let (first, later) = tokio::join!(caller.say(""), drain);
    assert_eq!(first.unwrap().text, "old");
    assert_eq!(later, BTreeMap::from([("new".into(), 10)]));
}

#[tokio::test]
async fn a_restarted_instance_is_found_again_at_its_address() {
    let config = ServerConfig::new("probe", secret());
    let server = Server::with(Probe::echo(), &config);
    let (addr, caller) = (server.addr, server.client());
    caller.say("before").await.unwrap();
    drop(server);
    eventually("the port is free", || {
        std::net::TcpListener::bind(addr).is_ok()
    })
    .await;
    assert!(caller.say("while away").await.is_err());
    let _again = Server::at(addr, Probe::echo(), &config);
    // The connection is made anew by the call itself.
    assert_eq!(caller.say("after").await.unwrap().text, "after");
}

#[tokio::test]
async fn a_list_that_fills_later_is_seen_by_the_next_call() {
    let caller = Caller::new([], |_| ());
    assert!(caller.say("").await.is_err());
    let server = named("late");
    caller.resolver.set("probe", [server.instance()]);
    assert_eq!(caller.say("").await.unwrap().text, "late");
}
