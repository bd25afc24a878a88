//! The bus on Redis Streams: `<prefix>:events:<module>` holds what a module
//! publishes, in order; each receiving module is a consumer group.

mod entry;
mod publisher;
mod reader;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use shoal_error::{CommonCode, Error, Result};
use shoal_telemetry::metrics::Dependency;

use crate::BusConfig;
use crate::delivery::Delivery;
pub(crate) use publisher::Publisher;

/// Bound on connecting and on any command that does not wait on purpose.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct RedisBus {
    client: redis::Client,
    prefix: Arc<str>,
    max_len: usize,
    /// Host, port and database, without credentials.
    place: Arc<str>,
    metrics: Arc<Mutex<HashMap<String, Arc<Dependency>>>>,
}

impl RedisBus {
    pub(crate) fn new(config: &BusConfig) -> Result<Self> {
        let client = redis::Client::open(config.redis_url.as_str()).map_err(|e| {
            let message = "The Redis URL cannot be used: write redis://host:port/db.";
            Error::new(CommonCode::InvalidField, message).with_source(e)
        })?;
        let place = client.get_connection_info().addr().to_string();
        Ok(Self {
            client,
            prefix: config.prefix.as_str().into(),
            max_len: config.max_len,
            place: place.into(),
            metrics: Arc::default(),
        })
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        let mut connection = self.connect(RESPONSE_TIMEOUT).await?;
        redis::cmd("PING")
            .query_async::<()>(&mut connection)
            .await
            .map_err(|e| self.unavailable(e))
    }

    /// Starts reading for a group, in its scope.
    pub(crate) fn subscribe(&self, delivery: Arc<Delivery>) {
        let scope = delivery.scope.clone();
        scope.spawn_detached_context("reader", reader::run(self.clone(), delivery));
    }

    /// A connection of its own whose commands may take `patience`.
    async fn connect(&self, patience: Duration) -> Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RESPONSE_TIMEOUT))
            .set_response_timeout(Some(patience));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|e| self.unavailable(e))
    }

    /// Metrics of Redis as `service` sees it.
    fn metrics(&self, service: &str) -> Arc<Dependency> {
        let mut known = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let made = known.entry(service.to_owned());
        Arc::clone(made.or_insert_with(|| Dependency::new(service, "redis")))
    }

    /// The stream that events of this type are in.
    fn stream(&self, kind: &str) -> String {
        let module = kind.split('.').next().unwrap_or(kind);
        format!("{}:events:{module}", self.prefix)
    }

    fn unavailable(&self, error: redis::RedisError) -> Error {
        Error::new(CommonCode::Unavailable, "The event bus cannot be reached.")
            .with_internal(format!("Redis at {}", self.place))
            .with_retry_after(Duration::from_secs(1))
            .with_source(error)
    }
}
