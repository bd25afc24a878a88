//! Instances that could not be reached lately.
//!
//! The registry hears of a crash when a lease ends, seconds later. Until then
//! the others are tried first, so that only the request that finds out waits
//! for a connection which does not open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shoal_discovery::Instance;
use tokio::time::Instant;

/// After which an instance that nobody asks any more is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Rests {
    by_addr: Mutex<HashMap<String, Rest>>,
    /// How many there are: none, nearly always, which costs one read to know.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Rest {
    failures: u32,
    until: Instant,
}

impl Rests {
    pub(super) fn failed(&self, addr: &str) {
        let now = Instant::now();
        let mut rests = self.lock();
        rests.retain(|_, rest| now < rest.until + FORGOTTEN);
        let rest = rests.entry(addr.to_owned()).or_insert(Rest {
            failures: 0,
            until: now,
        });
        rest.until = now + shoal_routing::rest(rest.failures);
        rest.failures += 1;
        self.count.store(rests.len(), Ordering::Relaxed);
    }

    pub(super) fn succeeded(&self, addr: &str) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let mut rests = self.lock();
            rests.remove(addr);
            self.count.store(rests.len(), Ordering::Relaxed);
        }
    }

    /// Moves those that rest behind the others; the order is kept otherwise.
    pub(super) fn put_last<T>(&self, list: &mut [T], instance: impl Fn(&T) -> &Instance) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let now = Instant::now();
            let rests = self.lock();
            let rests = |addr: &str| rests.get(addr).is_some_and(|rest| now < rest.until);
            list.sort_by_key(|each| rests(&instance(each).addr));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Rest>> {
        self.by_addr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);

    fn order(rests: &Rests) -> Vec<String> {
        let mut list = ["a:1", "b:1", "c:1"].map(Instance::at);
        rests.put_last(&mut list, |instance| instance);
        list.map(|i| i.addr).to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn who_could_not_be_reached_is_tried_last_until_it_has_rested() {
        let rests = Rests::default();
        assert_eq!(order(&rests), ["a:1", "b:1", "c:1"]);
        rests.failed("a:1");
        assert_eq!(order(&rests), ["b:1", "c:1", "a:1"]);
        tokio::time::advance(FIRST).await;
        assert_eq!(order(&rests), ["a:1", "b:1", "c:1"]);
        // Each further failure in a row keeps it away for longer.
        rests.failed("a:1");
        tokio::time::advance(FIRST).await;
        assert_eq!(order(&rests), ["b:1", "c:1", "a:1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_the_rest_and_with_it_the_count() {
        let rests = Rests::default();
        rests.failed("a:1");
        rests.succeeded("b:1");
        assert_eq!(order(&rests)[2], "a:1");
        rests.succeeded("a:1");
        assert_eq!(order(&rests)[0], "a:1");
        rests.failed("a:1");
        tokio::time::advance(FIRST).await;
        assert_eq!(order(&rests)[0], "a:1", "counting begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn instances_that_are_gone_are_forgotten() {
        let rests = Rests::default();
        for port in 1..1_000 {
            rests.failed(&format!("a:{port}"));
        }
        tokio::time::advance(FORGOTTEN + LONGEST).await;
        rests.failed("b:1");
        assert_eq!(rests.count.load(Ordering::Relaxed), 1);
    }
}
