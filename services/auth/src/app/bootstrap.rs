//! The first administrator, who can't be appointed by anyone.

use shoal_error::{Error, Result};
use shoal_store::id;

use super::App;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::role::Role;
use crate::events;
use crate::store::users::{self, NewUser};

/// Who grants the first role.
const SYSTEM: &str = "system";

/// What [`App::ensure_admin`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ensured {
    /// A new account, by id.
    Created(String),
    /// An account that was there, by id; its password stays.
    Promoted(String),
    /// Nothing to do.
    WasAdmin(String),
}

impl App {
    /// Makes sure that the account of that address exists and is an
    /// administrator's. The address of a new one counts as proved.
    ///
    /// # Errors
    /// A 400 for a password that breaks the rules, those of the database.
    pub(crate) async fn ensure_admin(&self, email: &Email, password: Password) -> Result<Ensured> {
        let found = users::credentials_by_email(&mut *self.store.read().await?, email).await?;
        if let Some(found) = found {
            let id = found.user.id;
            if found
                .user
                .roles
                .iter()
                .any(|role| role == Role::admin().as_str())
            {
                return Ok(Ensured::WasAdmin(id));
            }
            self.grant_role(&id, &Role::admin(), SYSTEM).await?;
            return Ok(Ensured::Promoted(id));
        }
        password
            .check_new(Some(email))
            .map_err(|e| Error::invalid_field("password", e.to_string()))?;
        let password_hash = self.passwords.hash(password).await?;
        let (now_ms, id) = (self.now_ms(), id::new("usr"));
        let mut tx = self.store.begin().await?;
        let new = NewUser {
            id: &id,
            email,
            display_name: "",
            password_hash: &password_hash,
            email_verified_at_ms: Some(now_ms),
            now_ms,
        };
        users::insert(&mut tx, &new).await?;
        users::grant_role(&mut tx, &id, &Role::admin(), SYSTEM, now_ms).await?;
        if let Some(user) = users::find(&mut tx, &id).await? {
            events::roles_changed(&mut tx, &user, SYSTEM, now_ms).await?;
        }
        tx.commit().await?;
        Ok(Ensured::Created(id))
    }

    /// Does so for the administrator of the settings, if there is one.
    ///
    /// # Errors
    /// Those of [`Self::ensure_admin`].
    pub(crate) async fn bootstrap(&self) -> Result<()> {
        let settings = &self.config.bootstrap;
        let (Ok(email), Some(password)) = (
            Email::parse(&settings.admin_email),
            &settings.admin_password,
        ) else {
            return Ok(());
        };
        let password = Password::typed(password.expose().clone());
        match self.ensure_admin(&email, password).await {
            Ok(ensured) => {
                tracing::info!(?ensured, "the administrator of the settings is there");
                Ok(())
            }
            // Another instance started at the same time and was faster.
            Err(error) if error.is(crate::codes::AuthCode::EmailTaken) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
