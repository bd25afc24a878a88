//! Callers over HTTP/1.1, each with a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use shoal_error::{Result, ResultExt as _};
use shoal_task::Scope;
use tokio::net::TcpStream;

use crate::load::Caller;

/// Makes the request of a number that no other request of the run has.
pub(crate) type MakeRequest = dyn Fn(u64) -> Result<Request<Full<Bytes>>> + Send + Sync;

/// One connection.
pub(crate) struct HttpCaller {
    sender: SendRequest<Full<Bytes>>,
    make: Arc<MakeRequest>,
    next: Arc<AtomicU64>,
    expect: StatusCode,
    // Owns the task that drives the connection; it ends when the sender goes.
    _scope: Scope,
}

/// So many connections to `address`.
pub(crate) async fn callers(
    count: usize,
    address: SocketAddr,
    expect: StatusCode,
    make: Arc<MakeRequest>,
) -> Result<Vec<HttpCaller>> {
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = Vec::with_capacity(count);
    for _ in 0..count {
        let scope = Scope::root("connection");
        let stream = TcpStream::connect(address).await.internal()?;
        stream.set_nodelay(true).internal()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.internal()?;
        drop(scope.spawn_detached_context("driver", connection));
        let (make, next) = (Arc::clone(&make), Arc::clone(&next));
        callers.push(HttpCaller {
            sender,
            make,
            next,
            expect,
            _scope: scope,
        });
    }
    Ok(callers)
}

impl Caller for HttpCaller {
    async fn call(&mut self) -> Result<bool> {
        let request = (self.make)(self.next.fetch_add(1, Ordering::Relaxed))?;
        self.sender.ready().await.internal()?;
        let response = self.sender.send_request(request).await.internal()?;
        let good = response.status() == self.expect;
        response.into_body().collect().await.internal()?;
        Ok(good)
    }
}
