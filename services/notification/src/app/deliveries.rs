//! Deliveries as admins see them.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use shoal_error::Result;
use shoal_queue::{DeadLetter, DeadLetters, QueueStats, Selection};
use shoal_store::page::{Page, PageRequest};

use super::{App, Inner};
use crate::domain::channel::Channel;
use crate::domain::delivery::DeliveryState;
use crate::store::deliveries::{self, Attempt, Delivery, Filter};
use crate::store::notifications;

/// Dead deliveries put back in one transaction at most.
const REDRIVE_BATCH: i64 = 1_000;

/// Which deliveries to list; `None` matches everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryFilter {
    pub(crate) state: Option<DeliveryState>,
    pub(crate) channel: Option<Channel>,
    pub(crate) user_id: Option<String>,
}

/// A delivery with its attempts, oldest first.
#[derive(Debug)]
pub(crate) struct DeliveryDetail {
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Attempt>,
}

impl App {
    /// Deliveries, newest first.
    pub(crate) async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        request: &PageRequest,
    ) -> Result<Page<Delivery>> {
        let filter = Filter {
            state: filter.state.map(DeliveryState::as_str).unwrap_or_default(),
            channel: filter.channel.map(Channel::as_str).unwrap_or_default(),
            user_id: filter.user_id.clone().unwrap_or_default(),
        };
        let list = format!("deliveries/{filter:?}");
        let (before, fetch) = (request.after(&list)?, request.fetch()?);
        let mut reader = self.inner.store.read().await?;
        let rows = deliveries::list(&mut reader, &filter, &before, fetch).await?;
        Page::cut(rows, request, &list, |delivery| [delivery.id.clone()])
    }

    /// One delivery with its attempts.
    pub(crate) async fn delivery(&self, id: &str) -> Result<DeliveryDetail> {
        let mut reader = self.inner.store.read().await?;
        let delivery = deliveries::get(&mut reader, id).await?;
        let attempts = deliveries::attempts(&mut reader, id).await?;
        Ok(DeliveryDetail { delivery, attempts })
    }

    /// Puts a dead delivery back with a fresh count of attempts.
    pub(crate) async fn redrive(&self, id: &str) -> Result<Delivery> {
        let mut tx = self.inner.store.begin().await?;
        let one = Selection::one(id);
        let moved = self.inner.queue.redrive_in(&mut tx, &one, None).await?;
        let delivery = deliveries::get(&mut tx, id).await?;
        if moved.is_empty() {
            return Err(deliveries::not_dead(&delivery));
        }
        tx.commit().await?;
        Ok(delivery)
    }

    /// Puts dead deliveries back, oldest first, up to a thousand; answers how
    /// many.
    pub(crate) async fn redrive_dead(
        &self,
        channel: Option<Channel>,
        reason: Option<&str>,
    ) -> Result<u64> {
        let within = channel.map(|channel| ("channel", channel.as_str()));
        let selection = Selection {
            reason: reason.unwrap_or_default().to_owned(),
            ..Selection::oldest(REDRIVE_BATCH)
        };
        let mut tx = self.inner.store.begin().await?;
        let queue = &self.inner.queue;
        let moved = queue.redrive_in(&mut tx, &selection, within).await?;
        tx.commit().await?;
        Ok(moved.len() as u64)
    }
}

/// The queue's dead letters; a discard that comes last erases the content.
pub(super) struct Dead(pub(super) Arc<Inner>);

impl DeadLetters for Dead {
    fn queue(&self) -> &str {
        self.0.queue.queue()
    }

    fn stats(&self) -> BoxFuture<'_, Result<QueueStats>> {
        self.0.queue.stats()
    }

    fn list<'a>(
        &'a self,
        selection: &'a Selection,
        inspect: bool,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>>> {
        self.0.queue.list(selection, inspect)
    }

    fn redrive<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        self.0.queue.redrive(selection, moved)
    }

    fn discard<'a>(
        &'a self,
        selection: &'a Selection,
        moved: &'a mut Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        let change = async {
            let mut tx = self.0.store.begin().await?;
            let gone = self.0.queue.discard_in(&mut tx, selection).await?;
            notifications::erase_of(&mut tx, &gone).await?;
            tx.commit().await?;
            moved.extend(gone);
            Ok(())
        };
        change.boxed()
    }
}
