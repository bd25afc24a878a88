//! How deadlines and metadata stand in HTTP headers, gRPC metadata and queues.

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use crate::{Class, Context, Metadata, TIMEOUT_MS};

/// `grpc-timeout` as the gRPC specification writes it.
const GRPC_TIMEOUT: &str = "grpc-timeout";

impl Context {
    /// The context of an incoming request. Its time is the smaller of what the
    /// caller allows (`grpc-timeout` or `x-shoal-timeout-ms`) and `limit`;
    /// `default` stands where the caller says nothing.
    pub fn from_http(
        headers: &HeaderMap,
        trusted: bool,
        default: Duration,
        limit: Duration,
    ) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let asked = text(GRPC_TIMEOUT).and_then(parse_grpc_timeout).or_else(|| {
            let millis = text(TIMEOUT_MS.as_str())?.parse().ok()?;
            Some(Duration::from_millis(millis))
        });
        let timeout = asked.unwrap_or(default).min(limit);
        Self::new(Metadata::from_headers(headers, trusted), Some(timeout))
    }

    /// Writes the metadata and the time left for the callee.
    pub fn to_http(&self, headers: &mut HeaderMap) {
        self.meta().to_headers(headers);
        if let Some(left) = self.remaining_for_callee() {
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            headers.insert(TIMEOUT_MS, HeaderValue::from(millis));
        }
    }

    /// Writes the metadata and the time left for the callee as gRPC has it.
    pub fn to_grpc(&self, headers: &mut HeaderMap) {
        self.meta().to_headers(headers);
        if let Some(left) = self.remaining_for_callee()
            && let Ok(value) = HeaderValue::from_str(&format_grpc_timeout(left))
        {
            headers.insert(GRPC_TIMEOUT, value);
        }
    }

    /// What a queue or a durable log keeps of the context: the metadata. A
    /// deadline ends with the request that set it.
    pub fn to_map(&self) -> HashMap<String, String> {
        let mut map = HashMap::new();
        self.meta().to_map(&mut map);
        map
    }

    /// The context of queued or resumed work. Nobody waits for it any more, so
    /// it is [`Class::Internal`] at most.
    pub fn from_map(map: &HashMap<String, String>) -> Self {
        Self::new(Metadata::from_map(map), None).lowered_to(Class::Internal)
    }
}

/// Reads `grpc-timeout`: at most eight digits and one of the units H, M, S,
/// m, u, n (gRPC over HTTP/2, "Timeout").
pub fn parse_grpc_timeout(value: &str) -> Option<Duration> {
    let unit = value.bytes().last()?;
    let digits = value.get(..value.len() - 1)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// Writes `grpc-timeout` in the finest unit that fits eight digits, rounded
/// down so that no hop gets more than its caller has.
pub fn format_grpc_timeout(timeout: Duration) -> String {
    const MAX: u128 = 99_999_999;
    let nanos = timeout.as_nanos();
    for (divisor, unit) in [
        (1, 'n'),
        (1_000, 'u'),
        (1_000_000, 'm'),
        (1_000_000_000, 'S'),
    ] {
        if nanos / divisor <= MAX {
            return format!("{}{unit}", nanos / divisor);
        }
    }
    format!("{}H", (nanos / 3_600_000_000_000).min(MAX))
}
