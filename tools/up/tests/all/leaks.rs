//! No task outlives its owner: the whole platform stops in the middle of its
//! work, and the runtime has nothing left to run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use shoal_testkit::eventually;
use shoal_up::Up;
use tokio::runtime::{Builder, Runtime};

use super::person::{Person, SOON};
use super::stores::Stores;

const BUYERS: usize = 6;
/// Answers after which the platform is told to stop.
const WARM: usize = 300;
/// Keeps the load's spans out of the ring in which other tests look for theirs.
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

#[test]
fn nothing_runs_on_when_the_platform_stops_under_load_on_embedded_stores() {
    stops_without_a_trace(&Stores::embedded());
}

#[test]
fn nothing_runs_on_when_the_platform_stops_under_load_on_servers() {
    // The servers' own tasks are not the platform's.
    let servers = runtime();
    let stores = servers.block_on(Stores::servers_and_registry());
    stops_without_a_trace(&stores);
}

fn stops_without_a_trace(stores: &Stores) {
    shoal_telemetry::Telemetry::init_for_tests();
    let platform = runtime();
    let clients = runtime();
    let answers = Arc::new(AtomicUsize::new(0));
    platform.block_on(async {
        let up = Up::start(&stores.options()).await.unwrap();
        let gateway = format!("http://{}", up.addresses.gateway);
        for number in 0..BUYERS {
            let (answers, gateway) = (Arc::clone(&answers), gateway.clone());
            let product = up.products[number % up.products.len()].clone();
            clients.spawn(async move { buy(&answers, &gateway, number, &product).await });
        }
        let warm = || async { answers.load(Ordering::Relaxed) >= WARM };
        eventually(warm, SOON).await;
        for (service, report) in up.shutdown(SOON).await {
            assert!(
                report.is_clean(),
                "{service} ended by force: {:?}",
                report.forced
            );
        }
    });
    // What was aborted or lost its last owner ends when it is polled next.
    let idle = || async { platform.metrics().num_alive_tasks() == 0 };
    platform.block_on(eventually(idle, Duration::from_secs(5)));
    clients.shutdown_timeout(Duration::from_secs(5));
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

/// Reads, orders and listens until the door is shut.
async fn buy(answers: &AtomicUsize, gateway: &str, number: usize, product: &str) {
    let person = Person::new(gateway, &format!("buyer{number}@example.com")).await;
    // An answer that never ends by itself.
    let _inbox = person.get("/notification/v1/inbox/stream").stream().await;
    for turn in 0.. {
        let request = match turn % 4 {
            0 => person
                .post("/order/v1/orders")
                .idempotency_key(&format!("{number}-{turn}"))
                .json(&json!({"items": [{"product_id": product, "quantity": 1}]})),
            1 => person.get("/order/v1/orders"),
            2 => person.get("/notification/v1/inbox"),
            _ => person.get("/order/v1/products"),
        };
        let request = request.header("traceparent", UNSAMPLED);
        if request.try_send().await.is_err() {
            return;
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}
