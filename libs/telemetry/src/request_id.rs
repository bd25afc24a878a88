//! Request ids as they come from outside.

use http::HeaderValue;

/// Longest id taken from a caller, in bytes.
const MAX: usize = 128;

/// Whether an id can be logged and handed on as it is: short, and of
/// characters that need no escaping anywhere.
pub(crate) fn is_fit(id: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(b);
    !id.is_empty() && id.len() <= MAX && id.iter().all(plain)
}

/// An id for a request outside of any trace.
pub(crate) fn random() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
