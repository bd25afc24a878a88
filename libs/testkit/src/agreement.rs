//! Whether a service does what its document says: no route without a
//! description, no description without a route, no operation that lets in whom
//! it says it keeps out.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;
use shoal_error::ProblemDetails;
use shoal_service::{Module, openapi};

use crate::client::{TestRequest, TestResponse};
use crate::examples::check_examples;
use crate::service::TestService;

/// Asserts that a module's document is complete, that its examples are valid,
/// and that its router has no route that the document does not name.
///
/// # Panics
/// With every fault, one a line.
#[track_caller]
pub fn assert_documented<M: Module>() {
    let mut faults = openapi::faults::<M>();
    let document = document::<M>();
    let examples = check_examples(&document);
    assert!(examples.checked > 0, "{} has no examples at all", M::NAME);
    faults.extend(examples.faults);
    let documented = paths(&document);
    let undocumented = routes::<M>()
        .into_iter()
        .filter(|r| !documented.contains(r));
    faults.extend(undocumented.map(|route| {
        format!("the route {route} is not in the document: add it with `routes!`, not `route`")
    }));
    assert!(
        faults.is_empty(),
        "the document of {}:\n{}",
        M::NAME,
        faults.join("\n")
    );
}

/// Asserts of the running service that every documented operation is there,
/// that its other methods are not, and that tokens are asked for exactly where
/// the document says so.
///
/// # Panics
/// With every fault, one a line.
pub async fn assert_agreement<M: Module>(service: &TestService<M>) {
    let document = document::<M>();
    let mut faults = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (name, method) in methods() {
            // axum answers HEAD where GET is.
            if method == Method::HEAD && item.get("head").is_none() {
                continue;
            }
            let operation = item.get(name);
            let request = request(service, &document, &method, path, operation);
            let answer = request.send().await;
            let fault = match operation {
                Some(operation) => disagreement(operation, &answer),
                None => (answer.status != 405)
                    .then(|| format!("is not documented, but answered {}", answer.status)),
            };
            faults.extend(fault.map(|fault| format!("{method} {path} {fault}")));
        }
    }
    assert!(
        faults.is_empty(),
        "{} and its document:\n{}",
        M::NAME,
        faults.join("\n")
    );
}

fn document<M: Module>() -> Value {
    let document = openapi::document::<M>().unwrap_or_else(|fault| panic!("{fault}"));
    serde_json::to_value(document).expect("a document is JSON")
}

fn paths(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.map(|(path, _)| path.clone()).collect()
}

/// The paths of the module's router. axum tells them in its debug text only,
/// where each stands as `RouteId(3): "/path"`; a test of this crate plants a
/// route, so that a change of the text is noticed.
fn routes<M: Module>() -> Vec<String> {
    let (router, _) = M::api().split_for_parts();
    let text = format!("{router:?}");
    let own = text.split("fallback_router:").next().unwrap_or(&text);
    let parts = own.split("RouteId(").skip(1);
    let path = |part: &str| {
        let (_, rest) = part.split_once("): \"")?;
        rest.split('"').next().map(str::to_owned)
    };
    parts.filter_map(path).collect()
}

/// OPTIONS is left out: browsers' preflights are answered for any path.
fn methods() -> [(&'static str, Method); 7] {
    [
        ("get", Method::GET),
        ("put", Method::PUT),
        ("post", Method::POST),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
        ("head", Method::HEAD),
        ("trace", Method::TRACE),
    ]
}

/// A request as the document's examples have it, without a token.
fn request<M: Module>(
    service: &TestService<M>,
    document: &Value,
    method: &Method,
    path: &str,
    operation: Option<&Value>,
) -> TestRequest {
    let item = &document["paths"][path];
    let any = item.as_object().into_iter().flatten().next();
    let parameters = operation.or(any.map(|(_, first)| first));
    let parameters = parameters.and_then(|operation| operation["parameters"].as_array());
    let mut path = path.to_owned();
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let value = example(parameter);
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &value),
            Some("query") if parameter["required"] == true => query.push((name, value)),
            Some("header") if parameter["required"] == true => headers.push((name, value)),
            _ => {}
        }
    }
    let mut request = service.request(method.clone(), &path);
    if !query.is_empty() {
        let pairs: Vec<(&str, &str)> = query.iter().map(|(n, v)| (*n, v.as_str())).collect();
        request = request.query(&pairs);
    }
    for (name, value) in headers {
        request = request.header(name, &value);
    }
    let content = operation.and_then(|operation| operation["requestBody"]["content"].as_object());
    match content.into_iter().flatten().next() {
        Some((media, content)) if media == "application/x-www-form-urlencoded" => {
            request.body(media, form(&content["example"]))
        }
        Some((media, content)) => request.body(media, content["example"].to_string()),
        None => request,
    }
}

fn example(parameter: &Value) -> String {
    let places = [&parameter["example"], &parameter["schema"]["example"]];
    let found = places.into_iter().find(|value| !value.is_null());
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "1".to_owned(),
    }
}

fn form(example: &Value) -> String {
    let fields = example.as_object().into_iter().flatten();
    let pair =
        |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
    fields.map(pair).collect::<Vec<_>>().join("&")
}

fn disagreement(operation: &Value, answer: &TestResponse) -> Option<String> {
    let code = serde_json::from_slice::<ProblemDetails>(&answer.body).map(|problem| problem.code);
    let code = code.unwrap_or_default();
    let status = answer.status.as_u16();
    if status == 405 || code == "common.route_not_found" {
        return Some("is documented, but there is no such route".to_owned());
    }
    let is_secured = operation["security"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    if is_secured && status != 401 {
        return Some(format!(
            "is documented to need a token, but answered {status} without one"
        ));
    }
    if !is_secured && code == "common.unauthenticated" {
        return Some("is documented as open, but asks for a token".to_owned());
    }
    let is_documented = operation["responses"].get(status.to_string()).is_some();
    (!is_documented).then(|| format!("answered {status}, which is not documented"))
}
