//! A worker over a durable queue: claims jobs, runs a bounded number at once,
//! sleeps when there is nothing to do, ends with its scope.
//!
//! The queue's table is the truth; the pump only decides when to look at it:
//! after a wake-up (something was queued here), when a job ends (a place is
//! free), and every `poll` (another instance queued something, a wait is over).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shoal_error::Result;
use tokio::sync::{Notify, Semaphore};

use crate::Scope;

/// A durable queue of jobs.
pub trait Queue: Send + Sync + 'static {
    /// A job in this process's hands, under a lease.
    type Job: Send + 'static;

    /// Takes at most `limit` jobs that are due.
    fn claim(&self, limit: usize) -> impl Future<Output = Result<Vec<Self::Job>>> + Send;

    /// Does a job and records what came of it. A job whose record is lost is
    /// claimed again when its lease ends.
    fn run(&self, job: Self::Job) -> impl Future<Output = ()> + Send;

    /// Small chores, once per poll.
    fn tidy(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Bounds of a pump.
#[derive(Clone, Copy, Debug)]
pub struct PumpConfig {
    /// Name of the loop and its jobs in the scope's list.
    pub name: &'static str,
    /// Jobs at once.
    pub concurrency: usize,
    /// How often the queue is looked at when nothing wakes the pump.
    pub poll: Duration,
}

/// Wakes a pump after something was queued. Cheap to clone; waking a pump that
/// has ended does nothing.
#[derive(Clone, Debug, Default)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// Makes the pump look at its queue now.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Starts the loop in `scope`. It ends when the scope is told to: it claims
/// nothing more, and jobs under way belong to the drain.
pub fn pump<Q: Queue>(scope: &Scope, config: PumpConfig, queue: Arc<Q>, waker: Waker) {
    let looped = run_loop(scope.clone(), config, queue, waker);
    // The handle is not needed: the scope owns the task.
    drop(scope.spawn_detached_context(config.name, looped));
}

async fn run_loop<Q: Queue>(scope: Scope, config: PumpConfig, queue: Arc<Q>, waker: Waker) {
    let places = Arc::new(Semaphore::new(config.concurrency.max(1)));
    while !scope.is_cancelled() {
        if let Err(error) = fill(&scope, config, &queue, &places, &waker).await {
            tracing::warn!(
                queue = config.name,
                error.code = error.code(),
                "claim failed: {error:?}"
            );
        }
        tokio::select! {
            () = scope.cancelled() => {}
            () = waker.0.notified() => {}
            () = tokio::time::sleep(config.poll) => queue.tidy().await,
        }
    }
}

/// Claims and starts jobs until the places or the due jobs are used up.
async fn fill<Q: Queue>(
    scope: &Scope,
    config: PumpConfig,
    queue: &Arc<Q>,
    places: &Arc<Semaphore>,
    waker: &Waker,
) -> Result<()> {
    loop {
        let free = places.available_permits();
        if free == 0 || scope.is_cancelled() {
            return Ok(());
        }
        let jobs = queue.claim(free).await?;
        let claimed = jobs.len();
        for job in jobs {
            // Only this loop takes places, so there is one for each claimed job.
            let Ok(place) = Arc::clone(places).try_acquire_owned() else {
                break;
            };
            let (queue, waker) = (Arc::clone(queue), waker.clone());
            drop(scope.spawn_detached_context(config.name, async move {
                queue.run(job).await;
                drop(place);
                waker.wake();
            }));
        }
        if claimed < free {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Memory {
        waiting: Mutex<VecDeque<u32>>,
        done: Mutex<Vec<u32>>,
        running: AtomicUsize,
        most: AtomicUsize,
        gate: Notify,
        gated: bool,
    }

    impl Queue for Memory {
        type Job = u32;

        async fn claim(&self, limit: usize) -> Result<Vec<u32>> {
            let mut waiting = self.waiting.lock().unwrap();
            let count = limit.min(waiting.len());
            Ok(waiting.drain(..count).collect())
        }

        async fn run(&self, job: u32) {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            if self.gated {
                self.gate.notified().await;
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.running.fetch_sub(1, Ordering::SeqCst);
            self.done.lock().unwrap().push(job);
        }
    }

    const CONFIG: PumpConfig = PumpConfig {
        name: "test",
        concurrency: 3,
        poll: Duration::from_secs(3_600),
    };

    #[tokio::test(start_paused = true)]
    async fn every_job_runs_once_and_never_more_than_the_bound_at_once() {
        let queue = Arc::new(Memory {
            waiting: Mutex::new((0..20).collect()),
            ..Memory::default()
        });
        let scope = Scope::root("test");
        let waker = Waker::default();
        pump(&scope, CONFIG, Arc::clone(&queue), waker.clone());
        // Far below one poll: freed places, not the poll, bring the next jobs.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut done = queue.done.lock().unwrap().clone();
        done.sort_unstable();
        assert_eq!(done, (0..20).collect::<Vec<_>>());
        assert_eq!(queue.most.load(Ordering::SeqCst), 3);

        queue.waiting.lock().unwrap().push_back(20);
        waker.wake();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(queue.done.lock().unwrap().len(), 21);
        scope.drain(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_finishes_what_runs_and_claims_nothing_more() {
        let queue = Arc::new(Memory {
            waiting: Mutex::new((0..5).collect()),
            gated: true,
            ..Memory::default()
        });
        let scope = Scope::root("test");
        pump(&scope, CONFIG, Arc::clone(&queue), Waker::default());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(queue.running.load(Ordering::SeqCst), 3);

        scope.cancel();
        tokio::time::sleep(Duration::from_millis(1)).await;
        queue.gate.notify_waiters();
        let report = scope.drain(Duration::from_secs(1)).await;
        assert!(report.aborted.is_empty());
        assert_eq!(queue.done.lock().unwrap().len(), 3);
        assert_eq!(queue.waiting.lock().unwrap().len(), 2);
    }
}
