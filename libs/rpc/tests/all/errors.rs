use std::time::Duration;

use futures::StreamExt as _;
use shoal_error::{CommonCode, Error, Kind};
use tonic::{Code, Request, Status};

use crate::probe::{Probe, Server, text};

fn full_error() -> Error {
    Error::new(CommonCode::Conflict, "The order is paid already.")
        .with_field("/items/0/quantity", "must be positive")
        .with_meta("order_id", "ord_1")
        .with_retry_after(Duration::from_millis(1500))
        .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736")
        .with_internal("a note for the log")
        .with_source(std::io::Error::other("disk on fire"))
}

#[tokio::test]
async fn an_error_arrives_as_it_was_made_without_what_is_private() {
    let server = Server::start(Probe::unary(|_| async { Err(full_error().into()) }));
    let status = server
        .client()
        .raw(Request::new(text("")))
        .await
        .unwrap_err();
    let wire = format!("{status:?}");
    for private in ["disk on fire", "a note for the log"] {
        assert!(!wire.contains(private), "{wire}");
        assert!(!String::from_utf8_lossy(status.details()).contains(private));
    }
    let (got, made) = (Error::from_status(status), full_error());
    assert_eq!(got.code(), made.code());
    assert_eq!(got.kind(), made.kind());
    assert_eq!(got.message(), made.message());
    assert_eq!(got.title(), made.title());
    assert_eq!(got.action(), made.action());
    assert_eq!(got.fields(), made.fields());
    assert_eq!(got.meta(), made.meta());
    assert_eq!(got.retry_after(), made.retry_after());
    assert_eq!(got.trace_id(), made.trace_id());
}

#[tokio::test]
async fn a_panic_is_an_internal_error_with_a_trace_and_the_server_goes_on() {
    let server = Server::start(Probe::unary(|request| async move {
        assert!(
            request.get_ref().text != "panic",
            "secret detail of the panic"
        );
        Ok(request.into_inner())
    }));
    let caller = server.client();
    let status = caller.raw(Request::new(text("panic"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let everything = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
    assert!(!everything.contains("secret detail"), "{everything}");
    assert!(!everything.contains("errors.rs"), "{everything}");
    let error = Error::from_status(status);
    assert!(error.is(CommonCode::Internal));
    assert!(
        error.trace_id().is_some_and(|id| id.len() == 32),
        "{error:?}"
    );
    assert_eq!(caller.say("still here").await.unwrap().text, "still here");
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_stream_ends_it_with_internal() {
    let items = || {
        let items = futures::stream::iter(0..3).then(|at| async move {
            // The encoder sends what it has once there is nothing more to add.
            tokio::task::yield_now().await;
            assert!(at < 1, "secret detail of the panic");
            Ok(text(at.to_string()))
        });
        items.boxed()
    };
    let server = Server::start(Probe::stream(items));
    let mut stream = server
        .client()
        .stream(Request::new(text("")))
        .await
        .unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "0");
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("secret detail"));
}

#[tokio::test]
async fn a_status_of_a_foreign_server_becomes_the_nearest_error() {
    let server = Server::start(Probe::unary(|_| async {
        Err(Status::not_found("no such file"))
    }));
    let error = server.client().say("").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::NotFound, "no such file")
    );
}
