use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use shoal_context::{Class, Context, Metadata};
use shoal_error::{CommonCode, Kind};
use shoal_resilience::{
    Admission, AdmissionSettings, BulkheadSettings, Dependencies, LimitMode, ResilienceSettings,
};
use shoal_rpc::ServerConfig;
use tokio::sync::{Notify, Semaphore};
use tonic::{Code, Request};

use crate::probe::{Caller, Probe, Server, eventually, secret, text};

/// Answers once `go` gives it a permit; `began` gets one permit per handler.
fn gated() -> (Probe, Arc<Semaphore>, Arc<Semaphore>) {
    let (began, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (began_in, go_in) = (Arc::clone(&began), Arc::clone(&go));
    let probe = Probe::unary(move |request| {
        began_in.add_permits(1);
        let go = Arc::clone(&go_in);
        async move {
            go.acquire().await.unwrap().forget();
            Ok(request.into_inner())
        }
    });
    (probe, began, go)
}

#[tokio::test]
async fn a_full_server_sheds_and_says_when_to_come_back() {
    let (probe, began, go) = gated();
    let mut config = ServerConfig::new("probe-shed", secret());
    config.settings.max_in_flight = 1;
    let server = Server::with(probe, &config);
    let caller = server.client();

    let first = caller.say("first");
    let second = async {
        began.acquire().await.unwrap().forget();
        let status = caller.raw(Request::new(text("second"))).await.unwrap_err();
        go.add_permits(1);
        status
    };
    let (first, status) = tokio::join!(first, second);
    assert_eq!(first.unwrap().text, "first");
    assert_eq!(status.code(), Code::Unavailable);
    let error = shoal_error::Error::from_status(status);
    assert!(
        error
            .retry_after()
            .is_some_and(|after| after > Duration::ZERO),
        "{error:?}"
    );

    // The place is free again, also after the answer of the first was read.
    go.add_permits(1);
    assert_eq!(caller.say("third").await.unwrap().text, "third");
    let text = shoal_telemetry::metrics::encode_for("probe-shed");
    assert!(text.contains("name=\"grpc_in_flight\"} 1"), "{text}");
    eventually("the place is given back", || {
        let used = "shoal_saturation_used{service=\"probe-shed\",kind=\"limit\",name=\"grpc_in_flight\"} 0";
        shoal_telemetry::metrics::encode().contains(used)
    })
    .await;
}

#[tokio::test]
async fn a_call_bears_the_class_of_its_caller_and_the_less_urgent_is_refused_first() {
    let (probe, began, go) = gated();
    let settings = AdmissionSettings {
        mode: LimitMode::Fixed,
        initial_limit: 2,
        min_limit: 1,
        ..AdmissionSettings::default()
    };
    let clock = shoal_task::system_clock();
    let config = ServerConfig {
        admission: Admission::new("probe-class", settings, &[], clock),
        ..ServerConfig::new("probe-class", secret())
    };
    let server = Server::with(probe, &config);
    let caller = server.client_with(|config| config.settings.retries = 0);
    let as_class = |class| Context::new(Metadata::default(), None).lowered_to(class);
    let first = caller.say("first");
    let others = async {
        began.acquire().await.unwrap().forget();
        // One of two places is taken: all that batch work may fill.
        let batch = as_class(Class::Batch).attach(caller.say("batch")).await;
        let error = batch.unwrap_err();
        assert!(error.is(CommonCode::Overloaded), "{error:?}");
        assert!(error.retry_after().is_some(), "{error:?}");
        go.add_permits(2);
        caller.say("second").await.unwrap()
    };
    let (first, second) = tokio::join!(first, others);
    assert_eq!(
        (first.unwrap().text, second.text),
        ("first".into(), "second".into())
    );
    let text = shoal_telemetry::metrics::encode_for("probe-class");
    let refused = "class=\"batch\",reason=\"busy\"} 1";
    assert!(text.contains(refused), "{text}");
}

#[tokio::test]
async fn a_call_waits_for_a_place_at_the_client() {
    let (probe, began, go) = gated();
    let server = Server::start(probe);
    let caller = server.client_with(|config| {
        config.settings.max_in_flight = 1;
        config.settings.max_waiting = 1;
    });
    let mut first = Box::pin(caller.say("first"));
    let started = began.acquire();
    tokio::select! {
        _ = &mut first => panic!("answered"),
        permit = started => permit.unwrap().forget(),
    }
    let mut second = Box::pin(caller.say("second"));
    assert!((&mut second).now_or_never().is_none());
    // One runs, one waits: the third is turned away at once.
    let third = caller.say("third").await.unwrap_err();
    assert!(third.is(CommonCode::TooManyRequests), "{third:?}");
    assert_eq!(third.kind(), Kind::ResourceExhausted);
    assert_eq!(
        began.available_permits(),
        0,
        "only the first has reached the server"
    );
    go.add_permits(2);
    let (first, second) = tokio::join!(first, second);
    assert_eq!(
        (first.unwrap().text, second.unwrap().text),
        ("first".into(), "second".into())
    );
}

#[tokio::test]
async fn a_caller_that_gives_up_waiting_leaves_the_queue() {
    let (probe, began, go) = gated();
    let server = Server::start(probe);
    let caller = server.client_with(|config| {
        config.settings.max_in_flight = 1;
        config.settings.max_waiting = 1;
    });
    let done = Notify::new();
    let first = async {
        let answer = caller.say("first").await;
        done.notify_one();
        answer
    };
    let others = async {
        began.acquire().await.unwrap().forget();
        let context = crate::probe::within(Duration::from_millis(30));
        let late = context.attach(caller.say("late")).await.unwrap_err();
        assert!(late.is(CommonCode::DeadlineExceeded), "{late:?}");
        go.add_permits(2);
        done.notified().await;
        caller.say("after").await.unwrap()
    };
    let (first, after) = tokio::join!(first, others);
    assert_eq!(
        (first.unwrap().text.as_str(), after.text.as_str()),
        ("first", "after")
    );
}

#[tokio::test]
async fn a_dependency_that_hangs_holds_its_own_places_and_nobody_elses() {
    let (probe, began, go) = gated();
    let (hangs, well) = (Server::start(probe), Server::start(Probe::echo()));
    let mut settings = ResilienceSettings::default();
    let billing = settings.dependencies.entry("billing".into()).or_default();
    billing.bulkhead = BulkheadSettings {
        max_in_flight: Some(2),
        max_waiting: Some(1),
    };
    let all = Dependencies::new("order", settings, shoal_task::system_clock());
    let client = |name, server: &Server| {
        Caller::of(name, [server.instance()], |config| {
            config.dependencies = all.clone();
        })
    };
    let (billing, auth) = (client("billing", &hangs), client("auth", &well));
    let hanging = futures::future::join_all((0..3).map(|_| billing.say("held")));
    let others = async {
        began.acquire_many(2).await.unwrap().forget();
        let refused = billing.say("one too many").await.unwrap_err();
        assert!(refused.is(CommonCode::TooManyRequests), "{refused:?}");
        for _ in 0..50 {
            assert_eq!(auth.say("goes on").await.unwrap().text, "goes on");
        }
        go.add_permits(3);
    };
    let (held, ()) = tokio::join!(hanging, others);
    assert!(held.into_iter().all(|answer| answer.is_ok()));
}
