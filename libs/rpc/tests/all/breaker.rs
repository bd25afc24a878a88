//! Calls to a dependency that is down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use shoal_resilience::{BreakerSettings, Dependencies, DependencySettings, ResilienceSettings};
use shoal_rpc::RequestExt as _;
use tonic::{Code, Request, Status};

use crate::probe::{Caller, Probe, Server, eventually, text, within};

/// A server that fails while told to, and how often it was called.
fn unreliable() -> (Probe, Arc<AtomicBool>, Arc<AtomicU32>) {
    let (down, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let (is_down, counted) = (Arc::clone(&down), Arc::clone(&calls));
    let probe = Probe::unary(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let down = is_down.load(Ordering::SeqCst);
        async move {
            if down {
                Err(Status::unavailable("down"))
            } else {
                Ok(text("up"))
            }
        }
    });
    (probe, down, calls)
}

fn pausing(open_ms: u64) -> Dependencies {
    let settings = ResilienceSettings {
        default: DependencySettings {
            breaker: BreakerSettings {
                open_ms,
                ..BreakerSettings::default()
            },
            ..DependencySettings::default()
        },
        ..ResilienceSettings::default()
    };
    Dependencies::new("caller", settings, shoal_task::system_clock())
}

fn through(server: &Server, dependencies: &Dependencies) -> Caller {
    server.client_with(|config| config.dependencies = dependencies.clone())
}

#[tokio::test]
async fn a_dependency_that_fails_every_call_is_soon_left_in_peace() {
    let (probe, _, calls) = unreliable();
    let server = Server::start(probe);
    let client = through(&server, &pausing(30_000));
    for _ in 0..200 {
        let error = client.say("").await.unwrap_err();
        assert_eq!(error.kind(), shoal_error::Kind::Unavailable);
    }
    let sent = calls.load(Ordering::SeqCst);
    assert!((5..40).contains(&sent), "{sent}");
    let error = client.say("").await.unwrap_err();
    assert!(shoal_rpc::was_never_sent(&error));
    assert!(error.retry_after() > Some(Duration::from_secs(20)));
}

#[tokio::test]
async fn it_is_called_again_once_it_is_back() {
    let (probe, down, _) = unreliable();
    let server = Server::start(probe);
    let dependencies = pausing(20);
    let client = through(&server, &dependencies);
    for _ in 0..60 {
        let _ = client.say("").await.unwrap_err();
    }
    assert!(dependencies.report()[0].breaker.trips > 0);
    down.store(false, Ordering::SeqCst);
    let (mut good, client) = (0, &client);
    while good < 10 {
        match within(Duration::from_secs(5)).scope(client.say("")).await {
            Ok(_) => good += 1,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    let closed = || dependencies.report()[0].breaker.retry_in_s.is_none();
    eventually("the breaker closes", closed).await;
}

#[tokio::test]
async fn repeats_in_an_outage_are_a_tenth_of_the_calls() {
    let (probe, _, calls) = unreliable();
    let server = Server::start(probe);
    let dependencies = pausing(1_000);
    let client = through(&server, &dependencies);
    // Alone, without the breaker's help.
    let dependency = dependencies.find("probe").unwrap();
    dependency.set(BreakerSettings {
        mode: shoal_resilience::Mode::Disabled,
        ..BreakerSettings::default()
    });
    for _ in 0..300 {
        let status = client
            .raw(Request::new(text("")).idempotent())
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
    let sent = calls.load(Ordering::SeqCst);
    assert!((330..=340).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_caller_in_a_hurry_is_no_reason_to_stop_calling() {
    let server = Server::start(Probe::unary(|_| async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok(text("late"))
    }));
    let dependencies = pausing(30_000);
    let client = through(&server, &dependencies);
    for _ in 0..40 {
        let hurry = within(Duration::from_millis(5));
        assert!(hurry.scope(client.say("")).await.is_err());
    }
    assert_eq!(dependencies.report()[0].breaker.trips, 0);
    assert_eq!(client.say("").await.unwrap().text, "late");
}
