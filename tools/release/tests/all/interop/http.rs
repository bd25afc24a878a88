//! An HTTP client that knows a contract only from its OpenAPI document.
//!
//! Requests are made of the document's examples; ids in them are replaced by ids that answers have told, so that what was
//! created is then read and changed. Answers must have a documented status, and a body that fits its documented schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shoal_testkit::{TestClient, TestResponse};

/// Operations that end the client's own session, or never end themselves.
const LEFT_OUT: &[&str] = &[
    "logout",
    "logout-all",
    "sessions",
    "/stream",
    "suspend",
    "/password",
    "rotate",
];

pub(crate) struct Client {
    http: TestClient,
    token: String,
    /// Ids by the three letters before their underscore.
    known: BTreeMap<String, String>,
    keys: usize,
    name: String,
    succeeded: usize,
}

/// One operation of a document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    facts: &'a Value,
}

impl Client {
    pub(crate) fn new(base: &str, token: &str, name: &str) -> Self {
        Self {
            http: TestClient::new(base),
            token: token.to_owned(),
            known: BTreeMap::new(),
            keys: 0,
            succeeded: 0,
            name: name.to_owned(),
        }
    }

    /// Calls everything that the document offers; what it promises and the server does not keep.
    pub(crate) async fn drive(&mut self, document: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let operations = operations(document);
        assert!(!operations.is_empty(), "the document has no operation");
        // What creates comes first, then what reads and changes; deleting last.
        for round in [&["post"][..], &["get", "put", "patch", "post"], &["delete"]] {
            for operation in operations
                .iter()
                .filter(|operation| round.contains(&operation.method))
            {
                let answer = self.call(document, operation).await;
                self.learn(&answer);
                let fault = judge(document, operation, &answer);
                faults.extend(fault.map(|fault| {
                    format!(
                        "{} {}: {fault}",
                        operation.method.to_uppercase(),
                        operation.path
                    )
                }));
            }
        }
        // A client that is only ever refused learns nothing.
        assert!(
            self.succeeded > 0,
            "no request of {} was granted",
            self.name
        );
        faults
    }

    async fn call(&mut self, document: &Value, operation: &Operation<'_>) -> TestResponse {
        let mut path = operation.path.to_owned();
        let mut query = Vec::new();
        let mut headers = Vec::new();
        for parameter in parameters(document, operation) {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter
                .get("example")
                .or_else(|| parameter["schema"].get("example"))
                .or_else(|| parameter["schema"]["examples"].get(0));
            let value = self.current(example.unwrap_or(&Value::Null));
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &value),
                Some("query") if parameter["required"] == true => {
                    query.push((name.to_owned(), value));
                }
                Some("header") if name.eq_ignore_ascii_case("idempotency-key") => {
                    headers.push((name.to_owned(), self.fresh_key()));
                }
                Some("header") if parameter["required"] == true => {
                    headers.push((name.to_owned(), value));
                }
                _ => {}
            }
        }
        let method = operation.method.to_uppercase().parse().unwrap();
        let mut request = self.http.request(method, &path).bearer(&self.token);
        let query: Vec<(&str, &str)> = query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        request = request.query(&query);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let content =
            &resolved(document, &operation.facts["requestBody"])["content"]["application/json"];
        if !content.is_null() {
            request = request.json(&self.current(&example(document, content)));
        }
        request.send().await
    }

    fn fresh_key(&mut self) -> String {
        self.keys += 1;
        format!("{}-{}", self.name, self.keys)
    }

    /// An example with the ids that are known to be there.
    fn current(&self, example: &Value) -> Value {
        match example {
            Value::String(text) => Value::String(
                prefix(text)
                    .and_then(|prefix| self.known.get(prefix))
                    .unwrap_or(text)
                    .clone(),
            ),
            Value::Array(list) => list.iter().map(|value| self.current(value)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), self.current(value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn learn(&mut self, answer: &TestResponse) {
        if !answer.status.is_success() {
            return;
        }
        self.succeeded += 1;
        if let Ok(body) = serde_json::from_str(&answer.text()) {
            self.take_ids(&body);
        }
    }

    fn take_ids(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                if let Some(prefix) = prefix(text) {
                    self.known
                        .entry(prefix.to_owned())
                        .or_insert_with(|| text.clone());
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.take_ids(value)),
            Value::Object(map) => map.values().for_each(|value| self.take_ids(value)),
            _ => {}
        }
    }
}

/// `prd` of `prd_01jd2m3n4p5q6r7s8t9v0w1x2y`.
fn prefix(text: &str) -> Option<&str> {
    let (prefix, ulid) = text.split_once('_')?;
    (prefix.len() == 3 && ulid.len() == 26 && ulid.bytes().all(|b| b.is_ascii_alphanumeric()))
        .then_some(prefix)
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let methods = ["get", "post", "put", "patch", "delete"];
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let here = item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(method, _)| methods.contains(&method.as_str()));
        here.map(move |(method, facts)| Operation {
            method,
            path,
            facts,
        })
    });
    all.filter(|operation| !LEFT_OUT.iter().any(|part| operation.path.contains(part)))
        .collect()
}

fn parameters<'a>(document: &'a Value, operation: &Operation<'a>) -> Vec<&'a Value> {
    let list = operation.facts["parameters"]
        .as_array()
        .into_iter()
        .flatten();
    list.map(|parameter| resolved(document, parameter))
        .collect()
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"]
        .as_str()
        .and_then(|path| document.pointer(path.strip_prefix('#')?))
    {
        Some(target) => resolved(document, target),
        None => value,
    }
}

/// The example of a body: its own, or one made of the examples of its fields.
fn example(document: &Value, content: &Value) -> Value {
    match content.get("example") {
        Some(example) => example.clone(),
        None => sample(document, &content["schema"]),
    }
}

fn sample(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    if let Some(fields) = schema["properties"].as_object() {
        let required: Vec<_> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let needed = fields
            .iter()
            .filter(|(name, _)| required.contains(&name.as_str()));
        return needed
            .map(|(name, field)| (name.clone(), sample(document, field)))
            .collect::<Map<_, _>>()
            .into();
    }
    if let Some(choice) = ["oneOf", "anyOf", "allOf"]
        .iter()
        .find_map(|key| schema[*key].get(0))
    {
        return sample(document, choice);
    }
    match schema["type"].as_str() {
        Some("array") => json!([sample(document, &schema["items"])]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => schema["enum"].get(0).cloned().unwrap_or(json!("text")),
        _ => json!({}),
    }
}

/// What an answer is that the document does not promise.
fn judge(document: &Value, operation: &Operation<'_>, answer: &TestResponse) -> Option<String> {
    let status = answer.status.as_u16();
    if status >= 500 {
        return Some(format!("failed with {status}: {}", answer.text()));
    }
    let responses = operation.facts["responses"].as_object()?;
    let Some(promised) = responses
        .get(&status.to_string())
        .or_else(|| responses.get("default"))
    else {
        return Some(format!(
            "answered {status}, which is not promised: {}",
            answer.text()
        ));
    };
    let promised = resolved(document, promised);
    let kind = answer
        .header("content-type")
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let Some(contents) = promised["content"].as_object() else {
        return (!answer.text().is_empty() && status != 204)
            .then(|| format!("answered {status} with a body that is not promised"));
    };
    let Some(content) = contents.get(&kind) else {
        return Some(format!(
            "answered {status} as {kind:?}, which is not promised"
        ));
    };
    if !kind.ends_with("json") {
        return None;
    }
    let body: Value = match serde_json::from_str(&answer.text()) {
        Ok(body) => body,
        Err(error) => {
            return Some(format!(
                "answered {status} with something else than JSON: {error}"
            ));
        }
    };
    let mut schema = content["schema"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::new(&schema)
        .unwrap_or_else(|error| panic!("{}: {error}", operation.path));
    let fault = validator.iter_errors(&body).next()?;
    Some(format!(
        "answered {status} with a body that does not fit: {fault} at {}",
        fault.instance_path()
    ))
}
