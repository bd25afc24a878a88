//! A mail server.

use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use shoal_error::{Result, ResultExt as _};

use crate::config::{SmtpConfig, SmtpTls};
use crate::domain::delivery::smtp_failure;
use shoal_queue::Failure;

#[derive(Debug)]
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Smtp {
    /// Doesn't connect yet.
    pub(super) fn new(config: &SmtpConfig) -> Result<Self> {
        let tls = match config.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(TlsParameters::new(config.host.clone()).internal()?),
            SmtpTls::Tls => Tls::Wrapper(TlsParameters::new(config.host.clone()).internal()?),
        };
        let pool = PoolConfig::new().max_size(config.max_connections);
        // The name says that it is not TLS by default; the mode is set here.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(Duration::from_millis(config.timeout_ms)))
            .pool_config(pool);
        if !config.username.is_empty() {
            builder = builder.credentials(Credentials::new(
                config.username.clone(),
                config.password.clone(),
            ));
        }
        Ok(Self {
            transport: builder.build(),
        })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Failure> {
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify(&error)),
        }
    }
}

/// The reply's code and enhanced status, but not its text: servers repeat the
/// address there.
fn classify(error: &lettre::transport::smtp::Error) -> Failure {
    if let Some(code) = error.status() {
        return smtp_failure(number(code), &enhanced(error));
    }
    let detail = if error.is_timeout() {
        "the mail server did not answer in time"
    } else if error.is_tls() {
        "the mail server's TLS could not be used"
    } else if error.is_response() {
        "the mail server's answer was not understood"
    } else {
        "the mail server could not be reached"
    };
    Failure::passing(detail)
}

fn number(code: Code) -> u16 {
    code.to_string().parse().unwrap_or(0)
}

/// `5.1.1` out of `550 5.1.1 no such user`.
fn enhanced(error: &lettre::transport::smtp::Error) -> String {
    let text = error.to_string();
    let is_status = |word: &&str| {
        word.split('.').count() == 3 && word.split('.').all(|n| n.parse::<u16>().is_ok())
    };
    text.split([' ', '(', ')', ':'])
        .find(is_status)
        .unwrap_or_default()
        .to_owned()
}
