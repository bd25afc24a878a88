//! What the document says is what the gateway does itself.

use shoal_gateway::Gateway;
use shoal_testkit::{HttpSink, assert_agreement, assert_documented};

use super::in_front_of;

#[test]
fn the_document_is_complete_and_its_examples_are_valid() {
    assert_documented::<Gateway>();
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    let sink = HttpSink::start().await;
    let gateway = in_front_of(&sink).await;
    assert_agreement(&gateway).await;
    gateway.stop().await;
}
