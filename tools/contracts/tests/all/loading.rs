//! What cannot be compared is an error that names the place, never a clean result.

use serde_json::{Value, json};
use shoal_contracts::contract::{diff_documents, diff_schema};
use shoal_contracts::rules::Profile;
use shoal_contracts::{Document, Kind, Options};

fn document(value: Value) -> Document {
    Document {
        name: "doc.json".to_owned(),
        value,
    }
}

fn plain() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"description": "d"}}}}},
    })
}

/// The error of a document of which one place is changed, compared with itself.
fn error(pointer: &str, value: Value) -> String {
    let mut changed = plain();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = changed
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("no {parent}"));
    parent[key.replace("~1", "/")] = value;
    let changed = document(changed);
    let result = diff_documents(Kind::OpenApi, &changed, &changed, &Options::default());
    result.expect_err(pointer).to_string()
}

#[test]
fn each_way_in_which_an_openapi_document_can_be_wrong_is_told_with_its_place() {
    let in_get = "/paths/~1a/get";
    let schema = |s: Value| json!({"content": {"application/json": {"schema": s}}});
    let body = |s: Value| (format!("{in_get}/requestBody"), schema(s));
    let cases: Vec<((String, Value), &str)> = vec![
        (
            ("/openapi".into(), json!("2.0")),
            "doc.json#/openapi: version 2.0 is not supported",
        ),
        (
            ("/openapi".into(), Value::Null),
            "not an OpenAPI 3.x document",
        ),
        (
            ("/info".into(), json!({"title": "T"})),
            "#/info: there is no `version`",
        ),
        (
            ("/paths".into(), json!([])),
            "#/paths: `paths` is an object",
        ),
        (
            ("/paths/a".into(), json!({})),
            "#/paths/a: a path starts with `/`",
        ),
        (
            ("/paths/~1a".into(), json!([])),
            "#/paths/~1a: a path is an object",
        ),
        (
            (in_get.into(), json!(1)),
            "#/paths/~1a/get: an operation is an object",
        ),
        (
            (format!("{in_get}/responses"), json!({"abc": {}})),
            "responses/abc: not a status",
        ),
        (
            (format!("{in_get}/responses"), json!({"2000": {}})),
            "responses/2000: not a status",
        ),
        (
            (format!("{in_get}/parameters"), json!({})),
            "`parameters` is a list",
        ),
        (
            (format!("{in_get}/parameters"), json!([{"in": "query"}])),
            "parameters/0: a parameter has a `name`",
        ),
        (
            (
                format!("{in_get}/parameters"),
                json!([{"name": "a", "in": "body", "schema": {}}]),
            ),
            "`in` is query",
        ),
        (
            (
                format!("{in_get}/parameters"),
                json!([{"name": "a", "in": "path", "schema": {}}]),
            ),
            "path is required",
        ),
        (
            (
                format!("{in_get}/parameters"),
                json!([{"name": "a", "in": "query"}]),
            ),
            "one of `schema` and `content`",
        ),
        (
            (
                format!("{in_get}/parameters"),
                json!([{"$ref": "#/components/parameters/no"}]),
            ),
            "leads nowhere",
        ),
        (
            (
                format!("{in_get}/parameters"),
                json!([{"$ref": "other.json"}]),
            ),
            "leads out of the document",
        ),
        (
            (format!("{in_get}/requestBody"), json!({})),
            "a body has `content`",
        ),
        (
            (format!("{in_get}/security"), json!([{"no": []}])),
            "there is no security scheme `no`",
        ),
        (
            (format!("{in_get}/operationId"), json!(1)),
            "`operationId` is a text",
        ),
        (
            (
                "/paths/~1b".into(),
                json!({"get": {"operationId": "a", "responses": {}}}),
            ),
            "`a` is also the id of",
        ),
        (
            body(json!({"$ref": "#/components/schemas/No"})),
            "schema/$ref: `#/components/schemas/No` leads nowhere",
        ),
        (
            body(json!({"$ref": "#/info/title"})),
            "does not lead to a schema",
        ),
        (body(json!("string")), "a schema is an object or a boolean"),
        (
            body(json!({"type": "strnig"})),
            "`type` is a type or a list of types",
        ),
        (
            body(json!({"properties": {"a": {"type": 1}}})),
            "/properties/a/type",
        ),
        (
            body(json!({"required": "a"})),
            "`required` is a list of property names",
        ),
        (body(json!({"enum": "a"})), "`enum` is a list of values"),
        (body(json!({"minimum": "1"})), "`minimum` is a number"),
        (body(json!({"maxLength": -1})), "`maxLength` is a count"),
        (body(json!({"allOf": {}})), "`allOf` is a list of schemas"),
        (
            body(json!({"properties": []})),
            "`properties` is an object of schemas",
        ),
        (
            body(json!({"items": [{}]})),
            "items: a schema is an object or a boolean",
        ),
        (
            body(json!({"$dynamicRef": "#a"})),
            "`$dynamicRef` cannot be compared",
        ),
    ];
    for ((pointer, value), expected) in cases {
        let told = error(&pointer, value);
        assert!(
            told.contains(expected),
            "{pointer}: {told}\nexpected {expected}"
        );
    }
}

#[test]
fn a_reference_that_runs_in_a_circle_ends() {
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    let circle = document(circle);
    let report = diff_schema(Profile::Request, &circle, &circle).unwrap();
    assert_eq!(report.findings, vec![]);
    let told = error("/paths/~1a", json!({"$ref": "#/paths/~1a"}));
    assert!(told.contains("runs in a circle"), "{told}");
}

#[test]
fn catalogues_and_facts_of_another_shape_are_errors() {
    let cases = [
        (Kind::Errors, json!({}), "a catalogue is a list of codes"),
        (
            Kind::Errors,
            json!([{"status": 404}]),
            "#/0: an entry has a `code`",
        ),
        (
            Kind::Errors,
            json!([{"code": "a", "status": "404"}]),
            "which is a number",
        ),
        (
            Kind::Errors,
            json!([{"code": "a", "status": 1}, {"code": "a", "status": 2}]),
            "#/1: `a` stands there twice",
        ),
        (
            Kind::Module,
            json!({"grpc": []}),
            "#/publishes: it is missing",
        ),
        (
            Kind::Module,
            json!({"grpc": [1], "publishes": []}),
            "#/grpc: it is a list of names",
        ),
        (Kind::Event, json!([]), "a schema is an object or a boolean"),
    ];
    for (kind, value, expected) in cases {
        let wrong = document(value);
        let told = diff_documents(kind, &wrong, &wrong, &Options::default())
            .unwrap_err()
            .to_string();
        assert!(told.contains(expected), "{told}\nexpected {expected}");
    }
}

/// Alternatives within alternatives multiply; unless each pair is compared once, this does not end.
#[test]
fn deeply_nested_alternatives_are_compared_before_the_test_runs_out_of_time() {
    let mut old = json!({"type": "string"});
    for level in 0..12 {
        old = json!({"anyOf": [old, {"type": "object", "required": [level.to_string()]}, {"type": "null"}]});
    }
    let mut new = old.clone();
    new["anyOf"][1]["properties"] = json!({"x": {"type": "string"}});
    let (old, new) = (document(old), document(new));
    let report = diff_schema(Profile::Request, &old, &new).unwrap();
    assert_eq!(report.findings.len(), 1, "{report:?}");
}

/// Twelve definitions of which each refers to each: there are more ways through them than anybody can wait for.
#[test]
fn definitions_that_all_refer_to_each_other_are_compared_before_the_test_runs_out_of_time() {
    let names: Vec<String> = (0..12).map(|i| format!("T{i}")).collect();
    let schema = |leaf: &str| {
        let property = |n: &String| (n.clone(), json!({"$ref": format!("#/$defs/{n}")}));
        let all = || {
            names
                .iter()
                .map(property)
                .collect::<serde_json::Map<_, _>>()
        };
        let definition = |n: &String| {
            let mut properties = all();
            properties.insert("leaf".to_owned(), json!({"type": leaf}));
            (
                n.clone(),
                json!({"type": "object", "properties": properties}),
            )
        };
        let definitions = names
            .iter()
            .map(definition)
            .collect::<serde_json::Map<_, _>>();
        document(json!({"$ref": "#/$defs/T0", "$defs": definitions}))
    };
    let report = diff_schema(Profile::Request, &schema("string"), &schema("integer")).unwrap();
    assert_eq!(report.findings.len(), 12, "{report:?}");
}
