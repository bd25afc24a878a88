//! What a verified token says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, Result};

/// Claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// User or service account, e.g. `usr_01jd…`.
    pub sub: String,
    /// For whom the token was issued.
    pub aud: Audience,
    /// End of validity, seconds since the Unix epoch.
    pub exp: i64,
    /// Time of issue, seconds since the Unix epoch.
    pub iat: i64,
    /// Start of validity, seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Id of this token.
    pub jti: String,
    /// Roles of the subject.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Session (refresh token family) that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// `aud` may be one text or a list (RFC 7519, 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One audience.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// Whether `name` is among the audiences.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|each| each == name),
        }
    }
}

/// The caller, proven by a verified access token. As an extractor it answers
/// 401 when there is none.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Claims>);

impl Identity {
    /// Only for tokens that were verified.
    pub(crate) fn new(claims: Claims) -> Self {
        Self(Arc::new(claims))
    }

    /// Id of the user or service account.
    pub fn user_id(&self) -> &str {
        &self.0.sub
    }

    /// Roles of the caller.
    pub fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// Session that the token belongs to; service accounts have none.
    pub fn session_id(&self) -> Option<&str> {
        self.0.sid.as_deref()
    }

    /// Id of the token.
    pub fn token_id(&self) -> &str {
        &self.0.jti
    }

    /// Everything that the token says.
    pub fn claims(&self) -> &Claims {
        &self.0
    }

    /// Whether the caller has the role.
    pub fn has_role(&self, role: &str) -> bool {
        self.0.roles.iter().any(|each| each == role)
    }

    /// Goes on only when the caller has the role.
    ///
    /// # Errors
    /// `PermissionDenied` that names the role.
    pub fn require_role(&self, role: &str) -> Result<()> {
        self.require_any_role(&[role])
    }

    /// Goes on only when the caller has one of the roles.
    ///
    /// # Errors
    /// `PermissionDenied` that names the roles.
    pub fn require_any_role(&self, roles: &[&str]) -> Result<()> {
        if roles.iter().any(|role| self.has_role(role)) {
            return Ok(());
        }
        Err(Error::new(
            CommonCode::PermissionDenied,
            format!("This needs the role {}.", roles.join(" or ")),
        ))
    }
}
