//! What of an answer is not what was asked for, because something was away.
//! Noted where it happens, passed back through every hop to the client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};

/// Lists what of an answer was replaced: `billing.GetPayment;cached;age=12,
/// auth.GetUser;default`. Absent from an answer that is whole. The same name
/// in gRPC metadata.
pub const DEGRADED: HeaderName = HeaderName::from_static("x-shoal-degraded");

/// Most entries that are kept, and the longest: an answer's head is bounded.
const MOST: usize = 16;
const LONGEST: usize = 96;

/// The entries of one request; clones share. Empty, it holds no memory of its
/// own but the cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<Box<str>>>>);

impl Notes {
    pub(crate) fn add(&self, entry: &str) {
        let entry = entry.trim();
        let mut entries = self.lock();
        let known = entries.iter().any(|known| **known == *entry);
        if is_entry(entry) && !known && entries.len() < MOST {
            entries.push(entry.into());
        }
    }

    /// Takes over what the head of another's answer lists.
    pub(crate) fn read(&self, headers: &HeaderMap) {
        for value in headers.get_all(&DEGRADED) {
            let entries = value.to_str().unwrap_or_default().split(',');
            entries.for_each(|entry| self.add(entry));
        }
    }

    /// Writes the list into the head of the answer, what stands there included.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if self.lock().is_empty() {
            return;
        }
        self.read(headers);
        let list = self.lock().join(", ");
        if let Ok(value) = HeaderValue::try_from(list) {
            headers.insert(DEGRADED, value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Box<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Letters, digits and the few marks of the format: what a header may hold and
/// a log line can bear, whoever made it.
fn is_entry(entry: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b';' | b'=' | b'_' | b'-');
    !entry.is_empty() && entry.len() <= LONGEST && entry.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn entries_of_several_hops_are_one_list_without_repetition() {
        let notes = Notes::default();
        let mut headers = HeaderMap::new();
        notes.write(&mut headers);
        assert!(headers.is_empty());
        headers.append(
            DEGRADED,
            HeaderValue::from_static("a.Get;default, b.Get;skipped"),
        );
        headers.append(DEGRADED, HeaderValue::from_static("c.Get;cached;age=3"));
        notes.add("b.Get;skipped");
        notes.write(&mut headers);
        assert_eq!(headers.get_all(&DEGRADED).iter().count(), 1);
        assert_eq!(
            headers[&DEGRADED],
            "b.Get;skipped, a.Get;default, c.Get;cached;age=3"
        );
    }

    #[test]
    fn what_no_header_should_hold_is_left_out_and_the_list_is_bounded() {
        let notes = Notes::default();
        notes.add("bad\r\nset-cookie: x");
        notes.add("");
        notes.add(&"x".repeat(LONGEST + 1));
        assert!(notes.lock().is_empty());
        (0..100).for_each(|n| notes.add(&format!("a.M{n};default")));
        assert_eq!(notes.lock().len(), MOST);
    }
}
