//! What the service does, whoever asks: HTTP, gRPC and events call the same
//! operations here. They join the rules of `domain` to the rows of `store`.

mod content;
mod dead_events;
mod deliveries;
mod inbox;
mod notify;
mod preferences;
mod seed;
mod settle;
mod streams;
mod templates;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use shoal_error::Result;
use shoal_proto::auth::v1::auth_service_client::AuthServiceClient;
use shoal_queue::{DeadLetters, TableQueue, Worker, WorkerConfig};
use shoal_rpc::Channel;
use shoal_store::Store;
use shoal_task::{Scope, SharedClock};
use shoal_webhook::Webhooks;
use tokio_util::sync::CancellationToken;

use crate::config::NotificationConfig;
use crate::domain::announce::WEBHOOK_TYPES;
use crate::domain::template::Engine;
use crate::mail::Mailer;
use crate::store::deliveries as deliveries_store;

pub(crate) use deliveries::{DeliveryDetail, DeliveryFilter};
pub(crate) use notify::{Notice, Sent, WebhookCopy};
pub(crate) use preferences::{PreferenceChange, Preferences};
pub(crate) use streams::{Batch, Follower};
pub(crate) use templates::{NewVersion, TemplateHead, VersionRef};

/// The service's operations. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) config: Arc<NotificationConfig>,
    engine: Engine,
    mailer: Mailer,
    webhooks: Webhooks,
    auth: AuthServiceClient<Channel>,
    streams: Arc<streams::Hub>,
    queue: TableQueue,
}

/// What the operations need.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) config: Arc<NotificationConfig>,
    pub(crate) auth: Channel,
    pub(crate) draining: CancellationToken,
}

impl App {
    /// Makes the operations and seeds the built-in templates.
    ///
    /// # Errors
    /// When the mail folder, the TLS roots or the database can't be used.
    pub(crate) async fn new(parts: Parts, data_dir: &Path) -> Result<Self> {
        let webhooks = Webhooks::with_hook(
            parts.store.clone(),
            Arc::clone(&parts.clock),
            parts.config.webhook.clone(),
            WEBHOOK_TYPES,
            Some(crate::events::endpoint_disabled()),
        )?;
        let inner = Inner {
            engine: Engine::new(&parts.config.public_url)?,
            mailer: Mailer::new(&parts.config.mail, data_dir).await?,
            webhooks,
            auth: AuthServiceClient::new(parts.auth),
            streams: Arc::new(streams::Hub::new(parts.draining)),
            queue: TableQueue::new(deliveries_store::QUEUE, parts.store.clone()),
            store: parts.store,
            clock: parts.clock,
            config: parts.config,
        };
        let app = Self {
            inner: Arc::new(inner),
        };
        app.seed_templates().await?;
        Ok(app)
    }

    /// Starts the workers; they end with the scope.
    pub(crate) fn start(&self, scope: &Scope) {
        let settings = &self.inner.config.deliveries;
        let config = WorkerConfig {
            name: "deliveries",
            concurrency: settings.concurrency,
            per_lane: usize::MAX,
            poll: Duration::from_millis(settings.poll_interval_ms),
            lease: Duration::from_millis(settings.lease_ms),
            retry: settings.retry(),
        };
        let work = Arc::clone(&self.inner);
        Worker::start(self.inner.queue.clone(), work, config, scope);
        self.inner.webhooks.start(scope);
        self.start_streams(scope);
    }

    /// The webhooks of users.
    pub(crate) fn webhooks(&self) -> &Webhooks {
        &self.inner.webhooks
    }

    /// Wall time, Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// What was given up, for the service's list of dead letters.
    pub(crate) fn dead_letters(&self) -> [Arc<dyn DeadLetters>; 2] {
        let deliveries = Arc::new(deliveries::Dead(Arc::clone(&self.inner)));
        [deliveries, self.inner.webhooks.dead_letters()]
    }
}

impl FromRef<App> for Webhooks {
    fn from_ref(app: &App) -> Self {
        app.inner.webhooks.clone()
    }
}
