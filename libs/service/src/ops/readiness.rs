//! Whether the service can do its work now, part by part.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use shoal_error::Result;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest that one check may take.
const BOUND: Duration = Duration::from_secs(2);

/// Looks at one thing that the service needs.
pub(crate) type ReadyCheck = Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The checks of a service.
pub(crate) struct Readiness {
    checks: Vec<(&'static str, ReadyCheck)>,
    draining: CancellationToken,
}

/// Answer of `/readyz`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    status: &'static str,
    checks: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    name: &'static str,
    ok: bool,
    took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Report {
    pub(crate) fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// The failed checks on one line.
    pub(crate) fn problems(&self) -> String {
        let failed = self.checks.iter().filter(|check| !check.ok);
        let texts = failed.map(|c| format!("{}: {}", c.name, c.problem.as_deref().unwrap_or("?")));
        texts.collect::<Vec<_>>().join("; ")
    }
}

impl Readiness {
    pub(crate) fn new(
        checks: Vec<(&'static str, ReadyCheck)>,
        draining: CancellationToken,
    ) -> Self {
        Self { checks, draining }
    }

    pub(crate) async fn report(&self) -> Report {
        let draining = self.draining.is_cancelled();
        let mut checks = vec![Outcome {
            name: "accepting",
            ok: !draining,
            took_ms: 0,
            problem: draining.then(|| "the service is shutting down".to_owned()),
        }];
        checks.extend(join_all(self.checks.iter().map(|(name, check)| run(name, check))).await);
        let ready = checks.iter().all(|check| check.ok);
        Report {
            status: if ready { "ready" } else { "not ready" },
            checks,
        }
    }
}

async fn run(name: &'static str, check: &ReadyCheck) -> Outcome {
    let start = Instant::now();
    let problem = match tokio::time::timeout(BOUND, check()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(check = name, error = error.report(), "not ready");
            Some(error.to_string())
        }
        Err(_) => Some(format!("no answer within {} s", BOUND.as_secs())),
    };
    let took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Outcome {
        name,
        ok: problem.is_none(),
        took_ms,
        problem,
    }
}
