//! What workers do with deliveries: claim them under a lease, settle them.
//!
//! A claim is one statement. Its outer condition repeats the inner one, so two
//! instances that pick the same row race for its lock and the loser's update
//! finds the row changed: PostgreSQL re-checks the condition on the new version,
//! SQLite has one writer. No `SKIP LOCKED`, no dialect.

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::delivery::{Outcome, Verdict};
use crate::signature::Secret;

/// A delivery in this worker's hands.
#[derive(sqlx::FromRow)]
pub(crate) struct Claimed {
    pub(crate) id: String,
    pub(crate) endpoint_id: String,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) payload: String,
    pub(crate) context: String,
    pub(crate) attempts: i64,
    pub(crate) attempts_total: i64,
}

/// Whether anything is due at all, so that an idle look takes no write lock.
pub(crate) async fn any_due(conn: &mut Conn, now: i64) -> Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(1 AS BIGINT) FROM webhook_deliveries \
         WHERE (state IN ('queued', 'failed') AND next_attempt_at <= $1) \
         OR (state = 'sending' AND lease_until <= $1) LIMIT 1",
    )
    .bind(now)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(found.is_some())
}

/// How much to claim, and as whom.
pub(crate) struct ClaimRequest<'a> {
    pub(crate) now: i64,
    pub(crate) lease_token: &'a str,
    pub(crate) lease_until: i64,
    pub(crate) limit: i64,
    pub(crate) per_endpoint: i64,
}

/// Claims due deliveries of active endpoints, oldest due first, never more than
/// `per_endpoint` under way to one endpoint over all instances. The attempt is
/// counted now: one that crashes the process is an attempt too.
pub(crate) async fn claim(conn: &mut Conn, request: &ClaimRequest<'_>) -> Result<Vec<Claimed>> {
    sqlx::query_as(
        "UPDATE webhook_deliveries SET state = 'sending', lease_token = $2, lease_until = $3, \
            attempts = attempts + 1, attempts_total = attempts_total + 1 \
         WHERE id IN ( \
            SELECT id FROM ( \
                SELECT d.id, d.next_attempt_at, \
                    ROW_NUMBER() OVER (PARTITION BY d.endpoint_id \
                        ORDER BY d.next_attempt_at, d.id) AS place, \
                    (SELECT COUNT(*) FROM webhook_deliveries s \
                        WHERE s.endpoint_id = d.endpoint_id AND s.state = 'sending' \
                        AND s.lease_until > $1) AS under_way \
                FROM webhook_deliveries d \
                JOIN webhook_endpoints e ON e.id = d.endpoint_id AND e.state = 'active' \
                WHERE (d.state IN ('queued', 'failed') AND d.next_attempt_at <= $1) \
                   OR (d.state = 'sending' AND d.lease_until <= $1) \
            ) AS due \
            WHERE place + under_way <= $5 ORDER BY next_attempt_at, id LIMIT $4) \
         AND ((state IN ('queued', 'failed') AND next_attempt_at <= $1) \
            OR (state = 'sending' AND lease_until <= $1)) \
         RETURNING id, endpoint_id, event_id, event_type, payload, context, \
            attempts, attempts_total",
    )
    .bind(request.now)
    .bind(request.lease_token)
    .bind(request.lease_until)
    .bind(request.limit)
    .bind(request.per_endpoint)
    .fetch_all(&mut *conn)
    .await
    .db()
}

/// Where and with which keys a claimed delivery goes, as of now.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) secrets: Vec<Secret>,
}

/// The endpoint's URL and live secrets; `None` if it is gone.
pub(crate) async fn target(conn: &mut Conn, endpoint_id: &str, now: i64) -> Result<Option<Target>> {
    let row: Option<(String, String, Option<String>, Option<i64>)> = sqlx::query_as(
        "SELECT url, secret, previous_secret, previous_expires_at \
         FROM webhook_endpoints WHERE id = $1",
    )
    .bind(endpoint_id)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(row.map(|(url, secret, previous, expires)| {
        let mut secrets = vec![Secret::from_text(secret)];
        if expires.is_some_and(|at| at > now) {
            secrets.extend(previous.map(Secret::from_text));
        }
        Target { url, secrets }
    }))
}

/// Writes an attempt and its verdict. False when the lease was lost meanwhile:
/// another worker has the delivery, and its verdict counts.
pub(crate) async fn settle(
    conn: &mut Conn,
    claimed: &Claimed,
    lease_token: &str,
    outcome: &Outcome,
    verdict: Verdict,
    started_at: i64,
    now: i64,
) -> Result<bool> {
    let (state, next, finished) = match verdict {
        Verdict::Delivered => ("delivered", now, Some(now)),
        Verdict::Retry(wait) => ("failed", now.saturating_add(millis(wait)), None),
        Verdict::Dead | Verdict::Gone => ("dead", now, Some(now)),
    };
    let done = sqlx::query(
        "UPDATE webhook_deliveries SET state = $3, next_attempt_at = $4, finished_at = $5, \
         last_status = $6, last_error = $7, lease_token = NULL, lease_until = NULL \
         WHERE id = $1 AND lease_token = $2",
    )
    .bind(&claimed.id)
    .bind(lease_token)
    .bind(state)
    .bind(next)
    .bind(finished)
    .bind(outcome.status.map(i64::from))
    .bind(outcome.error.as_deref())
    .execute(&mut *conn)
    .await
    .db()?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO webhook_attempts \
         (delivery_id, number, started_at, latency_ms, status, error, response_body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&claimed.id)
    .bind(claimed.attempts_total)
    .bind(started_at)
    .bind(outcome.latency_ms)
    .bind(outcome.status.map(i64::from))
    .bind(outcome.error.as_deref())
    .bind(outcome.response_body.as_deref())
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(true)
}

/// Whether [`prune`] would find anything.
pub(crate) async fn any_prunable(conn: &mut Conn, before: i64) -> Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(1 AS BIGINT) FROM webhook_deliveries \
         WHERE state = 'delivered' AND finished_at < $1 LIMIT 1",
    )
    .bind(before)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(found.is_some())
}

/// Removes what was delivered before `before`; answers how many.
pub(crate) async fn prune(conn: &mut Conn, before: i64, limit: i64) -> Result<u64> {
    let done = sqlx::query(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries \
         WHERE state = 'delivered' AND finished_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(done.rows_affected())
}

fn millis(wait: std::time::Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}
