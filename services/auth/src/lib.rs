//! Users, sessions, roles, service accounts and the keys that sign tokens.

pub mod domain;
