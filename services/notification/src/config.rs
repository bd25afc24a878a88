//! The service's own settings. All defaults work without any.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_resilience::RetryPolicy;
use shoal_service::ConfigFault;
use shoal_webhook::WebhookConfig;

/// Settings of the notification service, beside those of the chassis.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationConfig {
    /// Where people reach the platform; stands in mails as `public_url`.
    pub public_url: String,
    /// How mail leaves.
    pub mail: MailConfig,
    /// How deliveries are worked on.
    pub deliveries: DeliveriesConfig,
    /// The inbox's live streams.
    pub streams: StreamsConfig,
    /// Webhooks of users.
    pub webhook: WebhookConfig,
}

impl Default for NotificationConfig {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".into(),
            mail: MailConfig::default(),
            deliveries: DeliveriesConfig::default(),
            streams: StreamsConfig::default(),
            webhook: WebhookConfig::default(),
        }
    }
}

/// How mail leaves: through a mail server if one is named, else into a folder.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Sender of every mail, `Name <address>`.
    pub from: String,
    /// Folder of the maildir that takes mail when no server is named. Relative
    /// to `data_dir`.
    pub folder: PathBuf,
    /// The mail server.
    pub smtp: SmtpConfig,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            from: "Shoal <no-reply@shoal.invalid>".into(),
            folder: "mail".into(),
            smtp: SmtpConfig::default(),
        }
    }
}

/// The mail server.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpConfig {
    /// Name or address of the server. Empty: mail goes into the folder.
    pub host: String,
    /// Its port: 587 for STARTTLS, 465 for TLS, 25 or 1025 for none.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User to log in as; empty: no log-in.
    pub username: String,
    /// Password of that user.
    pub password: String,
    /// Time for one mail, in milliseconds.
    #[schemars(range(min = 100, max = 300_000))]
    pub timeout_ms: u64,
    /// Connections kept open at most.
    #[schemars(range(min = 1, max = 100))]
    pub max_connections: u32,
}

impl Default for SmtpConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            tls: SmtpTls::StartTls,
            username: String::new(),
            password: String::new(),
            timeout_ms: 15_000,
            max_connections: 8,
        }
    }
}

impl fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Not at all; for a server on the same machine.
    None,
    /// Begins in the clear and must change to TLS.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// How deliveries are worked on. Times are milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveriesConfig {
    /// Mails under way at once, for each instance.
    #[schemars(range(min = 1, max = 1_000))]
    pub concurrency: usize,
    /// After this a claimed delivery counts as abandoned by a crashed instance;
    /// must exceed `mail.smtp.timeout_ms`.
    #[schemars(range(min = 1_000))]
    pub lease_ms: u64,
    /// How often the table is looked at when nothing wakes the worker.
    #[schemars(range(min = 10, max = 60_000))]
    pub poll_interval_ms: u64,
    /// Attempts before a delivery becomes a dead letter.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,
    /// Wait after the first failure; doubles with each further one.
    #[schemars(range(min = 1))]
    pub retry_initial_ms: u64,
    /// Longest wait between two attempts.
    #[schemars(range(min = 1))]
    pub retry_max_ms: u64,
    /// No attempt begins later than this after the delivery was queued or
    /// redriven: news that old mislead more than they help. 0 for no bound.
    pub max_age_ms: u64,
    /// Notifications whose deliveries all were made or discarded are removed
    /// after this many days; inbox items stay until their owner deletes them.
    #[schemars(range(min = 1, max = 3_650))]
    pub keep_days: u32,
}

impl Default for DeliveriesConfig {
    fn default() -> Self {
        Self {
            concurrency: 8,
            lease_ms: 60_000,
            poll_interval_ms: 1_000,
            max_attempts: 10,
            retry_initial_ms: 2_000,
            retry_max_ms: 3_600_000,
            max_age_ms: 3 * 86_400_000,
            keep_days: 90,
        }
    }
}

impl DeliveriesConfig {
    pub(crate) fn retry(&self) -> RetryPolicy {
        RetryPolicy {
            max_age: (self.max_age_ms > 0).then(|| Duration::from_millis(self.max_age_ms)),
            ..RetryPolicy::new(
                self.max_attempts,
                Duration::from_millis(self.retry_initial_ms),
                Duration::from_millis(self.retry_max_ms),
            )
        }
    }
}

/// The inbox's live streams.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StreamsConfig {
    /// Streams that one user may have open, for each instance.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_per_user: usize,
    /// Streams open at once, for each instance.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_total: usize,
    /// A comment is sent after this much silence, in milliseconds, so that
    /// proxies keep the connection and a dead client is noticed.
    #[schemars(range(min = 10, max = 300_000))]
    pub heartbeat_ms: u64,
    /// How often one query asks for what other instances wrote, in
    /// milliseconds. What this instance writes is streamed at once.
    #[schemars(range(min = 10, max = 60_000))]
    pub poll_interval_ms: u64,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            max_per_user: 5,
            max_total: 10_000,
            heartbeat_ms: 15_000,
            poll_interval_ms: 1_000,
        }
    }
}

/// Rules between settings.
pub(crate) fn check(config: &NotificationConfig) -> Result<(), ConfigFault> {
    if config.deliveries.lease_ms <= config.mail.smtp.timeout_ms {
        return Err(ConfigFault::new(
            "deliveries.lease_ms",
            "a mail could still be on its way when it is taken for abandoned",
        )
        .with_allowed("more than mail.smtp.timeout_ms"));
    }
    if config
        .mail
        .from
        .parse::<lettre::message::Mailbox>()
        .is_err()
    {
        return Err(ConfigFault::new(
            "mail.from",
            "it is not of the form `Name <address>`",
        ));
    }
    config
        .webhook
        .validate()
        .map_err(|fault| ConfigFault::new(fault.key, fault.problem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        check(&NotificationConfig::default()).unwrap();
    }

    #[test]
    fn a_lease_shorter_than_a_mail_is_refused() {
        let mut config = NotificationConfig::default();
        config.deliveries.lease_ms = config.mail.smtp.timeout_ms;
        assert_eq!(check(&config).unwrap_err().key(), "deliveries.lease_ms");
    }

    #[test]
    fn a_sender_that_is_no_address_is_refused() {
        let mut config = NotificationConfig::default();
        config.mail.from = "nobody".into();
        assert_eq!(check(&config).unwrap_err().key(), "mail.from");
    }

    #[test]
    fn the_password_of_the_mail_server_is_not_printed() {
        let mut config = NotificationConfig::default();
        config.mail.smtp.password = "s3cret".into();
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
