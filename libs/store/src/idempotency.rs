//! Requests that may be sent again without happening again.
//!
//! A claim is made before the work and finished with its answer. Two ways are
//! served: claim and finish in one transaction with the work, or claim in a
//! transaction of its own when the work is longer than one. In the second way a
//! crash leaves a claim behind; it can be taken over when its lease is over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::conn::Tx;
use crate::error::SqlResultExt as _;
use crate::{Dialect, Store, id};

/// How long a claim keeps others away.
pub const LEASE: Duration = Duration::from_secs(60);
/// How long an answer is kept.
pub const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers worth repeating, e.g. `location`; names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body, text.
    pub body: String,
}

/// What a key means for a request that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The request is the first, or takes over from one that crashed: do it.
    Fresh(ClaimToken),
    /// It was done before: answer this.
    Replay(StoredResponse),
    /// It is being done: answer 409; try again after this long.
    InFlight(Duration),
    /// The key belongs to another request: answer 422.
    Mismatch,
}

/// The right to finish a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimToken {
    scope: String,
    key: String,
    claim: String,
}

impl Claim {
    /// The token or the stored answer, with the other two as errors.
    ///
    /// # Errors
    /// [`CommonCode::IdempotencyInFlight`], [`CommonCode::IdempotencyKeyReused`].
    pub fn or_refuse(self) -> Result<Result<ClaimToken, StoredResponse>> {
        match self {
            Self::Fresh(token) => Ok(Ok(token)),
            Self::Replay(answer) => Ok(Err(answer)),
            Self::InFlight(after) => Err(in_flight(after)),
            Self::Mismatch => Err(Error::new(
                CommonCode::IdempotencyKeyReused,
                "The idempotency key was used for another request.",
            )),
        }
    }
}

/// A fingerprint of a request: method, path and body decide whether two
/// requests are the same.
#[must_use]
pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(method)
        .chain_update([0])
        .chain_update(path)
        .chain_update([0])
        .chain_update(body)
        .finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks at a key and claims it when it is free. `scope` separates the keys of
/// callers and operations, e.g. `POST /order/v1/orders usr_01j…`.
///
/// # Errors
/// Those of the database.
pub async fn begin(tx: &mut Tx, scope: &str, key: &str, fingerprint: &str) -> Result<Claim> {
    begin_with(tx, scope, key, fingerprint, LEASE, KEEP).await
}

/// Like [`begin`], with a lease and a time to keep the answer.
///
/// # Errors
/// Those of the database.
pub async fn begin_with(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    fingerprint: &str,
    lease: Duration,
    keep: Duration,
) -> Result<Claim> {
    let now = tx.now_ms();
    // Before the lock: a repeat that took it would still hold it when its answer is out and the next repeat comes.
    if let Some(claim) = known(tx, scope, key, fingerprint).await? {
        return Ok(claim);
    }
    if tx.dialect() == Dialect::Postgres {
        if !lock(tx, scope, key).await? {
            return Ok(Claim::InFlight(Duration::from_secs(1)));
        }
        // Another may have had the lock in between.
        if let Some(claim) = known(tx, scope, key, fingerprint).await? {
            return Ok(claim);
        }
    }
    let token = ClaimToken {
        scope: scope.to_owned(),
        key: key.to_owned(),
        claim: id::new("idm"),
    };
    sqlx::query(
        "INSERT INTO idempotency_keys (scope, idem_key, fingerprint, claim, lease_until, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, idem_key) DO UPDATE SET \
           fingerprint = excluded.fingerprint, claim = excluded.claim, \
           lease_until = excluded.lease_until, expires_at = excluded.expires_at, \
           status = NULL, headers = NULL, body = NULL",
    )
    .bind(scope)
    .bind(key)
    .bind(fingerprint)
    .bind(token.claim.as_str())
    .bind(now + millis(lease))
    .bind(now + millis(keep))
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(Claim::Fresh(token))
}

/// Stores the answer, to be replayed from the commit on.
///
/// # Errors
/// [`CommonCode::IdempotencyInFlight`] when another has taken the claim over
/// because the lease was over; nothing may be committed then.
pub async fn finish(tx: &mut Tx, token: &ClaimToken, answer: &StoredResponse) -> Result<()> {
    let done = sqlx::query(
        "UPDATE idempotency_keys SET status = $1, headers = $2, body = $3 \
         WHERE scope = $4 AND idem_key = $5 AND claim = $6",
    )
    .bind(i64::from(answer.status))
    .bind(serde_json::to_string(&answer.headers).internal()?)
    .bind(answer.body.as_str())
    .bind(token.scope.as_str())
    .bind(token.key.as_str())
    .bind(token.claim.as_str())
    .execute(&mut **tx)
    .await
    .db()?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(in_flight(Duration::from_secs(1)))
    }
}

/// Gives the claim up, so that the same request can be tried again: for failures
/// that are not an answer, such as an unreachable dependency.
///
/// # Errors
/// Those of the database.
pub async fn abandon(tx: &mut Tx, token: &ClaimToken) -> Result<()> {
    sqlx::query("DELETE FROM idempotency_keys WHERE scope = $1 AND idem_key = $2 AND claim = $3")
        .bind(token.scope.as_str())
        .bind(token.key.as_str())
        .bind(token.claim.as_str())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// Forgets up to `limit` keys whose time is over.
///
/// # Errors
/// Those of the database.
pub async fn purge(store: &Store, limit: u32) -> Result<u64> {
    let mut tx = store.begin().await?;
    let now = tx.now_ms();
    let done = sqlx::query(
        "DELETE FROM idempotency_keys WHERE (scope, idem_key) IN (SELECT scope, idem_key \
         FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(now)
    .bind(i64::from(limit))
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Without it, on PostgreSQL alone, the second of two simultaneous requests would wait
/// for the first one's whole transaction instead of being told.
async fn lock(tx: &mut Tx, scope: &str, key: &str) -> Result<bool> {
    sqlx::query_scalar(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || $1, 0))",
    )
    .bind(format!("{scope}\n{key}"))
    .fetch_one(&mut **tx)
    .await
    .db()
}

/// What is on record of a key; `None` when it may be claimed.
async fn known(tx: &mut Tx, scope: &str, key: &str, fingerprint: &str) -> Result<Option<Claim>> {
    let now = tx.now_ms();
    let found = sqlx::query(
        "SELECT fingerprint, status, headers, body, lease_until FROM idempotency_keys \
         WHERE scope = $1 AND idem_key = $2 AND expires_at > $3",
    )
    .bind(scope)
    .bind(key)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await
    .db()?;
    found.map_or(Ok(None), |row| judge(&row, fingerprint, now))
}

/// What a live row says; `None` when its claim may be taken over.
fn judge(row: &AnyRow, fingerprint: &str, now: i64) -> Result<Option<Claim>> {
    if row.try_get::<String, _>("fingerprint").db()? != fingerprint {
        return Ok(Some(Claim::Mismatch));
    }
    if let Some(status) = row.try_get::<Option<i64>, _>("status").db()? {
        let headers: String = row.try_get("headers").db()?;
        return Ok(Some(Claim::Replay(StoredResponse {
            status: u16::try_from(status).internal()?,
            headers: serde_json::from_str(&headers).internal()?,
            body: row.try_get("body").db()?,
        })));
    }
    let left = row.try_get::<i64, _>("lease_until").db()? - now;
    let left = u64::try_from(left).unwrap_or(0);
    Ok((left > 0).then(|| Claim::InFlight(Duration::from_millis(left.min(1_000)))))
}

fn in_flight(after: Duration) -> Error {
    Error::new(
        CommonCode::IdempotencyInFlight,
        "The same request is still being worked on.",
    )
    .with_retry_after(after.max(Duration::from_secs(1)))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
