//! The gateway, as clients know it.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use shoal_error::{Error, Result, ResultExt as _};

use crate::record::Ended;

/// How long a client waits for an answer; the platform's own deadline is 10 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where requests go in.
pub(crate) struct Door {
    http: reqwest::Client,
    base: String,
    /// The merged description of all services, in which every code stands.
    described: String,
}

/// One request.
pub(crate) struct Call<'a> {
    method: Method,
    path: &'a str,
    token: Option<&'a str>,
    key: Option<&'a str>,
    body: Option<Value>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: &'a str, token: Option<&'a str>) -> Self {
        Self {
            method: Method::GET,
            path,
            token,
            key: None,
            body: None,
        }
    }

    pub(crate) fn post(path: &'a str, token: Option<&'a str>, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path, token)
        }
    }

    /// With this idempotency key.
    pub(crate) fn keyed(self, key: &'a str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }
}

impl Door {
    /// A client of the gateway at `address`, which must be up.
    pub(crate) async fn to(address: SocketAddr) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            // Sooner than the gateway closes kept connections.
            .pool_idle_timeout(Duration::from_secs(10))
            .build()
            .internal()?;
        let base = format!("http://{address}");
        let described = http.get(format!("{base}/docs/openapi.json")).send().await;
        let described = described.internal()?.text().await.internal()?;
        Ok(Self {
            http,
            base,
            described,
        })
    }

    /// Sends a request; how it ended and what 2xx answered.
    pub(crate) async fn send(&self, call: Call<'_>) -> (Ended, Value) {
        let answer = match self.request(call).send().await {
            Ok(answer) => answer,
            Err(error) => return (Ended::Wild(chain(&error)), Value::Null),
        };
        let (status, problem) = (answer.status(), is_problem(&answer));
        let text = match answer.text().await {
            Ok(text) => text,
            Err(error) => return (Ended::Wild(chain(&error)), Value::Null),
        };
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return (Ended::Good, body);
        }
        (self.judged(status, problem, &body, &text), Value::Null)
    }

    /// The same for what must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn must(&self, call: Call<'_>) -> Result<Value> {
        let path = call.path.to_owned();
        match self.send(call).await {
            (Ended::Good, body) => Ok(body),
            (other, _) => Err(Error::internal(format!("{path}: {other:?}"))),
        }
    }

    fn request(&self, call: Call<'_>) -> RequestBuilder {
        let url = format!("{}{}", self.base, call.path);
        let mut request = self.http.request(call.method, url);
        if let Some(token) = call.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        match call.body {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    /// An error must say which of the documented ones it is.
    fn judged(&self, status: StatusCode, problem: bool, body: &Value, text: &str) -> Ended {
        let code = body["code"].as_str().unwrap_or_default();
        let known = code.contains('.') && self.described.contains(&format!("\"{code}\""));
        if !problem || !known {
            return Ended::Wild(format!("{status}: {text}"));
        }
        let ours = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        match ours {
            true => Ended::Failed(code.to_owned()),
            false => Ended::Refused(code.to_owned()),
        }
    }
}

fn is_problem(answer: &reqwest::Response) -> bool {
    let kind = answer.headers().get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
