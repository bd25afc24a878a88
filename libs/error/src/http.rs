//! The public face over HTTP: `application/problem+json`, RFC 9457.

use std::collections::BTreeMap;

use ::http::{HeaderMap, HeaderValue, Response, header};
use axum::body::Body;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use crate::{Error, Inner, Kind, Violation};

/// Content type of every error answer.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What stands before the code in a problem's `type`: the page of the
/// documentation portal that explains it.
pub const PROBLEM_TYPE_BASE: &str = "/docs/errors#";

/// What every operation answers when it fails (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProblemDetails {
    /// Where the code is explained.
    #[schema(example = "/docs/errors#common.not_found")]
    pub r#type: String,
    /// Short name of the problem.
    #[schema(example = "Not found")]
    pub title: String,
    /// HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// Stable code for programs.
    #[schema(example = "common.not_found")]
    pub code: String,
    /// What the caller can do about it.
    pub action: String,
    /// Trace to name in a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: Option<String>,
    /// Faulty parts of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Further facts, e.g. `order_id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
}

/// One faulty part of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the body, or the parameter's name.
    #[schema(example = "/items/0/quantity")]
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Error {
    /// The public face as RFC 9457 has it.
    pub fn to_problem(&self) -> ProblemDetails {
        ProblemDetails {
            r#type: format!("{PROBLEM_TYPE_BASE}{}", self.code()),
            title: self.title().to_owned(),
            status: self.kind().http_status().as_u16(),
            detail: self.message().to_owned(),
            code: self.code().to_owned(),
            action: self.action().to_owned(),
            trace_id: self.trace_id().map(str::to_owned),
            errors: self
                .fields()
                .iter()
                .map(|v| FieldProblem {
                    field: v.field.clone(),
                    message: v.message.clone(),
                })
                .collect(),
            meta: self.meta().clone(),
        }
    }

    /// The error behind another service's problem document.
    pub fn from_problem(problem: ProblemDetails) -> Self {
        let kind = Kind::all()
            .find(|kind| kind.http_status().as_u16() == problem.status)
            .unwrap_or(Kind::BadGateway);
        Self(Box::new(Inner {
            code: problem.code.into(),
            kind,
            title: problem.title.into(),
            action: problem.action.into(),
            message: problem.detail.into(),
            fields: problem
                .errors
                .into_iter()
                .map(|e| Violation {
                    field: e.field,
                    message: e.message,
                })
                .collect(),
            meta: problem.meta,
            retry_after: None,
            trace_id: problem.trace_id,
            internal: None,
            source: None,
            backtrace: None,
        }))
    }

    fn headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after() {
            // Rounded up: a client that waits that long must not be early.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if self.kind() == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response<Body> {
        self.log();
        // The document holds only strings and numbers, so this cannot fail.
        let body = serde_json::to_vec(&self.to_problem()).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.kind().http_status();
        self.headers(response.headers_mut());
        response
    }
}
