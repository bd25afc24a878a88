use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shoal_discovery::Instance;
use shoal_error::{CommonCode, Error};
use shoal_rpc::RequestExt as _;
use tonic::{Code, Request, Status};

use crate::probe::{Caller, Probe, Server, eventually, text};

/// Fails with UNAVAILABLE this many times, then answers how often it was called.
fn fails_first(times: u32) -> (Probe, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let probe = Probe::unary(move |_| {
        let call = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            if call <= times {
                Err(Status::unavailable("not yet"))
            } else {
                Ok(text(call.to_string()))
            }
        }
    });
    (probe, calls)
}

fn repeatable() -> Request<crate::probe::Text> {
    Request::new(text("")).idempotent()
}

/// An address at which nobody listens.
fn nobody() -> Instance {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Instance::at(listener.local_addr().unwrap().to_string())
}

#[tokio::test]
async fn a_call_that_may_be_repeated_outlasts_a_short_outage() {
    let (probe, calls) = fails_first(2);
    let server = Server::start(probe);
    let answer = server.client().unary(repeatable()).await.unwrap();
    assert_eq!(
        (answer.text.as_str(), calls.load(Ordering::SeqCst)),
        ("3", 3)
    );
}

#[tokio::test]
async fn repetition_is_bounded() {
    let (probe, calls) = fails_first(u32::MAX);
    let server = Server::start(probe);
    let status = server.client().raw(repeatable()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(calls.load(Ordering::SeqCst), 3, "one and two retries");
}

#[tokio::test]
async fn a_call_that_may_not_be_repeated_is_sent_once() {
    let (probe, calls) = fails_first(1);
    let server = Server::start(probe);
    let status = server
        .client()
        .raw(Request::new(text("")))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), calls.load(Ordering::SeqCst)),
        (Code::Unavailable, 1)
    );
}

#[tokio::test]
async fn other_failures_are_not_repeated() {
    for code in [
        Code::Internal,
        Code::ResourceExhausted,
        Code::DeadlineExceeded,
        Code::Aborted,
    ] {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let server = Server::start(Probe::unary(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { Err(Status::new(code, "no")) }
        }));
        let status = server.client().raw(repeatable()).await.unwrap_err();
        assert_eq!((status.code(), calls.load(Ordering::SeqCst)), (code, 1));
    }
}

#[tokio::test]
async fn what_was_never_sent_is_sent_elsewhere_whatever_it_does() {
    let server = Server::start(Probe::echo());
    let caller = Caller::new([nobody(), server.instance()], |_| ());
    for at in 0..20 {
        let said = at.to_string();
        assert_eq!(caller.say(&said).await.unwrap().text, said);
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_says_who() {
    for instances in [Vec::new(), vec![nobody()]] {
        let error = Caller::new(instances, |_| ()).say("").await.unwrap_err();
        assert!(error.is(CommonCode::Unavailable), "{error:?}");
        assert!(error.message().contains("probe"), "{error:?}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn only_a_call_of_which_no_attempt_was_sent_counts_as_never_sent() {
    let nowhere = Caller::new([nobody()], |_| ());
    assert!(shoal_rpc::was_never_sent(
        &nowhere.say("").await.unwrap_err()
    ));

    // The first attempt reaches the callee, which then vanishes from the list.
    let caller = Caller::new([], |_| ());
    let resolver = caller.resolver.clone();
    let server = Server::start(Probe::unary(move |_| {
        resolver.set("probe", []);
        async { Err(Status::unavailable("restarting")) }
    }));
    caller.resolver.set("probe", [server.instance()]);
    let error = caller.unary(repeatable()).await.unwrap_err();
    assert!(error.message().contains("No instance"), "{error:?}");
    assert!(!shoal_rpc::was_never_sent(&error), "{error:?}");
}

#[tokio::test]
async fn a_callee_that_dies_during_a_call_is_not_called_again_for_it() {
    let calls = Arc::new(AtomicU32::new(0));
    let hangs = || {
        let counted = Arc::clone(&calls);
        Probe::unary(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
    };
    let (first, second) = (Server::start(hangs()), Server::start(hangs()));
    let caller = Caller::new([first.instance(), second.instance()], |_| ());
    let kill = async {
        eventually("the call arrives", || calls.load(Ordering::SeqCst) == 1).await;
        drop((first, second));
    };
    let (result, ()) = tokio::join!(caller.raw(Request::new(text(""))), kill);
    let error = Error::from_status(result.unwrap_err());
    assert!(error.is(CommonCode::Unavailable), "{error:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_long_request_is_sent_whole_and_not_kept_for_repetition() {
    let server = Server::start(Probe::echo());
    let long = "x".repeat(1_000_000);
    let request = Request::new(text(long.clone())).idempotent();
    assert_eq!(server.client().unary(request).await.unwrap().text, long);
}
