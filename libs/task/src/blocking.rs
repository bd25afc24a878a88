//! A pool for work that blocks or burns CPU, such as hashing passwords: a
//! fixed number of workers, a bounded queue, and a clear answer when both are
//! full (C4). Tokio's own blocking pool has 512 threads and an endless queue.

use std::sync::Arc;
use std::time::Duration;

use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use tokio::sync::Semaphore;

/// Size of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// Pieces of work that run at once.
    pub workers: usize,
    /// Pieces of work that may wait for a worker.
    pub queue: usize,
}

/// A bounded pool of threads. Clones share it.
#[derive(Clone, Debug)]
pub struct BlockingPool {
    name: &'static str,
    // Taken before queueing: running plus waiting work.
    places: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    size: PoolConfig,
}

impl BlockingPool {
    /// A pool of at least one worker.
    pub fn new(name: &'static str, size: PoolConfig) -> Self {
        let size = PoolConfig {
            workers: size.workers.max(1),
            ..size
        };
        Self {
            name,
            places: Arc::new(Semaphore::new(size.workers + size.queue)),
            workers: Arc::new(Semaphore::new(size.workers)),
            size,
        }
    }

    /// Runs `work` on a worker. Waiting counts against the context's deadline,
    /// and work whose caller has gone is not begun.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full, those of the context, `Internal`
    /// when the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(Error::new(
                CommonCode::Overloaded,
                format!("The pool {} and its queue are full.", self.name),
            )
            .with_retry_after(Duration::from_secs(1)));
        };
        let context = Context::current();
        let worker = context
            .stop_or(Arc::clone(&self.workers).acquire_owned())
            .await?;
        let worker = worker.map_err(Error::internal)?;
        let span = tracing::Span::current();
        #[expect(clippy::disallowed_methods, reason = "bounded by the permits it holds")]
        let running = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even when its caller has gone.
            let (_place, _worker) = (place, worker);
            span.in_scope(work)
        });
        context.stop_or(running).await?.map_err(Error::internal)
    }

    /// Pieces of work that run or wait, and the most there can be.
    pub fn load(&self) -> (usize, usize) {
        let most = self.size.workers + self.size.queue;
        (most - self.places.available_permits(), most)
    }
}
