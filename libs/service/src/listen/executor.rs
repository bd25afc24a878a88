//! Lets hyper spawn the streams of an HTTP/2 connection in a scope.

use std::future::Future;

use shoal_task::Scope;

/// Spawns in a scope, so that streams too have an owner and an end.
#[derive(Clone)]
pub(super) struct ScopeExecutor(pub(super) Scope);

impl<F> hyper::rt::Executor<F> for ScopeExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        // The connection learns of the stream's end by itself.
        drop(self.0.spawn_detached_context("stream", async move {
            future.await;
        }));
    }
}
