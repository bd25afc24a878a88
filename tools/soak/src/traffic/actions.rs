//! Each kind of request.

use serde_json::{Value, json};
use shoal_error::{Error, Result};

use super::Crowd;
use super::book::Acknowledged;
use super::door::Call;
use super::mix::Action;
use crate::record::Ended;

/// Does it; orders that are acknowledged go into the book.
pub(crate) async fn perform(crowd: &Crowd, action: Action) -> Ended {
    match action {
        Action::ListProducts(person) => read(crowd, "/order/v1/products", person).await,
        Action::GetProduct(person, id) => {
            read(crowd, &format!("/order/v1/products/{id}"), person).await
        }
        Action::ListOrders(person) => read(crowd, "/order/v1/orders", person).await,
        Action::GetOrder(order) => {
            let path = format!("/order/v1/orders/{}", order.id);
            read(crowd, &path, order.person).await
        }
        Action::Statement(person) => {
            let path = "/billing/v1/statement?currency=EUR";
            read(crowd, path, person).await
        }
        Action::Inbox(person) => read(crowd, "/notification/v1/inbox", person).await,
        Action::Place {
            person,
            key,
            product,
            quantity,
        } => {
            let order = Acknowledged {
                id: String::new(),
                person,
                key,
                product,
                quantity,
            };
            place(crowd, order).await
        }
        Action::Repeat(order) => repeat(crowd, &order).await,
        Action::Cancel(order) => cancel(crowd, &order).await,
        Action::Refresh(person) => crowd.people.get(person).refresh(&crowd.door).await,
        Action::LogIn(person) => crowd.people.get(person).log_in(&crowd.door).await,
    }
}

async fn read(crowd: &Crowd, path: &str, person: usize) -> Ended {
    let token = crowd.people.get(person).token();
    crowd.door.send(Call::get(path, Some(&token))).await.0
}

async fn place(crowd: &Crowd, order: Acknowledged) -> Ended {
    let (ended, body) = send(crowd, &order).await;
    if ended != Ended::Good {
        return ended;
    }
    let Some(id) = body["id"].as_str() else {
        return Ended::Wild(format!("an order without an id: {body}"));
    };
    crowd.book.acknowledged(Acknowledged {
        id: id.to_owned(),
        ..order
    });
    ended
}

/// Sends an acknowledged order once more, as a client does that is not sure.
async fn repeat(crowd: &Crowd, order: &Acknowledged) -> Ended {
    let (ended, body) = send(crowd, order).await;
    if ended == Ended::Good {
        crowd
            .book
            .repeated(order, body["id"].as_str().unwrap_or("nothing"));
    }
    ended
}

async fn send(crowd: &Crowd, order: &Acknowledged) -> (Ended, Value) {
    let token = crowd.people.get(order.person).token();
    let item = json!({ "product_id": order.product, "quantity": order.quantity });
    let body = json!({ "items": [item] });
    let call = Call::post("/order/v1/orders", Some(&token), body);
    crowd.door.send(call.keyed(&order.key)).await
}

/// Places one order; its id.
///
/// # Errors
/// When it is refused.
pub(crate) async fn place_one(crowd: &Crowd, person: usize, body: &Value) -> Result<String> {
    let token = crowd.people.get(person).token();
    let key = format!("first-{person}");
    let call = Call::post("/order/v1/orders", Some(&token), body.clone());
    let order = crowd.door.must(call.keyed(&key)).await?;
    let id = order["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Error::internal("an order without an id"))
}

async fn cancel(crowd: &Crowd, order: &Acknowledged) -> Ended {
    let token = crowd.people.get(order.person).token();
    let path = format!("/order/v1/orders/{}/cancel", order.id);
    let body = json!({ "reason": "changed my mind" });
    crowd
        .door
        .send(Call::post(&path, Some(&token), body))
        .await
        .0
}
