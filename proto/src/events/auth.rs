//! Events that the auth module announces.
//!
//! Some carry a secret that must reach the person by e-mail (a verification
//! token). It is [`SecretString`], so that a log line or a span that prints the
//! event shows `[redacted]`; serialisation gives the value, because the mail
//! needs it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that serialises as itself and debugs as `[redacted]`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretString(pub String);

impl SecretString {
    /// The secret itself: for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Someone registered; the address is not proved yet. Receivers send the
/// verification mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegisteredV1 {
    /// `usr_…`.
    pub user_id: String,
    /// Normalised e-mail address.
    pub email: String,
    /// Name to address the person by; may be empty.
    #[serde(default)]
    pub display_name: String,
    /// Token for `POST /auth/v1/verify-email`; single use.
    pub verification_token: SecretString,
    /// When the token ends, Unix milliseconds.
    pub verification_expires_at_ms: i64,
}

/// A new verification token was asked for; older ones no longer work. Receivers
/// send the verification mail again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerificationRequestedV1 {
    /// `usr_…`.
    pub user_id: String,
    /// Normalised e-mail address.
    pub email: String,
    /// Name to address the person by; may be empty.
    #[serde(default)]
    pub display_name: String,
    /// Token for `POST /auth/v1/verify-email`; single use.
    pub verification_token: SecretString,
    /// When the token ends, Unix milliseconds.
    pub verification_expires_at_ms: i64,
}

/// The person proved that the address is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserVerifiedV1 {
    /// `usr_…`.
    pub user_id: String,
    /// The proved address.
    pub email: String,
    /// Unix milliseconds.
    pub verified_at_ms: i64,
}

/// The password changed; all other sessions ended with it. Receivers tell the
/// person, who may not have done it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PasswordChangedV1 {
    /// `usr_…`.
    pub user_id: String,
    /// Normalised e-mail address.
    pub email: String,
    /// Unix milliseconds.
    pub changed_at_ms: i64,
}

/// Why sessions ended before their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// The person logged out of one session.
    LogOut,
    /// The person logged out everywhere.
    LogOutEverywhere,
    /// The password changed.
    PasswordChanged,
    /// A rotated refresh token was presented again.
    RefreshReuse,
    /// The token was revoked by RFC 7009.
    TokenRevoked,
    /// An administrator suspended the user.
    Suspended,
}

/// Sessions of one user ended before their time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionsRevokedV1 {
    /// `usr_…`.
    pub user_id: String,
    /// The ended sessions, `ses_…`; never empty.
    pub session_ids: Vec<String>,
    /// Why.
    pub reason: RevocationReason,
    /// Unix milliseconds.
    pub revoked_at_ms: i64,
}

/// A refresh token that had been rotated was presented again: it, or its
/// successor, is in foreign hands. The whole session was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefreshReuseDetectedV1 {
    /// `usr_…`.
    pub user_id: String,
    /// Normalised e-mail address.
    pub email: String,
    /// The session whose tokens form the family, `ses_…`.
    pub session_id: String,
    /// Unix milliseconds.
    pub detected_at_ms: i64,
}

/// An administrator changed what a user may do. Access tokens keep the roles
/// they were signed with until they expire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolesChangedV1 {
    /// `usr_…`.
    pub user_id: String,
    /// Roles as of now, sorted.
    pub roles: Vec<String>,
    /// Who did it: a user or service account id, or `system`.
    pub changed_by: String,
    /// Unix milliseconds.
    pub changed_at_ms: i64,
}

super::events! {
    UserRegisteredV1 = "auth.user_registered.v1", user_id;
    VerificationRequestedV1 = "auth.verification_requested.v1", user_id;
    UserVerifiedV1 = "auth.user_verified.v1", user_id;
    PasswordChangedV1 = "auth.password_changed.v1", user_id;
    SessionsRevokedV1 = "auth.sessions_revoked.v1", user_id;
    RefreshReuseDetectedV1 = "auth.refresh_reuse_detected.v1", user_id;
    RolesChangedV1 = "auth.roles_changed.v1", user_id;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn debug_output_hides_the_token_and_json_keeps_it() {
        let event = UserRegisteredV1 {
            user_id: "usr_1".into(),
            email: "ada@example.com".into(),
            display_name: String::new(),
            verification_token: SecretString("s3cret".into()),
            verification_expires_at_ms: 1,
        };
        assert!(!format!("{event:?}").contains("s3cret"));
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["verification_token"], "s3cret");
        assert_eq!(
            serde_json::from_value::<UserRegisteredV1>(json).unwrap(),
            event
        );
    }

    #[test]
    fn unknown_fields_of_a_newer_publisher_are_ignored() {
        let json = serde_json::json!({
            "user_id": "usr_1", "email": "a@b.c", "verified_at_ms": 5, "added_later": true
        });
        assert!(serde_json::from_value::<UserVerifiedV1>(json).is_ok());
    }
}
