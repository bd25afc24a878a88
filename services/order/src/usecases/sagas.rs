//! Looking at sagas, and deciding about those that wait for a person.

use shoal_error::{CommonCode, Error, Result};
use shoal_saga::{Decision, LogLine, SagaView};
use shoal_store::{Page, PageRequest};

use super::Shop;
use crate::domain::caller::Caller;
use crate::domain::codes::OrderCode;

const LIST: &str = "sagas/parked";

pub(crate) async fn parked(
    shop: &Shop,
    caller: &Caller,
    page: &PageRequest,
) -> Result<Page<SagaView>> {
    caller.require_admin()?;
    let rows = shop.sagas.parked(&page.after(LIST)?, page.fetch()?).await?;
    Page::cut(rows, page, LIST, |saga| [saga.id.clone()])
}

pub(crate) async fn inspect(
    shop: &Shop,
    caller: &Caller,
    id: &str,
) -> Result<(SagaView, Vec<LogLine>)> {
    caller.require_admin()?;
    shop.sagas.inspect(id).await.map_err(own_code)
}

pub(crate) async fn decide(
    shop: &Shop,
    caller: &Caller,
    id: &str,
    decision: Decision,
) -> Result<SagaView> {
    caller.require_admin()?;
    tracing::info!(
        saga.id = id,
        user.id = caller.user_id,
        ?decision,
        "decided about a saga"
    );
    shop.sagas.decide(id, decision).await.map_err(own_code)
}

/// The library's errors under the codes of this module.
fn own_code(error: Error) -> Error {
    let text = error.message().to_owned();
    if error.is(CommonCode::NotFound) {
        Error::new(OrderCode::SagaNotFound, text)
    } else if error.is(CommonCode::Conflict) {
        Error::new(OrderCode::SagaNotParked, text)
    } else {
        error
    }
}
