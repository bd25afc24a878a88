//! Finds sagas whose owner is gone, and forgets those that ended long ago.

use std::sync::Arc;
use std::time::Duration;

use shoal_error::Result;
use tokio::sync::Semaphore;

use crate::chance::seed_of;
use crate::log;
use crate::runner::Inner;

/// How often ended sagas are looked through, and how many go at once.
const PURGE_EVERY: Duration = Duration::from_secs(600);
const PURGE_BATCH: i64 = 500;
const MS_PER_HOUR: i64 = 3_600_000;

pub(crate) async fn run(inner: Arc<Inner>, places: Arc<Semaphore>) {
    let mut round = 0_usize;
    let mut purged = None;
    loop {
        if inner.takes_over
            && let Err(error) = claim(&inner, &places).await
        {
            tracing::warn!("sagas not claimed: {}", error.report());
        }
        let now = inner.clock.monotonic();
        if purged.is_none_or(|last| now.saturating_sub(last) >= PURGE_EVERY) {
            purged = Some(now);
            if let Err(error) = purge(&inner).await {
                tracing::warn!("ended sagas not purged: {}", error.report());
            }
        }
        round += 1;
        tokio::select! {
            () = inner.scope.cancelled() => break,
            () = tokio::time::sleep(interval(&inner, round)) => {}
        }
    }
    // What is claimed or begun, and still in the queue, nobody here takes up any
    // more. Who is carried out lets go, or goes on, by itself.
    let carried_out = inner.carried_out();
    if let Err(error) = log::let_go(&inner.store, &inner.owner, &carried_out).await {
        tracing::warn!("sagas not handed over: {}", error.report());
    }
}

/// Instances that were started together should not look together.
fn interval(inner: &Inner, round: usize) -> Duration {
    let every = inner.settings.claim_every_ms;
    let spread = seed_of(inner.settings.seed, &inner.owner, round) % (every / 4 + 1);
    Duration::from_millis(every.saturating_sub(every / 8).saturating_add(spread))
}

async fn claim(inner: &Inner, places: &Semaphore) -> Result<()> {
    let free = i64::try_from(places.available_permits()).unwrap_or(i64::MAX);
    let now = inner.clock.now_ms();
    if free == 0 || !log::any_claimable(&inner.store, now).await? {
        return Ok(());
    }
    let until = inner.lease_from(now);
    for id in log::claim(&inner.store, &inner.owner, now, until, free).await? {
        tracing::info!(saga.id = id, "taking over a saga whose owner is gone");
        if !inner.enqueue(id) {
            break;
        }
    }
    Ok(())
}

async fn purge(inner: &Inner) -> Result<()> {
    let keep = i64::try_from(inner.settings.keep_ended_hours).unwrap_or(i64::MAX);
    let before = inner
        .clock
        .now_ms()
        .saturating_sub(keep.saturating_mul(MS_PER_HOUR));
    while log::purge(&inner.store, before, PURGE_BATCH).await? == PURGE_BATCH.unsigned_abs() {
        if inner.scope.is_cancelled() {
            break;
        }
    }
    Ok(())
}
