//! The rules of products and orders. No I/O, no HTTP, no SQL.

pub(crate) mod caller;
pub(crate) mod codes;
pub(crate) mod demo;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod quotes;
pub(crate) mod status;
