//! The operations behind every interface: endpoints, queueing, redriving.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shoal_context::Context;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_queue::{DeadLetters, Selection, TableQueue, Worker, WorkerConfig};
use shoal_store::page::{Page, PageRequest};
use shoal_store::{Conn, Migrations, Store};
use shoal_task::{Scope, SharedClock};
use shoal_telemetry::propagate;

use crate::codes::WebhookCode;
use crate::config::WebhookConfig;
use crate::delivery::{Delivery, DeliveryDetail, DeliveryState, WebhookEvent};
use crate::endpoint::{
    Endpoint, EndpointPatch, EndpointState, EndpointWithSecret, NewEndpoint, subscribes,
};
use crate::sender::Sender;
use crate::signature::Secret;
use crate::store::deliveries::{self, Filter, NewDelivery};
use crate::store::endpoints;
use crate::worker::OnDisabled;

/// The tables of webhooks, to be merged into the service's own migrations.
#[must_use]
pub fn migrations() -> Migrations {
    shoal_store::migrations!("webhook")
}

/// Webhooks of one service. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) queue: TableQueue,
    pub(crate) clock: SharedClock,
    pub(crate) config: WebhookConfig,
    pub(crate) sender: Sender,
    pub(crate) on_disabled: Option<OnDisabled>,
    event_types: &'static [&'static str],
}

/// Which deliveries to list; `None` matches everything.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those to this owner's endpoints.
    pub owner: Option<String>,
    /// Only those to this endpoint.
    pub endpoint_id: Option<String>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
}

impl Webhooks {
    /// `event_types` are those that a receiver can subscribe to.
    ///
    /// # Errors
    /// When the HTTP client cannot be built (no TLS roots).
    pub fn new(
        store: Store,
        clock: SharedClock,
        config: WebhookConfig,
        event_types: &'static [&'static str],
    ) -> Result<Self> {
        Self::with_hook(store, clock, config, event_types, None)
    }

    /// Like [`Webhooks::new`]; `on_disabled` is told of endpoints that were
    /// switched off after failing for too long.
    ///
    /// # Errors
    /// See [`Webhooks::new`].
    pub fn with_hook(
        store: Store,
        clock: SharedClock,
        config: WebhookConfig,
        event_types: &'static [&'static str],
        on_disabled: Option<OnDisabled>,
    ) -> Result<Self> {
        let sender = Sender::new(&config)?;
        removed_with_endpoint(&store, 0);
        let inner = Inner {
            queue: TableQueue::new(deliveries::QUEUE, store.clone()),
            store,
            clock,
            config,
            sender,
            on_disabled,
            event_types,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Starts the worker; it ends with the scope. Claimed deliveries that a
    /// drain cuts off are tried again after their lease.
    pub fn start(&self, scope: &Scope) {
        let settings = &self.inner.config;
        let config = WorkerConfig {
            name: "webhook-deliveries",
            concurrency: settings.concurrency,
            per_lane: settings.per_endpoint_concurrency,
            poll: Duration::from_millis(settings.poll_interval_ms),
            lease: Duration::from_millis(settings.lease_ms),
            retry: settings.retry(),
        };
        let work = Arc::clone(&self.inner);
        Worker::start(self.inner.queue.clone(), work, config, scope);
    }

    /// Its dead letters, for the service's list.
    #[must_use]
    pub fn dead_letters(&self) -> Arc<dyn DeadLetters> {
        Arc::new(self.inner.queue.clone())
    }

    /// Queues `event` for the owner's active endpoints that subscribe to its
    /// type, in the caller's transaction; answers for how many. Queueing the
    /// same event id again does nothing. The commit wakes the worker.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn enqueue(&self, conn: &mut Conn, owner: &str, event: &WebhookEvent) -> Result<u64> {
        let targets = endpoints::active(conn, owner).await?;
        let wanted = targets
            .iter()
            .filter(|e| subscribes(&e.event_types, &event.kind));
        let mut queued = 0;
        let mut prepared: Option<(String, String)> = None;
        for endpoint in wanted {
            let (payload, context) = match &prepared {
                Some(prepared) => prepared,
                None => {
                    prepared.insert((serde_json::to_string(event).internal()?, context_json()?))
                }
            };
            let new = NewDelivery {
                id: shoal_store::id::new("whd"),
                endpoint_id: &endpoint.id,
                event_id: &event.id,
                event_type: &event.kind,
                payload,
                context,
                now: self.inner.clock.now_ms(),
            };
            queued += u64::from(deliveries::insert(conn, new).await?);
        }
        if queued > 0 {
            self.inner.queue.wake_on_commit(conn);
        }
        Ok(queued)
    }

    /// Registers an endpoint; the answer is the only one that shows its secret.
    ///
    /// # Errors
    /// `common.invalid_field`, [`WebhookCode::UrlTaken`],
    /// [`WebhookCode::TooManyEndpoints`].
    pub async fn create(&self, owner: &str, new: NewEndpoint) -> Result<EndpointWithSecret> {
        new.validate(self.inner.config.policy(), self.inner.event_types)?;
        let secret = Secret::generate()?;
        let now = self.inner.clock.now_ms();
        let endpoint = Endpoint {
            id: shoal_store::id::new("whe"),
            owner: owner.to_owned(),
            url: new.url,
            description: new.description,
            event_types: new.event_types,
            state: EndpointState::Active,
            previous_secret_expires_at_ms: None,
            failing_since_ms: None,
            last_success_at_ms: None,
            created_at_ms: now,
            updated_at_ms: now,
        };
        let mut tx = self.inner.store.begin().await?;
        endpoints::insert(&mut tx, &endpoint, &secret).await?;
        // Counted after the insert, so that two at once see each other at least
        // in one of them; a limit against excess need not be exact to one.
        let count = endpoints::count(&mut tx, owner).await?;
        if count > i64::from(self.inner.config.max_endpoints_per_owner) {
            return Err(too_many(self.inner.config.max_endpoints_per_owner));
        }
        tx.commit().await?;
        Ok(EndpointWithSecret { endpoint, secret })
    }

    /// One endpoint of an owner.
    ///
    /// # Errors
    /// [`WebhookCode::EndpointNotFound`].
    pub async fn get(&self, owner: &str, id: &str) -> Result<Endpoint> {
        let mut reader = self.inner.store.read().await?;
        endpoints::get(&mut reader, owner, id).await
    }

    /// An owner's endpoints, oldest first.
    ///
    /// # Errors
    /// `common.invalid_cursor`.
    pub async fn list(&self, owner: &str, page: &PageRequest) -> Result<Page<Endpoint>> {
        let name = format!("webhooks/{owner}");
        let (after, fetch) = (page.after(&name)?, page.fetch()?);
        let mut reader = self.inner.store.read().await?;
        let rows = endpoints::list(&mut reader, owner, &after, fetch).await?;
        Page::cut(rows, page, &name, |endpoint| [endpoint.id.clone()])
    }

    /// Changes an endpoint. Switching it on ends its series of failures;
    /// switching it off turns what waits for it into dead letters.
    ///
    /// # Errors
    /// `common.invalid_field`, [`WebhookCode::EndpointNotFound`],
    /// [`WebhookCode::UrlTaken`].
    pub async fn update(&self, owner: &str, id: &str, patch: EndpointPatch) -> Result<Endpoint> {
        patch.validate(self.inner.config.policy(), self.inner.event_types)?;
        let now = self.inner.clock.now_ms();
        let mut tx = self.inner.store.begin().await?;
        let mut endpoint = endpoints::get(&mut tx, owner, id).await?;
        endpoint.url = patch.url.unwrap_or(endpoint.url);
        endpoint.description = patch.description.unwrap_or(endpoint.description);
        endpoint.event_types = patch.event_types.unwrap_or(endpoint.event_types);
        match patch.active {
            Some(true) if endpoint.state != EndpointState::Active => {
                endpoint.state = EndpointState::Active;
                endpoint.failing_since_ms = None;
            }
            Some(false) if endpoint.state == EndpointState::Active => {
                endpoint.state = EndpointState::Disabled;
                self.inner.bury_waiting(&mut tx, id).await?;
            }
            _ => {}
        }
        endpoint.updated_at_ms = now;
        endpoints::update(&mut tx, &endpoint).await?;
        tx.commit().await?;
        Ok(endpoint)
    }

    /// Removes an endpoint and all that is known of its deliveries.
    ///
    /// # Errors
    /// [`WebhookCode::EndpointNotFound`].
    pub async fn delete(&self, owner: &str, id: &str) -> Result<()> {
        let mut tx = self.inner.store.begin().await?;
        let dropped = deliveries::waiting(&mut tx, id).await?;
        endpoints::delete(&mut tx, owner, id).await?;
        tx.commit().await?;
        removed_with_endpoint(&self.inner.store, dropped);
        Ok(())
    }

    /// Gives an endpoint a new secret; the one before signs beside it for the
    /// configured overlap, and an even older one no more.
    ///
    /// # Errors
    /// [`WebhookCode::EndpointNotFound`].
    pub async fn rotate_secret(&self, owner: &str, id: &str) -> Result<EndpointWithSecret> {
        let secret = Secret::generate()?;
        let now = self.inner.clock.now_ms();
        let until = now.saturating_add_unsigned(self.inner.config.secret_overlap_ms);
        let mut tx = self.inner.store.begin().await?;
        endpoints::rotate(&mut tx, owner, id, &secret, until, now).await?;
        let endpoint = endpoints::get(&mut tx, owner, id).await?;
        tx.commit().await?;
        Ok(EndpointWithSecret { endpoint, secret })
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// `common.invalid_cursor`.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>> {
        let sql_filter = Filter {
            owner: filter.owner.as_deref().unwrap_or_default(),
            endpoint_id: filter.endpoint_id.as_deref().unwrap_or_default(),
            state: filter.state.map(DeliveryState::as_str).unwrap_or_default(),
        };
        let name = format!("webhook-deliveries/{sql_filter:?}");
        let (before, fetch) = (page.after(&name)?, page.fetch()?);
        let mut reader = self.inner.store.read().await?;
        let rows = deliveries::list(&mut reader, &sql_filter, &before, fetch).await?;
        Page::cut(rows, page, &name, |delivery| [delivery.id.clone()])
    }

    /// One delivery with its attempts; `owner: None` sees everybody's.
    ///
    /// # Errors
    /// [`WebhookCode::DeliveryNotFound`].
    pub async fn delivery(&self, owner: Option<&str>, id: &str) -> Result<DeliveryDetail> {
        let mut reader = self.inner.store.read().await?;
        let delivery = deliveries::get(&mut reader, owner.unwrap_or_default(), id).await?;
        let attempt_log = deliveries::attempts(&mut reader, id).await?;
        Ok(DeliveryDetail {
            delivery,
            attempt_log,
        })
    }

    /// Puts a dead delivery back into the queue.
    ///
    /// # Errors
    /// [`WebhookCode::DeliveryNotFound`], [`WebhookCode::DeliveryNotDead`],
    /// [`WebhookCode::EndpointDisabled`].
    pub async fn redrive(&self, owner: Option<&str>, id: &str) -> Result<Delivery> {
        let owner = owner.unwrap_or_default();
        let mut tx = self.inner.store.begin().await?;
        let before = deliveries::get(&mut tx, owner, id).await?;
        if before.state != DeliveryState::Dead {
            return Err(not_dead(id, before.state.as_str()));
        }
        if deliveries::is_discarded(&mut tx, id).await? {
            return Err(not_dead(id, "discarded"));
        }
        let one = Selection::one(id);
        let moved = self.inner.queue.redrive_in(&mut tx, &one, None).await?;
        if moved.is_empty() {
            return Err(disabled(&before.endpoint_id));
        }
        let after = deliveries::get(&mut tx, owner, id).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Puts every dead delivery of an endpoint back; answers how many.
    ///
    /// # Errors
    /// [`WebhookCode::EndpointNotFound`], [`WebhookCode::EndpointDisabled`].
    pub async fn redrive_all(&self, owner: &str, endpoint_id: &str) -> Result<u64> {
        let mut tx = self.inner.store.begin().await?;
        let endpoint = endpoints::get(&mut tx, owner, endpoint_id).await?;
        if endpoint.state != EndpointState::Active {
            return Err(disabled(endpoint_id));
        }
        let all = Selection::oldest(i64::MAX);
        let of = Some(("endpoint_id", endpoint_id));
        let moved = self.inner.queue.redrive_in(&mut tx, &all, of).await?;
        tx.commit().await?;
        Ok(moved.len() as u64)
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

/// Counts deliveries that will never be made, as their endpoint is removed.
fn removed_with_endpoint(store: &Store, count: u64) {
    let queue = deliveries::QUEUE.queue;
    shoal_queue::dropped(store.service(), queue, "endpoint_removed", count);
}

fn context_json() -> Result<String> {
    let mut map: HashMap<String, String> = Context::current().to_map();
    propagate::inject_map(&mut map);
    serde_json::to_string(&map).internal()
}

fn too_many(limit: u32) -> Error {
    Error::new(
        WebhookCode::TooManyEndpoints,
        format!("You have {limit} endpoints already, which is the limit."),
    )
}

fn not_dead(id: &str, but: &str) -> Error {
    Error::new(
        WebhookCode::DeliveryNotDead,
        format!("Delivery {id} is {but}."),
    )
}

fn disabled(endpoint_id: &str) -> Error {
    Error::new(
        WebhookCode::EndpointDisabled,
        format!("Endpoint {endpoint_id} is switched off, so nothing is sent to it."),
    )
}
