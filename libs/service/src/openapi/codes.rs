//! Error codes in the document.

use std::fmt;

use serde_json::{Value, json};
use shoal_error::{
    Code as _, CodeSpec, CommonCode, FieldProblem, PROBLEM_TYPE_BASE, ProblemDetails,
};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::extensions::{Extensions, ExtensionsBuilder};
use utoipa::openapi::path::Operation;

use super::CODES;

/// An operation names a code that no catalogue has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode {
    pub(super) operation: String,
    pub(super) code: String,
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the operation {} lists the error code {:?}, which is in no catalogue",
            self.operation, self.code
        )
    }
}

impl std::error::Error for UnknownCode {}

/// Every code that a service may answer.
pub(crate) struct Catalogue(Vec<&'static CodeSpec>);

impl Catalogue {
    pub(crate) fn new(own: &'static [CodeSpec]) -> Self {
        Self(CommonCode::CATALOGUE.iter().chain(own).collect())
    }

    pub(super) fn find(&self, id: &str) -> Option<&'static CodeSpec> {
        self.0.iter().find(|spec| spec.id == id).copied()
    }

    /// The codes that an operation lists, and nothing it does not know.
    pub(super) fn listed(
        &self,
        operation: &Operation,
        name: &str,
    ) -> Result<Vec<&'static CodeSpec>, UnknownCode> {
        let listed = operation.extensions.as_ref().and_then(|all| all.get(CODES));
        let Some(Value::Array(ids)) = listed else {
            return Ok(Vec::new());
        };
        let spec = |id: &Value| {
            let id = id.as_str().unwrap_or_default();
            self.find(id).ok_or_else(|| UnknownCode {
                operation: name.to_owned(),
                code: id.to_owned(),
            })
        };
        ids.iter().map(spec).collect()
    }

    /// The catalogue as an extension of the document: the module's own codes
    /// first, then those that every module has.
    pub(super) fn extension(&self, own: &'static [CodeSpec]) -> Extensions {
        let entry = |spec: &CodeSpec| {
            json!({
                "action": spec.action,
                "code": spec.id,
                "status": spec.kind.http_status().as_u16(),
                "title": spec.title,
            })
        };
        let all: Vec<Value> = own.iter().chain(CommonCode::CATALOGUE).map(entry).collect();
        ExtensionsBuilder::new()
            .add(CODES, Value::Array(all))
            .build()
    }
}

/// How a failure with this code looks.
pub(super) fn example(spec: &CodeSpec) -> Example {
    let problem = ProblemDetails {
        r#type: format!("{PROBLEM_TYPE_BASE}{}", spec.id),
        title: spec.title.to_owned(),
        status: spec.kind.http_status().as_u16(),
        detail: format!("{}.", spec.title),
        code: spec.id.to_owned(),
        action: spec.action.to_owned(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        errors: faulty(spec).into_iter().collect(),
        meta: std::collections::BTreeMap::new(),
    };
    ExampleBuilder::new()
        .summary(spec.title)
        // Strings and numbers only: this cannot fail.
        .value(serde_json::to_value(problem).ok())
        .build()
}

/// The part of the request that the codes about its form name.
fn faulty(spec: &CodeSpec) -> Option<FieldProblem> {
    let named = [
        (CommonCode::InvalidField, "/name", "must not be empty"),
        (
            CommonCode::UnknownField,
            "/nmae",
            "unknown field `nmae`, expected `name`",
        ),
        (
            CommonCode::InvalidQuery,
            "limit",
            "must be between 1 and 100",
        ),
        (
            CommonCode::InvalidCursor,
            "cursor",
            "pass `next_cursor` unchanged",
        ),
        (
            CommonCode::IdempotencyKeyMissing,
            "Idempotency-Key",
            "is missing",
        ),
        (
            CommonCode::IdempotencyKeyInvalid,
            "Idempotency-Key",
            "is empty",
        ),
    ];
    let (_, field, message) = named.into_iter().find(|(code, ..)| code.spec() == spec)?;
    Some(FieldProblem {
        field: field.to_owned(),
        message: message.to_owned(),
    })
}
