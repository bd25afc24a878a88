//! Password hashing on a bounded pool, at the same price for every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use shoal_error::{Result, ResultExt as _};
use shoal_task::{BlockingPool, PoolConfig};

use crate::config::HashConfig;
use crate::domain::password::Password;
use crate::domain::password_hash::{HashError, Hasher};

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    pool: BlockingPool,
    hasher: Arc<Hasher>,
    /// Hash of a password that nobody knows, for users that don't exist.
    nobodys: Arc<str>,
    computed: Arc<AtomicU64>,
    metric: Counter,
}

/// Outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// There is a stored hash and it is of this password.
    pub(crate) matches: bool,
    /// The stored hash was made at another cost than the settings ask for.
    pub(crate) outdated: bool,
}

impl Passwords {
    /// A pool of the configured size.
    pub(crate) async fn new(config: &HashConfig, metric: Counter) -> Result<Self, HashError> {
        let hasher = Arc::new(Hasher::new(
            config.memory_kib,
            config.iterations,
            config.lanes,
        )?);
        let workers = match config.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            workers => workers,
        };
        let pool = BlockingPool::new(
            "password-hash",
            PoolConfig {
                workers,
                queue: config.queue,
            },
        );
        let random: [u8; 32] = rand::random();
        let unknowable = Password::typed(hex::encode(random));
        let to_hash = Arc::clone(&hasher);
        let nobodys = pool.run(move || to_hash.hash(&unknowable)).await;
        let nobodys = nobodys.map_err(|_| HashError::Damaged)??.into();
        Ok(Self {
            pool,
            hasher,
            nobodys,
            computed: Arc::default(),
            metric,
        })
    }

    /// Hashes a new password. `Overloaded` when the pool and its queue are full.
    pub(crate) async fn hash(&self, password: Password) -> Result<String> {
        let hasher = Arc::clone(&self.hasher);
        let (computed, metric) = (Arc::clone(&self.computed), self.metric.clone());
        let work = move || {
            count(&computed, &metric);
            hasher.hash(&password)
        };
        self.pool.run(work).await?.internal()
    }

    /// Compares a typed password with the stored hash. Without one it does the
    /// same work on nobody's, so that the time tells nothing about who exists.
    pub(crate) async fn verify(
        &self,
        password: Password,
        stored: Option<&str>,
    ) -> Result<Verified> {
        let exists = stored.is_some();
        let stored: Arc<str> = stored.map_or_else(|| Arc::clone(&self.nobodys), Arc::from);
        let hasher = Arc::clone(&self.hasher);
        let (computed, metric) = (Arc::clone(&self.computed), self.metric.clone());
        let work = move || {
            count(&computed, &metric);
            let matches = hasher.verify(&password, &stored)?;
            Ok::<_, HashError>((matches, hasher.is_outdated(&stored)))
        };
        let (matches, outdated) = self.pool.run(work).await?.internal()?;
        Ok(Verified {
            matches: matches && exists,
            outdated: outdated && exists,
        })
    }

    /// Computations so far: what a log-in costs.
    #[cfg(test)]
    pub(crate) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }
}

fn count(computed: &AtomicU64, metric: &Counter) {
    computed.fetch_add(1, Ordering::Relaxed);
    metric.inc();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config() -> HashConfig {
        HashConfig {
            memory_kib: 64,
            iterations: 1,
            lanes: 1,
            workers: 1,
            queue: 0,
        }
    }

    fn password(text: &str) -> Password {
        Password::typed(text.to_owned())
    }

    #[tokio::test]
    async fn a_missing_hash_costs_one_computation_and_never_matches() {
        let passwords = Passwords::new(&config(), Counter::default()).await.unwrap();
        let stored = passwords.hash(password("right")).await.unwrap();
        let before = passwords.computed();
        let right = passwords
            .verify(password("right"), Some(&stored))
            .await
            .unwrap();
        let wrong = passwords
            .verify(password("wrong"), Some(&stored))
            .await
            .unwrap();
        let nobody = passwords.verify(password("right"), None).await.unwrap();
        assert_eq!(passwords.computed() - before, 3);
        assert!(right.matches && !wrong.matches && !nobody.matches);
    }

    #[tokio::test]
    async fn a_full_pool_refuses_and_says_when_to_try_again() {
        let slow = HashConfig {
            memory_kib: 32 * 1024,
            iterations: 3,
            ..config()
        };
        let passwords = Passwords::new(&slow, Counter::default()).await.unwrap();
        let both = tokio::join!(
            passwords.hash(password("one")),
            passwords.hash(password("two")),
        );
        let errors: Vec<_> = [both.0, both.1]
            .into_iter()
            .filter_map(Result::err)
            .collect();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].retry_after().is_some());
        assert!(errors[0].is_transient());
    }
}
