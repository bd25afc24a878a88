//! Incompatibilities that the drivers must notice, and neighbours that are none.

use super::contracts::Promise;
use super::platform::Platform;

fn order() -> Promise {
    Promise::present("order").expect("order has a contract")
}

/// The order contract as if its proto file had once said something else.
fn with_proto(from: &str, to: &str) -> Promise {
    let mut promise = order();
    let file = promise
        .protos
        .get_mut("shoal/order/v1/order.proto")
        .unwrap();
    assert!(file.contains(from), "the proto file has no {from:?}");
    *file = file.replacen(from, to, 1);
    promise
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_client_cannot_live_with_is_noticed() {
    let platform = Platform::start().await;
    let mut missed = Vec::new();
    let mut expect = async |what: &str, promise: Promise, part: &str| {
        let faults = platform.keeps(&promise).await.join("\n");
        if !faults.contains(part) {
            missed.push(format!("{what}: expected {part:?} among\n{faults}"));
        }
    };
    let moved = with_proto("string name = 2;", "string name = 12;");
    expect("a field that moved", moved, "Product.name is").await;
    let retyped = with_proto("int64 stock = 6;", "string stock = 6;");
    expect(
        "a field of another type",
        retyped,
        "cannot read shoal.order.v1.Product",
    )
    .await;
    let gone = with_proto(
        "  bool active = 7;",
        "  bool active = 7;\n  string colour = 20;",
    );
    expect("a field that is gone", gone, "Product.colour is gone").await;
    let method = with_proto(
        "  rpc Quote(QuoteRequest)",
        "  rpc Guess(QuoteRequest) returns (QuoteResponse);\n  rpc Quote(QuoteRequest)",
    );
    expect("a method that is gone", method, "OrderService.Guess").await;

    let mut promise = order();
    promise.openapi["components"]["schemas"]["Product"]["properties"]["stock"] =
        serde_json::json!({"type": "string"});
    expect("a body of another type", promise, "does not fit").await;
    let mut promise = order();
    let required = promise.openapi["components"]["schemas"]["Product"]["required"]
        .as_array_mut()
        .unwrap();
    required.push("colour".into());
    expect("a field that is not sent", promise, "does not fit").await;
    let mut promise = order();
    let paths = promise.openapi["paths"].as_object_mut().unwrap();
    let mut catalogue = paths["/order/v1/products"].clone();
    catalogue["get"]["responses"]
        .as_object_mut()
        .unwrap()
        .retain(|status, _| status == "200");
    paths.insert("/order/v1/goods".to_owned(), catalogue);
    expect(
        "a path that is gone",
        promise,
        "/order/v1/goods: answered 404",
    )
    .await;
    platform.stop().await;
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_less_is_served_as_ever() {
    let platform = Platform::start().await;
    let mut promise = with_proto("  bool active = 7;\n", "");
    let fields = promise.openapi["components"]["schemas"]["Product"]
        .as_object_mut()
        .unwrap();
    fields["properties"]
        .as_object_mut()
        .unwrap()
        .remove("active");
    fields["required"]
        .as_array_mut()
        .unwrap()
        .retain(|name| name != "active");
    promise.openapi["paths"]
        .as_object_mut()
        .unwrap()
        .remove("/order/v1/quotes");
    let faults = platform.keeps(&promise).await;
    platform.stop().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
