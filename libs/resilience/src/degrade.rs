//! What to answer when a dependency is away.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::Dependency;

/// A call whose answer may be replaced. Awaited as it is, it is the call alone.
///
/// ```ignore
/// let user = self.auth_dependency
///     .degradable("GetUser", shoal_rpc::call(auth.get_user(request)))
///     .or_cached(&self.users, id)
///     .or_skip()
///     .await?;
/// ```
///
/// Only a dependency that is away is replaced: unreachable, held to be down,
/// overloaded or too slow. What it answers, a refusal too, stays its answer, and
/// so does an error of the caller's own making.
#[must_use = "a call does nothing until it is awaited"]
pub struct Degradable<'a, F> {
    dependency: &'a Dependency,
    method: &'static str,
    call: F,
}

/// What stands in for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Substitute {
    Cached(Duration),
    Default,
    Skipped,
}

impl Dependency {
    /// Makes a call of `method` whose answer may be replaced.
    pub fn degradable<T, F>(&self, method: &'static str, call: F) -> Degradable<'_, F>
    where
        F: Future<Output = Result<T>>,
    {
        Degradable {
            dependency: self,
            method,
            call,
        }
    }
}

impl<'a, T, F: Future<Output = Result<T>>> Degradable<'a, F> {
    /// Waits no longer than this, which leaves time to answer without it.
    pub fn within(
        self,
        most: Duration,
    ) -> Degradable<'a, impl Future<Output = Result<T>> + use<T, F>> {
        let Self {
            dependency,
            method,
            call,
        } = self;
        let call = async move {
            Context::current()
                .child_with_timeout(most)
                .scope(call)
                .await
        };
        Degradable {
            dependency,
            method,
            call,
        }
    }

    /// Gives the last good answer for `key` instead, if it is not too old. What
    /// follows it counts when there is none.
    pub fn or_cached<K>(
        self,
        cache: &'a LastGood<K, T>,
        key: K,
    ) -> Degradable<'a, impl Future<Output = Result<T>> + use<'a, T, F, K>>
    where
        K: Eq + Hash + Clone,
        T: Clone,
    {
        let (dependency, method) = (self.dependency, self.method);
        let call = async move {
            match self.call.await {
                Ok(answer) => {
                    cache.put(key, answer.clone(), dependency.now());
                    Ok(answer)
                }
                Err(error) if is_away(&error) => match cache.get(&key, dependency.now()) {
                    Some((answer, age)) => {
                        note(dependency, method, Substitute::Cached(age), &error);
                        Ok(answer)
                    }
                    None => Err(error),
                },
                Err(error) => Err(error),
            }
        };
        Degradable {
            dependency,
            method,
            call,
        }
    }

    /// Gives `value` instead.
    ///
    /// # Errors
    /// The call's own, unless the dependency is away.
    pub async fn or_default(self, value: T) -> Result<T> {
        match self.call.await {
            Err(error) if is_away(&error) => {
                note(self.dependency, self.method, Substitute::Default, &error);
                Ok(value)
            }
            other => other,
        }
    }

    /// Goes on without the answer.
    ///
    /// # Errors
    /// The call's own, unless the dependency is away.
    pub async fn or_skip(self) -> Result<Option<T>> {
        match self.call.await {
            Err(error) if is_away(&error) => {
                note(self.dependency, self.method, Substitute::Skipped, &error);
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

impl<F: Future> IntoFuture for Degradable<'_, F> {
    type Output = F::Output;
    type IntoFuture = F;

    fn into_future(self) -> F {
        self.call
    }
}

impl<F> fmt::Debug for Degradable<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Degradable")
            .field("dependency", &self.dependency.name())
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Whether an error means that the dependency is away. Codes of a service's own
/// are its answers, whatever their kind.
fn is_away(error: &Error) -> bool {
    let away = [
        CommonCode::Unavailable,
        CommonCode::Overloaded,
        CommonCode::TooManyRequests,
        CommonCode::DeadlineExceeded,
    ];
    // Nobody is left to answer when the request itself is over.
    away.into_iter().any(|code| error.is(code)) && Context::current().check().is_ok()
}

fn note(dependency: &Dependency, method: &str, substitute: Substitute, error: &Error) {
    let (name, how) = (dependency.name(), substitute.as_str());
    let entry = match substitute {
        Substitute::Cached(age) => format!("{name}.{method};{how};age={}", age.as_secs()),
        Substitute::Default | Substitute::Skipped => format!("{name}.{method};{how}"),
    };
    Context::current().degrade(&entry);
    Span::current().set_attribute("shoal.degraded", entry.clone());
    crate::metrics::degraded(dependency, method, how);
    tracing::warn!(dependency = name, method, how, %error, "answered without {name}: {entry}");
}

impl Substitute {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cached(_) => "cached",
            Self::Default => "default",
            Self::Skipped => "skipped",
        }
    }
}

/// The last good answer by key: so many keys, none older than an age.
#[derive(Debug)]
pub struct LastGood<K, V> {
    most: usize,
    max_age: Duration,
    kept: Mutex<HashMap<K, (V, Duration)>>,
}

impl<K: Eq + Hash + Clone, V: Clone> LastGood<K, V> {
    /// Nothing yet; when there are `most` keys the oldest answer makes room.
    pub fn new(most: usize, max_age: Duration) -> Self {
        Self {
            most: most.max(1),
            max_age,
            kept: Mutex::default(),
        }
    }

    fn put(&self, key: K, value: V, now: Duration) {
        let mut kept = self.lock();
        if kept.len() >= self.most && !kept.contains_key(&key) {
            let oldest = kept.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                kept.remove(&oldest);
            }
        }
        kept.insert(key, (value, now));
    }

    /// The answer for `key` and its age.
    fn get(&self, key: &K, now: Duration) -> Option<(V, Duration)> {
        let kept = self.lock();
        let (value, at) = kept.get(key)?;
        let age = now.saturating_sub(*at);
        (age <= self.max_age).then(|| (value.clone(), age))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (V, Duration)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use http::HeaderMap;
    use shoal_context::{DEGRADED, Metadata};
    use shoal_task::ManualClock;

    use super::*;
    use crate::{Dependencies, ResilienceSettings};

    fn billing() -> (Arc<Dependency>, Arc<ManualClock>) {
        let clock = ManualClock::new(0);
        let all = Dependencies::new(
            "order",
            ResilienceSettings::default(),
            Arc::clone(&clock) as _,
        );
        (all.get("billing"), clock)
    }

    fn fails(code: CommonCode) -> impl Future<Output = Result<u32>> {
        std::future::ready(Err(Error::new(code, "no")))
    }

    /// Runs in a request of its own; gives what its answer's head tells.
    async fn told<T>(work: impl Future<Output = T>) -> (T, Option<String>) {
        let context = Context::new(Metadata::default(), Some(Duration::from_secs(5)));
        let done = context.attach(work).await;
        let mut headers = HeaderMap::new();
        context.degraded_to(&mut headers);
        let told = headers
            .get(&DEGRADED)
            .map(|v| v.to_str().unwrap().to_owned());
        (done, told)
    }

    #[tokio::test]
    async fn who_is_away_is_replaced_and_the_answer_says_so() {
        let (billing, _) = billing();
        let call = billing.degradable("Count", fails(CommonCode::Unavailable));
        let (value, head) = told(call.or_default(7)).await;
        assert_eq!(
            (value.unwrap(), head.as_deref()),
            (7, Some("billing.Count;default"))
        );
        let call = billing.degradable("Count", fails(CommonCode::Overloaded));
        let (value, head) = told(call.or_skip()).await;
        assert_eq!(
            (value.unwrap(), head.as_deref()),
            (None, Some("billing.Count;skipped"))
        );
        let call = billing.degradable("Count", async { Ok(1) });
        let (value, head) = told(call.or_default(7)).await;
        assert_eq!((value.unwrap(), head), (1, None));
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let (billing, _) = billing();
        for code in [
            CommonCode::NotFound,
            CommonCode::PermissionDenied,
            CommonCode::Internal,
        ] {
            let call = billing.degradable("Count", fails(code));
            let (value, head) = told(call.or_default(7)).await;
            assert!(value.unwrap_err().is(code));
            assert_eq!(head, None);
        }
    }

    #[tokio::test]
    async fn the_last_good_answer_counts_until_it_is_too_old_and_then_what_follows() {
        let (billing, clock) = billing();
        let cache = LastGood::new(10, Duration::from_secs(60));
        let good = billing.degradable("Count", async { Ok(3) });
        let _ = good.or_cached(&cache, "a").await.unwrap();
        let away = |key| {
            let call = billing.degradable("Count", fails(CommonCode::Unavailable));
            told(call.or_cached(&cache, key).or_default(0))
        };
        clock.advance(Duration::from_secs(12));
        let (value, head) = away("a").await;
        assert_eq!(
            (value.unwrap(), head.as_deref()),
            (3, Some("billing.Count;cached;age=12"))
        );
        let (value, head) = away("b").await;
        assert_eq!(
            (value.unwrap(), head.as_deref()),
            (0, Some("billing.Count;default"))
        );
        clock.advance(Duration::from_secs(60));
        assert_eq!(away("a").await.0.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_dependency_is_waited_for_as_long_as_was_said() {
        let (billing, _) = billing();
        let slow = std::future::pending::<Result<u32>>();
        let call = billing
            .degradable("Count", slow)
            .within(Duration::from_millis(200));
        let (value, head) = told(call.or_skip()).await;
        assert_eq!(
            (value.unwrap(), head.as_deref()),
            (None, Some("billing.Count;skipped"))
        );
    }

    #[test]
    fn the_cache_is_bounded_and_gives_up_its_oldest() {
        let cache = LastGood::new(2, Duration::from_secs(60));
        for n in 0..5_u64 {
            cache.put(n, n, Duration::from_secs(n));
        }
        let now = Duration::from_secs(5);
        assert_eq!(cache.get(&4, now).map(|(v, _)| v), Some(4));
        assert_eq!((cache.get(&2, now), cache.lock().len()), (None, 2));
    }
}
