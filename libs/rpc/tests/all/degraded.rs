//! Answers that were given without a dependency, over several hops.

use std::sync::Arc;

use http::HeaderMap;
use shoal_context::{Context, DEGRADED, Metadata};
use shoal_resilience::Dependencies;

use crate::probe::{Caller, Probe, Server, eventually, text};

/// A server that answers `nobody` when whoever it asks is away.
fn asks(next: Caller, dependencies: &Dependencies, name: &'static str) -> Server {
    let dependency = dependencies.get(name);
    Server::start(Probe::unary(move |_| {
        let (next, dependency) = (next.clone(), Arc::clone(&dependency));
        async move {
            let asked = dependency.degradable("Unary", next.say("who"));
            asked.or_default(text("nobody")).await.map_err(Into::into)
        }
    }))
}

#[tokio::test]
async fn the_client_learns_of_a_replacement_two_hops_away() {
    let last = Server::start(Probe::unary(|_| async { Ok(text("somebody")) }));
    let addr = last.addr;
    let all = Dependencies::new("middle", Default::default(), shoal_task::system_clock());
    let billing = Caller::of("billing", [last.instance()], |config| {
        config.dependencies = all.clone();
    });
    let middle = asks(billing, &all, "billing");
    let order = Caller::of("order", [middle.instance()], |_| ());
    let first = asks(order, &all, "order");
    let client = first.client();

    let asked = async || {
        let context = Context::new(Metadata::default(), None);
        let said = context.attach(client.say("")).await.unwrap().text;
        let mut head = HeaderMap::new();
        context.degraded_to(&mut head);
        let told = head.get(&DEGRADED).map(|v| v.to_str().unwrap().to_owned());
        (said, told)
    };
    assert_eq!(asked().await, ("somebody".into(), None));
    drop(last);
    eventually("its port is closed", || {
        std::net::TcpListener::bind(addr).is_ok()
    })
    .await;
    let told = Some("billing.Unary;default".to_owned());
    assert_eq!(asked().await, ("nobody".into(), told));
}
