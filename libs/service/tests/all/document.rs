//! The OpenAPI document tells the truth about every operation.

use serde_json::Value;
use shoal_service::openapi;

use super::toy::{Toy, toy};

fn document() -> Value {
    serde_json::to_value(openapi::document::<Toy>().unwrap()).unwrap()
}

fn statuses(document: &Value, path: &str, method: &str) -> Vec<String> {
    let responses = &document["paths"][path][method]["responses"];
    responses.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_document_is_served_as_it_is_printed() {
    let t = toy().await;
    let served: Value = t.get("/openapi.json").send().await.ok(200);
    assert_eq!(served, document());
    assert_eq!(served["info"]["version"], "1.2.3");
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    t.stop().await;
}

#[test]
fn an_operation_lists_the_failures_that_its_form_implies() {
    let document = document();
    assert_eq!(
        statuses(&document, "/toy/v1/parts", "post"),
        [
            "201", "400", "409", "413", "415", "422", "429", "500", "503", "504"
        ]
    );
    assert_eq!(
        statuses(&document, "/toy/v1/parts/{number}", "delete"),
        [
            "204", "400", "401", "403", "404", "409", "429", "500", "503", "504"
        ]
    );
    assert_eq!(
        statuses(&document, "/toy/v1/boom", "get"),
        ["204", "429", "500", "503", "504"]
    );
}

#[test]
fn a_failure_names_its_codes_and_its_schema() {
    let document = document();
    let conflict = &document["paths"]["/toy/v1/parts"]["post"]["responses"]["409"];
    let text = conflict["description"].as_str().unwrap();
    assert!(
        text.starts_with("`toy.broken`: The toy is broken"),
        "{text}"
    );
    assert!(text.contains("common.idempotency_in_flight"), "{text}");
    let schema = &conflict["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/ProblemDetails");
    assert!(document["components"]["schemas"]["ProblemDetails"].is_object());
    assert!(document["components"]["schemas"]["FieldProblem"].is_object());
}

#[test]
fn the_catalogue_of_codes_is_in_the_document() {
    let document = document();
    let codes = document["info"]["x-error-codes"].as_array().unwrap();
    assert_eq!(codes[0]["code"], "toy.broken");
    assert_eq!(codes[0]["status"], 409);
    assert_eq!(codes[0]["action"], "Mend the toy.");
    assert!(
        codes
            .iter()
            .any(|code| code["code"] == "common.token_expired")
    );
}

#[test]
fn bodies_parameters_and_security_are_documented() {
    let document = document();
    let create = &document["paths"]["/toy/v1/parts"]["post"];
    let body = &create["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(body, "#/components/schemas/Part");
    assert_eq!(create["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(create["parameters"][0]["required"], true);
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!(scheme["scheme"], "bearer");
    let list = document["paths"]["/toy/v1/parts"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let names: Vec<_> = list.iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["limit", "cursor"]);
}

#[test]
fn two_documents_of_the_same_module_are_the_same_text() {
    let text = || {
        openapi::document::<Toy>()
            .unwrap()
            .to_pretty_json()
            .unwrap()
    };
    assert_eq!(text(), text());
}

#[test]
fn a_failure_lists_its_codes_for_programs_with_an_example_of_each() {
    let document = document();
    let conflict = &document["paths"]["/toy/v1/parts"]["post"]["responses"]["409"];
    let codes: Vec<_> = conflict["x-error-codes"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(codes, ["toy.broken", "common.idempotency_in_flight"]);
    let examples = &conflict["content"]["application/problem+json"]["examples"];
    let reference = examples["toy.broken"]["$ref"].as_str().unwrap();
    let example = document
        .pointer(reference.strip_prefix('#').unwrap())
        .unwrap();
    assert_eq!(example["value"]["status"], 409);
    assert_eq!(example["value"]["type"], "/docs/errors#toy.broken");
}

#[test]
fn the_headers_that_every_answer_has_are_documented() {
    let document = document();
    let responses = &document["paths"]["/toy/v1/parts/{number}"]["delete"]["responses"];
    for status in ["204", "401", "429", "503"] {
        let headers = &responses[status]["headers"];
        let reference = &headers["x-request-id"]["$ref"];
        assert_eq!(reference, "#/components/headers/RequestId", "{status}");
        assert!(headers["x-trace-id"].is_object(), "{status}");
    }
    assert!(responses["429"]["headers"]["retry-after"].is_object());
    assert!(responses["401"]["headers"]["www-authenticate"].is_object());
    assert!(responses["204"]["headers"]["retry-after"].is_null());
}

#[test]
fn operations_have_ids_of_the_module_and_say_whether_they_are_open() {
    let document = document();
    let parts = &document["paths"]["/toy/v1/parts"];
    assert_eq!(parts["post"]["operationId"], "toy_create");
    assert_eq!(parts["post"]["security"], serde_json::json!([]));
    assert_eq!(document["servers"][0]["url"], "/");
    assert_eq!(document["info"]["license"]["identifier"], "Apache-2.0");
}

#[test]
fn a_body_without_an_example_gets_one_from_the_examples_of_its_fields() {
    let document = document();
    let paths = &document["paths"];
    let answer = |path: &str, method: &str, status: &str| {
        let content = &paths[path][method]["responses"][status]["content"];
        let (_, body) = content.as_object().unwrap().iter().next().unwrap();
        body["example"].clone()
    };
    assert_eq!(answer("/toy/v1/parts/{number}", "get", "200"), 1);
    // The name of a part has no example, so there is none of the whole, and
    // that is a fault.
    assert!(answer("/toy/v1/parts", "post", "201").is_null());
    let faults = openapi::faults::<Toy>();
    let fault = "POST /toy/v1/parts: the request body has no example: /name has no example";
    assert!(faults.iter().any(|f| f.starts_with(fault)), "{faults:#?}");
}
