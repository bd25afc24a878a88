use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use shoal_context::Context;
use shoal_error::CommonCode;
use tokio::sync::oneshot;
use tonic::Request;

use crate::probe::{OnDrop, Probe, Server, text};

const PATIENCE: Duration = Duration::from_secs(10);

type Taken<T> = Arc<Mutex<Option<T>>>;

fn once<T>(value: T) -> Taken<T> {
    Arc::new(Mutex::new(Some(value)))
}

/// A probe that says when its handler began, what token it had, and when it
/// was dropped.
struct Watched {
    server: Server,
    began: oneshot::Receiver<Context>,
    dropped: oneshot::Receiver<()>,
}

fn watched() -> Watched {
    let (began_tx, began) = oneshot::channel();
    let (dropped_tx, dropped) = oneshot::channel();
    let (began_tx, dropped_tx) = (once(began_tx), once(dropped_tx));
    let probe = Probe::unary(move |_| {
        let began = began_tx.lock().unwrap().take();
        let guard = OnDrop(dropped_tx.lock().unwrap().take());
        async move {
            let _guard = guard;
            if let Some(began) = began {
                began.send(Context::current()).unwrap();
            }
            std::future::pending().await
        }
    });
    Watched {
        server: Server::start(probe),
        began,
        dropped,
    }
}

#[tokio::test]
async fn a_handler_stops_when_its_client_hangs_up() {
    let watched = watched();
    let caller = watched.server.client();
    let context = {
        let mut call = Box::pin(caller.say(""));
        tokio::select! {
            _ = &mut call => panic!("answered"),
            began = watched.began => began.unwrap(),
        }
        // Dropping the call hangs up.
    };
    tokio::time::timeout(PATIENCE, watched.dropped)
        .await
        .unwrap()
        .unwrap();
    // Whatever the handler handed the context to stops too.
    tokio::time::timeout(PATIENCE, context.token().cancelled())
        .await
        .unwrap();
}

#[tokio::test]
async fn cancelling_the_callers_context_ends_the_call_on_both_sides() {
    let watched = watched();
    let caller = watched.server.client();
    let context = Context::background();
    let canceller = context.clone();
    let (began, dropped) = (watched.began, watched.dropped);
    let (result, ()) = tokio::join!(context.attach(caller.say("")), async {
        began.await.unwrap();
        canceller.cancel();
    });
    assert!(result.unwrap_err().is(CommonCode::Cancelled));
    tokio::time::timeout(PATIENCE, dropped)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_stream_stops_when_its_reader_goes_away() {
    let (sender, dropped) = oneshot::channel();
    let sender = once(sender);
    let items = move || {
        let guard = OnDrop(sender.lock().unwrap().take());
        futures::stream::iter([Ok(text("first"))])
            .chain(futures::stream::pending())
            .map(move |item| {
                let _kept = &guard;
                item
            })
            .boxed()
    };
    let server = Server::start(Probe::stream(items));
    let caller = server.client();
    let mut stream = caller.stream(Request::new(text(""))).await.unwrap();
    stream.message().await.unwrap().unwrap();
    drop(stream);
    tokio::time::timeout(PATIENCE, dropped)
        .await
        .unwrap()
        .unwrap();
}
