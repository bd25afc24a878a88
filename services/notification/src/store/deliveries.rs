//! Rows of `deliveries` and `delivery_attempts`. That the former are a queue is
//! [`shoal_queue`]'s business.

use shoal_error::{Error, Result};
use shoal_queue::QueueTable;
use shoal_store::{Conn, SqlResultExt as _};

use crate::codes::NotificationCode;
use crate::domain::channel::Channel;
use crate::domain::delivery::DeliveryState;

/// The deliveries as a queue.
pub(crate) const QUEUE: QueueTable = QueueTable {
    queue: "notifications",
    table: "deliveries",
    kind: "template",
    context: "(SELECT n.context FROM notifications n WHERE n.id = notification_id)",
    shown: &["notification_id", "user_id", "channel", "template"],
    lane: None,
};

/// A delivery as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) notification_id: String,
    pub(crate) user_id: String,
    pub(crate) template: String,
    pub(crate) channel: String,
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) next_attempt_at: i64,
    pub(crate) template_version: i64,
    pub(crate) reason: String,
    pub(crate) last_error: String,
    pub(crate) created_at: i64,
    pub(crate) finished_at: Option<i64>,
}

const COLUMNS: &str = "id, notification_id, user_id, template, channel, state, attempts, \
    next_attempt_at, template_version, reason, last_error, created_at, finished_at";

/// A delivery to be kept.
pub(crate) struct NewDelivery<'a> {
    pub(crate) id: &'a str,
    pub(crate) notification_id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) template: &'a str,
    pub(crate) channel: Channel,
    pub(crate) now: i64,
    /// The version that was delivered in this very transaction; `None` queues.
    /// An inbox item has had its first attempt in either case.
    pub(crate) delivered: Option<i64>,
}

/// Queues a delivery, or records one that is made already.
pub(crate) async fn insert(conn: &mut Conn, new: &NewDelivery<'_>) -> Result<()> {
    let state = if new.delivered.is_some() {
        "delivered"
    } else {
        "queued"
    };
    sqlx::query(
        "INSERT INTO deliveries (id, notification_id, user_id, template, channel, state, \
         attempts, attempts_total, next_attempt_at, template_version, reason, last_error, \
         created_at, finished_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, '', '', $8, $10)",
    )
    .bind(new.id)
    .bind(new.notification_id)
    .bind(new.user_id)
    .bind(new.template)
    .bind(new.channel.as_str())
    .bind(state)
    .bind(i64::from(new.channel == Channel::Inbox))
    .bind(new.now)
    .bind(new.delivered.unwrap_or(0))
    .bind(new.delivered.map(|_| new.now))
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// One delivery.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Delivery> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE id = $1");
    let found: Option<Delivery> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    found.ok_or_else(|| {
        Error::new(
            NotificationCode::DeliveryNotFound,
            format!("There is no delivery {id:?}."),
        )
    })
}

/// The deliveries of a notification, in the order of their queueing.
pub(crate) async fn of_notification(conn: &mut Conn, id: &str) -> Result<Vec<Delivery>> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE notification_id = $1 ORDER BY id");
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// Which deliveries to list; empty strings match everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) state: &'static str,
    pub(crate) channel: &'static str,
    pub(crate) user_id: String,
}

/// Deliveries, newest first; `before` is the last id of the page before.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter,
    before: &str,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE ($1 = '' OR state = $1) \
         AND ($2 = '' OR channel = $2) AND ($3 = '' OR user_id = $3) \
         AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(filter.state)
        .bind(filter.channel)
        .bind(&filter.user_id)
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// One try as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Attempt {
    pub(crate) number: i64,
    pub(crate) started_at: i64,
    pub(crate) latency_ms: i64,
    pub(crate) outcome: String,
    pub(crate) error: String,
}

/// The tries of a delivery, oldest first.
pub(crate) async fn attempts(conn: &mut Conn, delivery_id: &str) -> Result<Vec<Attempt>> {
    sqlx::query_as(
        "SELECT number, started_at, latency_ms, outcome, error FROM delivery_attempts \
         WHERE delivery_id = $1 ORDER BY number",
    )
    .bind(delivery_id)
    .fetch_all(&mut *conn)
    .await
    .db()
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

/// Notes which version of the template an attempt rendered; 0 for none.
pub(crate) async fn rendered(conn: &mut Conn, id: &str, version: i64) -> Result<()> {
    sqlx::query("UPDATE deliveries SET template_version = $2 WHERE id = $1")
        .bind(id)
        .bind(version)
        .execute(&mut *conn)
        .await
        .db()?;
    Ok(())
}

pub(crate) fn not_dead(delivery: &Delivery) -> Error {
    let state = match delivery.state.as_str() {
        "dead" => "discarded",
        other => other,
    };
    Error::new(
        NotificationCode::DeliveryNotDead,
        format!("Delivery {} is {state}.", delivery.id),
    )
}

impl Delivery {
    /// Its state as a value; rows are constrained to the known names.
    pub(crate) fn state(&self) -> DeliveryState {
        DeliveryState::parse(&self.state).unwrap_or(DeliveryState::Dead)
    }

    /// Its channel as a value; rows are constrained to the known names.
    pub(crate) fn channel(&self) -> Channel {
        Channel::parse(&self.channel).unwrap_or(Channel::Email)
    }
}
