//! All SQL of the module, one file per aggregate. Functions take a connection,
//! so that callers decide what goes into one transaction.

pub(crate) mod cleanup;
pub(crate) mod guards;
pub(crate) mod revocations;
pub(crate) mod service_accounts;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod throttles;
pub(crate) mod users;
pub(crate) mod verifications;

use shoal_error::Error;

/// A stored value that this program can't have written.
fn corrupt(what: &str, id: &str) -> Error {
    Error::internal(format!("{what} of {id} is not readable"))
}
