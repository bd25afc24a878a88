//! Code samples of an operation in four languages, made from its parameters,
//! security and body, and put into the document as `x-codeSamples`.
//!
//! Rejected: the component's own snippets, which know our rules (a key for each
//! order, a token from a variable) no better than any other API's.

mod curl;
mod python;
mod rust;
mod typescript;

use serde_json::{Value, json};

use crate::schema::{Filling, Schemas};

/// Where the platform listens unless told otherwise.
pub(crate) const BASE: &str = "http://127.0.0.1:8080";

const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

/// What is sent.
pub(crate) struct Request {
    /// Upper case.
    method: String,
    /// `/order/v1/orders/{id}`.
    path: String,
    /// Names of what stands in braces, with an example.
    path_values: Vec<(String, String)>,
    /// Required query parameters.
    query: Vec<(String, String)>,
    /// The operation wants an access token.
    token: bool,
    /// It wants an idempotency key.
    key: bool,
    body: Option<Body>,
    /// The answer never ends by itself.
    stream: bool,
}

/// What a request carries.
enum Body {
    Json(Value),
    Form(Vec<(String, String)>),
    /// Something else, by its media type.
    Other(String),
}

/// One sample.
pub(crate) struct Sample {
    pub(crate) lang: &'static str,
    pub(crate) label: &'static str,
    pub(crate) source: String,
}

/// All operations of a document: method, path and the operation.
pub(crate) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS
            .iter()
            .filter_map(move |method| Some((*method, path.as_str(), item.get(method)?)))
    })
}

/// The samples of an operation.
pub(crate) fn samples(document: &Value, method: &str, path: &str, op: &Value) -> Vec<Sample> {
    let request = Request::of(document, method, path, op);
    vec![
        sample("shell", "curl", curl::render(&request)),
        sample("rust", "Rust", rust::render(&request)),
        sample("typescript", "TypeScript", typescript::render(&request)),
        sample("python", "Python", python::render(&request)),
    ]
}

/// The document with samples at every operation.
pub(crate) fn with_samples(document: &Value) -> Value {
    let mut enriched = document.clone();
    for (method, path, operation) in operations(document) {
        let all = samples(document, method, path, operation);
        let all: Vec<Value> = all
            .iter()
            .map(|s| json!({ "lang": s.lang, "label": s.label, "source": s.source }))
            .collect();
        enriched["paths"][path][method]["x-codeSamples"] = all.into();
    }
    enriched
}

fn sample(lang: &'static str, label: &'static str, source: String) -> Sample {
    Sample {
        lang,
        label,
        source,
    }
}

impl Request {
    fn of(document: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let schemas = Schemas::of(document);
        let parameters = || {
            let all = operation["parameters"].as_array().into_iter().flatten();
            all.map(|parameter| schemas.resolve(parameter))
        };
        let in_place = |place: &'static str| {
            parameters()
                .filter(move |p| p["in"] == place)
                .filter(|p| p["required"] == true)
                .map(|p| {
                    let example = p.get("example").cloned();
                    let value =
                        example.unwrap_or_else(|| schemas.example(&p["schema"], Filling::Required));
                    let name = p["name"].as_str().unwrap_or_default().to_owned();
                    (name, text_of(&value))
                })
                .collect::<Vec<_>>()
        };
        let success = operation["responses"].as_object().into_iter().flatten();
        let stream = success
            .filter(|(status, _)| status.starts_with('2'))
            .any(|(_, response)| response["content"].get("text/event-stream").is_some());
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            path_values: in_place("path"),
            query: in_place("query"),
            token: operation["security"]
                .as_array()
                .is_some_and(|s| !s.is_empty()),
            key: parameters().any(|p| p["name"] == "Idempotency-Key"),
            body: Body::of(schemas, &operation["requestBody"]),
            stream,
        }
    }

    /// The path with each `{name}` replaced.
    fn path_with(&self, replace: impl Fn(&str) -> String) -> String {
        let mut path = self.path.clone();
        for (name, _) in &self.path_values {
            path = path.replace(&format!("{{{name}}}"), &replace(name));
        }
        path
    }

    /// `?a=b`, or nothing.
    fn query_text(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("?{}", pairs.join("&")),
        }
    }
}

impl Body {
    fn of(schemas: Schemas<'_>, body: &Value) -> Option<Self> {
        let content = body["content"].as_object()?;
        let json_type = content.keys().find(|name| name.contains("json"));
        let (kind, media) = match json_type.and_then(|name| content.get_key_value(name)) {
            Some(entry) => entry,
            None => content.iter().next()?,
        };
        let listed = media["examples"]
            .as_object()
            .and_then(|all| all.values().next());
        let example = media
            .get("example")
            .or_else(|| listed.and_then(|example| example.get("value")))
            .cloned()
            .unwrap_or_else(|| schemas.example(&media["schema"], Filling::Required));
        Some(match kind.as_str() {
            kind if kind.contains("json") => Self::Json(example),
            "application/x-www-form-urlencoded" => Self::Form(
                example
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), text_of(value)))
                    .collect(),
            ),
            other => Self::Other(other.to_owned()),
        })
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// JSON over several lines, all but the first with this indent.
fn pretty(value: &Value, indent: usize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', &format!("\n{}", " ".repeat(indent)))
}

/// A name that fits all languages: `user_id`.
fn variable(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
