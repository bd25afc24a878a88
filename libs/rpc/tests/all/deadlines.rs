use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use shoal_context::Context;
use shoal_error::CommonCode;
use shoal_rpc::{RequestExt as _, ServerConfig};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::{Code, Request};

use crate::probe::{OnDrop, Probe, Server, secret, text, within};

const SECOND: Duration = Duration::from_secs(1);

/// Answers with the milliseconds that the handler has left.
fn tells_time_left() -> Probe {
    Probe::unary(|_| async {
        let left = Context::current()
            .remaining()
            .map_or(0, |left| left.as_millis());
        Ok(text(left.to_string()))
    })
}

/// Never answers, and tells when it is dropped.
fn never_answers() -> (Probe, oneshot::Receiver<()>) {
    let (sender, dropped) = oneshot::channel();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let probe = Probe::unary(move |_| {
        let guard = OnDrop(sender.lock().unwrap().take());
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    (probe, dropped)
}

#[tokio::test]
async fn a_callee_has_less_time_than_its_caller() {
    let server = Server::start(tells_time_left());
    let caller = server.client();
    let answer = within(10 * SECOND).scope(caller.say("")).await.unwrap();
    let left: u64 = answer.text.parse().unwrap();
    assert!(
        (5_000..=9_950).contains(&left),
        "{left} ms of 10 000, less a margin of 50"
    );
}

#[tokio::test]
async fn a_task_of_a_second_under_a_deadline_of_half_a_second_ends_at_half_a_second() {
    let (probe, dropped) = never_answers();
    let server = Server::start(probe);
    let caller = server.client();
    let start = Instant::now();
    let error = within(SECOND / 2).scope(caller.say("")).await.unwrap_err();
    let took = start.elapsed();
    assert!(error.is(CommonCode::DeadlineExceeded), "{error:?}");
    assert!(took >= SECOND * 4 / 10 && took < SECOND, "{took:?}");
    // The handler was ended as well, not left to finish for nobody.
    tokio::time::timeout(SECOND, dropped)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_caller_without_a_deadline_gets_the_default_one() {
    let server = Server::start(tells_time_left());
    let caller = server.client_with(|config| config.settings.timeout_ms = 2_000);
    let left: u64 = caller.say("").await.unwrap().text.parse().unwrap();
    assert!((1_000..=1_950).contains(&left), "{left}");
}

#[tokio::test]
async fn a_timeout_on_the_request_itself_counts_when_it_is_tighter() {
    let server = Server::start(tells_time_left());
    let caller = server.client();
    let mut request = Request::new(text(""));
    request.set_timeout(3 * SECOND);
    let answer = within(10 * SECOND)
        .scope(caller.unary(request))
        .await
        .unwrap();
    let left: u64 = answer.text.parse().unwrap();
    assert!((1_500..=2_950).contains(&left), "{left}");
}

#[tokio::test]
async fn a_server_ends_what_takes_longer_than_it_allows_anyone() {
    let (probe, _dropped) = never_answers();
    let mut config = ServerConfig::new("probe", secret());
    config.settings.max_timeout_ms = 50;
    let server = Server::with(probe, &config);
    let start = Instant::now();
    let status = server
        .client()
        .raw(Request::new(text("")))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(
        start.elapsed() < 3 * SECOND,
        "the server ended it, not the client's 5 s"
    );
    let error = shoal_error::Error::from_status(status);
    assert!(
        error.trace_id().is_some(),
        "made by the server, inside of a trace: {error:?}"
    );
}

#[tokio::test]
async fn a_deadline_that_passed_before_the_call_sends_nothing() {
    let server = Server::start(Probe::unary(|_| async { panic!("was called") }));
    let context = within(Duration::ZERO);
    let error = context.attach(server.client().say("")).await.unwrap_err();
    assert!(error.is(CommonCode::DeadlineExceeded), "{error:?}");
}

#[tokio::test]
async fn a_stream_ends_with_its_deadline_also_between_two_messages() {
    let endless = || {
        futures::stream::iter([Ok(text("first"))])
            .chain(futures::stream::pending())
            .boxed()
    };
    let server = Server::start(Probe::stream(endless));
    let caller = server.client();
    let context = within(SECOND / 4);
    let mut stream = context
        .attach(caller.stream(Request::new(text(""))))
        .await
        .unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "first");
    let status = tokio::time::timeout(5 * SECOND, stream.message())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn an_open_ended_stream_outlives_every_default() {
    let mut config = ServerConfig::new("probe", secret());
    config.settings.timeout_ms = 30;
    let late = || {
        let later = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let context = Context::current();
            assert_eq!(context.deadline(), None);
            Ok(text("late"))
        };
        futures::stream::once(later).boxed()
    };
    let server = Server::with(Probe::stream(late), &config);
    let caller = server.client_with(|config| config.settings.timeout_ms = 30);
    let mut stream = caller
        .stream(Request::new(text("")).open_ended())
        .await
        .unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "late");
}
