//! One HTTP call to a receiver: signed, bounded in time and size, guarded.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use shoal_error::{Error, Result};

use crate::config::WebhookConfig;
use crate::delivery::Outcome;
use crate::guard::{GuardedResolver, RefusedTarget, TargetPolicy};
use crate::signature::{EVENT_ID_HEADER, EVENT_TYPE_HEADER, SIGNATURE_HEADER, Secret, sign};

/// What one call carries.
pub(crate) struct Call<'a> {
    pub(crate) url: &'a str,
    pub(crate) secrets: &'a [Secret],
    pub(crate) event_id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) body: &'a str,
    /// Wall clock of the signature, unix seconds.
    pub(crate) unix_seconds: i64,
    /// Headers that carry the trace on.
    pub(crate) trace: HeaderMap,
}

/// Calls receivers.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    client: Client,
    policy: TargetPolicy,
    body_limit: usize,
}

impl Sender {
    pub(crate) fn new(config: &WebhookConfig) -> Result<Self> {
        let policy = config.policy();
        // Another part of the process may have installed the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match builder(config, policy).build() {
            Ok(client) => client,
            // A machine without CA certificates: receivers over plain HTTP can
            // be reached all the same, the others fail until there are some.
            Err(error) => {
                tracing::warn!(%error, "no webhook over https: CA certificates are missing");
                let bare = builder(config, policy).tls_certs_only([]);
                bare.build().map_err(Error::internal)?
            }
        };
        Ok(Self {
            client,
            policy,
            body_limit: config.response_body_limit,
        })
    }

    /// Makes the call; every failure is part of the outcome. `latency_ms` is
    /// left to the caller, who has the clock.
    pub(crate) async fn call(&self, call: Call<'_>) -> Outcome {
        // The URL's form was checked at registration, but perhaps by other
        // settings; literal addresses never reach the resolver.
        let url = match self.policy.check_url(call.url) {
            Ok(url) => url,
            Err(refused) => return failed(format!("target refused: it {refused}")),
        };
        let signature = sign(
            call.secrets,
            call.unix_seconds,
            call.event_id,
            call.body.as_bytes(),
        );
        let sent = self
            .client
            .post(url)
            .headers(call.trace)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature)
            .header(EVENT_ID_HEADER, call.event_id)
            .header(EVENT_TYPE_HEADER, call.event_type)
            .body(call.body.to_owned())
            .send()
            .await;
        match sent {
            Ok(response) => self.read(response).await,
            Err(error) => failed(describe(&error)),
        }
    }

    async fn read(&self, response: Response) -> Outcome {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = beginning(response, self.body_limit).await;
        let error = match status.as_u16() {
            200..=299 => None,
            300..=399 => Some(format!("answered {status}; redirects are not followed")),
            _ => Some(format!("answered {status}")),
        };
        Outcome {
            status: Some(status.as_u16()),
            error,
            response_body: body,
            retry_after,
        }
    }
}

fn builder(config: &WebhookConfig, policy: TargetPolicy) -> ClientBuilder {
    Client::builder()
        .dns_resolver(GuardedResolver(policy))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .timeout(Duration::from_millis(config.request_timeout_ms))
        .pool_max_idle_per_host(config.per_endpoint_concurrency)
        .user_agent(concat!("Shoal-Webhook/", env!("CARGO_PKG_VERSION")))
}

fn failed(error: String) -> Outcome {
    Outcome {
        status: None,
        error: Some(error),
        response_body: None,
        retry_after: None,
    }
}

/// A cause in words that hold no part of the URL (its path may be a secret).
fn describe(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<RefusedTarget>() {
            return format!("target refused: it {refused}");
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        "no answer in time".into()
    } else if error.is_dns() {
        "the host name does not resolve".into()
    } else if error.is_connect() {
        "connection failed".into()
    } else {
        "the connection broke during the call".into()
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads at most `limit` bytes; a receiver that streams for ever costs no more.
async fn beginning(mut response: Response, limit: usize) -> Option<String> {
    let mut kept = Vec::new();
    while kept.len() < limit {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = limit - kept.len();
                kept.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            }
            Ok(None) | Err(_) => break,
        }
    }
    // PostgreSQL's TEXT holds no NUL.
    let text = String::from_utf8_lossy(&kept).replace('\0', "\u{fffd}");
    (!text.is_empty()).then_some(text)
}
