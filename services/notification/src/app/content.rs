//! What a delivery says, and to which address.

use serde_json::Value;
use shoal_error::{Error, Kind};
use shoal_proto::auth::v1::GetUserRequest;
use shoal_rpc::RequestExt as _;
use tonic::Request;

use super::Inner;
use crate::domain::address::EmailAddress;
use crate::domain::channel::Channel;
use crate::domain::locale::Locale;
use crate::domain::template::Rendered;
use crate::store::contacts;
use crate::store::notifications::Notification;
use crate::store::templates::Published;
use shoal_queue::Failure;

/// What an attempt, or a part of it, came to.
pub(super) type Attempted<T> = Result<T, Failure>;

/// What was rendered, and from which version.
pub(super) struct Content {
    pub(super) rendered: Rendered,
    pub(super) version: i64,
}

impl Inner {
    /// Renders a notification for a channel.
    pub(super) fn render(
        &self,
        published: &Published,
        of: &Notification,
        channel: Channel,
    ) -> Attempted<Content> {
        let locale = Locale::parse(&of.locale).unwrap_or_default();
        let text = published.best(channel, &locale).map_err(|e| template(&e))?;
        let data: Value = of
            .data
            .as_deref()
            .and_then(|data| serde_json::from_str(data).ok())
            .unwrap_or_default();
        let rendered = self
            .engine
            .render(&text.source(), &data)
            .map_err(|e| template(&e))?;
        Ok(Content {
            rendered,
            version: text.version,
        })
    }

    /// The user's address: from what events told, else from auth.
    pub(super) async fn address(&self, user_id: &str) -> Attempted<EmailAddress> {
        let known = async {
            let mut reader = self.store.read().await?;
            contacts::email(&mut reader, user_id).await
        };
        match known.await.map_err(|e| passing(&e))? {
            Some(address) => Ok(address),
            None => self.ask_auth(user_id).await,
        }
    }

    async fn ask_auth(&self, user_id: &str) -> Attempted<EmailAddress> {
        let request = Request::new(GetUserRequest {
            user_id: user_id.to_owned(),
        });
        let request = request.hedged();
        let asked = shoal_rpc::call(self.auth.clone().get_user(request)).await;
        let user = match asked.map(|answer| answer.user) {
            Ok(Some(user)) if !user.email.is_empty() => user,
            Ok(_) => return Err(no_address()),
            Err(error) if error.kind() == Kind::NotFound => return Err(no_address()),
            Err(error) => return Err(passing(&error)),
        };
        let kept = async {
            let mut tx = self.store.begin().await?;
            let name = Some(user.display_name.as_str());
            contacts::learn(&mut tx, user_id, &user.email, name, user.updated_at_ms).await?;
            tx.commit().await
        };
        kept.await.map_err(|e| passing(&e))?;
        Ok(EmailAddress::new(user.email))
    }
}

/// A failure of something that we depend on.
pub(super) fn passing(error: &Error) -> Failure {
    Failure::passing(error.to_string())
}

fn no_address() -> Failure {
    Failure::lasting("no_address", "auth knows no address of the user")
}

fn template(error: &Error) -> Failure {
    Failure::lasting("template", error.message())
}
