//! Settings of auth. Every default works without a settings file.

use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_service::ConfigFault;
use shoal_telemetry::Redacted;

use crate::domain::email::Email;
use crate::domain::sealing::SealingKey;
use crate::domain::signing_key::KeyPolicy;
use crate::domain::throttle::Policy;

/// Settings of auth, beside those of the chassis. Issuer and audience of tokens
/// are the chassis' `identity.issuer` and `identity.audience`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether logging in needs a proved e-mail address.
    pub require_verified_email: bool,
    /// How long tokens and sessions live.
    pub tokens: TokenConfig,
    /// Cost of hashing a password, and how much of it may go on at once.
    pub password_hash: HashConfig,
    /// How often a password may be tried.
    pub throttle: ThrottleConfig,
    /// Keys that sign tokens.
    pub keys: KeyConfig,
    /// The first administrator.
    pub bootstrap: BootstrapConfig,
    /// Deletion of what has ended.
    pub clean_up: CleanUpConfig,
}

/// How long tokens and sessions live.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// Access tokens of users, in seconds. They can't be called back before.
    #[schemars(range(min = 10, max = 86_400))]
    pub access_ttl_s: u32,
    /// Access tokens of service accounts, in seconds.
    #[schemars(range(min = 10, max = 86_400))]
    pub service_ttl_s: u32,
    /// A refresh token that is not used, in seconds.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub refresh_ttl_s: u32,
    /// A session however much it is used, in seconds.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub session_ttl_s: u32,
    /// Time after a refresh in which the old refresh token is answered 409
    /// instead of ending the session, in milliseconds: for clients that send it
    /// twice. 0 takes every repetition for theft.
    #[schemars(range(min = 0, max = 60_000))]
    pub refresh_grace_ms: u32,
    /// Token of the verification mail, in seconds.
    #[schemars(range(min = 60, max = 2_592_000))]
    pub verification_ttl_s: u32,
    /// Least time between two verification mails to one user, in seconds.
    #[schemars(range(min = 0, max = 86_400))]
    pub verification_pause_s: u32,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            access_ttl_s: 15 * 60,
            service_ttl_s: 15 * 60,
            refresh_ttl_s: 30 * 24 * 3600,
            session_ttl_s: 90 * 24 * 3600,
            refresh_grace_ms: 0,
            verification_ttl_s: 24 * 3600,
            verification_pause_s: 60,
        }
    }
}

/// Cost of hashing a password with Argon2id. The defaults are OWASP's: 19 MiB,
/// two passes. Changed values apply to a user at the next log-in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HashConfig {
    /// Memory of one computation, in KiB.
    #[schemars(range(min = 64, max = 4_194_304))]
    pub memory_kib: u32,
    /// Passes over that memory.
    #[schemars(range(min = 1, max = 100))]
    pub iterations: u32,
    /// Lanes that the memory is divided into.
    #[schemars(range(min = 1, max = 16))]
    pub lanes: u32,
    /// Computations at once. 0: one per processor.
    #[schemars(range(min = 0, max = 1_024))]
    pub workers: usize,
    /// Computations that may wait; further log-ins are told to try again.
    #[schemars(range(min = 0, max = 100_000))]
    pub queue: usize,
}

impl Default for HashConfig {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            lanes: 1,
            workers: 0,
            queue: 64,
        }
    }
}

/// How often a password may be tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ThrottleConfig {
    /// For one account, from wherever.
    pub account: Policy,
    /// From one address (IPv6: from one /64), for whatever account.
    pub address: Policy,
    /// Networks of the gateways whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<String>,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            account: Policy::ACCOUNT,
            address: Policy::ADDRESS,
            trusted_proxies: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
        }
    }
}

impl ThrottleConfig {
    /// The trusted networks; [`AuthConfig::check`] has proved that they parse.
    #[must_use]
    pub fn trusted(&self) -> Vec<IpNet> {
        self.trusted_proxies
            .iter()
            .filter_map(|net| net.parse().ok())
            .collect()
    }
}

/// Keys that sign tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyConfig {
    /// 32 bytes in base64 that seal the signing keys in the database. Left out:
    /// made on first use and kept in `<data_dir>/auth-sealing.key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<Redacted<String>>,
    /// Age at which the signing key is replaced, in seconds.
    #[schemars(range(min = 60, max = 315_360_000))]
    pub rotate_after_s: u32,
    /// How long the published keys may be cached, in seconds. A new key is
    /// published for twice as long before it signs.
    #[schemars(range(min = 1, max = 86_400))]
    pub jwks_max_age_s: u32,
    /// How often an instance looks whether the keys have changed, in seconds.
    #[schemars(range(min = 1, max = 3_600))]
    pub reload_s: u32,
}

impl Default for KeyConfig {
    fn default() -> Self {
        Self {
            sealing_key: None,
            rotate_after_s: 30 * 24 * 3600,
            jwks_max_age_s: 300,
            reload_s: 30,
        }
    }
}

/// The first administrator, made at start when no account has the address.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapConfig {
    /// E-mail address of the administrator. Empty: none is made.
    pub admin_email: String,
    /// Password of the administrator. Ignored when the account exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password: Option<Redacted<String>>,
}

/// Deletion of what has ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CleanUpConfig {
    /// How often, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub every_s: u32,
    /// How long ended sessions are kept, in seconds, so that the reuse of an old
    /// refresh token is recognised as such.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub keep_sessions_s: u32,
}

impl Default for CleanUpConfig {
    fn default() -> Self {
        Self {
            every_s: 300,
            keep_sessions_s: 7 * 24 * 3600,
        }
    }
}

impl AuthConfig {
    /// What types and ranges can't say.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub fn check(&self) -> Result<(), ConfigFault> {
        for net in &self.throttle.trusted_proxies {
            if net.parse::<IpNet>().is_err() {
                let problem = format!("{net:?} is not a network such as 10.0.0.0/8");
                return Err(ConfigFault::new("throttle.trusted_proxies", problem));
            }
        }
        if self.password_hash.memory_kib < 8 * self.password_hash.lanes {
            let problem = "must be at least 8 times password_hash.lanes";
            return Err(ConfigFault::new("password_hash.memory_kib", problem));
        }
        if let Some(key) = &self.keys.sealing_key {
            SealingKey::from_base64(key.expose())
                .map_err(|e| ConfigFault::new("keys.sealing_key", e.to_string()))?;
        }
        if self.tokens.session_ttl_s < self.tokens.access_ttl_s {
            let problem = "must not be shorter than tokens.access_ttl_s";
            return Err(ConfigFault::new("tokens.session_ttl_s", problem));
        }
        self.check_bootstrap()
    }

    fn check_bootstrap(&self) -> Result<(), ConfigFault> {
        let bootstrap = &self.bootstrap;
        if bootstrap.admin_email.is_empty() {
            return Ok(());
        }
        Email::parse(&bootstrap.admin_email)
            .map_err(|e| ConfigFault::new("bootstrap.admin_email", e.to_string()))?;
        if bootstrap.admin_password.is_none() {
            let problem = "is needed with bootstrap.admin_email";
            return Err(ConfigFault::new("bootstrap.admin_password", problem));
        }
        Ok(())
    }

    /// The times that decide about signing keys.
    #[must_use]
    pub fn key_policy(&self, clock_skew_s: u64) -> KeyPolicy {
        let longest_token_s = self.tokens.access_ttl_s.max(self.tokens.service_ttl_s);
        let skew_s = i64::try_from(clock_skew_s).unwrap_or(i64::MAX / 4000);
        KeyPolicy {
            rotate_after_ms: i64::from(self.keys.rotate_after_s) * 1000,
            publish_before_use_ms: i64::from(self.keys.jwks_max_age_s) * 2000,
            publish_after_use_ms: (i64::from(longest_token_s)
                + i64::from(self.keys.reload_s) * 2
                + skew_s)
                * 1000,
        }
    }
}

/// Milliseconds of a setting in seconds.
pub(crate) fn ms(seconds: u32) -> i64 {
    i64::from(seconds) * 1000
}

/// A setting in seconds as a duration.
pub(crate) fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut AuthConfig)) -> String {
        let mut config = AuthConfig::default();
        change(&mut config);
        config
            .check()
            .map_or_else(|fault| fault.to_string(), |()| String::new())
    }

    #[test]
    fn the_defaults_are_right_and_others_are_refused_by_their_key() {
        assert_eq!(fault(|_| {}), "");
        let net = |c: &mut AuthConfig| c.throttle.trusted_proxies = vec!["10.0.0.0/40".into()];
        assert!(fault(net).contains("throttle.trusted_proxies"));
        let memory = |c: &mut AuthConfig| {
            (c.password_hash.memory_kib, c.password_hash.lanes) = (64, 16);
        };
        assert!(fault(memory).contains("password_hash.memory_kib"));
        let session = |c: &mut AuthConfig| c.tokens.session_ttl_s = 60;
        assert!(fault(session).contains("tokens.session_ttl_s"));
        let lonely = |c: &mut AuthConfig| c.bootstrap.admin_email = "root@example.com".into();
        assert!(fault(lonely).contains("bootstrap.admin_password"));
    }

    #[test]
    fn a_bad_sealing_key_is_refused_and_never_shown() {
        let secret = "hunter2-is-no-key";
        let said = fault(|c| c.keys.sealing_key = Some(secret.to_owned().into()));
        assert!(
            said.contains("keys.sealing_key") && !said.contains(secret),
            "{said}"
        );
        let config = AuthConfig {
            bootstrap: BootstrapConfig {
                admin_password: Some(secret.to_owned().into()),
                ..BootstrapConfig::default()
            },
            ..AuthConfig::default()
        };
        assert!(!format!("{config:?}").contains(secret));
    }

    #[test]
    fn a_key_is_published_longer_than_caches_and_tokens_live() {
        let config = AuthConfig::default();
        let policy = config.key_policy(30);
        assert_eq!(policy.publish_before_use_ms, 600_000);
        assert_eq!(policy.publish_after_use_ms, (900 + 60 + 30) * 1000);
        assert!(policy.publish_before_use_ms > ms(config.keys.jwks_max_age_s));
    }
}
