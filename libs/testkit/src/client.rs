//! An HTTP client whose answers assert themselves.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shoal_error::{PROBLEM_JSON, ProblemDetails};

/// Sends requests to one base URL.
#[derive(Clone, Debug)]
pub struct TestClient {
    inner: reqwest::Client,
    base: String,
}

impl TestClient {
    /// A client for `http://host:port`.
    pub fn new(base: impl Into<String>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let inner = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("an HTTP client");
        Self {
            inner,
            base: base.into(),
        }
    }

    /// A GET of `path`.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A POST to `path`.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A PUT to `path`.
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// A PATCH of `path`.
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    /// A DELETE of `path`.
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// Any request.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        let line = format!("{method} {path}");
        TestRequest {
            inner: self.inner.request(method, format!("{}{path}", self.base)),
            line,
        }
    }
}

/// A request in the making.
#[derive(Debug)]
pub struct TestRequest {
    inner: reqwest::RequestBuilder,
    line: String,
}

impl TestRequest {
    /// With an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.inner = self.inner.header(name, value);
        self
    }

    /// With an `Idempotency-Key`.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        self.inner = self.inner.json(body);
        self
    }

    /// With query parameters, escaped.
    #[must_use]
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        let built = self.inner.build().expect("a request");
        let mut url = built.url().clone();
        url.query_pairs_mut().extend_pairs(pairs);
        let client = reqwest::Client::new();
        let mut changed = built;
        *changed.url_mut() = url;
        self.inner = reqwest::RequestBuilder::from_parts(client, changed);
        self
    }

    /// With a body of any type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.inner = self.inner.header("content-type", content_type).body(body);
        self
    }

    /// The answer. Panics when there is none.
    pub async fn send(self) -> TestResponse {
        let line = self.line.clone();
        self.try_send()
            .await
            .unwrap_or_else(|error| panic!("{line}: no answer: {error:?}"))
    }

    /// The answer, if there is one.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn try_send(self) -> Result<TestResponse, reqwest::Error> {
        let answer = self.inner.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await?;
        Ok(TestResponse {
            line: self.line,
            status,
            headers,
            body,
        })
    }

    /// The raw answer, for streams.
    pub async fn stream(self) -> reqwest::Response {
        let line = self.line;
        self.inner
            .send()
            .await
            .unwrap_or_else(|error| panic!("{line}: no answer: {error:?}"))
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct TestResponse {
    line: String,
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl TestResponse {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Asserts the status. The answer may be left alone: the assertion is the
    /// point.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let (line, found) = (&self.line, self.status.as_u16());
        assert_eq!(found, status, "{line} answered {found}: {}", self.text());
        self
    }

    /// Asserts the status and reads the JSON body.
    #[track_caller]
    pub fn ok<T: DeserializeOwned>(self, status: u16) -> T {
        self.expect(status).json()
    }

    /// Reads the JSON body.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{}: the body is not as expected ({error}): {}",
                self.line,
                self.text()
            )
        })
    }

    /// Reads the JSON body if the status is this one; for probes.
    ///
    /// # Errors
    /// What came instead.
    pub fn try_json<T: DeserializeOwned>(&self, status: u16) -> Result<T, String> {
        if self.status.as_u16() != status {
            return Err(format!("{} answered {}", self.line, self.status));
        }
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }

    /// Asserts a problem document with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> ProblemDetails {
        let answer = self.expect(status);
        assert_eq!(
            answer.header("content-type"),
            Some(PROBLEM_JSON),
            "{}",
            answer.line
        );
        let problem: ProblemDetails = answer.json();
        assert_eq!(problem.code, code, "{}: {}", answer.line, answer.text());
        assert_eq!(problem.status, status, "{}: {}", answer.line, answer.text());
        problem
    }
}
