//! A closed-loop load: so many connections, each with one request in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_task::Scope;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How much load, for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Measured time; a fifth of it runs before, unmeasured.
    pub(crate) time: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

type MakeRequest = dyn Fn(u64) -> Result<Request<Full<Bytes>>> + Send + Sync;

/// Sends requests to `address` until the time is over. `make` gets a number
/// that no other request of this run has.
pub(crate) async fn run(
    load: Load,
    address: std::net::SocketAddr,
    expect: StatusCode,
    make: Arc<MakeRequest>,
) -> Result<Report> {
    let scope = Scope::root("load");
    let begin = Instant::now() + load.time / 5;
    let end = begin + load.time;
    let next = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..load.connections)
        .map(|_| {
            let worker = Worker { address, expect, make: make.clone(), next: next.clone() };
            scope.spawn_detached_context("connection", worker.run(begin, end))
        })
        .collect();
    let mut latencies = histogram()?;
    let mut failures = 0;
    for worker in workers {
        let (own, failed) = worker.await??;
        latencies.add(own).internal()?;
        failures += failed;
    }
    scope.drain(Duration::from_secs(5)).await;
    Ok(Report {
        requests: latencies.len(),
        failures,
        per_second: latencies.len() as f64 / load.time.as_secs_f64(),
        p50: Duration::from_micros(latencies.value_at_quantile(0.5)),
        p99: Duration::from_micros(latencies.value_at_quantile(0.99)),
    })
}

struct Worker {
    address: std::net::SocketAddr,
    expect: StatusCode,
    make: Arc<MakeRequest>,
    next: Arc<AtomicU64>,
}

impl Worker {
    async fn run(self, begin: Instant, end: Instant) -> Result<(Histogram<u64>, u64)> {
        let mut latencies = histogram()?;
        let mut failures = 0;
        let scope = Scope::root("load-connection");
        let stream = TcpStream::connect(self.address).await.internal()?;
        stream.set_nodelay(true).internal()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.internal()?;
        scope.spawn_detached_context("driver", connection);
        loop {
            let start = Instant::now();
            if start >= end {
                break;
            }
            let request = (self.make)(self.next.fetch_add(1, Ordering::Relaxed))?;
            sender.ready().await.internal()?;
            let response = sender.send_request(request).await.internal()?;
            let status = response.status();
            response.into_body().collect().await.internal()?;
            if start < begin {
                continue;
            }
            if status == self.expect {
                let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                latencies.saturating_record(micros);
            } else {
                failures += 1;
            }
        }
        drop(sender);
        scope.drain(Duration::from_secs(1)).await;
        Ok((latencies, failures))
    }
}

/// One microsecond to one minute, three digits.
fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000, 3).map_err(Error::internal)
}
