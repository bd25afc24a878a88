//! Mail on its way out: through a mail server, or into a folder.
//!
//! Neither medium sends twice on purpose. A maildir takes a delivery once,
//! because its file is named after the delivery. SMTP cannot promise that: when
//! the connection breaks after the server took the mail and before it said so,
//! the mail is sent again; its `Message-ID` is the same then, by which mail
//! programs recognise a repeat.

mod maildir;
mod message;
mod smtp;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use shoal_error::{Result, ResultExt as _};
use shoal_telemetry::metrics::Dependency;
use tracing::Instrument as _;

use crate::config::MailConfig;
use crate::domain::address::EmailAddress;
use crate::domain::template::Rendered;
use maildir::Maildir;
use shoal_queue::Failure;
use smtp::Smtp;

/// One mail to be sent.
pub(crate) struct Outgoing<'a> {
    /// The delivery, which names the mail.
    pub(crate) delivery_id: &'a str,
    /// When it was queued; the mail's date, the same in every attempt.
    pub(crate) created_at: i64,
    pub(crate) to: &'a EmailAddress,
    pub(crate) content: &'a Rendered,
}

/// Sends mail.
#[derive(Debug)]
pub(crate) struct Mailer {
    from: Mailbox,
    medium: Medium,
    timeout: Duration,
    figures: Arc<Dependency>,
}

#[derive(Debug)]
enum Medium {
    Smtp(Smtp),
    Maildir(Maildir),
}

impl Mailer {
    /// # Errors
    /// When the sender is no address, or the server's name or folder can't be used.
    pub(crate) async fn new(config: &MailConfig, data_dir: &Path) -> Result<Self> {
        let (medium, name) = if config.smtp.host.is_empty() {
            let maildir = Maildir::open(&data_dir.join(&config.folder)).await?;
            (Medium::Maildir(maildir), "maildir")
        } else {
            (Medium::Smtp(Smtp::new(&config.smtp)?), "smtp")
        };
        Ok(Self {
            from: config.from.parse().internal()?,
            medium,
            timeout: Duration::from_millis(config.smtp.timeout_ms),
            figures: Dependency::new("notification", name),
        })
    }

    /// Sends one mail.
    pub(crate) async fn send(&self, mail: &Outgoing<'_>) -> Result<(), Failure> {
        let message = message::build(&self.from, mail)?;
        let sent = async {
            match &self.medium {
                Medium::Smtp(smtp) => smtp.send(message).await,
                Medium::Maildir(maildir) => {
                    maildir
                        .deliver(mail.delivery_id, mail.created_at, &message.formatted())
                        .await
                }
            }
        };
        let span = tracing::info_span!("mail.send", otel.kind = "client");
        let timer = self.figures.start("send");
        let sent = tokio::time::timeout(self.timeout, sent.instrument(span)).await;
        timer.stop_with(
            sent.unwrap_or_else(|_| Err(Failure::passing("the mail was not taken in time"))),
        )
    }
}
