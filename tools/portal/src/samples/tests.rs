#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;

fn document() -> Value {
    json!({
        "paths": {
            "/order/v1/orders": { "post": {
                "security": [{ "bearer": [] }],
                "parameters": [{ "name": "Idempotency-Key", "in": "header", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "type": "object" },
                    "example": { "note": "it's \"urgent\"", "gift": true, "items": [{ "quantity": 2 }] },
                } } },
            } },
            "/order/v1/orders/{id}": { "delete": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "example": "01ORDER" } }],
            } },
            "/auth/v1/oauth/token": { "post": {
                "requestBody": { "content": { "application/x-www-form-urlencoded": {
                    "schema": { "type": "object" }, "example": { "grant_type": "client_credentials" },
                } } },
            } },
            "/inbox/stream": { "get": {
                "responses": { "200": { "content": { "text/event-stream": {} } } },
            } },
        },
    })
}

fn of(method: &str, path: &str) -> Vec<Sample> {
    let document = document();
    samples(&document, method, path, &document["paths"][path][method])
}

#[test]
fn every_operation_gets_a_sample_in_each_language() {
    let enriched = with_samples(&document());
    for (method, path, operation) in operations(&enriched) {
        let languages: Vec<&str> = operation["x-codeSamples"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sample| sample["lang"].as_str().unwrap())
            .collect();
        assert_eq!(
            languages,
            ["shell", "rust", "typescript", "python"],
            "{method} {path}"
        );
    }
}

#[test]
fn what_the_operation_wants_is_in_each_sample() {
    for sample in of("post", "/order/v1/orders") {
        let source = &sample.source;
        for part in ["Idempotency-Key", "TOKEN", "quantity", "/order/v1/orders"] {
            assert!(source.contains(part), "{}: {source}", sample.label);
        }
    }
    for sample in of("delete", "/order/v1/orders/{id}") {
        assert!(sample.source.contains("01ORDER"), "{}", sample.source);
        assert!(!sample.source.contains("TOKEN"), "{}", sample.source);
    }
    for sample in of("post", "/auth/v1/oauth/token") {
        assert!(
            sample.source.contains("client_credentials"),
            "{}",
            sample.source
        );
    }
}

#[test]
fn quotes_of_a_body_survive_the_shell() {
    let source = &of("post", "/order/v1/orders")[0].source;
    let script = format!("curl() {{ printf '%s' \"${{@: -1}}\"; }}\nTOKEN=t\n{source}");
    let out = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    let body: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(body["note"], "it's \"urgent\"");
}

#[test]
fn python_samples_are_python() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let all = samples(&document, method, path, operation);
        let source = &all[3].source;
        let parsed = std::process::Command::new("python3")
            .args(["-c", "import ast, sys; ast.parse(sys.argv[1])", source])
            .status()
            .unwrap();
        assert!(parsed.success(), "{source}");
    }
    let source = &of("post", "/order/v1/orders")[3].source;
    assert!(source.contains("\"gift\": True"), "{source}");
}

#[test]
fn a_stream_is_read_as_it_comes() {
    let all = of("get", "/inbox/stream");
    assert!(all[0].source.contains("curl -sN"));
    assert!(all[1].source.contains("chunk().await"));
    assert!(all[2].source.contains("for await"));
    assert!(all[3].source.contains("iter_lines"));
}
