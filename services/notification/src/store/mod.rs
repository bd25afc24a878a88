//! The only part of the service that knows SQL; one file per aggregate. Every
//! statement runs on SQLite and PostgreSQL.

pub(crate) mod contacts;
pub(crate) mod deliveries;
pub(crate) mod inbox;
pub(crate) mod notifications;
pub(crate) mod preferences;
pub(crate) mod templates;
