//! The rules of billing. Pure: no I/O, no clock, no HTTP, no SQL.

pub mod invoice;
pub mod ledger;
pub mod lines;
pub mod operation;

pub mod payment;
pub mod request;
pub mod statement;
