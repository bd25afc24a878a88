//! What runs in the background: looking at the file, and at how colours do.

use std::sync::Arc;
use std::time::Duration;

use shoal_routing::rollback::Judgement;
use shoal_task::Scope;
use tokio::time::MissedTickBehavior;

use super::Gray;

/// Starts both; they end with the scope.
pub(crate) fn start(gray: &Arc<Gray>, scope: &Scope) {
    let every = Duration::from_millis(gray.config.reload_ms);
    let own = Arc::clone(gray);
    repeat(scope, "gray-reload", every, move || {
        let gray = Arc::clone(&own);
        async move { gray.reload_settled().await }
    });
    if !gray.config.rollback.enabled {
        return;
    }
    let own = Arc::clone(gray);
    repeat(
        scope,
        "gray-rollback",
        gray.config.rollback.check(),
        move || {
            let gray = Arc::clone(&own);
            async move { gray.look().await }
        },
    );
}

fn repeat<F>(
    scope: &Scope,
    name: &'static str,
    every: Duration,
    work: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let own = scope.clone();
    scope.spawn_detached_context(name, async move {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = own.cancelled() => return,
                _ = tick.tick() => work().await,
            }
        }
    });
}

impl Gray {
    /// Compares each rule's requests with what it left plain.
    async fn look(&self) {
        let active = self.active();
        let now = self.clock.monotonic();
        let worse: Vec<_> = active
            .watched()
            .filter_map(|(rule, mut guard)| match guard.look(now) {
                Judgement::RollBack(why) => Some((rule.to_owned(), why)),
                Judgement::Suspect(why) => {
                    tracing::warn!(rule, reason = %why, "a gray rule looks worse than stable");
                    None
                }
                Judgement::TooFew | Judgement::Alike => None,
            })
            .collect();
        for (rule, why) in worse {
            self.roll_back(&rule, &why).await;
        }
    }
}
