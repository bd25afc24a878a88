//! Users as administrators and neighbours see them: lists, roles, suspension.

use shoal_error::{Error, Result};
use shoal_proto::events::auth::RevocationReason;
use shoal_store::{Page, PageRequest, Tx};

use super::App;
use crate::codes::AuthCode;
use crate::domain::role::Role;
use crate::domain::user::{Status, User};
use crate::events;
use crate::store::guards::{self, Guard};
use crate::store::{sessions, users};

/// Name of the list in cursors.
const LIST: &str = "users";

impl App {
    /// All users, oldest first.
    ///
    /// # Errors
    /// `common.invalid_cursor`, `common.invalid_query`.
    pub(crate) async fn users(&self, page: &PageRequest) -> Result<Page<User>> {
        let (after, limit) = (page.after(LIST)?, page.fetch()?);
        let rows = users::list(&mut *self.store.read().await?, &after, limit).await?;
        Page::cut(rows, page, LIST, |user| [user.id.clone()])
    }

    /// Those of `ids` that exist, sorted, each once.
    pub(crate) async fn users_by_id(&self, ids: &[String]) -> Result<Vec<User>> {
        users::batch(&mut *self.store.read().await?, ids).await
    }

    /// Gives a user a role; nothing happens when they have it.
    ///
    /// # Errors
    /// `auth.user_not_found`.
    pub(crate) async fn grant_role(&self, user_id: &str, role: &Role, by: &str) -> Result<User> {
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        let changed = users::grant_role(&mut tx, user_id, role, by, now_ms).await?;
        let user = self.after_change(&mut tx, user_id).await?;
        if changed {
            events::roles_changed(&mut tx, &user, by, now_ms).await?;
            tracing::info!(user_id, role = role.as_str(), by, "role granted");
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Takes a role from a user; nothing happens when they have it not.
    ///
    /// # Errors
    /// `auth.user_not_found`, `auth.last_admin`.
    pub(crate) async fn revoke_role(&self, user_id: &str, role: &Role, by: &str) -> Result<User> {
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        if role.is_admin() {
            guards::hold(&mut tx, Guard::Admins, now_ms).await?;
        }
        let changed = users::revoke_role(&mut tx, user_id, role).await?;
        let user = self.after_change(&mut tx, user_id).await?;
        if changed {
            if role.is_admin() {
                self.require_an_admin(&mut tx).await?;
            }
            events::roles_changed(&mut tx, &user, by, now_ms).await?;
            tracing::info!(user_id, role = role.as_str(), by, "role taken");
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Suspends a user, which ends their sessions, or lets them in again.
    ///
    /// # Errors
    /// `auth.user_not_found`, `auth.last_admin`.
    pub(crate) async fn set_status(&self, user_id: &str, status: Status, by: &str) -> Result<User> {
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        guards::hold(&mut tx, Guard::Admins, now_ms).await?;
        let changed = users::set_status(&mut tx, user_id, status, now_ms).await?;
        let user = self.after_change(&mut tx, user_id).await?;
        if changed && status == Status::Suspended {
            if user.roles.iter().any(|role| role == Role::admin().as_str()) {
                self.require_an_admin(&mut tx).await?;
            }
            let reason = RevocationReason::Suspended;
            let ended = sessions::revoke_all(&mut tx, user_id, "", reason, now_ms).await?;
            events::sessions_revoked(&mut tx, user_id, ended, reason, now_ms).await?;
        }
        tx.commit().await?;
        tracing::info!(user_id, status = status.as_str(), by, "status set");
        Ok(user)
    }

    async fn after_change(&self, tx: &mut Tx, user_id: &str) -> Result<User> {
        users::find(tx, user_id)
            .await?
            .ok_or_else(|| users::user_not_found(user_id))
    }

    async fn require_an_admin(&self, tx: &mut Tx) -> Result<()> {
        if users::count_active_with_role(tx, &Role::admin()).await? > 0 {
            return Ok(());
        }
        let message = "Nobody would be left who may grant roles.";
        Err(Error::new(AuthCode::LastAdmin, message))
    }
}
