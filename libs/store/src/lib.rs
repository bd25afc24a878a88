//! One set of SQL on SQLite and PostgreSQL.
//!
//! A service opens its own database with [`Store::open`], migrates it, reads on
//! [`Store::read`] and writes in [`Store::begin`]. What runs on a connection is
//! plain sqlx: `sqlx::query("…").bind(x).fetch_all(&mut **conn).await.db()?`.
//! The connection adds what nobody should have to remember: a span and metrics
//! per statement, the request's deadline and cancellation down into the server,
//! and an orderly rollback on drop. Around it stand the tables that every
//! service needs: [`outbox`], [`inbox`], [`dead_letters`], [`idempotency`].
//!
//! Portable SQL means: `$1` parameters, TEXT identifiers ([`id`]), BIGINT for
//! money, times (Unix milliseconds) and booleans (0 and 1), JSON as TEXT,
//! `CAST(SUM(x) AS BIGINT)`, `ON CONFLICT`, `RETURNING`, and a name for every
//! constraint, which [`SqlResultExt::on_constraint`] gives a meaning.
//!
//! Rejected: two hand-written sets of queries (they drift apart), an ORM (it
//! hides the locks that stock and ledgers are about), sqlx's own `Any` pool (it
//! hides the connection, and with it cancellation; see [`mod@crate::outbox`] for
//! the one place with SQL per engine), and a generic parameter for the engine
//! (it would spread through every signature of every service).

mod config;
mod conn;
mod constraints;
pub mod dead_letters;
mod error;
pub mod id;
pub mod idempotency;
pub mod inbox;
mod janitor;
mod metrics;
mod migrate;
mod open;
pub mod outbox;
pub mod page;
mod pool;
mod session;
mod shared;
mod statement;
mod store;
mod summary;

pub use config::{DatabaseConfig, Dialect};
pub use conn::{Conn, Isolation, Reader, Tx};
pub use error::{DbError, SqlResultExt, is_conflict};
pub use migrate::Migrations;
pub use outbox::EventEnvelope;
pub use page::{Cursor, Page, PageRequest};
pub use statement::{loudly, quietly};
pub use store::Store;

/// The tables that every service has.
fn platform_migrations() -> Migrations {
    migrations!("platform")
}
