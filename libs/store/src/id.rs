//! Identifiers: a prefix that tells the kind, and a ULID in lower case, e.g.
//! `ord_01jd8…`. They sort by the time of their making, so a list by id is a
//! list by age and an index grows at its end.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use shoal_task::{Clock as _, SystemClock};
use ulid::{Generator, Ulid};

/// Letters of a ULID.
const ULID_LEN: usize = 26;

/// A new identifier. Within one process each is greater than the one before.
#[must_use]
pub fn new(prefix: &str) -> String {
    static LAST: LazyLock<Mutex<Generator>> = LazyLock::new(Mutex::default);
    let mut generator = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    text(prefix, next(&mut generator, SystemClock.now_ms()))
}

/// A new identifier dated by another clock, without order among those of the
/// same millisecond.
#[must_use]
pub fn new_at(prefix: &str, now_ms: i64) -> String {
    text(prefix, next(&mut Generator::new(), now_ms))
}

/// Whether `id` has the form of [`new`] with this prefix.
#[must_use]
pub fn is_valid(prefix: &str, id: &str) -> bool {
    parse(id).is_some_and(|(found, _)| found == prefix)
}

/// When an identifier was made, Unix milliseconds.
#[must_use]
pub fn made_at_ms(id: &str) -> Option<i64> {
    parse(id).and_then(|(_, ulid)| i64::try_from(ulid.timestamp_ms()).ok())
}

fn parse(id: &str) -> Option<(&str, Ulid)> {
    let (prefix, rest) = id.split_once('_')?;
    let lower = rest
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if rest.len() != ULID_LEN || !lower {
        return None;
    }
    Some((prefix, Ulid::from_string(&rest.to_ascii_uppercase()).ok()?))
}

fn next(generator: &mut Generator, now_ms: i64) -> Ulid {
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
    match generator.generate_from_datetime(now) {
        Ok(ulid) => ulid,
        Err(overflow) => overflow.commit_overflow_increment(),
    }
}

fn text(prefix: &str, ulid: Ulid) -> String {
    let mut id = format!("{prefix}_{ulid}");
    id.make_ascii_lowercase();
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_the_time_of_their_making() {
        let ids: Vec<String> = (0..10_000).map(|_| new("ord")).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_identifier_tells_its_kind_and_its_time() {
        let id = new_at("pay", 1_700_000_000_123);
        assert_eq!(made_at_ms(&id), Some(1_700_000_000_123));
        assert!(is_valid("pay", &id));
        assert!(!is_valid("ord", &id));
        assert!(!is_valid("pay", &id.to_ascii_uppercase()));
        assert!(!is_valid("pay", "pay_'; DROP TABLE orders"));
    }
}
