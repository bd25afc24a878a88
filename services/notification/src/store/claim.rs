//! What the worker does with deliveries: claim them under a lease, settle them.
//! The outer condition of the claim repeats the inner one, so that two workers
//! that pick the same row cannot both have it (see `shoal_webhook`).

use shoal_error::Result;
use shoal_store::{Conn, SqlResultExt as _};

use crate::domain::delivery::Verdict;

/// A delivery in this worker's hands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Claimed {
    pub(crate) id: String,
    pub(crate) notification_id: String,
    pub(crate) user_id: String,
    pub(crate) template: String,
    pub(crate) channel: String,
    pub(crate) attempts: i64,
    pub(crate) attempts_total: i64,
    pub(crate) created_at: i64,
}

/// Whether anything is due, so that an idle look takes no write lock.
pub(crate) async fn any_due(conn: &mut Conn, now: i64) -> Result<bool> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT id FROM deliveries WHERE (state IN ('queued', 'failed') \
         AND next_attempt_at <= $1) OR (state = 'sending' AND lease_until <= $1) LIMIT 1",
    )
    .bind(now)
    .fetch_optional(&mut *conn)
    .await
    .db()?;
    Ok(found.is_some())
}

/// Claims abandoned deliveries, then due ones, the longest due first; each half reads its own index,
/// so a long queue costs no more than a short one. The attempt is counted now:
/// one that takes the process down is an attempt too.
pub(crate) async fn claim(
    conn: &mut Conn,
    lease_token: &str,
    now: i64,
    lease_until: i64,
    limit: i64,
) -> Result<Vec<Claimed>> {
    sqlx::query_as(
        "UPDATE deliveries SET state = 'sending', lease_token = $2, lease_until = $3, \
            attempts = attempts + 1, attempts_total = attempts_total + 1 \
         WHERE id IN (SELECT id FROM ( \
            SELECT id FROM (SELECT id FROM deliveries \
                WHERE state = 'sending' AND lease_until <= $1 \
                ORDER BY lease_until LIMIT $4) AS abandoned \
            UNION ALL \
            SELECT id FROM (SELECT id FROM deliveries \
                WHERE state IN ('queued', 'failed') AND next_attempt_at <= $1 \
                ORDER BY next_attempt_at LIMIT $4) AS due) AS ready LIMIT $4) \
         AND ((state IN ('queued', 'failed') AND next_attempt_at <= $1) \
            OR (state = 'sending' AND lease_until <= $1)) \
         RETURNING id, notification_id, user_id, template, channel, attempts, attempts_total, \
            created_at",
    )
    .bind(now)
    .bind(lease_token)
    .bind(lease_until)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await
    .db()
}

/// What an attempt came to.
pub(crate) struct Settlement<'a> {
    pub(crate) claimed: &'a Claimed,
    /// `None` when the delivery is made in the transaction that queued it.
    pub(crate) lease_token: Option<&'a str>,
    pub(crate) verdict: &'a Verdict,
    pub(crate) template_version: i64,
    pub(crate) started_at: i64,
    pub(crate) latency_ms: i64,
    pub(crate) now: i64,
}

/// Writes the attempt and where the delivery goes. False when the lease was
/// lost: another worker has the delivery, and its verdict counts.
pub(crate) async fn settle(conn: &mut Conn, settlement: &Settlement<'_>) -> Result<bool> {
    let now = settlement.now;
    let (state, next, finished, reason, error) = match settlement.verdict {
        Verdict::Delivered => ("delivered", now, Some(now), "", ""),
        Verdict::Retry { wait, detail } => {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            (
                "failed",
                now.saturating_add(wait),
                None,
                "",
                detail.as_str(),
            )
        }
        Verdict::Dead { reason, detail } => ("dead", now, Some(now), *reason, detail.as_str()),
    };
    let done = sqlx::query(
        "UPDATE deliveries SET state = $3, next_attempt_at = $4, finished_at = $5, reason = $6, \
         last_error = $7, template_version = $8, attempts = $9, attempts_total = $10, \
         lease_token = NULL, lease_until = NULL \
         WHERE id = $1 AND COALESCE(lease_token, '') = $2",
    )
    .bind(&settlement.claimed.id)
    .bind(settlement.lease_token.unwrap_or_default())
    .bind(state)
    .bind(next)
    .bind(finished)
    .bind(reason)
    .bind(error)
    .bind(settlement.template_version)
    .bind(settlement.claimed.attempts)
    .bind(settlement.claimed.attempts_total)
    .execute(&mut *conn)
    .await
    .db()?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let outcome = if state == "failed" { "retry" } else { state };
    let attempt = LoggedAttempt {
        delivery_id: &settlement.claimed.id,
        number: settlement.claimed.attempts_total,
        started_at: settlement.started_at,
        latency_ms: settlement.latency_ms,
        outcome,
        error,
    };
    log(conn, &attempt).await?;
    Ok(true)
}

/// One try as it is kept.
pub(crate) struct LoggedAttempt<'a> {
    pub(crate) delivery_id: &'a str,
    pub(crate) number: i64,
    pub(crate) started_at: i64,
    pub(crate) latency_ms: i64,
    /// `delivered`, `retry` or `dead`.
    pub(crate) outcome: &'a str,
    /// Empty on success.
    pub(crate) error: &'a str,
}

/// Keeps a try.
pub(crate) async fn log(conn: &mut Conn, attempt: &LoggedAttempt<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO delivery_attempts (delivery_id, number, started_at, latency_ms, outcome, \
         error) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(attempt.delivery_id)
    .bind(attempt.number)
    .bind(attempt.started_at)
    .bind(attempt.latency_ms)
    .bind(attempt.outcome)
    .bind(attempt.error)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}
