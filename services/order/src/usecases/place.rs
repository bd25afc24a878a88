//! Placing an order: durable first, then waited for.
//!
//! Claim of the key, order, saga and event are written in one transaction, so a
//! crash leaves all of them or none. The claim's lease outlasts the wait; a repeat
//! that comes after a crash takes the claim over, finds the order under its key
//! and waits for that one.

use std::time::Duration;

use serde::Serialize;
use shoal_error::{Error, ProblemDetails, Result, ResultExt as _};
use shoal_saga::Outcome;
use shoal_store::idempotency::{self, ClaimToken, StoredResponse};
use shoal_store::{Tx, outbox};

use super::Shop;
use crate::domain::caller::Caller;
use crate::domain::codes::OrderCode;
use crate::domain::orders::Order;
use crate::domain::quotes::{Cart, Quote, Wanted};
use crate::domain::status::Status;
use crate::saga::place_order::{Data, PlaceOrder};
use crate::store::orders::Key;
use crate::{events, store};

/// Longest payment method token.
const MAX_PAYMENT_METHOD: usize = 200;
/// By how much a claim outlasts the longest wait.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// What a caller asks for. Its JSON decides whether two requests are the same.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlaceRequest {
    pub(crate) items: Vec<Wanted>,
    pub(crate) currency: String,
    pub(crate) payment_method: String,
    pub(crate) expected_total: Option<i64>,
}

/// Places an order and waits for what becomes of it: confirmed, or still pending
/// when time is up. A rejected order is an error.
pub(crate) async fn place(
    shop: &Shop,
    caller: &Caller,
    key: &str,
    request: PlaceRequest,
) -> Result<Order> {
    check_payment_method(&request.payment_method)?;
    let (token, order) = match begin(shop, caller, key, request).await? {
        Begun::Before(answer) => return replay(&answer),
        Begun::Now(token, order) => (token, *order),
    };
    let answer = wait_for(shop, order).await?;
    record(shop, &token, &answer).await?;
    answer
}

/// What the first transaction found or made.
enum Begun {
    /// The request was answered before.
    Before(StoredResponse),
    /// The order is there and the answer is ours to give.
    Now(ClaimToken, Box<Order>),
}

async fn begin(shop: &Shop, caller: &Caller, key: &str, request: PlaceRequest) -> Result<Begun> {
    let cart = Cart::check(request.items.clone(), &request.currency, shop.limits)?;
    let print = serde_json::to_vec(&request).internal()?;
    let print = idempotency::fingerprint("place_order", &caller.user_id, &print);
    let scope = format!("place_order {}", caller.user_id);
    let lease = shop.wait + LEASE_MARGIN;
    let mut tx = shop.store.begin().await?;
    let claim =
        idempotency::begin_with(&mut tx, &scope, key, &print, lease, idempotency::KEEP).await?;
    let token = match claim.or_refuse()? {
        Ok(token) => token,
        Err(answer) => return Ok(Begun::Before(answer)),
    };
    let key = Key {
        key,
        fingerprint: &print,
    };
    let order = match store::orders::by_key(&mut tx, &caller.user_id, &key).await? {
        // The process that placed it died before it could answer, or it was so long
        // ago that the answer is forgotten.
        Some(order) => order,
        None => write(shop, &mut tx, caller, &key, &cart, request).await?,
    };
    tx.commit().await?;
    Ok(Begun::Now(token, Box::new(order)))
}

/// Prices the order and writes it down with its saga and its first event.
async fn write(
    shop: &Shop,
    tx: &mut Tx,
    caller: &Caller,
    key: &Key<'_>,
    cart: &Cart,
    request: PlaceRequest,
) -> Result<Order> {
    let products = store::products::by_ids(tx, &cart.product_ids()).await?;
    let Quote { items, total, .. } = {
        let quote = cart.quote(&products)?;
        quote.expect_total(request.expected_total)?;
        quote
    };
    let id = shoal_store::id::new("ord");
    let data = Data {
        order_id: id.clone(),
        user_id: caller.user_id.clone(),
        items: items.clone(),
        total,
        payment_method: request.payment_method,
        payment_id: None,
    };
    let saga_id = shop.sagas.start::<PlaceOrder>(tx, &id, &data).await?;
    let now = tx.now_ms();
    let order = Order {
        id,
        user_id: caller.user_id.clone(),
        status: Status::Pending,
        items,
        total,
        payment_id: None,
        rejection: None,
        cancel_reason: String::new(),
        saga_id,
        created_at_ms: now,
        updated_at_ms: now,
    };
    store::orders::insert(tx, &order, key).await?;
    outbox::publish(tx, &events::placed(&order)).await?;
    Ok(order)
}

/// Waits for the saga; the inner result is the answer, the outer error is none.
async fn wait_for(shop: &Shop, order: Order) -> Result<Result<Order>> {
    let mut failure = None;
    if order.status == Status::Pending {
        let outcome = shop
            .sagas
            .wait::<PlaceOrder>(&order.saga_id, shop.patience())
            .await?;
        if let Outcome::Undone { failure: why, .. } = outcome {
            failure = Some(why);
        }
    }
    let mut conn = shop.store.read().await?;
    let order = store::orders::get(&mut conn, &order.id).await?;
    if order.status != Status::Rejected {
        return Ok(Ok(order));
    }
    Ok(Err(rejected(&order, failure)))
}

/// The error of a rejected order: as the saga had it when it is about orders, else
/// what the order says.
fn rejected(order: &Order, failure: Option<Error>) -> Error {
    let why = order.rejection.clone();
    let (code, message) = why.map_or_else(Default::default, |why| (why.code, why.message));
    let error = match failure {
        Some(failure) if failure.code() == code => failure,
        _ => match OrderCode::CATALOGUE.iter().find(|spec| spec.id == code) {
            Some(spec) => Error::from_spec(spec, message),
            None => Error::new(OrderCode::NotArranged, message),
        },
    };
    error.with_meta("order_id", &order.id)
}

/// Keeps the answer for repeats of the request.
async fn record(shop: &Shop, token: &ClaimToken, answer: &Result<Order>) -> Result<()> {
    let (status, body) = match answer {
        Ok(order) => (200, serde_json::to_string(order).internal()?),
        Err(error) => {
            let status = error.kind().http_status().as_u16();
            (
                status,
                serde_json::to_string(&error.to_problem()).internal()?,
            )
        }
    };
    let stored = StoredResponse {
        status,
        headers: Default::default(),
        body,
    };
    let mut tx = shop.store.begin().await?;
    idempotency::finish(&mut tx, token, &stored).await?;
    tx.commit().await
}

fn replay(answer: &StoredResponse) -> Result<Order> {
    if answer.status < 300 {
        return serde_json::from_str(&answer.body).internal();
    }
    let problem: ProblemDetails = serde_json::from_str(&answer.body).internal()?;
    Err(Error::from_problem(problem))
}

fn check_payment_method(token: &str) -> Result<()> {
    if token.len() <= MAX_PAYMENT_METHOD && token.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    let text = "must be the token of a payment method, at most 200 visible ASCII characters";
    Err(Error::invalid_field("/payment_method", text))
}
