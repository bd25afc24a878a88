//! Give an order back: refund → release → close.
//!
//! | step | does | undone by |
//! |---|---|---|
//! | refund | billing gives the money back | no way back once it may have happened; when it is refused, the order is confirmed again |
//! | release | puts the pieces back into the stock | |
//! | close | the order becomes cancelled and that is announced, at once | |

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_error::Error;
use shoal_saga::{Failure, Saga, Step, StepContext};
use shoal_store::{Store, outbox};

use super::billing::Billing;
use crate::domain::codes::OrderCode;
use crate::domain::orders::Item;
use crate::domain::status::Move;
use crate::{events, store};

/// What the steps work with.
pub(crate) struct CancelOrder {
    pub(crate) store: Store,
    pub(crate) billing: Billing,
    /// Bound on one call of billing, which may wait for a payment provider.
    pub(crate) payment_timeout: Duration,
}

/// What the steps know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Data {
    pub(crate) order_id: String,
    pub(crate) items: Vec<Item>,
    pub(crate) reason: String,
}

type Done = Result<Data, Failure>;

impl Saga for CancelOrder {
    const NAME: &'static str = "cancel_order";
    type Data = Data;

    fn steps(&self) -> Vec<Step<Self>> {
        vec![
            Step::new("refund", refund)
                .undo(keep)
                .always_undone()
                .pivot()
                .timeout(self.payment_timeout),
            Step::new("release", release),
            Step::new("close", close),
        ]
    }
}

async fn keep(saga: Arc<CancelOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    store::orders::advance(&mut tx, &data.order_id, Move::KeepAfterAll, now).await?;
    tx.commit().await?;
    Ok(data)
}

async fn refund(saga: Arc<CancelOrder>, _step: StepContext, data: Data) -> Done {
    let given_back = saga.billing.give_back(&data.order_id, &data.reason).await;
    given_back.map_err(|error| {
        let judged = Failure::from(error);
        if judged.is_transient() {
            return judged;
        }
        let error = judged.into_error();
        let text = format!("Billing refused the refund: {}", error.message());
        Failure::permanent(Error::new(OrderCode::RefundRefused, text).with_source(error))
    })?;
    Ok(data)
}

async fn release(saga: Arc<CancelOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    store::stock::release(&mut tx, &data.order_id, &data.items, now).await?;
    tx.commit().await?;
    Ok(data)
}

async fn close(saga: Arc<CancelOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    let closed = store::orders::advance(&mut tx, &data.order_id, Move::FinishCancel, now).await?;
    if let Some(order) = closed {
        outbox::publish(&mut tx, &events::cancelled(&order)).await?;
        tx.commit().await?;
    }
    Ok(data)
}
