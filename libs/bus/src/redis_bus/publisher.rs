//! Appending events, and finding out which ones a server has lost.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamInfoStreamReply;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_store::Store;
use shoal_store::outbox::{self, Claimed};
use tokio::time::Instant;

use super::entry::{EVENT, Position};
use super::{RESPONSE_TIMEOUT, RedisBus};
use crate::{BusCode, RelayConfig, metrics, spans};

/// How often a server that never went away is asked for its streams' ends:
/// someone may have deleted one.
const VERIFY_EVERY: Duration = Duration::from_secs(60);

/// A relay's connection. It is not one that reconnects by itself: after each
/// connect the server has to be asked what it still has.
#[derive(Default)]
pub(crate) struct Publisher {
    connection: Option<(MultiplexedConnection, Instant)>,
}

impl RedisBus {
    /// Appends the events in order; hands back where each went.
    ///
    /// # Errors
    /// [`shoal_error::CommonCode::Unavailable`]; then some may have been
    /// appended, and are so again later.
    pub(crate) async fn append(
        &self,
        publisher: &mut Publisher,
        store: &Store,
        config: &RelayConfig,
        rows: &[Claimed],
    ) -> Result<Vec<String>> {
        // Taken out, so that it is gone unless everything went well.
        let known = publisher
            .connection
            .take()
            .filter(|(_, at)| at.elapsed() < VERIFY_EVERY);
        let (mut connection, verified) = match known {
            Some(known) => known,
            None => {
                let mut connection = self.connect(RESPONSE_TIMEOUT).await?;
                let lost = self.resend_lost(&mut connection, store, config).await?;
                if lost > 0 {
                    publisher.connection = Some((connection, Instant::now()));
                    // What was lost is older than these rows and has to go first.
                    let message = "Events that the bus has lost go first.";
                    return Err(Error::new(BusCode::NotTaken, message));
                }
                (connection, Instant::now())
            }
        };
        let refs = self.add(&mut connection, store.service(), rows).await?;
        publisher.connection = Some((connection, verified));
        Ok(refs)
    }

    async fn add(
        &self,
        connection: &mut MultiplexedConnection,
        service: &str,
        rows: &[Claimed],
    ) -> Result<Vec<String>> {
        let mut pipeline = redis::pipe();
        let mut spans = Vec::with_capacity(rows.len());
        let mut streams = Vec::with_capacity(rows.len());
        for row in rows {
            let mut event = row.event.clone();
            spans.push(spans::sending(&mut event, service, "redis"));
            let stream = self.stream(&event.kind);
            pipeline
                .cmd("XADD")
                .arg(&stream)
                .arg("MAXLEN")
                .arg("~")
                .arg(self.max_len)
                .arg("*")
                .arg("id")
                .arg(&event.id)
                .arg("type")
                .arg(&event.kind)
                .arg(EVENT)
                .arg(serde_json::to_string(&event).internal()?);
            streams.push(stream);
        }
        let timer = self.metrics(service);
        let sent = timer
            .start("append")
            .stop_with(pipeline.query_async(connection).await);
        let ids: Vec<String> = sent.map_err(|e| self.unavailable(e))?;
        drop(spans);
        Ok(streams
            .iter()
            .zip(ids)
            .map(|(stream, id)| format!("{stream} {id}"))
            .collect())
    }

    /// A server that was restarted may have forgotten its last second, or
    /// everything. Its streams then end before the last event that we know to
    /// have been there; those behind the end go out again. Consumers that had
    /// them already know them by their ids.
    async fn resend_lost(
        &self,
        connection: &mut MultiplexedConnection,
        store: &Store,
        config: &RelayConfig,
    ) -> Result<usize> {
        let keep = i64::try_from(config.keep_sent.as_millis()).unwrap_or(i64::MAX / 4);
        let since = store.clock().now_ms() - keep;
        let kinds = outbox::kinds_sent_since(store, since).await?;
        let streams: BTreeSet<String> = kinds.iter().map(|kind| self.stream(kind)).collect();
        let mut ends = HashMap::new();
        for stream in streams {
            let end = self.end_of(connection, &stream).await?;
            ends.insert(stream, end);
        }
        let lost = |bus_ref: &str| {
            let Some((stream, id)) = bus_ref.split_once(' ') else {
                return false;
            };
            let end = ends.get(stream).copied();
            end.zip(Position::parse(id))
                .is_some_and(|(end, at)| at > end)
        };
        let count = outbox::resend(store, since, lost).await?;
        if count > 0 {
            metrics::relayed(store.service(), "resent", count);
            tracing::warn!(count, "the bus has lost events; they are sent again");
        }
        Ok(count)
    }

    async fn end_of(
        &self,
        connection: &mut MultiplexedConnection,
        stream: &str,
    ) -> Result<Position> {
        let info: redis::RedisResult<StreamInfoStreamReply> = redis::cmd("XINFO")
            .arg("STREAM")
            .arg(stream)
            .query_async(connection)
            .await;
        match info {
            Ok(info) => Ok(Position::parse(&info.last_generated_id).unwrap_or(Position::START)),
            Err(e) if e.to_string().contains("no such key") => Ok(Position::START),
            Err(e) => Err(self.unavailable(e)),
        }
    }
}
