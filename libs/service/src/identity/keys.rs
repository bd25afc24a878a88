//! The cached keys of an issuer.
//!
//! A key set is fetched on first use, again when it has grown old, and when a
//! token names a key that is not in it (the issuer has rotated), the latter at
//! most once per `min_refresh`, so that forged key ids cannot make us flood the
//! issuer. While the issuer is away, the keys at hand stay good.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use shoal_error::{CommonCode, Error, Result};
use shoal_task::SharedClock;
use tokio::sync::Mutex;

use super::jwks::JwksSource;

pub(super) struct KeyCache {
    source: Arc<dyn JwksSource>,
    clock: SharedClock,
    refresh: Duration,
    min_refresh: Duration,
    keys: RwLock<Option<Arc<KeySet>>>,
    /// Held while a fetch runs, so that one serves all who wait.
    attempt: Mutex<Attempt>,
}

/// When keys were last asked for, and when that last failed.
#[derive(Default)]
struct Attempt {
    made: Option<Duration>,
    failed: Option<Duration>,
}

/// How long nobody waits for an issuer that was just found to be away.
const AWAY: Duration = Duration::from_millis(250);

struct KeySet {
    by_id: HashMap<String, Arc<DecodingKey>>,
    fetched: Duration,
}

impl KeyCache {
    pub(super) fn new(
        source: Arc<dyn JwksSource>,
        clock: SharedClock,
        refresh: Duration,
        min_refresh: Duration,
    ) -> Self {
        let (keys, attempt) = (RwLock::new(None), Mutex::default());
        Self {
            source,
            clock,
            refresh,
            min_refresh,
            keys,
            attempt,
        }
    }

    /// The key of that id; `None` when the issuer has no such key.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>> {
        if let Some(set) = self.current()
            && let Some(key) = set.by_id.get(kid)
        {
            let age = self.clock.monotonic().saturating_sub(set.fetched);
            if age < self.refresh {
                return Ok(Some(Arc::clone(key)));
            }
            // Old keys are good while the issuer is away.
            let kept = Arc::clone(key);
            return match self.fetch(set.fetched).await {
                Ok(()) => Ok(self.known(kid)),
                Err(error) => {
                    tracing::warn!(error = error.report(), "keys could not be renewed");
                    Ok(Some(kept))
                }
            };
        }
        let seen = self.current().map(|set| set.fetched);
        match seen {
            None => self.fetch_first().await?,
            Some(fetched) => self.fetch(fetched).await?,
        }
        Ok(self.known(kid))
    }

    fn known(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.current().and_then(|set| set.by_id.get(kid).cloned())
    }

    fn current(&self) -> Option<Arc<KeySet>> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn fetch_first(&self) -> Result<()> {
        let mut attempt = self.attempt.lock().await;
        if self.current().is_some() {
            return Ok(());
        }
        let now = self.clock.monotonic();
        if attempt
            .failed
            .is_some_and(|at| now.saturating_sub(at) < AWAY)
        {
            return Err(Error::new(
                CommonCode::Unavailable,
                "Tokens cannot be checked at the moment.",
            )
            .with_retry_after(Duration::from_secs(1)));
        }
        self.replace(&mut attempt).await
    }

    /// Fetches unless somebody did since `seen`, or an attempt was made just
    /// now.
    async fn fetch(&self, seen: Duration) -> Result<()> {
        let mut attempt = self.attempt.lock().await;
        let newer = self.current().is_some_and(|set| set.fetched > seen);
        let now = self.clock.monotonic();
        let too_soon = attempt
            .made
            .is_some_and(|last| now.saturating_sub(last) < self.min_refresh);
        if newer || too_soon {
            return Ok(());
        }
        self.replace(&mut attempt).await
    }

    async fn replace(&self, attempt: &mut Attempt) -> Result<()> {
        let now = self.clock.monotonic();
        attempt.made = Some(now);
        let fetched = self.source.fetch().await;
        attempt.failed = fetched.is_err().then(|| self.clock.monotonic());
        let set = fetched?;
        let keys = KeySet {
            by_id: usable(&set),
            fetched: now,
        };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
        Ok(())
    }
}

/// Keys of other kinds are skipped: an issuer may publish some for others.
fn usable(set: &JwkSet) -> HashMap<String, Arc<DecodingKey>> {
    let ed25519 = |jwk: &&Jwk| match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    set.keys
        .iter()
        .filter(ed25519)
        .filter_map(|jwk| {
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some((jwk.common.key_id.clone()?, Arc::new(key)))
        })
        .collect()
}
