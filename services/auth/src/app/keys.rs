//! The signing keys of an instance: loaded from the database, renewed by age or
//! command, shared with whoever signs or verifies.
//!
//! Every instance looks now and then; whichever sees first that a key is due
//! rotates, the others wait for its transaction and find nothing left to do.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::json;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_service::identity::{JwkSet, JwksSource};
use shoal_store::{Store, Tx, id};
use shoal_task::{Scope, SharedClock};

use crate::codes::AuthCode;
use crate::domain::access_token::{Claims, PublicKey, SigningKey};
use crate::domain::sealing::SealingKey;
use crate::domain::signing_key::{self, KeyAction, KeyInfo, KeyPolicy, KeyState};
use crate::store::guards::{self, Guard};
use crate::store::signing_keys::{self as stored, StoredKey};

/// The keys in memory and how to renew them. Clones share them.
#[derive(Clone)]
pub(crate) struct KeyRing(Arc<Inner>);

struct Inner {
    store: Store,
    clock: SharedClock,
    sealing: SealingKey,
    policy: KeyPolicy,
    keys: RwLock<Arc<Keys>>,
}

struct Keys {
    active: Arc<SigningKey>,
    published: HashMap<String, PublicKey>,
    jwks: Arc<str>,
}

impl KeyRing {
    /// Loads the keys, making them when the database has none.
    ///
    /// # Errors
    /// Those of the database; `Internal` when the keys were sealed with another
    /// sealing key.
    pub(crate) async fn open(
        store: Store,
        clock: SharedClock,
        sealing: SealingKey,
        policy: KeyPolicy,
    ) -> Result<Self> {
        let now_ms = clock.now_ms();
        let all = upkeep(&store, &sealing, &policy, now_ms).await?;
        let keys = RwLock::new(Arc::new(Keys::unseal(&all, &sealing, None)?));
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            sealing,
            policy,
            keys,
        })))
    }

    /// Renews what is due and takes over what other instances did.
    ///
    /// # Errors
    /// Those of the database; the keys at hand stay in use.
    pub(crate) async fn reload(&self) -> Result<()> {
        let inner = &self.0;
        let now_ms = inner.clock.now_ms();
        let all = upkeep(&inner.store, &inner.sealing, &inner.policy, now_ms).await?;
        self.adopt(&all)
    }

    /// Replaces the active key by the next one now. Returns the id of the key
    /// that signs from now on.
    ///
    /// # Errors
    /// `auth.rotation_too_early` unless forced, or those of the database.
    pub(crate) async fn rotate(&self, force: bool) -> Result<String> {
        let inner = &self.0;
        let now_ms = inner.clock.now_ms();
        let mut tx = inner.store.begin().await?;
        guards::hold(&mut tx, Guard::SigningKeys, now_ms).await?;
        let infos = infos(&stored::all(&mut tx).await?);
        let actions = signing_key::rotate(&infos, &inner.policy, now_ms, force)
            .map_err(|e| Error::new(AuthCode::RotationTooEarly, e.to_string()))?;
        apply(&mut tx, &inner.sealing, actions, now_ms).await?;
        let all = stored::all(&mut tx).await?;
        tx.commit().await?;
        self.adopt(&all)?;
        Ok(self.current().active.kid().to_owned())
    }

    /// Reloads every `every` until the scope ends.
    pub(crate) async fn keep_fresh(self, every: Duration, scope: Scope) {
        loop {
            tokio::select! {
                () = scope.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.reload().await {
                tracing::warn!(error = error.report(), "signing keys could not be reloaded");
            }
        }
    }

    /// Signs with the active key.
    ///
    /// # Errors
    /// `Internal` when the library refuses.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String> {
        self.current().active.sign(claims).internal()
    }

    /// The published key of that id.
    pub(crate) fn find(&self, kid: &str) -> Option<PublicKey> {
        self.current().published.get(kid).cloned()
    }

    /// The published keys as an RFC 7517 document.
    pub(crate) fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.current().jwks)
    }

    fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn adopt(&self, all: &[StoredKey]) -> Result<()> {
        let before = self.current();
        let keys = Keys::unseal(all, &self.0.sealing, Some(&before.active))?;
        if keys.active.kid() != before.active.kid() {
            tracing::info!(kid = keys.active.kid(), "another key signs from now on");
        }
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

impl JwksSource for KeyRing {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        Box::pin(std::future::ready(
            serde_json::from_str(&self.jwks()).internal(),
        ))
    }
}

impl Keys {
    fn unseal(
        all: &[StoredKey],
        sealing: &SealingKey,
        before: Option<&Arc<SigningKey>>,
    ) -> Result<Self> {
        let active = all.iter().find(|key| key.info.state == KeyState::Active);
        let active = active.ok_or_else(|| Error::internal("there is no active signing key"))?;
        let kid = &active.info.kid;
        let signing = match before {
            Some(before) if before.kid() == kid => Arc::clone(before),
            _ => {
                let seed = sealing.open(kid, &active.sealed_seed).map_err(|e| {
                    Error::internal(format!("the signing key {kid} can't be opened: {e}"))
                })?;
                Arc::new(SigningKey::from_seed(kid.clone(), &seed).internal()?)
            }
        };
        let published = all
            .iter()
            .map(|k| (k.info.kid.clone(), k.public.clone()))
            .collect();
        Ok(Self {
            active: signing,
            published,
            jwks: document(all).into(),
        })
    }
}

fn document(all: &[StoredKey]) -> String {
    let keys: Vec<_> = all
        .iter()
        .map(|key| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": key.info.kid, "x": key.public.as_str(),
            })
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

/// Reads the keys; only when something is due, under the guard.
async fn upkeep(
    store: &Store,
    sealing: &SealingKey,
    policy: &KeyPolicy,
    now_ms: i64,
) -> Result<Vec<StoredKey>> {
    let all = stored::all(&mut *store.read().await?).await?;
    if signing_key::upkeep(&infos(&all), policy, now_ms).is_empty() {
        return Ok(all);
    }
    let mut tx = store.begin().await?;
    guards::hold(&mut tx, Guard::SigningKeys, now_ms).await?;
    let infos = infos(&stored::all(&mut tx).await?);
    let actions = signing_key::upkeep(&infos, policy, now_ms);
    apply(&mut tx, sealing, actions, now_ms).await?;
    let all = stored::all(&mut tx).await?;
    tx.commit().await?;
    Ok(all)
}

async fn apply(
    tx: &mut Tx,
    sealing: &SealingKey,
    actions: Vec<KeyAction>,
    now_ms: i64,
) -> Result<()> {
    for action in actions {
        tracing::info!(?action, "signing keys change");
        match action {
            KeyAction::Create(state) => create(tx, sealing, state, now_ms).await?,
            KeyAction::Retire(kid) => stored::retire(tx, &kid, now_ms).await?,
            KeyAction::Activate(kid) => stored::activate(tx, &kid, now_ms).await?,
            KeyAction::Delete(kid) => stored::delete(tx, &kid).await?,
        }
    }
    Ok(())
}

async fn create(tx: &mut Tx, sealing: &SealingKey, state: KeyState, now_ms: i64) -> Result<()> {
    let key = SigningKey::generate(id::new("key")).internal()?;
    let kid = key.kid().to_owned();
    let sealed_seed = sealing.seal(&kid, key.seed()).internal()?;
    let info = KeyInfo {
        kid,
        state,
        created_at_ms: now_ms,
        activated_at_ms: (state == KeyState::Active).then_some(now_ms),
        retired_at_ms: None,
    };
    stored::insert(
        tx,
        &StoredKey {
            info,
            public: key.public(),
            sealed_seed,
        },
    )
    .await
}

fn infos(all: &[StoredKey]) -> Vec<KeyInfo> {
    all.iter().map(|key| key.info.clone()).collect()
}
