//! A lease, and for how long it is certainly ours.

use std::time::Duration;

use shoal_task::SharedClock;

use super::client::{Client, EtcdError};

/// Counted from the moment at which the last request that extended it was
/// sent: etcd counts from a later one, so its lease ends after ours.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) id: i64,
    ttl: Duration,
    sent: Duration,
    clock: SharedClock,
}

impl Lease {
    pub(crate) async fn grant(
        client: &Client,
        ttl_s: u32,
        clock: &SharedClock,
    ) -> Result<Self, EtcdError> {
        let sent = clock.monotonic();
        let (id, ttl_s) = client.grant(i64::from(ttl_s)).await?;
        Ok(Self {
            id,
            ttl: seconds(ttl_s),
            sent,
            clock: SharedClock::clone(clock),
        })
    }

    /// # Errors
    /// [`EtcdError::NoLease`] when it has ended.
    pub(crate) async fn renew(&mut self, client: &Client) -> Result<(), EtcdError> {
        let sent = self.clock.monotonic();
        self.ttl = seconds(client.keep_alive(self.id).await?);
        self.sent = sent;
        Ok(())
    }

    /// Time until it should be renewed: a third of it, so that two renewals may
    /// fail.
    pub(crate) fn until_renewal(&self) -> Duration {
        self.left_of(self.ttl / 3)
    }

    /// Time for which nobody else can have what it guards. A quarter less than
    /// it lasts, for clocks that do not run alike and for work that does not
    /// stop at once.
    pub(crate) fn safely_left(&self) -> Duration {
        self.left_of(self.ttl / 4 * 3)
    }

    /// Whether it has ended, as far as is known here.
    pub(crate) fn has_ended(&self) -> bool {
        self.left_of(self.ttl).is_zero()
    }

    fn left_of(&self, part: Duration) -> Duration {
        (self.sent + part).saturating_sub(self.clock.monotonic())
    }
}

fn seconds(ttl_s: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl_s).unwrap_or_default())
}
