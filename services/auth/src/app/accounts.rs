//! Accounts as their owners handle them: registering, changing the password.

use shoal_error::{CommonCode, Error, Result};
use shoal_proto::events::auth::RevocationReason;
use shoal_store::id;

use super::throttle::Subject;
use super::{App, Client};
use crate::codes::AuthCode;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::user::{Status, User};
use crate::events;
use crate::store::sessions;
use crate::store::users::{self, NewUser};

/// A checked wish for an account.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) email: Email,
    pub(crate) password: Password,
    pub(crate) display_name: String,
}

impl App {
    /// Makes an account and announces it, with the token for the verification
    /// mail.
    ///
    /// Unlike a log-in it does tell that an address is taken: the form would be
    /// useless otherwise. Each such answer is charged to the address that asks,
    /// so that lists of addresses can't be tried.
    ///
    /// # Errors
    /// `auth.email_taken`, `auth.too_many_attempts`.
    pub(crate) async fn register(&self, wish: Registration, client: &Client) -> Result<User> {
        let from = [Subject::address(client)];
        self.refuse_locked(&from).await?;
        let password_hash = self.passwords.hash(wish.password).await?;
        let now_ms = self.now_ms();
        let user = User {
            id: id::new("usr"),
            email: wish.email,
            email_verified_at_ms: None,
            display_name: wish.display_name,
            status: Status::Active,
            roles: Vec::new(),
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        };
        match self.insert_user(&user, &password_hash).await {
            Err(error) if error.is(AuthCode::EmailTaken) => {
                self.charge(&from).await?;
                Err(error)
            }
            done => done.map(|()| user),
        }
    }

    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let mut tx = self.store.begin().await?;
        let new = NewUser {
            id: &user.id,
            email: &user.email,
            display_name: &user.display_name,
            password_hash,
            email_verified_at_ms: None,
            now_ms: user.created_at_ms,
        };
        users::insert(&mut tx, &new).await?;
        let verification = self.new_verification(&mut tx, &user.id).await?;
        events::user_registered(&mut tx, user, &verification).await?;
        tx.commit().await
    }

    /// Changes the caller's password and ends all sessions but the caller's.
    ///
    /// # Errors
    /// `auth.wrong_password`, `auth.password_unchanged`, a 400 for a new
    /// password that breaks the rules, `auth.too_many_attempts`.
    pub(crate) async fn change_password(
        &self,
        user_id: &str,
        session_id: &str,
        current: Password,
        new: Password,
        client: &Client,
    ) -> Result<()> {
        let owner = users::credentials(&mut *self.store.read().await?, user_id).await?;
        let owner = owner.ok_or_else(|| users::user_not_found(user_id))?;
        new.check_new(Some(&owner.user.email))
            .map_err(|e| Error::invalid_field("/new_password", e.to_string()))?;
        let subjects = [
            Subject::address(client),
            Subject::account(&owner.user.email),
        ];
        self.charge(&subjects).await?;
        let unchanged = current.expose() == new.expose();
        let verified = match self
            .passwords
            .verify(current, Some(&owner.password_hash))
            .await
        {
            Ok(verified) => verified,
            Err(error) => {
                self.refund(&subjects).await;
                return Err(error);
            }
        };
        if !verified.matches {
            return Err(
                Error::new(AuthCode::WrongPassword, "The current password is wrong.")
                    .with_field("/current_password", "is wrong"),
            );
        }
        if unchanged {
            self.refund(&subjects).await;
            return Err(
                Error::new(AuthCode::PasswordUnchanged, "The passwords are the same.")
                    .with_field("/new_password", "is the current one"),
            );
        }
        let new_hash = self.passwords.hash(new).await?;

        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        let from = &owner.password_hash;
        if !users::replace_password(&mut tx, user_id, from, &new_hash, now_ms).await? {
            let message = "The password was changed by another request meanwhile.";
            return Err(Error::new(CommonCode::Conflict, message));
        }
        let reason = RevocationReason::PasswordChanged;
        let ended = sessions::revoke_all(&mut tx, user_id, session_id, reason, now_ms).await?;
        events::password_changed(&mut tx, &owner.user, now_ms).await?;
        events::sessions_revoked(&mut tx, user_id, ended, reason, now_ms).await?;
        self.forgive(&mut tx, &subjects).await?;
        tx.commit().await
    }

    /// A user by id.
    ///
    /// # Errors
    /// `auth.user_not_found`.
    pub(crate) async fn user(&self, id: &str) -> Result<User> {
        let found = users::find(&mut *self.store.read().await?, id).await?;
        found.ok_or_else(|| users::user_not_found(id))
    }
}
