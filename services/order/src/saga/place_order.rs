//! Place an order: reserve stock → authorize → capture → confirm → announce.
//!
//! | step | does | undone by |
//! |---|---|---|
//! | reserve | takes the pieces out of the stock | puts them back, bars a late reservation, and rejects the order, which is announced; always |
//! | authorize | billing reserves the money | billing voids or refunds whatever was paid for the order and bars a late payment |
//! | capture | billing takes the money | by the undo of authorize |
//! | confirm | notes payment and time with the order | clears them |
//! | announce | the order becomes confirmed and that is announced, at once | no way back |
//!
//! The rejection belongs to the first step because that is undone last, when
//! nothing is charged any more; and it happens even when the first step itself
//! was refused, because the order was there before the saga began.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shoal_error::Error;
use shoal_money::Money;
use shoal_saga::{Failure, Saga, Step, StepContext};
use shoal_store::{Store, outbox};

use super::billing::{Billing, Charge};
use crate::domain::codes::OrderCode;
use crate::domain::orders::{Item, Rejection};
use crate::domain::status::Move;
use crate::{events, store};

/// What the steps work with.
pub(crate) struct PlaceOrder {
    pub(crate) store: Store,
    pub(crate) billing: Billing,
    /// Bound on one call of billing, which may wait for a payment provider.
    pub(crate) payment_timeout: Duration,
}

/// What the steps know and hand on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Data {
    pub(crate) order_id: String,
    pub(crate) user_id: String,
    pub(crate) items: Vec<Item>,
    pub(crate) total: Money,
    /// The provider's token; never a card number.
    pub(crate) payment_method: String,
    #[serde(default)]
    pub(crate) payment_id: Option<String>,
}

type Done = Result<Data, Failure>;

impl Saga for PlaceOrder {
    const NAME: &'static str = "place_order";
    type Data = Data;

    fn steps(&self) -> Vec<Step<Self>> {
        vec![
            Step::new("reserve", reserve).undo(release).always_undone(),
            Step::new("authorize", authorize)
                .undo(give_back)
                .timeout(self.payment_timeout),
            Step::new("capture", capture).timeout(self.payment_timeout),
            Step::new("confirm", confirm).undo(unconfirm),
            Step::new("announce", announce).pivot(),
        ]
    }
}

async fn reserve(saga: Arc<PlaceOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    store::stock::reserve(&mut tx, &data.order_id, &data.items, now).await?;
    tx.commit().await?;
    Ok(data)
}

async fn release(saga: Arc<PlaceOrder>, step: StepContext, data: Data) -> Done {
    let why = rejection(step.cause());
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    store::stock::release(&mut tx, &data.order_id, &data.items, now).await?;
    let rejected = store::orders::advance(&mut tx, &data.order_id, Move::Reject, now).await?;
    // Not pending any more: a repeat after a crash, so it was announced as well.
    if let Some(mut order) = rejected {
        store::orders::set_rejection(&mut tx, &order.id, &why).await?;
        order.rejection = Some(why);
        outbox::publish(&mut tx, &events::rejected(&order)).await?;
    }
    tx.commit().await?;
    Ok(data)
}

async fn authorize(saga: Arc<PlaceOrder>, step: StepContext, data: Data) -> Done {
    let charge = Charge {
        order_id: &data.order_id,
        user_id: &data.user_id,
        total: data.total,
        items: &data.items,
        payment_method: &data.payment_method,
    };
    let payment_id = saga
        .billing
        .authorize(step.idempotency_key(), charge)
        .await?;
    Ok(Data {
        payment_id: Some(payment_id),
        ..data
    })
}

async fn give_back(saga: Arc<PlaceOrder>, step: StepContext, data: Data) -> Done {
    let why = rejection(step.cause()).message;
    saga.billing.give_back(&data.order_id, &why).await?;
    Ok(Data {
        payment_id: None,
        ..data
    })
}

async fn capture(saga: Arc<PlaceOrder>, step: StepContext, data: Data) -> Done {
    saga.billing
        .capture(step.idempotency_key(), payment_of(&data)?)
        .await?;
    Ok(data)
}

async fn confirm(saga: Arc<PlaceOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    store::orders::settle(&mut tx, &data.order_id, payment_of(&data)?, now).await?;
    tx.commit().await?;
    Ok(data)
}

async fn unconfirm(saga: Arc<PlaceOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    store::orders::unsettle(&mut tx, &data.order_id, now).await?;
    tx.commit().await?;
    Ok(data)
}

async fn announce(saga: Arc<PlaceOrder>, _step: StepContext, data: Data) -> Done {
    let mut tx = saga.store.begin().await?;
    let now = tx.now_ms();
    // Not pending any more: a repeat after a crash, so it was announced as well.
    if let Some(order) = store::orders::advance(&mut tx, &data.order_id, Move::Confirm, now).await?
    {
        outbox::publish(&mut tx, &events::confirmed(&order)).await?;
        tx.commit().await?;
    }
    Ok(data)
}

fn payment_of(data: &Data) -> Result<&str, Failure> {
    let missing = || Failure::permanent(Error::internal("the order has no payment"));
    data.payment_id.as_deref().ok_or_else(missing)
}

/// What the buyer reads. Whatever is not about orders stays inside.
fn rejection(cause: Option<Error>) -> Rejection {
    use shoal_error::Code as _;
    match cause {
        Some(error) if error.code().starts_with("order.") => Rejection {
            code: error.code().to_owned(),
            message: error.message().to_owned(),
        },
        _ => Rejection {
            code: OrderCode::NotArranged.spec().id.to_owned(),
            message: "The order could not be arranged.".to_owned(),
        },
    }
}
