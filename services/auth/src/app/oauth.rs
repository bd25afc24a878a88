//! The OAuth side: client credentials (RFC 6749, 4.4), introspection (RFC 7662)
//! and revocation (RFC 7009).

use shoal_error::{CommonCode, Error, Result};
use shoal_proto::events::auth::RevocationReason;

use super::App;
use super::tokens::AccessToken;
use crate::codes::AuthCode;
use crate::domain::access_token::Claims;
use crate::domain::opaque::{Kind, SecretHash};
use crate::domain::role::{ADMIN, INTROSPECT};
use crate::domain::session::{self, Verdict};
use crate::events;
use crate::store::service_accounts::{self as accounts, ServiceAccount};
use crate::store::{revocations, sessions, users};

/// Which of our tokens something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

/// An active token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActiveToken {
    pub(crate) kind: TokenKind,
    pub(crate) subject: String,
    pub(crate) session_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) roles: Vec<String>,
    /// Unix seconds.
    pub(crate) issued_at_s: i64,
    /// Unix seconds.
    pub(crate) expires_at_s: i64,
}

impl App {
    /// The service account that proves itself with its secret.
    ///
    /// # Errors
    /// `auth.oauth_invalid_client`, whatever is wrong.
    pub(crate) async fn authenticate_client(
        &self,
        client_id: &str,
        client_secret: &str,
    ) -> Result<ServiceAccount> {
        let presented = SecretHash::of_presented(Kind::ClientSecret, client_secret);
        let found = accounts::find(&mut *self.store.read().await?, client_id).await?;
        match (found, presented) {
            (Some(account), Some(presented))
                if account.disabled_at_ms.is_none() && account.secret.matches(&presented) =>
            {
                Ok(account)
            }
            _ => {
                let message = "The client is unknown, disabled, or its secret is wrong.";
                Err(Error::new(AuthCode::OauthInvalidClient, message))
            }
        }
    }

    /// A token for a service account, with all its roles or those in `scope`.
    ///
    /// # Errors
    /// `auth.oauth_invalid_scope` for a role that the account has not.
    pub(crate) fn client_credentials(
        &self,
        account: &ServiceAccount,
        scope: Option<&str>,
    ) -> Result<(AccessToken, Vec<String>)> {
        let mut roles: Vec<String> = match scope {
            None => account.roles.clone(),
            Some(scope) => scope.split_ascii_whitespace().map(str::to_owned).collect(),
        };
        roles.sort_unstable();
        roles.dedup();
        if let Some(foreign) = roles.iter().find(|role| !account.roles.contains(role)) {
            let message = format!("The service account has no role {foreign:?}.");
            return Err(Error::new(AuthCode::OauthInvalidScope, message));
        }
        Ok((self.issue_for_service(&account.id, roles.clone())?, roles))
    }

    /// Goes on only when the account may ask about tokens.
    ///
    /// # Errors
    /// `common.permission_denied`.
    pub(crate) fn may_introspect(&self, account: &ServiceAccount) -> Result<()> {
        if account
            .roles
            .iter()
            .any(|role| role == INTROSPECT || role == ADMIN)
        {
            return Ok(());
        }
        let message = format!("This needs the role {INTROSPECT} or {ADMIN}.");
        Err(Error::new(CommonCode::PermissionDenied, message))
    }

    /// What an active token is; nothing for any other text.
    pub(crate) async fn introspect(&self, token: &str) -> Result<Option<ActiveToken>> {
        match SecretHash::of_presented(Kind::Refresh, token) {
            Some(hash) => self.introspect_refresh_token(&hash).await,
            None => match self.check_access_token(token) {
                Ok(claims) => self.introspect_access_token(claims).await,
                Err(_) => Ok(None),
            },
        }
    }

    async fn introspect_access_token(&self, claims: Claims) -> Result<Option<ActiveToken>> {
        let mut conn = self.store.read().await?;
        if revocations::contains(&mut conn, &claims.jti).await? {
            return Ok(None);
        }
        let live = match &claims.sid {
            Some(sid) => sessions::is_live(&mut conn, sid, self.now_ms()).await?,
            None => accounts::find(&mut conn, &claims.sub)
                .await?
                .is_some_and(|account| account.disabled_at_ms.is_none()),
        };
        Ok(live.then_some(ActiveToken {
            kind: TokenKind::Access,
            subject: claims.sub,
            session_id: claims.sid,
            client_id: claims.client_id,
            token_id: Some(claims.jti),
            roles: claims.roles,
            issued_at_s: claims.iat,
            expires_at_s: claims.exp,
        }))
    }

    async fn introspect_refresh_token(&self, hash: &SecretHash) -> Result<Option<ActiveToken>> {
        let mut conn = self.store.read().await?;
        let Some(found) = sessions::look(&mut conn, hash).await? else {
            return Ok(None);
        };
        // Only looked at, not presented: a replaced token is no theft here.
        if session::judge(&found.facts, 0, self.now_ms()) != Verdict::Rotate {
            return Ok(None);
        }
        let user = users::find(&mut conn, &found.user_id).await?;
        Ok(user.map(|user| ActiveToken {
            kind: TokenKind::Refresh,
            subject: user.id,
            session_id: Some(found.session_id),
            client_id: None,
            token_id: None,
            roles: user.roles,
            issued_at_s: found.issued_at_ms.div_euclid(1000),
            expires_at_s: found
                .facts
                .token_expires_at_ms
                .min(found.facts.session_expires_at_ms)
                .div_euclid(1000),
        }))
    }

    /// Revokes a token. Holding a user's token is enough to end its session; a
    /// service account's token only goes by the account itself. Unknown tokens
    /// are fine: what the caller wants is so already.
    ///
    /// # Errors
    /// `auth.oauth_invalid_client` for another client's token.
    pub(crate) async fn revoke_token(
        &self,
        token: &str,
        client: Option<&ServiceAccount>,
    ) -> Result<()> {
        let Some(active) = self.introspect(token).await? else {
            return Ok(());
        };
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        if let Some(session_id) = active.session_id {
            let reason = RevocationReason::TokenRevoked;
            let user_id = &active.subject;
            if sessions::revoke(&mut tx, user_id, &session_id, reason, now_ms).await? {
                let ended = vec![session_id];
                events::sessions_revoked(&mut tx, user_id, ended, reason, now_ms).await?;
            }
        } else if let Some(token_id) = active.token_id {
            if client.is_none_or(|client| client.id != active.subject) {
                let message = "Only the client that a token was given to may revoke it.";
                return Err(Error::new(AuthCode::OauthInvalidClient, message));
            }
            let expires_at_ms = active.expires_at_s.saturating_mul(1000);
            revocations::insert(&mut tx, &token_id, expires_at_ms, now_ms).await?;
        }
        tx.commit().await
    }
}
