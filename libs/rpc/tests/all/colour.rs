//! A call goes to the instances of its colour.

use std::collections::BTreeMap;

use shoal_context::{Context, Metadata};
use shoal_discovery::Instance;
use shoal_resilience::{Dependencies, ResilienceSettings};
use shoal_rpc::{Balance, RequestExt as _, ServerConfig};
use tonic::{Request, Status};

use crate::probe::{Caller, Probe, Server, eventually, secret, text};

/// A server that answers with its own name, and what the call said of itself.
fn named(name: &'static str) -> Server {
    Server::start(Probe::unary(move |_| async move {
        let meta = Context::current().meta().clone();
        let gray = meta.gray_version.unwrap_or_default();
        Ok(text(format!("{name} {gray}")))
    }))
}

fn coloured(server: &Server, colour: &str) -> Instance {
    let mut instance = server.instance();
    instance.labels.insert("gray".to_owned(), colour.to_owned());
    instance
}

async fn asked(caller: &Caller, colour: Option<&str>, services: Option<&str>) -> String {
    let meta = Metadata {
        gray_version: colour.map(str::to_owned),
        gray_services: services.map(str::to_owned),
        ..Metadata::default()
    };
    let context = Context::new(meta, None);
    context.attach(caller.say("")).await.unwrap().text
}

#[tokio::test]
async fn each_colour_is_served_by_its_own_and_no_colour_by_stable_ones() {
    let (stable, v2, v3) = (named("stable"), named("v2"), named("v3"));
    for balance in [Balance::LeastLoaded, Balance::RoundRobin] {
        let instances = [stable.instance(), coloured(&v2, "v2"), coloured(&v3, "v3")];
        let caller = Caller::new(instances, |config| config.settings.balance = balance);
        for _ in 0..20 {
            assert_eq!(asked(&caller, None, None).await, "stable ");
            assert_eq!(asked(&caller, Some("v2"), None).await, "v2 v2");
            assert_eq!(asked(&caller, Some("v3"), None).await, "v3 v3");
        }
        // Without an instance, and where the service is not meant: stable, and
        // the colour goes on.
        assert_eq!(asked(&caller, Some("v4"), None).await, "stable v4");
        assert_eq!(asked(&caller, Some("v2"), Some("other")).await, "stable v2");
        assert_eq!(
            asked(&caller, Some("v2"), Some("other+probe")).await,
            "v2 v2"
        );
    }
}

#[tokio::test]
async fn a_colour_whose_instance_is_gone_falls_back_and_is_counted() {
    let (stable, v2) = (named("stable"), named("v2"));
    let (dead, addr) = (coloured(&v2, "v2"), v2.addr);
    drop(v2);
    eventually("its port is closed", || {
        std::net::TcpListener::bind(addr).is_ok()
    })
    .await;
    let caller = Caller::new([stable.instance(), dead], |config| {
        config.caller = "caller-gray".into();
    });
    // The first call may try the dead one, and is repeated as it never left.
    for _ in 0..5 {
        assert_eq!(asked(&caller, Some("v2"), None).await, "stable v2");
    }
    let metrics = shoal_telemetry::metrics::encode();
    let counted = "shoal_gray_fallbacks_total{service=\"caller-gray\",dependency=\"probe\",gray_version=\"v2\"} ";
    let count: u64 = metrics
        .lines()
        .find_map(|line| line.strip_prefix(counted))
        .expect("it is counted")
        .parse()
        .unwrap();
    assert_eq!(count, 5);
}

#[tokio::test]
async fn a_colour_pays_for_its_own_repeats() {
    let sick = Probe::unary(|_| async { Err(Status::unavailable("sick")) });
    let (stable, sick) = (named("stable"), Server::start(sick));
    let settings = ResilienceSettings::default();
    let all = Dependencies::new("caller", settings, shoal_task::system_clock());
    let caller = Caller::new([stable.instance(), coloured(&sick, "v2")], |config| {
        config.dependencies = all.clone();
    });
    let meta = Metadata {
        gray_version: Some("v2".to_owned()),
        ..Metadata::default()
    };
    let context = Context::new(meta, None);
    for _ in 0..3 {
        let repeatable = Request::new(text("")).idempotent();
        let call = caller.unary(repeatable);
        assert!(context.clone().attach(call).await.is_err());
    }
    let left = |name: &str| all.find(name).map(|one| one.budget().left());
    assert_eq!(left("probe"), Some(10));
    assert!(left("probe@v2") < Some(10));
}

#[tokio::test]
async fn turns_are_kept_apart_by_colour() {
    let servers = [named("a"), named("b"), named("c")];
    let instances = [
        servers[0].instance(),
        servers[1].instance(),
        coloured(&servers[2], "v2"),
    ];
    let caller = Caller::new(instances, |config| {
        config.settings.balance = Balance::RoundRobin;
    });
    let mut counts = BTreeMap::new();
    for _ in 0..10 {
        *counts.entry(asked(&caller, None, None).await).or_insert(0) += 1;
        asked(&caller, Some("v2"), None).await;
    }
    assert_eq!(counts, BTreeMap::from([("a ".into(), 5), ("b ".into(), 5)]));
}

#[tokio::test]
async fn spans_tell_the_calls_colour_and_the_instances() {
    use tracing::Instrument as _;
    let config = ServerConfig {
        colour: Some("v2".into()),
        ..ServerConfig::new("probe", secret())
    };
    let server = Server::with(Probe::echo(), &config);
    let caller = Caller::new([coloured(&server, "v2")], |_| {});
    let trace = async {
        asked(&caller, Some("v2"), None).await;
        shoal_telemetry::current_trace_id().unwrap()
    };
    let trace = trace.instrument(tracing::info_span!("test.root")).await;
    let spans = crate::trace::trace(&trace, 3).await;
    for kind in ["client", "server"] {
        let span = spans.iter().find(|span| span.kind == kind).unwrap();
        assert_eq!(crate::trace::attribute(span, "gray.version"), Some("v2"));
    }
    let served = spans.iter().find(|span| span.kind == "server").unwrap();
    assert_eq!(crate::trace::attribute(served, "instance.gray"), Some("v2"));
}
