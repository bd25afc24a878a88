//! A consumer's two connections, from connecting to the first error.

use std::time::Duration;

use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamInfoGroupsReply, StreamReadReply};
use shoal_error::Result;

use super::{RESPONSE_TIMEOUT, RedisBus};

/// How long a read waits at the server. Bounds how long a drain waits for it.
const BLOCK: Duration = Duration::from_millis(500);

/// Entries taken over from others in one go.
const CLAIM_BATCH: usize = 64;

/// An entry and the stream that it is in.
pub(crate) type Entry = (String, StreamId);

/// Place of an entry that is not acknowledged yet.
pub(crate) type Held = (String, String);

/// Reads wait at the server and would hold up everything behind them, so
/// everything else has a connection of its own.
pub(crate) struct Session {
    reading: MultiplexedConnection,
    control: MultiplexedConnection,
    bus: RedisBus,
    group: String,
    name: String,
    streams: Vec<String>,
}

impl Session {
    /// Connects and makes sure of the group. A new group begins with what its
    /// streams still hold.
    pub(crate) async fn open(
        bus: &RedisBus,
        group: &str,
        name: &str,
        streams: &[String],
    ) -> Result<Self> {
        let mut control = bus.connect(RESPONSE_TIMEOUT).await?;
        for stream in streams {
            let made: RedisResult<()> = redis::cmd("XGROUP")
                .arg("CREATE")
                .arg(stream)
                .arg(group)
                .arg("0")
                .arg("MKSTREAM")
                .query_async(&mut control)
                .await;
            match made {
                Err(e) if e.code() != Some("BUSYGROUP") => return Err(bus.unavailable(e)),
                _ => {}
            }
        }
        Ok(Self {
            reading: bus.connect(BLOCK + RESPONSE_TIMEOUT).await?,
            control,
            bus: bus.clone(),
            group: group.to_owned(),
            name: name.to_owned(),
            streams: streams.to_vec(),
        })
    }

    /// Waits for new entries; empty after a while without any. The future does
    /// not borrow, because it must not be dropped: what it would have returned
    /// is assigned to us already.
    pub(crate) fn next(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Entry>>> + Send + use<> {
        let mut command = self.read_command(count);
        command.arg("BLOCK").arg(BLOCK.as_millis().to_string());
        self.finish_read(command, ">")
    }

    /// Entries that were assigned to us and are not acknowledged: those of a
    /// connection that broke before it brought them.
    pub(crate) async fn unfinished(&self, count: usize) -> Result<Vec<Entry>> {
        self.finish_read(self.read_command(count), "0").await
    }

    fn read_command(&self, count: usize) -> redis::Cmd {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(&self.group)
            .arg(&self.name)
            .arg("COUNT")
            .arg(count);
        command
    }

    fn finish_read(
        &self,
        mut command: redis::Cmd,
        from: &'static str,
    ) -> impl Future<Output = Result<Vec<Entry>>> + Send + use<> {
        command.arg("STREAMS").arg(&self.streams);
        for _ in &self.streams {
            command.arg(from);
        }
        let (mut connection, bus) = (self.reading.clone(), self.bus.clone());
        async move {
            let reply: Option<StreamReadReply> = command
                .query_async(&mut connection)
                .await
                .map_err(|e| bus.unavailable(e))?;
            let keys = reply.map(|reply| reply.keys).unwrap_or_default();
            let entries = keys.into_iter().flat_map(|stream| {
                let key = stream.key;
                stream
                    .ids
                    .into_iter()
                    .map(move |entry| (key.clone(), entry))
            });
            Ok(entries.collect())
        }
    }

    /// Takes over entries that another consumer has not touched for `idle`.
    pub(crate) async fn take_over(&mut self, idle: Duration) -> Result<Vec<Entry>> {
        let mut taken = Vec::new();
        for stream in &self.streams {
            let reply: StreamAutoClaimReply = redis::cmd("XAUTOCLAIM")
                .arg(stream)
                .arg(&self.group)
                .arg(&self.name)
                .arg(idle.as_millis().to_string())
                .arg("0-0")
                .arg("COUNT")
                .arg(CLAIM_BATCH)
                .query_async(&mut self.control)
                .await
                .map_err(|e| self.bus.unavailable(e))?;
            taken.extend(
                reply
                    .claimed
                    .into_iter()
                    .map(|entry| (stream.clone(), entry)),
            );
        }
        Ok(taken)
    }

    /// Says that we are still at these entries, so that no one takes them.
    pub(crate) async fn keep<'h>(&mut self, held: impl Iterator<Item = &'h Held>) -> Result<()> {
        let mut pipeline = redis::pipe();
        for (stream, id) in held {
            pipeline
                .cmd("XCLAIM")
                .arg(stream)
                .arg(&self.group)
                .arg(&self.name)
                .arg(0)
                .arg(id)
                .arg("JUSTID")
                .ignore();
        }
        self.send(&pipeline).await
    }

    /// Calls entries done.
    pub(crate) async fn acknowledge(&mut self, done: &[Held]) -> Result<()> {
        let mut pipeline = redis::pipe();
        for (stream, id) in done {
            pipeline
                .cmd("XACK")
                .arg(stream)
                .arg(&self.group)
                .arg(id)
                .ignore();
        }
        self.send(&pipeline).await
    }

    /// Leaves the group. Only for a consumer without unfinished entries:
    /// leaving throws them away.
    pub(crate) async fn leave(&mut self) -> Result<()> {
        if !self.unfinished(1).await?.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        for stream in &self.streams {
            let command = pipeline.cmd("XGROUP").arg("DELCONSUMER");
            command
                .arg(stream)
                .arg(&self.group)
                .arg(&self.name)
                .ignore();
        }
        self.send(&pipeline).await
    }

    /// Entries of all streams that the group has not been given yet.
    pub(crate) async fn lag(&mut self) -> Result<usize> {
        let mut lag = 0;
        for stream in &self.streams {
            let reply: StreamInfoGroupsReply = redis::cmd("XINFO")
                .arg("GROUPS")
                .arg(stream)
                .query_async(&mut self.control)
                .await
                .map_err(|e| self.bus.unavailable(e))?;
            let own = reply.groups.into_iter().find(|g| g.name == self.group);
            lag += own.and_then(|g| g.lag).unwrap_or(0);
        }
        Ok(lag)
    }

    async fn send(&mut self, pipeline: &redis::Pipeline) -> Result<()> {
        if pipeline.is_empty() {
            return Ok(());
        }
        pipeline
            .query_async(&mut self.control)
            .await
            .map_err(|e| self.bus.unavailable(e))
    }
}
