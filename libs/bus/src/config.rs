//! Settings of bus, relay and consumers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which bus a process uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BusConfig {
    /// `redis://[user:password@]host[:port][/db]`, or empty for the bus within
    /// the process.
    pub redis_url: String,
    /// First part of the streams' names, so that platforms can share a server.
    pub prefix: String,
    /// Entries that a stream keeps at most, about.
    pub max_len: usize,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            redis_url: String::new(),
            prefix: "shoal".into(),
            max_len: 1_000_000,
        }
    }
}

/// How a relay works.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Events in flight at most.
    pub max_in_flight: usize,
    /// How often to look when no commit woke the relay.
    pub poll: Duration,
    /// How long a claimed event is kept from other relays; renewed as needed.
    pub lease: Duration,
    /// How long sent events are kept, to be sent again should the bus lose them.
    pub keep_sent: Duration,
    /// How long a consumer remembers an event, and a dead letter that is done;
    /// must exceed `keep_sent`.
    pub keep_received: Duration,
    /// How often old rows are deleted.
    pub purge_every: Duration,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 256,
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            keep_sent: Duration::from_secs(24 * 3600),
            keep_received: Duration::from_secs(7 * 24 * 3600),
            purge_every: Duration::from_secs(60),
        }
    }
}

/// How a consumer works.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Handlers that run at the same time at most.
    pub concurrency: usize,
    /// Events read but not dealt with at most.
    pub max_in_flight: usize,
    /// Attempts before an event is parked.
    pub max_attempts: u32,
    /// Pause after the first failed attempt; doubles with each further one.
    pub first_pause: Duration,
    /// Longest pause.
    pub max_pause: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How often to look for redriven events when nothing woke the consumer.
    pub redrive_poll: Duration,
    /// Redis: an event that a consumer took and has not touched for this long is
    /// taken from it.
    pub claim_idle: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            max_in_flight: 256,
            max_attempts: 8,
            first_pause: Duration::from_millis(100),
            max_pause: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(30),
            redrive_poll: Duration::from_secs(5),
            claim_idle: Duration::from_secs(60),
        }
    }
}
