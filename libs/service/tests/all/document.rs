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
