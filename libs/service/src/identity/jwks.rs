//! Where public keys come from.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jsonwebtoken::jwk::JwkSet;
use shoal_error::{CommonCode, Error, Result, ResultExt as _};

/// Longest key set that is read, in bytes; ten keys take about 2 KB.
const MAX_DOCUMENT: usize = 64 * 1024;

/// A place that public keys can be read from.
pub trait JwksSource: Send + Sync + 'static {
    /// Reads the current keys.
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>>;
}

impl<S: JwksSource + ?Sized> JwksSource for Arc<S> {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        (**self).fetch()
    }
}

/// Keys that never change; for tests and for programs that hold the keys.
#[derive(Clone, Debug)]
pub struct StaticJwks(pub JwkSet);

impl JwksSource for StaticJwks {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// Keys that an issuer publishes at a URL.
#[derive(Clone, Debug)]
pub struct HttpJwks {
    client: reqwest::Client,
    url: String,
}

impl HttpJwks {
    /// Keys at `url`.
    ///
    /// # Errors
    /// `Internal` when the HTTP client cannot be made.
    pub fn new(url: impl Into<String>) -> Result<Self> {
        // Fails only when a provider was installed before, which serves us too.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(Duration::from_secs(2))
                .timeout(Duration::from_secs(5))
                .redirect(reqwest::redirect::Policy::none())
        };
        // Without CA certificates on the machine, an issuer over plain HTTP (on
        // loopback, inside a mesh) can be asked all the same.
        let client = builder().build();
        let client = client.or_else(|_| builder().tls_certs_only([]).build());
        let client = client.internal()?;
        Ok(Self {
            client,
            url: url.into(),
        })
    }

    async fn read(&self) -> Result<JwkSet> {
        let away = |e: reqwest::Error| {
            Error::new(
                CommonCode::Unavailable,
                "Tokens cannot be checked at the moment.",
            )
            .with_internal(format!("no keys from {}", self.url))
            .with_source(e)
            .with_retry_after(Duration::from_secs(1))
        };
        let answer = self.client.get(&self.url).send().await.map_err(away)?;
        let mut answer = answer.error_for_status().map_err(away)?;
        let mut document = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if document.len() + chunk.len() > MAX_DOCUMENT {
                return Err(Error::internal(format!(
                    "{} is over {MAX_DOCUMENT} bytes",
                    self.url
                )));
            }
            document.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&document).internal()
    }
}

impl JwksSource for HttpJwks {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        Box::pin(self.read())
    }
}
