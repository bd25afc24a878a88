//! A release that goes bad: stands in front of an instance, and while it is bad
//! a share of the requests is carried out but answered with an internal error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use shoal_error::{Result, ResultExt as _};
use shoal_task::Scope;
use tokio::net::TcpListener;

/// Passes HTTP/1 requests on to one instance.
pub(crate) struct BadRelease {
    addr: SocketAddr,
    shared: Arc<Shared>,
    scope: Scope,
}

struct Shared {
    upstream: SocketAddr,
    client: Client<HttpConnector, Body>,
    /// Of a hundred requests, those that fail.
    percent: AtomicU32,
    requests: AtomicU64,
}

impl BadRelease {
    /// A proxy on a free loopback port in front of `upstream`, good as yet.
    pub(crate) async fn before(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.internal()?;
        let addr = listener.local_addr().internal()?;
        let shared = Arc::new(Shared {
            upstream,
            client: Client::builder(TokioExecutor::new()).build_http(),
            percent: AtomicU32::new(0),
            requests: AtomicU64::new(0),
        });
        let router = axum::Router::new()
            .fallback(pass)
            .with_state(Arc::clone(&shared));
        let scope = Scope::root("bad-release");
        drop(scope.spawn_detached_context("serve", {
            let scope = scope.clone();
            async move {
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    () = scope.cancelled() => {}
                }
            }
        }));
        Ok(Self {
            addr,
            shared,
            scope,
        })
    }

    /// Where the instance is reached.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on so many of a hundred requests fail.
    pub(crate) fn fails(&self, percent: u32) {
        self.shared.percent.store(percent, Ordering::Relaxed);
    }
}

impl Drop for BadRelease {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, mut request: Request<Body>) -> Response<Body> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let target = format!("http://{}{path}", shared.upstream);
    let Ok(target) = target.parse::<Uri>() else {
        return failure();
    };
    *request.uri_mut() = target;
    let answer = shared.client.request(request).await;
    // Spread evenly and without chance: 7 has no factor in common with 100.
    let turn = shared.requests.fetch_add(7, Ordering::Relaxed) % 100;
    if turn < u64::from(shared.percent.load(Ordering::Relaxed)) {
        return failure();
    }
    answer.map_or_else(|_| failure(), |answer| answer.map(Body::new))
}

fn failure() -> Response<Body> {
    let text =
        r#"{"type":"about:blank","title":"Internal error","status":500,"code":"common.internal"}"#;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let kind = http::HeaderValue::from_static("application/problem+json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}
