//! The rules of notification: no I/O, no HTTP, no SQL.

pub(crate) mod address;
pub(crate) mod announce;
pub(crate) mod builtin;
pub(crate) mod channel;
pub(crate) mod delivery;
pub(crate) mod format;
pub(crate) mod locale;
pub(crate) mod preference;
pub(crate) mod template;
