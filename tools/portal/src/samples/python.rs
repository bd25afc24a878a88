//! Samples for Python with httpx.

use serde_json::Value;

use super::{BASE, Body, Request, variable};

pub(super) fn render(request: &Request) -> String {
    let mut out = String::new();
    for module in [("os", request.token), ("uuid", request.key)] {
        if module.1 {
            out.push_str(&format!("import {}\n", module.0));
        }
    }
    out.push_str(match out.is_empty() {
        true => "import httpx\n\n",
        false => "\nimport httpx\n\n",
    });
    for (name, value) in &request.path_values {
        out.push_str(&format!("{} = {value:?}\n", variable(name)));
    }
    let path = request.path_with(|name| format!("{{{}}}", variable(name)));
    let prefix = if request.path_values.is_empty() {
        ""
    } else {
        "f"
    };
    let mut arguments = vec![format!("{prefix}\"{BASE}{path}{}\"", request.query_text())];
    arguments.extend(headers(request));
    match &request.body {
        Some(Body::Json(value)) => arguments.push(format!("json={}", literal(value, 4))),
        Some(Body::Form(fields)) => {
            let pairs: Vec<String> = fields
                .iter()
                .map(|(n, v)| format!("{n:?}: {v:?}"))
                .collect();
            arguments.push(format!("data={{{}}}", pairs.join(", ")));
        }
        Some(Body::Other(_)) => arguments.push("content=body".to_owned()),
        None => {}
    }
    let method = request.method.to_lowercase();
    if request.stream {
        arguments.insert(0, format!("{:?}", request.method));
        arguments.push("timeout=None".to_owned());
        let arguments = arguments.join(",\n    ");
        out.push_str(&format!(
            "with httpx.stream(\n    {arguments},\n) as response:\n    response.raise_for_status()\n    for line in response.iter_lines():\n        print(line)"
        ));
        return out;
    }
    let arguments = arguments.join(",\n    ");
    out.push_str(&format!(
        "response = httpx.{method}(\n    {arguments},\n)\nresponse.raise_for_status()\nprint(response.text)"
    ));
    out
}

fn headers(request: &Request) -> Option<String> {
    let mut pairs = Vec::new();
    if request.token {
        pairs.push("\"Authorization\": f\"Bearer {os.environ['TOKEN']}\"".to_owned());
    }
    if request.key {
        pairs.push("\"Idempotency-Key\": str(uuid.uuid4())".to_owned());
    }
    if let Some(Body::Other(kind)) = &request.body {
        pairs.push(format!("\"Content-Type\": {kind:?}"));
    }
    match pairs.is_empty() {
        true => None,
        false => Some(format!(
            "headers={{\n        {},\n    }}",
            pairs.join(",\n        ")
        )),
    }
}

/// A value as Python writes it.
fn literal(value: &Value, indent: usize) -> String {
    let (inner, outer) = (" ".repeat(indent + 4), " ".repeat(indent));
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(list) if list.is_empty() => "[]".to_owned(),
        Value::Array(list) => {
            let items: Vec<String> = list
                .iter()
                .map(|item| format!("{inner}{},\n", literal(item, indent + 4)))
                .collect();
            format!("[\n{}{outer}]", items.concat())
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(key, item)| {
                    let key = Value::from(key.as_str());
                    format!("{inner}{key}: {},\n", literal(item, indent + 4))
                })
                .collect();
            format!("{{\n{}{outer}}}", items.concat())
        }
    }
}
