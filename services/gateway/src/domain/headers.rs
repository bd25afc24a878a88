//! Which headers pass through the door, and which end at it.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use shoal_context::SHED;

/// Headers that concern one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Prefixes that only the platform itself may set.
const INSIDE_ONLY: [&str; 3] = ["x-shoal-", "x-gray-", "x-forwarded-"];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Makes a client's headers into those of the request to a service: what only
/// the platform may say is taken out, and who asked is written in.
pub(crate) fn to_upstream(headers: &mut HeaderMap, client: Option<IpAddr>) {
    let host = headers.remove(header::HOST);
    drop_hop_by_hop(headers);
    let forged: Vec<_> = headers
        .keys()
        .filter(|name| {
            INSIDE_ONLY
                .iter()
                .any(|prefix| name.as_str().starts_with(prefix))
        })
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    headers.remove(header::FORWARDED);
    if let Some(host) = host {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(value) = client.and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok()) {
        headers.insert(FORWARDED_FOR, value);
    }
}

/// Makes a service's headers into those of the answer to a client.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    headers.remove(SHED);
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    // `Connection` names further headers of this hop.
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn a_client_cannot_speak_for_the_platform() {
        let mut headers = map(&[
            ("x-shoal-user", "usr_root"),
            ("x-shoal-mesh", "guess"),
            ("x-gray-version", "canary"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("authorization", "Bearer x"),
            ("x-request-id", "kept"),
        ]);
        to_upstream(&mut headers, Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(headers["authorization"], "Bearer x");
        assert_eq!(headers["x-request-id"], "kept");
        for gone in [
            "x-shoal-user",
            "x-shoal-mesh",
            "x-gray-version",
            "forwarded",
        ] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn headers_of_one_hop_end_there() {
        let mut headers = map(&[
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("host", "shop.example"),
            ("accept", "*/*"),
        ]);
        to_upstream(&mut headers, None);
        assert_eq!(headers.len(), 3, "{headers:?}");
        assert_eq!(headers["x-forwarded-host"], "shop.example");
        let mut answer = map(&[("connection", "close"), ("content-type", "text/plain")]);
        to_client(&mut answer);
        assert_eq!(answer.len(), 1);
    }
}
