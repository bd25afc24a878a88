//! Clients of every released contract against the servers of now.
//!
//! Modules are released one by one, so a client of an older contract meets a newer server every day. The whole platform
//! is started, and for each frozen contract (`services/*/releases/*`) its own description drives the server: calls over
//! gRPC are made and read with the old proto files, calls over HTTP follow the old OpenAPI document and their answers
//! must be what it promises. The present contract is driven too, so that the drivers themselves are tested before
//! anything is released, and planted incompatibilities must be noticed.

mod contracts;
mod grpc;
mod http;
mod planted;
mod platform;
mod proto;
mod shop;

use contracts::Promise;
use platform::Platform;

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_every_released_contract_understand_the_servers_of_now() {
    let platform = Platform::start().await;
    let mut faults = Vec::new();
    for promise in Promise::all() {
        let told = platform.keeps(&promise).await;
        faults.extend(told.into_iter().map(|fault| format!("{promise}: {fault}")));
    }
    platform.stop().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
