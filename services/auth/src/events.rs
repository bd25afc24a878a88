//! Events that auth records, in the transaction of the change that they tell of.

use shoal_error::Result;
use shoal_proto::events::auth::{
    PasswordChangedV1, RefreshReuseDetectedV1, RevocationReason, RolesChangedV1, SecretString,
    SessionsRevokedV1, UserRegisteredV1, UserVerifiedV1, VerificationRequestedV1,
};
use shoal_store::{Tx, outbox};

use crate::domain::opaque::Secret;
use crate::domain::user::User;

/// A verification token on its way to the mail.
#[derive(Debug)]
pub(crate) struct Verification {
    pub(crate) token: Secret,
    pub(crate) expires_at_ms: i64,
}

/// Someone registered.
pub(crate) async fn user_registered(tx: &mut Tx, user: &User, v: &Verification) -> Result<()> {
    let event = UserRegisteredV1 {
        user_id: user.id.clone(),
        email: user.email.as_str().to_owned(),
        display_name: user.display_name.clone(),
        verification_token: SecretString(v.token.expose().to_owned()),
        verification_expires_at_ms: v.expires_at_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}

/// Someone asked for another verification mail.
pub(crate) async fn verification_requested(
    tx: &mut Tx,
    user: &User,
    v: &Verification,
) -> Result<()> {
    let event = VerificationRequestedV1 {
        user_id: user.id.clone(),
        email: user.email.as_str().to_owned(),
        display_name: user.display_name.clone(),
        verification_token: SecretString(v.token.expose().to_owned()),
        verification_expires_at_ms: v.expires_at_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}

/// An address was proved.
pub(crate) async fn user_verified(tx: &mut Tx, user: &User, now_ms: i64) -> Result<()> {
    let event = UserVerifiedV1 {
        user_id: user.id.clone(),
        email: user.email.as_str().to_owned(),
        verified_at_ms: now_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}

/// A password was changed by its owner.
pub(crate) async fn password_changed(tx: &mut Tx, user: &User, now_ms: i64) -> Result<()> {
    let event = PasswordChangedV1 {
        user_id: user.id.clone(),
        email: user.email.as_str().to_owned(),
        changed_at_ms: now_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}

/// Sessions ended before their time; says nothing when there were none.
pub(crate) async fn sessions_revoked(
    tx: &mut Tx,
    user_id: &str,
    session_ids: Vec<String>,
    reason: RevocationReason,
    now_ms: i64,
) -> Result<()> {
    if session_ids.is_empty() {
        return Ok(());
    }
    let user_id = user_id.to_owned();
    let event = SessionsRevokedV1 {
        user_id,
        session_ids,
        reason,
        revoked_at_ms: now_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}

/// A refresh token came back after it was replaced.
pub(crate) async fn refresh_reuse_detected(
    tx: &mut Tx,
    user: &User,
    session_id: &str,
    now_ms: i64,
) -> Result<()> {
    let event = RefreshReuseDetectedV1 {
        user_id: user.id.clone(),
        email: user.email.as_str().to_owned(),
        session_id: session_id.to_owned(),
        detected_at_ms: now_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}

/// Roles were granted or taken. `user` is as after the change.
pub(crate) async fn roles_changed(
    tx: &mut Tx,
    user: &User,
    changed_by: &str,
    now_ms: i64,
) -> Result<()> {
    let event = RolesChangedV1 {
        user_id: user.id.clone(),
        roles: user.roles.clone(),
        changed_by: changed_by.to_owned(),
        changed_at_ms: now_ms,
    };
    outbox::publish(tx, &event).await.map(drop)
}
