//! Service accounts, as administrators handle them.

use shoal_error::{Error, Result};
use shoal_store::{Page, PageRequest, id};

use super::App;
use crate::codes::AuthCode;
use crate::domain::opaque::{Kind, Secret};
use crate::domain::role::Role;
use crate::store::service_accounts::{self as accounts, ServiceAccount};

/// Name of the list in cursors.
const LIST: &str = "service-accounts";

impl App {
    /// Makes an account. Its secret is told once.
    ///
    /// # Errors
    /// `auth.service_account_exists`.
    pub(crate) async fn create_service_account(
        &self,
        name: String,
        roles: &[Role],
        by: &str,
    ) -> Result<(ServiceAccount, Secret)> {
        let secret = Secret::generate(Kind::ClientSecret);
        let mut roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        roles.sort_unstable();
        roles.dedup();
        let account = ServiceAccount {
            id: id::new("svc"),
            name,
            roles,
            secret: secret.hash(),
            created_by: by.to_owned(),
            created_at_ms: self.now_ms(),
            disabled_at_ms: None,
        };
        let mut tx = self.store.begin().await?;
        accounts::insert(&mut tx, &account).await?;
        tx.commit().await?;
        tracing::info!(account_id = account.id, by, "service account created");
        Ok((account, secret))
    }

    /// All accounts, oldest first, disabled ones too.
    ///
    /// # Errors
    /// `common.invalid_cursor`, `common.invalid_query`.
    pub(crate) async fn service_accounts(
        &self,
        page: &PageRequest,
    ) -> Result<Page<ServiceAccount>> {
        let (after, limit) = (page.after(LIST)?, page.fetch()?);
        let rows = accounts::list(&mut *self.store.read().await?, &after, limit).await?;
        Page::cut(rows, page, LIST, |account| [account.id.clone()])
    }

    /// Gives an account another secret; the old one works no more.
    ///
    /// # Errors
    /// `auth.service_account_not_found`, also when it is disabled.
    pub(crate) async fn rotate_client_secret(
        &self,
        account_id: &str,
    ) -> Result<(ServiceAccount, Secret)> {
        let secret = Secret::generate(Kind::ClientSecret);
        let mut tx = self.store.begin().await?;
        let hash = secret.hash();
        if !accounts::set_secret(&mut tx, account_id, &hash, self.now_ms()).await? {
            return Err(not_found(account_id));
        }
        let account = accounts::find(&mut tx, account_id).await?;
        let account = account.ok_or_else(|| not_found(account_id))?;
        tx.commit().await?;
        Ok((account, secret))
    }

    /// Disables an account for good. Its tokens fail introspection at once.
    ///
    /// # Errors
    /// `auth.service_account_not_found`, also when it is disabled already.
    pub(crate) async fn disable_service_account(&self, account_id: &str, by: &str) -> Result<()> {
        let mut tx = self.store.begin().await?;
        if !accounts::disable(&mut tx, account_id, self.now_ms()).await? {
            return Err(not_found(account_id));
        }
        tx.commit().await?;
        tracing::info!(account_id, by, "service account disabled");
        Ok(())
    }

    /// Goes on only when the account is not disabled.
    ///
    /// # Errors
    /// `auth.session_ended`.
    pub(crate) async fn require_live_account(&self, account_id: &str) -> Result<()> {
        let found = accounts::find(&mut *self.store.read().await?, account_id).await?;
        if found.is_some_and(|account| account.disabled_at_ms.is_none()) {
            return Ok(());
        }
        Err(Error::new(
            AuthCode::SessionEnded,
            "The service account of this token is disabled.",
        ))
    }
}

fn not_found(account_id: &str) -> Error {
    let message = format!("There is no live service account {account_id:?}.");
    Error::new(AuthCode::ServiceAccountNotFound, message)
}
