//! Issuing access tokens.

use shoal_error::Result;
use shoal_store::id;

use super::App;
use crate::domain::access_token::{self, Claims, NotValid};

/// An access token that was just signed.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) token: String,
    pub(crate) expires_in_s: u32,
}

impl App {
    /// A token of a user's session.
    pub(crate) fn issue_for_session(
        &self,
        user_id: &str,
        session_id: &str,
        roles: Vec<String>,
    ) -> Result<AccessToken> {
        let ttl_s = self.config.tokens.access_ttl_s;
        let claims = Claims {
            sid: Some(session_id.to_owned()),
            ..self.claims(user_id.to_owned(), roles, ttl_s)
        };
        Ok(AccessToken {
            token: self.keys.sign(&claims)?,
            expires_in_s: ttl_s,
        })
    }

    /// A token of a service account.
    pub(crate) fn issue_for_service(
        &self,
        account_id: &str,
        roles: Vec<String>,
    ) -> Result<AccessToken> {
        let ttl_s = self.config.tokens.service_ttl_s;
        let claims = Claims {
            client_id: Some(account_id.to_owned()),
            ..self.claims(account_id.to_owned(), roles, ttl_s)
        };
        Ok(AccessToken {
            token: self.keys.sign(&claims)?,
            expires_in_s: ttl_s,
        })
    }

    /// Checks a token of our own; says nothing about sessions.
    pub(crate) fn check_access_token(&self, token: &str) -> Result<Claims, NotValid> {
        let kid = access_token::key_id(token)?;
        let key = self.keys.find(&kid).ok_or(NotValid)?;
        access_token::verify(token, &key, &self.issuer, &self.audience, self.now_ms())
    }

    fn claims(&self, sub: String, roles: Vec<String>, ttl_s: u32) -> Claims {
        let iat = self.now_ms().div_euclid(1000);
        Claims {
            iss: self.issuer.clone(),
            sub,
            aud: self.audience.clone(),
            exp: iat + i64::from(ttl_s),
            iat,
            jti: id::new("tok"),
            roles,
            sid: None,
            client_id: None,
        }
    }
}
