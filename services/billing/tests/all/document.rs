//! What the document says is what the service does.

use shoal_billing::Billing;
use shoal_testkit::{TestDb, TestService, assert_agreement, assert_documented};

#[test]
fn the_document_is_complete_and_its_examples_are_valid() {
    assert_documented::<Billing>();
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    let service = TestService::<Billing>::start(&TestDb::sqlite()).await;
    assert_agreement(&service).await;
    service.stop().await;
}
