//! What auth does, one file per subject: the flows that join the rules of
//! [`crate::domain`] with the SQL of [`crate::store`]. HTTP and gRPC both call
//! these and add nothing.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod bootstrap;
pub(crate) mod cleanup;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod oauth;
pub(crate) mod passwords;
pub(crate) mod service_accounts;
pub(crate) mod sessions;
#[cfg(test)]
mod tests;
pub(crate) mod throttle;
pub(crate) mod tokens;
pub(crate) mod verification;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use shoal_error::{Result, ResultExt as _};
use shoal_store::Store;
use shoal_task::{Scope, SharedClock};

use self::keys::KeyRing;
use self::metrics::AuthMetrics;
use self::passwords::Passwords;
use self::verification::ResendQueue;
use crate::config::AuthConfig;

/// What all flows share. Clones are cheap.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What [`App`] shares; only the crate sees inside.
#[doc(hidden)]
pub struct Inner {
    pub(crate) config: Arc<AuthConfig>,
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) passwords: Passwords,
    pub(crate) keys: KeyRing,
    pub(crate) metrics: AuthMetrics,
    /// Networks of proxies whose `x-forwarded-for` is believed.
    pub(crate) trusted: Vec<IpNet>,
    /// `iss` of our tokens.
    pub(crate) issuer: String,
    /// `aud` of our tokens.
    pub(crate) audience: String,
    resends: ResendQueue,
}

/// Who is at the other end, for throttling and for the list of sessions.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
}

/// What [`App::new`] needs besides the settings.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) keys: KeyRing,
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

impl App {
    /// Puts the flows together and starts their worker in `scope`.
    ///
    /// # Errors
    /// `Internal` when the settings of the password hash can't be used.
    pub(crate) async fn new(config: Arc<AuthConfig>, parts: Parts, scope: &Scope) -> Result<Self> {
        let passwords = Passwords::new(&config.password_hash, AuthMetrics::password_hashes()).await;
        let passwords = passwords.internal()?;
        let (resends, worker) = verification::queue();
        let Parts {
            store,
            clock,
            keys,
            issuer,
            audience,
        } = parts;
        let metrics = AuthMetrics::new();
        let trusted = config.throttle.trusted();
        let app = Self(Arc::new(Inner {
            config,
            store,
            clock,
            passwords,
            keys,
            metrics,
            trusted,
            issuer,
            audience,
            resends,
        }));
        let (sender, scope_of_worker) = (app.clone(), scope.clone());
        scope.spawn_detached_context("verification-mails", async move {
            worker.run(sender, scope_of_worker).await;
        });
        Ok(app)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
