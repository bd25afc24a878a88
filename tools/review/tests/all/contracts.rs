use serde_json::Value;

use crate::fixture::{Checkout, OPENAPI};

/// A checkout whose service changes its document, and its version to `version`.
fn with_document(document: &Value, version: &str) -> Checkout {
    let checkout = Checkout::new();
    let text = serde_json::to_string_pretty(document).unwrap();
    checkout.write("services/order/contract/openapi.json", &text);
    let manifest = checkout.read("services/order/Cargo.toml");
    checkout.write(
        "services/order/Cargo.toml",
        &manifest.replace("0.1.0", version),
    );
    checkout.commit("Change the contract");
    checkout
}

fn without_quotes() -> Value {
    let mut document: Value = serde_json::from_str(OPENAPI).unwrap();
    document["paths"]
        .as_object_mut()
        .unwrap()
        .remove("/order/v1/quotes");
    document
}

#[test]
fn a_break_without_the_version_that_says_so_stands_in_the_plan_and_refuses_the_change() {
    let checkout = with_document(&without_quotes(), "0.1.0");
    let plan = checkout.planned("within 10 %");
    assert!(
        plan.contains("| `order` | 0.1.0 → 0.1.0 | minor | none | **refused** |"),
        "{plan}"
    );
    assert!(
        plan.contains("services/order/contract/openapi.json#/paths/~1order~1v1~1quotes`: "),
        "{plan}"
    );
    checkout.run(&["check"]).accepts();
    checkout.run(&["report"]).refuses("contracts of `order`: ");
    let report = checkout.report();
    assert_eq!(
        report["contracts"]["modules"][0]["findings"][0]["severity"],
        "breaking"
    );
}

#[test]
fn the_same_break_with_its_version_is_accepted() {
    let checkout = with_document(&without_quotes(), "0.2.0");
    let plan = checkout.planned("within 10 %");
    assert!(
        plan.contains("| `order` | 0.1.0 → 0.2.0 | minor | minor | accepted |"),
        "{plan}"
    );
    checkout.run(&["report"]).accepts();
}

#[test]
fn a_contract_that_changed_after_planning_makes_the_plan_stale() {
    let checkout = Checkout::changed("10");
    checkout.planned("within 10 %");
    checkout.run(&["check"]).accepts();
    let text = serde_json::to_string_pretty(&without_quotes()).unwrap();
    checkout.write("services/order/contract/openapi.json", &text);
    checkout
        .run(&["check"])
        .refuses("the block 'contracts' is stale");
}

#[test]
fn contracts_that_cannot_be_compared_are_no_clean_result() {
    let checkout = with_document(&Value::from("not a document"), "0.1.0");
    let plan = checkout.planned("within 10 %");
    assert!(plan.contains("- not checked here: "), "{plan}");
    checkout
        .run(&["report"])
        .refuses("contracts were not checked: ");
    let proto = Checkout::new();
    proto.write(
        "proto/proto/shoal/order/v1/order.proto",
        "syntax = \"proto3\";\n",
    );
    proto.commit("Add a contract");
    let plan = proto
        .program(&["plan"])
        .env_remove("SHOAL_BUF")
        .output()
        .unwrap();
    assert!(plan.status.success());
    let plan = proto.read("review-plan.md");
    assert!(
        plan.contains("not checked here: proto contracts cannot be compared without buf"),
        "{plan}"
    );
}
