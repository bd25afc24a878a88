//! One connection from its first byte to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use shoal_context::Arrived;
use shoal_task::Scope;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::Service as _;

use super::dispatch::Dispatch;
use super::executor::ScopeExecutor;
use crate::config::HttpConfig;

/// Interval of HTTP/2 pings, and how long an answer may take: a peer that is
/// gone without a word is noticed after both.
const PING: Duration = Duration::from_secs(20);

/// Serves a connection until either side ends it, the scope is drained, or its
/// first request does not come in time.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    dispatch: Dispatch,
    limits: HttpConfig,
    scope: Scope,
) {
    let spoken = Arc::new(AtomicBool::new(false));
    let service = hyper::service::service_fn({
        let spoken = Arc::clone(&spoken);
        move |request: Request<Incoming>| {
            spoken.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            let extensions = request.extensions_mut();
            extensions.insert(ConnectInfo(peer));
            // Whatever waits before it is looked at has waited since now.
            extensions.insert(Arrived(Instant::now()));
            dispatch.clone().call(request)
        }
    });
    let builder = builder(&limits, &scope);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let silence = async {
        tokio::time::sleep(limits.header_read_timeout()).await;
        if spoken.load(Ordering::Relaxed) {
            // From here on hyper's own timeouts watch the connection.
            std::future::pending::<()>().await;
        }
    };
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = silence => {
            // hyper's timeout for heads begins with the first byte, so this
            // one watches connections that never send any.
            tracing::debug!(%peer, "no request in time");
            return;
        }
        () = scope.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // Clients hang up as they like; that is no failure of ours.
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

fn builder(limits: &HttpConfig, scope: &Scope) -> Builder<ScopeExecutor> {
    let mut builder = Builder::new(ScopeExecutor(scope.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout())
        .max_buf_size(limits.max_header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.max_streams)
        // Defence against floods of streams that are opened and reset at once.
        .max_pending_accept_reset_streams(64)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}
