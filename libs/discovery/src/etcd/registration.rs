//! One service's own record: written under a lease, kept alive, written again
//! when the lease was lost, and taken away at the end.

use std::time::Duration;

use shoal_resilience::Backoff;
use shoal_task::{Scope, SharedClock};
use tokio::sync::watch;
use tokio::time::timeout;

use super::client::{Client, EtcdError};
use super::lease::Lease;
use super::{metrics, record};
use crate::{Instance, InstanceState};

/// Longest that the last farewell may take when the owner did not say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// When there is nothing to keep alive.
const IDLE: Duration = Duration::from_secs(3_600);

/// A service's place in the registry. Without a registry all of it does
/// nothing. Dropping it takes the record away.
#[derive(Debug, Default)]
pub struct Registration(Option<Desk>);

#[derive(Debug)]
struct Desk {
    wanted: watch::Sender<Wanted>,
    /// The last version that stands in the registry.
    written: watch::Receiver<u64>,
}

/// What should stand in the registry.
#[derive(Clone, Debug, Default)]
struct Wanted {
    version: u64,
    record: Option<Instance>,
    /// Draining or gone: not to be announced any more.
    ends: bool,
}

impl Registration {
    pub(crate) fn start(
        service: &str,
        prefix: String,
        client: Client,
        lease_s: u32,
        clock: &SharedClock,
        scope: &Scope,
    ) -> Self {
        let (wanted, wanted_seen) = watch::channel(Wanted::default());
        let (written_tell, written) = watch::channel(0);
        let writer = Writer {
            service: service.to_owned(),
            prefix,
            client,
            lease_s,
            clock: SharedClock::clone(clock),
            scope: scope.clone(),
            wanted: wanted_seen,
            written: written_tell,
            lease: None,
            on_lease: None,
            backoff: super::backoff(),
        };
        drop(scope.spawn_detached_context("register", writer.run()));
        Self(Some(Desk { wanted, written }))
    }

    /// Writes the record, now and again whenever it is lost. Returns at once.
    pub fn announce(&self, instance: Instance) {
        self.announcement().announce(instance);
    }

    /// For a task that announces later, when this may have drained already.
    pub fn announcement(&self) -> Announcement {
        Announcement(self.0.as_ref().map(|desk| desk.wanted.clone()))
    }

    /// Writes the draining state, and waits until it stands in the registry.
    /// Callers take the instance out of their choice as soon as they hear of
    /// it. Whether that was done within `bound`; true when nothing was
    /// announced.
    pub async fn drain(&self, bound: Duration) -> bool {
        let record = self.0.as_ref().and_then(|desk| {
            let record = desk.wanted.borrow().record.clone();
            record.map(|instance| Instance {
                state: InstanceState::Draining,
                ..instance
            })
        });
        match record {
            Some(draining) => {
                self.end(Some(draining));
                self.written(bound).await
            }
            None => {
                // Nothing to drain, and nothing to come.
                self.end(None);
                true
            }
        }
    }

    /// Takes the record away. Whether that was done within `bound`; if not, it
    /// ends with its lease.
    pub async fn deregister(&self, bound: Duration) -> bool {
        self.end(None);
        self.written(bound).await
    }

    /// Waits for the first record to stand in the registry; true without one.
    pub async fn announced(&self, bound: Duration) -> bool {
        self.reached(1, bound).await
    }

    /// Waits until what was last asked for stands in the registry.
    pub async fn written(&self, bound: Duration) -> bool {
        let version = self.0.as_ref().map(|desk| desk.wanted.borrow().version);
        self.reached(version.unwrap_or_default(), bound).await
    }

    async fn reached(&self, version: u64, bound: Duration) -> bool {
        let Some(desk) = &self.0 else {
            return true;
        };
        let mut written = desk.written.clone();
        let reached = timeout(bound, written.wait_for(|done| *done >= version)).await;
        reached.is_ok_and(|done| done.is_ok())
    }

    fn end(&self, record: Option<Instance>) {
        if let Some(desk) = &self.0 {
            desk.wanted.send_modify(|wanted| {
                wanted.version += 1;
                wanted.record = record;
                wanted.ends = true;
            });
        }
    }
}

/// See [`Registration::announcement`].
#[derive(Clone, Debug)]
pub struct Announcement(Option<watch::Sender<Wanted>>);

impl Announcement {
    /// Writes the record, unless the registration has begun to end.
    pub fn announce(&self, instance: Instance) {
        let Some(wanted) = &self.0 else {
            return;
        };
        wanted.send_if_modified(|wanted| {
            if !wanted.ends {
                wanted.version += 1;
                wanted.record = Some(instance);
            }
            !wanted.ends
        });
    }
}

struct Writer {
    service: String,
    prefix: String,
    client: Client,
    lease_s: u32,
    clock: SharedClock,
    scope: Scope,
    wanted: watch::Receiver<Wanted>,
    written: watch::Sender<u64>,
    lease: Option<Lease>,
    /// The version that the lease carries.
    on_lease: Option<u64>,
    backoff: Backoff,
}

impl Writer {
    async fn run(mut self) {
        let scope = self.scope.clone();
        loop {
            let outcome = tokio::select! {
                () = scope.cancelled() => break,
                outcome = self.bring_up_to_date() => outcome,
            };
            let pause = match outcome {
                Ok(pause) => {
                    self.backoff.succeeded();
                    pause
                }
                Err(error) => self.failed(&error),
            };
            tokio::select! {
                () = scope.cancelled() => break,
                changed = self.wanted.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(pause) => {}
            }
        }
        // Not left to the lease: callers would go on trying a closed port.
        let _ = timeout(FAREWELL, self.take_away()).await;
    }

    /// Makes the registry say what is wanted. The time until it has to be seen
    /// to again.
    async fn bring_up_to_date(&mut self) -> Result<Duration, EtcdError> {
        let wanted = self.wanted.borrow_and_update().clone();
        let Some(instance) = &wanted.record else {
            self.take_away().await?;
            self.written.send_replace(wanted.version);
            return Ok(IDLE);
        };
        let lease = self.live_lease().await?;
        if self.on_lease != Some(wanted.version) {
            let key = format!("{}{}", self.prefix, instance.id);
            let value = record::write(instance);
            let put = self.client.put(&key, value, lease.id).await;
            if matches!(put, Err(EtcdError::NoLease)) {
                self.lost();
            }
            put?;
            self.on_lease = Some(wanted.version);
            metrics::registered(&self.service, true);
            tracing::info!(id = instance.id, state = ?instance.state, "registered");
        }
        self.written.send_replace(wanted.version);
        Ok(lease.until_renewal())
    }

    /// The lease, renewed when that is due, or a new one.
    async fn live_lease(&mut self) -> Result<Lease, EtcdError> {
        if let Some(lease) = &mut self.lease {
            if !lease.until_renewal().is_zero() {
                return Ok(lease.clone());
            }
            match lease.renew(&self.client).await {
                Ok(()) => return Ok(lease.clone()),
                Err(EtcdError::NoLease) => self.lost(),
                Err(error) => return Err(error),
            }
        }
        let lease = Lease::grant(&self.client, self.lease_s, &self.clock).await?;
        metrics::granted(&self.service);
        self.lease = Some(lease.clone());
        Ok(lease)
    }

    /// Ends the lease, and the record with it.
    async fn take_away(&mut self) -> Result<(), EtcdError> {
        if let Some(lease) = &self.lease {
            match self.client.revoke(lease.id).await {
                Ok(()) | Err(EtcdError::NoLease) => {}
                Err(error) => return Err(error),
            }
            tracing::info!("deregistered");
        }
        self.lease = None;
        self.on_lease = None;
        metrics::registered(&self.service, false);
        Ok(())
    }

    /// The lease has ended behind our back: etcd lost its data, or one of the
    /// two stood still for longer than it.
    fn lost(&mut self) {
        tracing::warn!("the registry has lost the service's lease; it registers again");
        self.lease = None;
        self.on_lease = None;
        metrics::registered(&self.service, false);
    }

    fn failed(&mut self, error: &EtcdError) -> Duration {
        if self.lease.as_ref().is_none_or(Lease::has_ended) {
            metrics::registered(&self.service, false);
        }
        let pause = self.backoff.failed();
        if self.backoff.failures() == 2 {
            tracing::warn!(%error, "the registry does not take the service's record; trying on");
        } else {
            tracing::debug!(%error, "the registry did not take the service's record");
        }
        pause
    }
}
