//! Work that one instance of a service does for all of them.

use std::future::Future;

use shoal_task::Scope;
use tokio::sync::watch;

/// One uninterrupted lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Grows from each leader of a role to the next, so that a store which
    /// remembers the highest token it saw can refuse a leader that was deposed
    /// and does not know it yet (a fencing token). In etcd the revision at
    /// which the leader's key was made; 0 without a registry.
    pub token: i64,
}

/// Whether this process leads in a role. Clones see the same.
#[derive(Clone, Debug)]
pub struct Leadership {
    term: watch::Receiver<Option<Term>>,
}

impl Leadership {
    /// Leads from the start and for ever: for a platform without a registry,
    /// where a service has one instance, or work that all may do at once.
    pub fn always() -> Self {
        let (_, term) = watch::channel(Some(Term { token: 0 }));
        Self { term }
    }

    /// Follows whoever decides the lead; it is lost for good when the sender is
    /// gone with `None` as its last word.
    pub fn new(term: watch::Receiver<Option<Term>>) -> Self {
        Self { term }
    }

    /// The present lead; `None` while another instance leads, or nobody.
    pub fn term(&self) -> Option<Term> {
        *self.term.borrow()
    }

    /// Resolves when the lead was won, lost, or won anew since the last call.
    pub async fn changed(&mut self) {
        if self.term.changed().await.is_err() {
            // Nobody will say anything any more.
            std::future::pending::<()>().await;
        }
    }

    /// Does `work` whenever this process leads, until `scope` is cancelled.
    /// When the lead is lost, `work` is dropped where it stands, and what it
    /// spawned in the scope that it was handed is cancelled and waited for.
    /// When `scope` is cancelled, `work` may finish: it sees the cancellation
    /// of its own scope.
    pub async fn lead<F, W>(mut self, scope: &Scope, mut work: F)
    where
        F: FnMut(Term, Scope) -> W + Send,
        W: Future<Output = ()> + Send,
    {
        while !scope.is_cancelled() {
            let won = self.term.wait_for(Option::is_some);
            let term = tokio::select! {
                () = scope.cancelled() => return,
                won = won => won.ok().and_then(|term| *term),
            };
            let Some(term) = term else {
                return;
            };
            let own = scope.child("term");
            {
                let mut working = std::pin::pin!(work(term, own.clone()));
                let ended = tokio::select! {
                    () = &mut working => true,
                    () = self.lost(term) => false,
                    () = scope.cancelled() => { working.await; true }
                };
                if ended && !scope.is_cancelled() {
                    // Done for this term.
                    tokio::select! {
                        () = self.lost(term) => {}
                        () = scope.cancelled() => {}
                    }
                }
            }
            own.cancel();
            own.empty().await;
        }
    }

    async fn lost(&self, term: Term) {
        let mut watched = self.term.clone();
        if watched.wait_for(|now| *now != Some(term)).await.is_err() && self.term().is_some() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    fn logged() -> (Arc<Mutex<Vec<String>>>, impl Fn(&str) + Clone) {
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let own = Arc::clone(&log);
        (log, move |line: &str| {
            own.lock().unwrap().push(line.to_owned());
        })
    }

    #[tokio::test(start_paused = true)]
    async fn work_follows_the_lead_and_what_it_spawned_ends_with_it() {
        let (sender, term) = watch::channel(None);
        let scope = Scope::root("test");
        let (log, say) = logged();
        let leading = {
            let scope = scope.clone();
            async move {
                let work = |term: Term, own: Scope| {
                    let (say, spawned) = (say.clone(), say.clone());
                    async move {
                        say(&format!("won {}", term.token));
                        let inner = own.clone();
                        own.spawn_detached_context("helper", async move {
                            inner.cancelled().await;
                            spawned("helper ended");
                        });
                        own.cancelled().await;
                        say("finished");
                    }
                };
                Leadership::new(term).lead(&scope, work).await;
            }
        };
        let leading = scope.spawn_detached_context("leading", leading);
        let pause = || tokio::time::sleep(Duration::from_millis(10));
        pause().await;
        assert!(log.lock().unwrap().is_empty());
        sender.send_replace(Some(Term { token: 3 }));
        pause().await;
        sender.send_replace(None);
        pause().await;
        // Dropped, not finished.
        assert_eq!(*log.lock().unwrap(), ["won 3", "helper ended"]);
        sender.send_replace(Some(Term { token: 8 }));
        pause().await;
        scope.cancel();
        leading.await.unwrap();
        let log = log.lock().unwrap();
        assert_eq!(log[2], "won 8");
        assert!(log.contains(&"finished".to_owned()), "{log:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_registry_the_only_instance_leads() {
        let mut leadership = Leadership::always();
        assert_eq!(leadership.term(), Some(Term { token: 0 }));
        let waited = tokio::time::timeout(Duration::from_secs(60), leadership.changed()).await;
        assert!(waited.is_err());
    }
}
