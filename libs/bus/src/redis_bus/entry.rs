//! What stands in a stream.

use redis::streams::StreamId;
use serde_json::{Map, Value};
use shoal_store::EventEnvelope;

/// Field with the whole event as JSON. `id` and `type` beside it are for people
/// who look into the stream.
pub(crate) const EVENT: &str = "event";

/// Place of an entry: milliseconds and number, as Redis orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64, u64);

impl Position {
    /// Before all entries.
    pub(crate) const START: Self = Self(0, 0);

    /// Reads `1718000000000-3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (ms, number) = text.split_once('-')?;
        Some(Self(ms.parse().ok()?, number.parse().ok()?))
    }
}

/// An event that a group has to deal with, or a message that is none.
#[derive(Debug)]
pub(crate) enum Received {
    Event(EventEnvelope),
    Unreadable { raw: Value, reason: String },
}

/// Reads an entry.
pub(crate) fn read(entry: &StreamId) -> Received {
    let text: Option<String> = entry.get(EVENT);
    let parsed = match &text {
        Some(text) => serde_json::from_str(text).map_err(|e| e.to_string()),
        None => Err(format!("it has no field {EVENT:?}")),
    };
    match parsed {
        Ok(event) => Received::Event(event),
        Err(reason) => Received::Unreadable {
            raw: raw(entry),
            reason: format!("the message {} is not an event: {reason}", entry.id),
        },
    }
}

fn raw(entry: &StreamId) -> Value {
    let mut fields = Map::new();
    for name in entry.map.keys() {
        let value: Option<Vec<u8>> = entry.get(name);
        let text = String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
        fields.insert(name.clone(), Value::String(text));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_numbers() {
        let position = |text| Position::parse(text).unwrap();
        assert!(position("9-0") < position("10-0"));
        assert!(position("10-2") < position("10-11"));
        assert!(Position::START < position("0-1"));
        assert_eq!(Position::parse("x-1"), None);
    }
}
