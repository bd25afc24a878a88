//! A user's inbox: reading, marking, deleting.

use shoal_error::{CommonCode, Error, Result};
use shoal_store::page::{Page, PageRequest};

use super::App;
use crate::codes::NotificationCode;
use crate::store::inbox::{self, Item};

/// A page of an inbox and where its end is.
#[derive(Debug)]
pub(crate) struct InboxPage {
    pub(crate) page: Page<Item>,
    pub(crate) unread: i64,
    /// A stream opened with this id continues where the listing was made.
    pub(crate) last_position: i64,
}

impl App {
    /// A page of a user's inbox, newest first.
    pub(crate) async fn inbox(
        &self,
        user_id: &str,
        unread_only: bool,
        request: &PageRequest,
    ) -> Result<InboxPage> {
        let list = format!("inbox/{user_id}/{unread_only}");
        let before = match request.after(&list)? {
            first if first.is_empty() => i64::MAX,
            position => position.parse().map_err(|_| {
                Error::new(
                    CommonCode::InvalidCursor,
                    "The cursor does not belong to this list.",
                )
            })?,
        };
        let fetch = request.fetch()?;
        let mut reader = self.inner.store.read().await?;
        // Asked first: an item that comes in between is listed and streamed,
        // never neither.
        let last_position = inbox::last_position(&mut reader, user_id).await?;
        let rows = inbox::list(&mut reader, user_id, unread_only, before, fetch).await?;
        let unread = inbox::unread(&mut reader, user_id).await?;
        let page = Page::cut(rows, request, &list, |item| [item.position.to_string()])?;
        Ok(InboxPage {
            page,
            unread,
            last_position,
        })
    }

    /// How many items a user has not read.
    pub(crate) async fn unread(&self, user_id: &str) -> Result<i64> {
        let mut reader = self.inner.store.read().await?;
        inbox::unread(&mut reader, user_id).await
    }

    /// Marks an item read or unread.
    pub(crate) async fn mark(&self, user_id: &str, id: &str, read: bool) -> Result<Item> {
        let mut tx = self.inner.store.begin().await?;
        let read_at = read.then(|| self.now());
        let item = inbox::mark(&mut tx, user_id, id, read_at).await?;
        let item = item.ok_or_else(|| not_found(id))?;
        tx.commit().await?;
        Ok(item)
    }

    /// Marks everything up to a position read; answers how many items changed.
    pub(crate) async fn mark_all(&self, user_id: &str, up_to: Option<i64>) -> Result<u64> {
        let mut tx = self.inner.store.begin().await?;
        let up_to = up_to.unwrap_or(i64::MAX);
        let changed = inbox::mark_all(&mut tx, user_id, up_to, self.now()).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Deletes an item for good.
    pub(crate) async fn delete_item(&self, user_id: &str, id: &str) -> Result<()> {
        let mut tx = self.inner.store.begin().await?;
        if !inbox::delete(&mut tx, user_id, id).await? {
            return Err(not_found(id));
        }
        tx.commit().await
    }
}

fn not_found(id: &str) -> Error {
    Error::new(
        NotificationCode::InboxItemNotFound,
        format!("There is no inbox item {id:?}."),
    )
}
