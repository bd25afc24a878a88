//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shoal_task::{DrainReport, Scope};
use shoal_telemetry::metrics::Saturation;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::connection;
use super::dispatch::Dispatch;
use crate::config::HttpConfig;

/// Opens the port. Separate from serving, because a service learns its address
/// before it is built.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// A port being served.
pub(crate) struct Server {
    accepting: Scope,
    connections: Scope,
}

impl Server {
    /// Begins to accept.
    pub(crate) fn start(
        listener: TcpListener,
        dispatch: Dispatch,
        limits: HttpConfig,
        service: &str,
        scope: &Scope,
    ) -> Self {
        let places = limits.max_connections;
        let saturation = Saturation::new(service, "limit", "connections", places);
        let accepting = scope.child("accept");
        let connections = scope.child("connections");
        drop(accepting.spawn_detached_context("accept", {
            let (accepting, connections) = (accepting.clone(), connections.clone());
            accept(
                listener,
                dispatch,
                limits,
                saturation,
                accepting,
                connections,
            )
        }));
        Self {
            accepting,
            connections,
        }
    }

    /// Closes the port; what is open stays so.
    pub(crate) async fn stop_accepting(&self) {
        // The loop waits for nothing but the next connection.
        self.accepting.drain(Duration::from_secs(1)).await;
    }

    /// Lets requests in flight finish, then closes every connection.
    pub(crate) async fn drain(&self, bound: Duration) -> DrainReport {
        self.connections.drain(bound).await
    }
}

async fn accept(
    listener: TcpListener,
    dispatch: Dispatch,
    limits: HttpConfig,
    saturation: Saturation,
    accepting: Scope,
    connections: Scope,
) {
    let places = Arc::new(Semaphore::new(limits.max_connections));
    loop {
        // The place comes first: without one, connections wait in the kernel's
        // queue, which is bounded as well.
        let admitted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, next(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            admitted = admitted => admitted,
            () = accepting.cancelled() => return,
        };
        let open = saturation.enter();
        let (dispatch, limits, scope) = (dispatch.clone(), limits.clone(), connections.clone());
        drop(
            connections.spawn_detached_context("connection", async move {
                connection::serve(stream, peer, dispatch, limits, scope).await;
                drop((place, open));
            }),
        );
    }
}

/// The next connection. Errors of a single one are skipped; a lack of file
/// descriptors is waited out, since spinning would make it worse.
async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and wanted at once.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
