//! What the document says is what the service does.

use shoal_order::Order;
use shoal_testkit::{TestDb, TestService, assert_agreement, assert_documented};

#[test]
fn the_document_is_complete_and_its_examples_are_valid() {
    assert_documented::<Order>();
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    let service = TestService::<Order>::start(&TestDb::sqlite()).await;
    assert_agreement(&service).await;
    service.stop().await;
}
