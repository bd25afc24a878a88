//! A closed-loop load: so many callers, each with one request in flight.

use std::future::Future;
use std::time::Duration;

use hdrhistogram::Histogram;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_task::Scope;
use tokio::time::Instant;

/// Somebody who asks one thing after the other.
pub(crate) trait Caller: Send + 'static {
    /// Asks once; whether the answer is the expected one.
    fn call(&mut self) -> impl Future<Output = Result<bool>> + Send;
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Lets all callers ask for `time`, after a fifth of it unmeasured.
pub(crate) async fn run<C: Caller>(
    name: impl Into<String>,
    time: Duration,
    callers: Vec<C>,
) -> Result<Report> {
    let scope = Scope::root("load");
    let begin = Instant::now() + time / 5;
    let end = begin + time;
    let working: Vec<_> = callers
        .into_iter()
        .map(|caller| scope.spawn_detached_context("caller", ask(caller, begin, end)))
        .collect();
    let mut latencies = histogram()?;
    let mut failures = 0;
    for caller in working {
        let (own, failed) = caller.await??;
        latencies.add(own).internal()?;
        failures += failed;
    }
    let quantile = |q| Duration::from_micros(latencies.value_at_quantile(q));
    Ok(Report {
        name: name.into(),
        requests: latencies.len(),
        failures,
        per_second: latencies.len() as f64 / time.as_secs_f64(),
        p50: quantile(0.5),
        p99: quantile(0.99),
    })
}

async fn ask<C: Caller>(
    mut caller: C,
    begin: Instant,
    end: Instant,
) -> Result<(Histogram<u64>, u64)> {
    let mut latencies = histogram()?;
    let mut failures = 0;
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok((latencies, failures));
        }
        let good = caller.call().await?;
        if start < begin {
            continue;
        }
        if good {
            let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            latencies.saturating_record(micros);
        } else {
            failures += 1;
        }
    }
}

/// One microsecond to one minute, three digits.
fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000, 3).map_err(Error::internal)
}
