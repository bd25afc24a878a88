//! Charging attempts to accounts and addresses; the rules are in
//! [`crate::domain::throttle`].

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use shoal_error::{Error, Result};
use shoal_store::Tx;

use super::{App, Client};
use crate::codes::AuthCode;
use crate::domain::client_address::throttle_group;
use crate::domain::email::Email;
use crate::domain::throttle::{self, Charge, Policy};
use crate::store::throttles;

/// Whom an attempt is charged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    key: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Account,
    Address,
}

impl Subject {
    /// The account of that address, whether or not there is one. Hashed, so
    /// that the table doesn't collect what strangers typed.
    pub(crate) fn account(email: &Email) -> Self {
        let digest = Sha256::digest(email.as_str().as_bytes());
        Self {
            key: format!("account:{}", hex::encode(digest)),
            kind: Kind::Account,
        }
    }

    /// The network that the client is in.
    pub(crate) fn address(client: &Client) -> Self {
        let key = format!("address:{}", throttle_group(client.address));
        Self {
            key,
            kind: Kind::Address,
        }
    }

    fn policy<'a>(&self, app: &'a App) -> &'a Policy {
        match self.kind {
            Kind::Account => &app.config.throttle.account,
            Kind::Address => &app.config.throttle.address,
        }
    }
}

impl App {
    /// Charges one attempt to each subject, or to none when one is locked.
    ///
    /// # Errors
    /// `auth.too_many_attempts` with the time to wait.
    pub(crate) async fn charge(&self, subjects: &[Subject]) -> Result<()> {
        // A look without a lock first: those who hammer must not queue for it.
        self.refuse_locked(subjects).await?;
        let mut tx = self.store.begin().await?;
        let now_ms = self.now_ms();
        for subject in subjects {
            let policy = subject.policy(self);
            let counter = throttles::lock(&mut tx, &subject.key, now_ms).await?;
            match throttle::charge(counter, policy, now_ms) {
                Charge::Locked(left) => return Err(self.too_many(left)),
                Charge::Allowed(counter) => {
                    let forget_at_ms = now_ms.saturating_add(policy.forget_after_ms());
                    throttles::write(&mut tx, &subject.key, &counter, forget_at_ms).await?;
                }
            }
        }
        tx.commit().await
    }

    /// Refuses when one of the subjects is locked; charges nothing.
    ///
    /// # Errors
    /// `auth.too_many_attempts` with the time to wait.
    pub(crate) async fn refuse_locked(&self, subjects: &[Subject]) -> Result<()> {
        let now_ms = self.now_ms();
        let mut conn = self.store.read().await?;
        for subject in subjects {
            let until_ms = throttles::locked_until_ms(&mut conn, &subject.key).await?;
            if until_ms > now_ms {
                let left = until_ms.saturating_sub(now_ms).unsigned_abs();
                return Err(self.too_many(Duration::from_millis(left)));
            }
        }
        Ok(())
    }

    /// Takes back what [`Self::charge`] charged: no verdict was reached. When
    /// that fails too, the attempt stays charged.
    pub(crate) async fn refund(&self, subjects: &[Subject]) {
        if let Err(error) = self.try_refund(subjects).await {
            tracing::warn!(error = error.report(), "an attempt stays charged");
        }
    }

    async fn try_refund(&self, subjects: &[Subject]) -> Result<()> {
        let mut tx = self.store.begin().await?;
        for subject in subjects {
            self.refund_one(&mut tx, subject).await?;
        }
        tx.commit().await
    }

    /// The attempt was right: the account's failures are forgotten. The
    /// address only gets its one attempt back, or an attacker could clear it by
    /// logging in to an account of their own.
    pub(crate) async fn forgive(&self, tx: &mut Tx, subjects: &[Subject]) -> Result<()> {
        for subject in subjects {
            match subject.kind {
                Kind::Account => throttles::clear(tx, &subject.key).await?,
                Kind::Address => self.refund_one(tx, subject).await?,
            }
        }
        Ok(())
    }

    async fn refund_one(&self, tx: &mut Tx, subject: &Subject) -> Result<()> {
        let now_ms = self.now_ms();
        let policy = subject.policy(self);
        let counter = throttles::lock(tx, &subject.key, now_ms).await?;
        let counter = throttle::refund(counter, policy);
        if counter.failures == 0 {
            return throttles::clear(tx, &subject.key).await;
        }
        let forget_at_ms = counter
            .updated_at_ms
            .saturating_add(policy.forget_after_ms());
        throttles::write(tx, &subject.key, &counter, forget_at_ms).await
    }

    fn too_many(&self, left: Duration) -> Error {
        self.metrics.throttled();
        // Whole seconds, rounded up: that is what Retry-After can say.
        let seconds = left.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        let message = format!("Too many attempts; try again in {seconds} s.");
        Error::new(AuthCode::TooManyAttempts, message)
            .with_retry_after(Duration::from_secs(seconds))
    }
}
