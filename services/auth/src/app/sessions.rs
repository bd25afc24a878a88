//! Logging in, staying logged in, logging out.

use shoal_error::{Error, Result};
use shoal_proto::events::auth::RevocationReason;
use shoal_store::{Page, PageRequest, Tx, id};

use super::throttle::Subject;
use super::tokens::AccessToken;
use super::{App, Client};
use crate::codes::AuthCode;
use crate::config::ms;
use crate::domain::email::Email;
use crate::domain::opaque::{Kind, Secret, SecretHash};
use crate::domain::password::Password;
use crate::domain::session::{self, Verdict};
use crate::domain::user::{Status, User};
use crate::events;
use crate::store::sessions::{self, NewSession, PresentedToken, Session};
use crate::store::users::{self, Credentials};

/// Longest user agent that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// A session with fresh tokens.
pub(crate) struct LoggedIn {
    pub(crate) user: User,
    pub(crate) session_id: String,
    pub(crate) access: AccessToken,
    pub(crate) refresh: Secret,
    pub(crate) refresh_expires_in_s: i64,
}

impl App {
    /// Checks a password and opens a session.
    ///
    /// Unknown addresses and wrong passwords get the same answer for the same
    /// work: one charge, one look-up, one Argon2 computation.
    ///
    /// # Errors
    /// `auth.invalid_credentials`, `auth.too_many_attempts`,
    /// `auth.account_suspended`, `auth.email_not_verified`, `Overloaded`.
    pub(crate) async fn log_in(
        &self,
        email: &Email,
        password: Password,
        client: &Client,
    ) -> Result<LoggedIn> {
        let subjects = [Subject::address(client), Subject::account(email)];
        self.charge(&subjects).await?;
        let found = match self.check_password(email, password).await {
            Ok(found) => found,
            Err(error) => {
                self.refund(&subjects).await;
                return Err(error);
            }
        };
        let Some((owner, new_hash)) = found else {
            self.metrics.log_in("wrong");
            let message = "The e-mail address or the password is wrong.";
            return Err(Error::new(AuthCode::InvalidCredentials, message));
        };
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        self.forgive(&mut tx, &subjects).await?;
        if let Err(error) = self.may_log_in(&owner.user) {
            tx.commit().await?;
            self.metrics.log_in("refused");
            return Err(error);
        }
        if let Some(to) = new_hash {
            let from = &owner.password_hash;
            users::replace_password(&mut tx, &owner.user.id, from, &to, now_ms).await?;
        }
        let logged_in = self
            .open_session(&mut tx, owner.user, client, now_ms)
            .await?;
        tx.commit().await?;
        self.metrics.log_in("right");
        tracing::info!(user_id = logged_in.user.id, "logged in");
        Ok(logged_in)
    }

    /// The owner of a right password, with a new hash when the old one was made
    /// at another cost.
    async fn check_password(
        &self,
        email: &Email,
        password: Password,
    ) -> Result<Option<(Credentials, Option<String>)>> {
        let found = users::credentials_by_email(&mut *self.store.read().await?, email).await?;
        let stored = found.as_ref().map(|c| c.password_hash.as_str());
        let verified = self.passwords.verify(password.clone(), stored).await?;
        let Some(owner) = found.filter(|_| verified.matches) else {
            return Ok(None);
        };
        let new_hash = match verified.outdated {
            // Not worth failing a right password for: the next log-in tries again.
            true => self.passwords.hash(password).await.ok(),
            false => None,
        };
        Ok(Some((owner, new_hash)))
    }

    fn may_log_in(&self, user: &User) -> Result<()> {
        if user.status == Status::Suspended {
            return Err(Error::new(
                AuthCode::AccountSuspended,
                "The account is suspended.",
            ));
        }
        if self.config.require_verified_email && user.email_verified_at_ms.is_none() {
            let message = "The e-mail address has to be verified first.";
            return Err(Error::new(AuthCode::EmailNotVerified, message));
        }
        Ok(())
    }

    async fn open_session(
        &self,
        tx: &mut Tx,
        user: User,
        client: &Client,
        now_ms: i64,
    ) -> Result<LoggedIn> {
        let session_id = id::new("ses");
        let expires_at_ms = now_ms.saturating_add(ms(self.config.tokens.session_ttl_s));
        let user_agent: String = client.user_agent.chars().take(MAX_USER_AGENT).collect();
        let new = NewSession {
            id: &session_id,
            user_id: &user.id,
            user_agent: &user_agent,
            address: &client.address.to_string(),
            now_ms,
            expires_at_ms,
        };
        sessions::insert(tx, &new).await?;
        self.next_tokens(tx, user, session_id, expires_at_ms, now_ms)
            .await
    }

    /// Replaces a refresh token by the next of its family.
    ///
    /// # Errors
    /// `auth.refresh_token_invalid`, `auth.refresh_token_expired`;
    /// `auth.refresh_token_reused`, after which the session is over;
    /// `auth.refresh_token_just_used` within the configured grace.
    pub(crate) async fn refresh(&self, token: &str) -> Result<LoggedIn> {
        let invalid = || {
            self.metrics.refresh("invalid");
            Error::new(
                AuthCode::RefreshTokenInvalid,
                "The refresh token is not valid.",
            )
        };
        let hash = SecretHash::of_presented(Kind::Refresh, token).ok_or_else(invalid)?;
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        let presented = sessions::present(&mut tx, &hash, now_ms)
            .await?
            .ok_or_else(invalid)?;
        let grace_ms = i64::from(self.config.tokens.refresh_grace_ms);
        match session::judge(&presented.facts, grace_ms, now_ms) {
            Verdict::Rotate => self.rotate(tx, &hash, presented, now_ms).await,
            Verdict::Revoked => Err(invalid()),
            Verdict::Expired => {
                self.metrics.refresh("expired");
                Err(Error::new(
                    AuthCode::RefreshTokenExpired,
                    "The refresh token has expired.",
                ))
            }
            Verdict::JustRotated => {
                self.metrics.refresh("just_used");
                let message = "Another request has used the refresh token a moment ago.";
                Err(Error::new(AuthCode::RefreshTokenJustUsed, message))
            }
            Verdict::Reused => self.end_family(tx, presented, now_ms).await,
        }
    }

    async fn rotate(
        &self,
        mut tx: Tx,
        hash: &SecretHash,
        presented: PresentedToken,
        now_ms: i64,
    ) -> Result<LoggedIn> {
        sessions::rotate_token(&mut tx, &presented.session_id, hash, now_ms).await?;
        // Roles as of now: a grant takes effect with the next refresh.
        let user = users::find(&mut tx, &presented.user_id).await?;
        let user = user.ok_or_else(|| users::user_not_found(&presented.user_id))?;
        let expires_at_ms = presented.facts.session_expires_at_ms;
        let logged_in = self
            .next_tokens(&mut tx, user, presented.session_id, expires_at_ms, now_ms)
            .await?;
        tx.commit().await?;
        self.metrics.refresh("right");
        Ok(logged_in)
    }

    async fn end_family<T>(&self, mut tx: Tx, presented: PresentedToken, now_ms: i64) -> Result<T> {
        let PresentedToken {
            session_id,
            user_id,
            ..
        } = presented;
        let reason = RevocationReason::RefreshReuse;
        sessions::revoke(&mut tx, &user_id, &session_id, reason, now_ms).await?;
        if let Some(user) = users::find(&mut tx, &user_id).await? {
            events::refresh_reuse_detected(&mut tx, &user, &session_id, now_ms).await?;
        }
        let ended = vec![session_id.clone()];
        events::sessions_revoked(&mut tx, &user_id, ended, reason, now_ms).await?;
        tx.commit().await?;
        self.metrics.refresh("reused");
        tracing::warn!(user_id, session_id, "a replaced refresh token came back");
        let message = "The refresh token was used before; the session has been ended.";
        Err(Error::new(AuthCode::RefreshTokenReused, message))
    }

    async fn next_tokens(
        &self,
        tx: &mut Tx,
        user: User,
        session_id: String,
        session_expires_at_ms: i64,
        now_ms: i64,
    ) -> Result<LoggedIn> {
        let refresh = Secret::generate(Kind::Refresh);
        let ttl_ms = ms(self.config.tokens.refresh_ttl_s);
        let expires_at_ms = session::next_expiry(now_ms, ttl_ms, session_expires_at_ms);
        sessions::insert_token(tx, &session_id, &refresh.hash(), now_ms, expires_at_ms).await?;
        let access = self.issue_for_session(&user.id, &session_id, user.roles.clone())?;
        let refresh_expires_in_s = (expires_at_ms - now_ms) / 1000;
        Ok(LoggedIn {
            user,
            session_id,
            access,
            refresh,
            refresh_expires_in_s,
        })
    }

    /// Ends one of the user's sessions.
    ///
    /// # Errors
    /// `auth.session_not_found` when it is not the user's, or over.
    pub(crate) async fn log_out(&self, user_id: &str, session_id: &str) -> Result<()> {
        let (now_ms, reason) = (self.now_ms(), RevocationReason::LogOut);
        let mut tx = self.store.begin().await?;
        if !sessions::revoke(&mut tx, user_id, session_id, reason, now_ms).await? {
            let message = format!("You have no live session {session_id:?}.");
            return Err(Error::new(AuthCode::SessionNotFound, message));
        }
        let ended = vec![session_id.to_owned()];
        events::sessions_revoked(&mut tx, user_id, ended, reason, now_ms).await?;
        tx.commit().await
    }

    /// Ends all of the user's sessions; how many there were.
    pub(crate) async fn log_out_everywhere(&self, user_id: &str) -> Result<usize> {
        let (now_ms, reason) = (self.now_ms(), RevocationReason::LogOutEverywhere);
        let mut tx = self.store.begin().await?;
        let ended = sessions::revoke_all(&mut tx, user_id, "", reason, now_ms).await?;
        let count = ended.len();
        events::sessions_revoked(&mut tx, user_id, ended, reason, now_ms).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// The user's live sessions, oldest first.
    ///
    /// # Errors
    /// `common.invalid_cursor`.
    pub(crate) async fn sessions(
        &self,
        user_id: &str,
        page: &PageRequest,
    ) -> Result<Page<Session>> {
        let list = format!("sessions/{user_id}");
        let (after, limit) = (page.after(&list)?, page.fetch()?);
        let mut conn = self.store.read().await?;
        let rows = sessions::list_live(&mut conn, user_id, self.now_ms(), &after, limit).await?;
        Page::cut(rows, page, &list, |session| [session.id.clone()])
    }

    /// Goes on only when the session is live and its user may log in. A good
    /// access token alone doesn't say so until it expires.
    ///
    /// # Errors
    /// `auth.session_ended`.
    pub(crate) async fn require_live_session(&self, session_id: &str) -> Result<()> {
        let mut conn = self.store.read().await?;
        if sessions::is_live(&mut conn, session_id, self.now_ms()).await? {
            return Ok(());
        }
        Err(Error::new(
            AuthCode::SessionEnded,
            "The session of this token has ended.",
        ))
    }
}

/// The error of a caller without a session where one is needed.
pub(crate) fn users_only() -> Error {
    Error::new(
        AuthCode::UserOnly,
        "This is for users, not for service accounts.",
    )
}
