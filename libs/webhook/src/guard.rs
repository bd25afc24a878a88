//! The guard against server-side request forgery: a webhook's URL is chosen by
//! a user, and must not become a way into the house.
//!
//! Checked twice. When an endpoint is registered, the URL's form: `http` or
//! `https`, a host, no credentials, no address literal that is refused. When a
//! delivery connects, the addresses to which the name resolves *then*: the
//! resolver hands the connector only those that passed, so a name that changes
//! its address between check and use (DNS rebinding) gains nothing. Redirects
//! are not followed, and proxies of the environment are not used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

const MAX_URL: usize = 2_048;

/// Which targets deliveries may reach.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetPolicy {
    /// Lets deliveries reach loopback, private and link-local addresses; for
    /// tests and closed networks only.
    pub allow_private_targets: bool,
}

/// Why a URL or its host is refused; the text is fit for the endpoint's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedTarget {
    /// Not a URL, or longer than 2,048 bytes.
    #[error("must be an absolute URL of at most 2048 bytes")]
    NotAUrl,
    /// Neither `http` nor `https`.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// User name or password inside the URL.
    #[error("must not contain a user name or a password")]
    Credentials,
    /// The address belongs to a network that deliveries may not reach.
    #[error("must not lead to a private, loopback or reserved address")]
    PrivateAddress,
}

impl TargetPolicy {
    /// Parses a URL and checks all that can be checked before connecting.
    ///
    /// # Errors
    /// Says what is wrong with the URL.
    pub fn check_url(&self, text: &str) -> Result<Url, RefusedTarget> {
        if text.len() > MAX_URL {
            return Err(RefusedTarget::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| RefusedTarget::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RefusedTarget::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RefusedTarget::Credentials);
        }
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check_ip(IpAddr::V4(ip))?,
            Some(Host::Ipv6(ip)) => self.check_ip(IpAddr::V6(ip))?,
            // Not a safeguard (the resolver is), but a clear answer at once.
            Some(Host::Domain(name)) if is_local_name(name) => {
                self.check_ip(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
            }
            Some(Host::Domain(_)) => {}
            None => return Err(RefusedTarget::NotAUrl),
        }
        Ok(url)
    }

    /// Checks one resolved address.
    ///
    /// # Errors
    /// [`RefusedTarget::PrivateAddress`].
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), RefusedTarget> {
        if self.allow_private_targets || is_public(ip) {
            Ok(())
        } else {
            Err(RefusedTarget::PrivateAddress)
        }
    }
}

/// True for addresses that the public internet routes to somebody else.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Refused blocks of IPv4, from the IANA special-purpose registry.
const REFUSED_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relay
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !REFUSED_V4.iter().any(|(net, prefix)| {
        let mask = u32::MAX << (32 - prefix);
        (ip.to_bits() & mask) == net.to_bits()
    })
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Only global unicast (2000::/3) can be public; that leaves out loopback,
    // unique local, link-local and multicast without listing them.
    if a & 0xe000 != 0x2000 {
        return false;
    }
    let documentation = (a == 0x2001 && b == 0x0db8) || (a & 0xfff0 == 0x3ff0);
    // 2001::/23 holds Teredo and ORCHID, 2002::/16 is 6to4: both carry an IPv4
    // address inside, which could be a private one.
    let carries_v4 = (a == 0x2001 && b & 0xfe00 == 0) || a == 0x2002;
    !documentation && !carries_v4
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

/// A resolver that hands the connector only addresses that the policy allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedResolver(pub(crate) TargetPolicy);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One forbidden address spoils the answer: a name that mixes public
            // and private ones is either misconfigured or hostile.
            for address in &found {
                policy.check_ip(address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const STRICT: TargetPolicy = TargetPolicy {
        allow_private_targets: false,
    };

    #[test]
    fn addresses_of_the_house_are_refused_in_every_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0/",
            "http://10.1.2.3:8080/hook",
            "http://172.31.255.255/",
            "http://192.168.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fc00::1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001:0:1::]/",
            "http://255.255.255.255/",
            "http://localhost:9/",
            "http://LOCALHOST./",
            "http://api.localhost/",
        ] {
            assert_eq!(
                STRICT.check_url(url),
                Err(RefusedTarget::PrivateAddress),
                "{url}"
            );
            let open = TargetPolicy {
                allow_private_targets: true,
            };
            assert!(open.check_url(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for url in [
            "https://hooks.example.com/shoal?a=b",
            "http://1.1.1.1/",
            "http://172.32.0.1/",
            "http://100.128.0.1/",
            "https://[2606:4700:4700::1111]/",
        ] {
            assert!(STRICT.check_url(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn urls_of_other_forms_are_refused_with_their_reason() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        for (url, why) in [
            ("not a url", RefusedTarget::NotAUrl),
            ("/relative", RefusedTarget::NotAUrl),
            (long.as_str(), RefusedTarget::NotAUrl),
            ("ftp://example.com/", RefusedTarget::Scheme),
            ("file:///etc/passwd", RefusedTarget::Scheme),
            ("gopher://example.com/", RefusedTarget::Scheme),
            ("https://me:secret@example.com/", RefusedTarget::Credentials),
            ("https://me@example.com/", RefusedTarget::Credentials),
        ] {
            assert_eq!(STRICT.check_url(url), Err(why), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_loopback_is_refused_at_connect_time() {
        let name: Name = "localhost".parse().unwrap();
        let Err(error) = GuardedResolver(STRICT).resolve(name).await else {
            panic!("localhost must not pass");
        };
        assert_eq!(
            error.downcast_ref::<RefusedTarget>(),
            Some(&RefusedTarget::PrivateAddress)
        );
    }
}
