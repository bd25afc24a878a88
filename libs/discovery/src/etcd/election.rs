//! One leader per role, after the recipe of etcd's `concurrency.Election`:
//! each candidate writes a key under its own lease; the one whose key was made
//! first leads; each other one waits for the deletion of the key before its own,
//! so that the end of a leader wakes one candidate and not all. All reads are
//! linearizable. The fencing token is the revision at which the key was made.
//!
//! A leader steps down before its lease can end ([`Lease::safely_left`]), and
//! only afterwards can the next one be first.

use std::convert::Infallible;
use std::time::Duration;

use shoal_resilience::Backoff;
use shoal_task::{Scope, SharedClock};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::client::{Client, EtcdError, below};
use super::lease::Lease;
use super::metrics;
use super::wire::{
    BY_CREATION, CREATION, Compare, CompareTo, DELETED, DESCENDING, KeyValue, PutRequest,
    RangeRequest, Request, RequestOp, Response, TxnRequest, TxnResponse,
};
use crate::{Leadership, Term};

/// Longest that giving the candidacy back may take.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Election {
    service: String,
    role: String,
    prefix: String,
    client: Client,
    lease_s: u32,
    clock: SharedClock,
    term: watch::Sender<Option<Term>>,
    backoff: Backoff,
}

impl Election {
    pub(crate) fn start(
        service: &str,
        role: &str,
        prefix: String,
        client: Client,
        lease_s: u32,
        clock: &SharedClock,
        scope: &Scope,
    ) -> Leadership {
        let (term, seen) = watch::channel(None);
        let election = Self {
            service: service.to_owned(),
            role: role.to_owned(),
            prefix,
            client,
            lease_s,
            clock: SharedClock::clone(clock),
            term,
            backoff: super::backoff(),
        };
        metrics::leading(service, role, false);
        drop(scope.spawn_detached_context("campaign", election.run(scope.clone())));
        Leadership::new(seen)
    }

    async fn run(mut self, scope: Scope) {
        loop {
            let mut lease = None;
            let ended = tokio::select! {
                () = scope.cancelled() => None,
                ended = self.candidacy(&mut lease) => Some(ended),
            };
            self.step_down();
            // Frees the place for the next in line.
            if let Some(lease) = lease {
                let _ = timeout(FAREWELL, self.client.revoke(lease.id)).await;
            }
            let Some(Err(error)) = ended else {
                return;
            };
            let pause = self.backoff.failed();
            tracing::debug!(role = self.role, %error, "the candidacy ended; standing again");
            tokio::select! {
                () = scope.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// From the lease to its loss.
    async fn candidacy(&mut self, held: &mut Option<Lease>) -> Result<Infallible, EtcdError> {
        let lease = Lease::grant(&self.client, self.lease_s, &self.clock).await?;
        let lease = held.insert(lease);
        // Of one width, so that no key is the beginning of another.
        let key = format!("{}{:016x}", self.prefix, lease.id);
        let creation = self.stand(&key, lease.id).await?;
        self.backoff.succeeded();
        self.wait_for_turn(creation, lease).await?;
        self.lead(&key, creation, lease).await
    }

    /// Writes the candidate's key; the revision at which it was made.
    async fn stand(&self, key: &str, lease: i64) -> Result<i64, EtcdError> {
        let exact = RangeRequest {
            key: key.as_bytes().to_vec(),
            ..RangeRequest::default()
        };
        let put = PutRequest {
            key: key.as_bytes().to_vec(),
            value: self.service.as_bytes().to_vec(),
            lease,
        };
        // A repeat whose first answer was lost finds the key and reads it.
        let answer = self.client.txn(TxnRequest {
            compare: vec![Compare {
                result: 0,
                target: CREATION,
                key: key.as_bytes().to_vec(),
                to: Some(CompareTo::CreateRevision(0)),
            }],
            success: vec![RequestOp {
                request: Some(Request::Put(put)),
            }],
            failure: vec![RequestOp {
                request: Some(Request::Range(exact)),
            }],
        });
        created_at(&answer.await?).ok_or(EtcdError::NoLease)
    }

    /// Returns when no earlier candidate is left.
    async fn wait_for_turn(&self, creation: i64, lease: &mut Lease) -> Result<(), EtcdError> {
        loop {
            let before = RangeRequest {
                limit: 1,
                sort_order: DESCENDING,
                sort_target: BY_CREATION,
                max_create_revision: creation - 1,
                ..below(&self.prefix)
            };
            let answer = self.client.range(before).await?;
            let Some(before) = answer.kvs.first() else {
                return Ok(());
            };
            let read_at = answer.header.as_ref().map_or(0, |header| header.revision);
            self.wait_for_end_of(before, read_at, lease).await?;
        }
    }

    /// Returns when `before` is gone, or when it is time to look again.
    async fn wait_for_end_of(
        &self,
        before: &KeyValue,
        read_at: i64,
        lease: &mut Lease,
    ) -> Result<(), EtcdError> {
        let key = String::from_utf8_lossy(&before.key).into_owned();
        let mut events = self.client.watch(&key, read_at + 1).await?;
        loop {
            let event = tokio::select! {
                () = sleep(lease.until_renewal()) => {
                    self.renew(lease).await?;
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                Ok(answer) if answer.events.iter().any(|event| event.kind == DELETED) => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(role = self.role, %error, "looking again who leads");
                    return Ok(());
                }
            }
        }
    }

    async fn lead(
        &self,
        key: &str,
        creation: i64,
        lease: &mut Lease,
    ) -> Result<Infallible, EtcdError> {
        let safely = lease.safely_left();
        if safely.is_zero() {
            return Err(EtcdError::NoLease);
        }
        tracing::info!(role = self.role, token = creation, "leading");
        metrics::leading(&self.service, &self.role, true);
        self.term.send_replace(Some(Term { token: creation }));
        loop {
            let safely = lease.safely_left();
            let kept = timeout(safely, self.keep(key, creation, lease)).await;
            match kept {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error),
                // Not renewed in time; it may end any moment.
                Err(_) => return Err(EtcdError::NoLease),
            }
        }
    }

    /// Waits until the lease is due, renews it, and makes sure that the key
    /// still stands.
    async fn keep(&self, key: &str, creation: i64, lease: &mut Lease) -> Result<(), EtcdError> {
        sleep(lease.until_renewal()).await;
        self.renew(lease).await?;
        let exact = RangeRequest {
            key: key.as_bytes().to_vec(),
            ..RangeRequest::default()
        };
        match self.client.range(exact).await {
            Ok(answer) if answer.kvs.iter().any(|kv| kv.create_revision == creation) => Ok(()),
            Ok(_) => Err(EtcdError::NoLease),
            // The renewal held; the next one looks again.
            Err(_) => Ok(()),
        }
    }

    /// Tries on as long as the lease lasts.
    async fn renew(&self, lease: &mut Lease) -> Result<(), EtcdError> {
        let mut backoff = super::backoff();
        loop {
            match lease.renew(&self.client).await {
                Ok(()) => return Ok(()),
                Err(EtcdError::NoLease) => return Err(EtcdError::NoLease),
                Err(error) if lease.has_ended() => return Err(error),
                Err(_) => sleep(backoff.failed()).await,
            }
        }
    }

    fn step_down(&self) {
        let led = self.term.send_replace(None);
        if let Some(term) = led {
            metrics::leading(&self.service, &self.role, false);
            tracing::info!(role = self.role, token = term.token, "no longer leading");
        }
    }
}

fn created_at(answer: &TxnResponse) -> Option<i64> {
    if answer.succeeded {
        return answer.header.as_ref().map(|header| header.revision);
    }
    match answer.responses.first()?.response.as_ref()? {
        Response::Range(range) => range.kvs.first().map(|kv| kv.create_revision),
        Response::Put(_) => None,
    }
}
