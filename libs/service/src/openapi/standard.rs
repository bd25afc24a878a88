//! The failures that every operation shares, added to each so that no handler
//! has to repeat them and no client is surprised.

use std::collections::BTreeMap;

use shoal_error::{CodeSpec, CommonCode, PROBLEM_JSON};
use utoipa::openapi::example::Example;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::codes::{self, Catalogue, UnknownCode};
use super::{CODES, headers, operations};

/// Completes every operation of the document.
pub(super) fn complete(document: &mut OpenApi, catalogue: &Catalogue) -> Result<(), UnknownCode> {
    let mut used = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations::of(item) {
            let listed = catalogue.listed(operation, &format!("{method} {path}"))?;
            let codes = by_status(common(operation, method), listed);
            for (status, specs) in codes {
                used.extend(
                    specs
                        .iter()
                        .map(|spec| (spec.id.to_owned(), codes::example(spec).into())),
                );
                add(operation, status, &specs);
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response {
                    headers::add(response, status);
                }
            }
        }
    }
    document
        .components
        .get_or_insert_default()
        .examples
        .extend(used);
    Ok(())
}

/// The common codes that apply to an operation by its form.
fn common(operation: &Operation, method: &str) -> Vec<CommonCode> {
    use CommonCode as C;
    let mut codes = vec![
        C::TooManyRequests,
        C::Internal,
        C::Overloaded,
        C::Unavailable,
        C::DeadlineExceeded,
    ];
    if operation
        .security
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        codes.extend([
            C::Unauthenticated,
            C::TokenMalformed,
            C::TokenInvalid,
            C::TokenExpired,
        ]);
        codes.push(C::PermissionDenied);
    }
    if operation.request_body.is_some() {
        codes.extend([C::MalformedBody, C::InvalidField, C::UnknownField]);
        codes.extend([C::PayloadTooLarge, C::UnsupportedMediaType]);
    }
    if has_parameter(operation, |place, _| *place == ParameterIn::Path) {
        codes.extend([C::InvalidPath, C::NotFound]);
    }
    if has_parameter(operation, |place, _| *place == ParameterIn::Query) {
        codes.push(C::InvalidQuery);
    }
    if has_parameter(operation, |_, name| name == "cursor") {
        codes.push(C::InvalidCursor);
    }
    if has_parameter(operation, |_, name| name == "Idempotency-Key") {
        codes.extend([C::IdempotencyKeyMissing, C::IdempotencyKeyInvalid]);
        codes.extend([C::IdempotencyKeyReused, C::IdempotencyInFlight]);
    } else if method != "GET" && method != "HEAD" {
        codes.push(C::Conflict);
    }
    codes
}

fn has_parameter(operation: &Operation, is: impl Fn(&ParameterIn, &str) -> bool) -> bool {
    operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| match parameter {
            RefOr::T(parameter) => is(&parameter.parameter_in, &parameter.name),
            RefOr::Ref(_) => false,
        })
}

fn by_status(
    common: Vec<CommonCode>,
    listed: Vec<&'static CodeSpec>,
) -> BTreeMap<u16, Vec<&'static CodeSpec>> {
    use shoal_error::Code as _;
    let mut codes: BTreeMap<u16, Vec<&'static CodeSpec>> = BTreeMap::new();
    for spec in listed
        .into_iter()
        .chain(common.into_iter().map(CommonCode::spec))
    {
        let same = codes.entry(spec.kind.http_status().as_u16()).or_default();
        if !same.contains(&spec) {
            same.push(spec);
        }
    }
    codes
}

/// Adds a failure. One that the handler documents itself keeps its description
/// and its body, and learns which codes may come.
fn add(operation: &mut Operation, status: u16, specs: &[&CodeSpec]) {
    let ids: Vec<&str> = specs.iter().map(|spec| spec.id).collect();
    let entry = operation.responses.responses.entry(status.to_string());
    let response = entry.or_insert_with(|| RefOr::T(failure(specs)));
    if let RefOr::T(response) = response {
        let codes = ExtensionsBuilder::new().add(CODES, ids).build();
        response.extensions.get_or_insert_default().merge(codes);
    }
}

fn failure(specs: &[&CodeSpec]) -> Response {
    let lines = specs
        .iter()
        .map(|spec| format!("`{}`: {}", spec.id, spec.title));
    let examples = specs.iter().map(|spec| {
        let shared = Ref::new(format!("#/components/examples/{}", spec.id));
        (spec.id, RefOr::<Example>::Ref(shared))
    });
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ProblemDetails")))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(lines.collect::<Vec<_>>().join("; "))
        .content(PROBLEM_JSON, problem)
        .build()
}
