//! What telemetry costs per request, against the same router without it.
//!
//! `cargo run --release -p shoal-telemetry --example overhead`; with `--format json`, a line for each
//! figure, as `//tools/review` reads them.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use shoal_telemetry::http::ServerLayer;
use shoal_telemetry::metrics::{HttpMetrics, RpcServerMetrics};
use shoal_telemetry::{Telemetry, TelemetryConfig};
use tower::ServiceExt as _;

/// The fastest of many short batches: what the work costs when nobody else
/// wants the processor.
const BATCHES: u32 = 200;
const BATCH: u32 = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bare = Router::new().route("/things/{id}", get(|| async { "here" }));
    let layered = bare.clone().layer(ServerLayer::new("bench"));

    report("router, bare", requests(&bare).await);
    report("router, telemetry off", requests(&layered).await);
    Telemetry::init(&TelemetryConfig::default())?;
    report(
        "router, span + metrics + ids + store",
        requests(&layered).await,
    );
    report("a child span of that", spans());

    let http = HttpMetrics::new("bench");
    let took = Duration::from_millis(3);
    let method = http::Method::GET;
    report(
        "HttpMetrics::finish",
        each(|| http.finish(&method, "/things/{id}", 200, took)),
    );
    let rpc = RpcServerMetrics::new("bench");
    report(
        "RpcServerMetrics::finish",
        each(|| rpc.finish("shoal.x.v1.X/Do", 0, took)),
    );
    Ok(())
}

async fn requests(router: &Router) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..BATCH {
            let request = Request::get("/things/7")
                .body(Body::empty())
                .unwrap_or_default();
            let _ = black_box(router.clone().oneshot(request).await);
        }
        best = best.min(start.elapsed());
    }
    best
}

fn spans() -> Duration {
    let request = tracing::info_span!("request", service.name = "bench");
    request.in_scope(|| each(|| tracing::info_span!("statement", db.rows = 1).in_scope(|| ())))
}

fn each(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..BATCH {
            work();
        }
        best = best.min(start.elapsed());
    }
    best
}

fn report(what: &str, batch: Duration) {
    // Some of it takes so little that whole nanoseconds would hide a change of it.
    let nanos = batch.as_secs_f64() * 1e9 / f64::from(BATCH);
    if std::env::args().any(|argument| argument == "json") {
        println!(r#"{{"figure":"{what}","value":{nanos:.3},"unit":"ns","better":"lower"}}"#);
    } else {
        println!("{what:<40} {nanos:>8.0} ns");
    }
}
