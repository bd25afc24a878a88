//! Which address a request really comes from, when proxies stand before us.

use std::net::IpAddr;

use ipnet::IpNet;

/// The client's address: the peer of the connection, unless it is a trusted
/// proxy; then the right-most entry of `x-forwarded-for` that no trusted proxy
/// has written. Entries further left are whatever the client liked to send.
#[must_use]
pub fn client_address<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = peer.to_canonical();
    for entry in forwarded_for.flat_map(|line| line.split(',')).rev() {
        if !is_trusted(client) {
            break;
        }
        let Some(address) = parse_entry(entry) else {
            break;
        };
        client = address;
    }
    client
}

/// What an address is throttled by: itself, or for IPv6 its /64, which is the
/// least that a provider gives to one customer.
#[must_use]
pub fn throttle_group(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}

fn parse_entry(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address = entry
        .parse::<IpAddr>()
        .ok()
        .or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|s| s.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn client(peer: &str, headers: &[&str]) -> String {
        let trusted: Vec<IpNet> = ["127.0.0.0/8", "::1/128", "10.1.0.0/16"]
            .iter()
            .map(|n| n.parse().unwrap())
            .collect();
        client_address(peer.parse().unwrap(), headers.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_claims() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("127.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
    }

    #[test]
    fn only_the_entries_of_trusted_proxies_count() {
        assert_eq!(
            client("127.0.0.1", &["1.1.1.1, 198.51.100.1, 10.1.2.3"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("127.0.0.1", &["1.1.1.1", "198.51.100.1"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn without_a_readable_entry_the_proxy_itself_counts() {
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["1.1.1.1, nonsense"]), "127.0.0.1");
    }

    #[test]
    fn mapped_addresses_are_the_same_client() {
        assert_eq!(
            client("::ffff:127.0.0.1", &["::ffff:198.51.100.1"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn ipv6_is_throttled_by_its_network() {
        let group = |a: &str| throttle_group(a.parse().unwrap());
        assert_eq!(group("2001:db8:1:2:3:4:5:6"), group("2001:db8:1:2::1"));
        assert_ne!(group("2001:db8:1:3::1"), group("2001:db8:1:2::1"));
        assert_eq!(group("198.51.100.1"), "198.51.100.1");
    }
}
