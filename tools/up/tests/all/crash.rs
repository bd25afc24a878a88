//! `kill -9` at every boundary of placing an order: the whole platform dies,
//! starts again, and the order is complete or wholly undone.

use std::sync::Arc;

use serde_json::json;
use shoal_discovery::{Instance, Resolver, StaticResolver};
use shoal_proto::billing::v1::billing_service_client::BillingServiceClient;
use shoal_proto::billing::v1::{ListPaymentsByReferenceRequest, Payment, PaymentStatus};
use shoal_rpc::{Client, ClientConfig, MeshSecret};

use super::person::{Person, SOON};
use super::process::Process;
use super::stores::Stores;

const STEPS: [&str; 5] = ["reserve", "authorize", "capture", "confirm", "announce"];
const QUANTITY: u32 = 2;

fn boundaries() -> Vec<String> {
    let mut points = vec!["place_order.begin".to_owned()];
    for step in STEPS {
        points.push(format!("place_order.{step}.before"));
        points.push(format!("place_order.{step}.after"));
    }
    points.push("place_order.end".to_owned());
    points
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_boundary_leaves_an_order_whole_or_undone_on_sqlite() {
    for boundary in boundaries() {
        crash_at(&Stores::embedded(), &boundary).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_boundary_leaves_an_order_whole_or_undone_on_postgresql() {
    for boundary in boundaries() {
        crash_at(&Stores::servers().await, &boundary).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_an_order_is_undone_leaves_it_undone() {
    // The payment is refused, so that everything goes back, and the process dies on the way.
    for step in ["reserve", "authorize"] {
        for side in ["before", "after"] {
            let point = format!("place_order.{step}.undo.{side}");
            let faults = format!("place_order.capture.before=refuse,{point}=kill");
            let status = crash_with(&Stores::embedded(), &point, &faults).await;
            assert_eq!(status, "rejected", "{point}");
        }
    }
}

async fn crash_at(stores: &Stores, boundary: &str) {
    crash_with(stores, boundary, &format!("{boundary}=kill")).await;
}

/// The state in which the order came to rest.
async fn crash_with(stores: &Stores, boundary: &str, faults: &str) -> String {
    let mut process = Process::start(stores, &[("SHOAL_FAULTS", faults)]).await;
    let product = process.facts["product"].as_str().unwrap().to_owned();
    let ada = Person::new(&process.gateway(), "ada@example.com").await;
    let before = ada.stock(&product).await;
    // The gateway dies with the rest, so there is no answer.
    let asked = ada
        .post("/order/v1/orders")
        .idempotency_key("crash")
        .json(&json!({"items": [{"product_id": product, "quantity": QUANTITY}]}))
        .try_send()
        .await;
    assert!(
        asked.is_err(),
        "{boundary}: still alive, and answered {asked:?}"
    );
    let ended = process.ended(SOON).await;
    assert!(!ended.success(), "{boundary}: {ended}");
    drop(process);

    let process = Process::start(stores, &[]).await;
    let credentials =
        json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    let ada = Person::log_in(&process.gateway(), &credentials).await;
    let orders: serde_json::Value = ada.get("/order/v1/orders").send().await.ok(200);
    let orders = orders["items"].as_array().unwrap().clone();
    assert_eq!(
        orders.len(),
        1,
        "{boundary}: the order was durable before it began"
    );
    let id = orders[0]["id"].as_str().unwrap();
    let order = ada.settled(id).await;
    let status = order["status"].as_str().unwrap().to_owned();
    let payments = payments(stores, &process, id).await;
    let stock = ada.stock(&product).await;
    match status.as_str() {
        "confirmed" => {
            assert_eq!(stock, before - i64::from(QUANTITY), "{boundary}");
            let [payment] = payments.as_slice() else {
                panic!("{boundary}: one payment, not {payments:?}")
            };
            assert_eq!(payment.status(), PaymentStatus::Captured, "{boundary}");
            let captured = payment.captured.as_ref().unwrap().minor_units;
            assert_eq!(
                Some(captured),
                order["total"]["minor_units"].as_i64(),
                "{boundary}"
            );
            ada.notified("order_confirmed").await;
        }
        "rejected" => {
            assert_eq!(stock, before, "{boundary}");
            for payment in &payments {
                let kept = payment.captured.as_ref().map_or(0, |m| m.minor_units)
                    - payment.refunded.as_ref().map_or(0, |m| m.minor_units);
                assert_eq!(kept, 0, "{boundary}: {payment:?}");
                assert_ne!(payment.status(), PaymentStatus::Authorized, "{boundary}");
            }
        }
        other => panic!("{boundary}: neither whole nor undone: {other}"),
    }
    status
}

/// What billing knows of the order, asked as order itself asks.
async fn payments(stores: &Stores, process: &Process, order: &str) -> Vec<Payment> {
    let secret = std::fs::read_to_string(stores.folder().join("mesh.key")).unwrap();
    let resolver = StaticResolver::new();
    resolver.set("billing", [Instance::at(process.service("billing"))]);
    let resolver: Arc<dyn Resolver> = Arc::new(resolver);
    let config = ClientConfig::new("test", MeshSecret::new(secret.trim()));
    let mut billing = BillingServiceClient::new(Client::connect("billing", &resolver, &config));
    let request = ListPaymentsByReferenceRequest {
        reference: order.to_owned(),
    };
    shoal_rpc::call(billing.list_payments_by_reference(request))
        .await
        .unwrap()
        .payments
}
