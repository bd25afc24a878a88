//! An HTTP server that records what it is sent and answers by script.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::de::DeserializeOwned;
use shoal_task::Scope;
use tokio::net::TcpListener;

use crate::eventually;

/// How the sink answers one request.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    delay: Duration,
}

impl Answer {
    /// An empty answer with this status, at once.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
        }
    }

    /// After a while.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Received {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The JSON body.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).expect("a JSON body of the expected form")
    }
}

/// Listens on a free loopback port until it is dropped.
#[derive(Debug)]
pub struct HttpSink {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    scope: Scope,
}

#[derive(Debug)]
struct Shared {
    received: Vec<Received>,
    script: VecDeque<Answer>,
    otherwise: Answer,
}

impl HttpSink {
    /// A sink that answers 200 until told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound port");
        let scope = Scope::root("http-sink");
        let shared = Arc::new(Mutex::new(Shared {
            received: Vec::new(),
            script: VecDeque::new(),
            otherwise: Answer::status(200),
        }));
        let router = Router::new()
            .fallback(record)
            .with_state(Arc::clone(&shared));
        let token = scope.token().clone();
        drop(scope.spawn_detached_context("serve", async move {
            let server = axum::serve(listener, router);
            let _ = server
                .with_graceful_shutdown(async move { token.cancelled().await })
                .await;
        }));
        Self {
            addr,
            shared,
            scope,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://host:port` followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Appends answers, one per request.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.shared).script.extend(answers);
    }

    /// The answer where the script has none.
    pub fn otherwise(&self, answer: Answer) {
        lock(&self.shared).otherwise = answer;
    }

    /// What came in so far, oldest first.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared).received.clone()
    }

    /// Waits until at least `count` requests have come in, and returns all.
    pub async fn wait_for(&self, count: usize, bound: Duration) -> Vec<Received> {
        let probe = || async {
            let received = self.received();
            if received.len() >= count {
                Ok(received)
            } else {
                Err(format!("{} of {count} requests", received.len()))
            }
        };
        eventually(probe, bound).await
    }
}

impl Drop for HttpSink {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

async fn record(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let answer = {
        let mut shared = lock(&shared);
        let http::request::Parts {
            method,
            uri,
            headers,
            ..
        } = parts;
        shared.received.push(Received {
            method,
            uri,
            headers,
            body,
        });
        shared
            .script
            .pop_front()
            .unwrap_or_else(|| shared.otherwise.clone())
    };
    tokio::time::sleep(answer.delay).await;
    let mut response =
        Response::builder().status(StatusCode::from_u16(answer.status).expect("a status"));
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).expect("an answer")
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
