//! The only part that knows SQL. Every statement runs on SQLite and PostgreSQL.

pub(crate) mod deliveries;
pub(crate) mod endpoints;
