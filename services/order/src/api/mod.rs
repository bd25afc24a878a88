//! HTTP: parse, call the use case, render. One file per resource.

mod orders;
mod products;
mod quotes;
mod sagas;

use shoal_service::{Identity, OpenApiRouter, openapi};

use crate::State;
use crate::domain::caller::Caller;

const TAGS: [(&str, &str); 3] = [
    (
        "orders",
        "Quotes and orders: what is bought, by whom, and how it stands.",
    ),
    (
        "products",
        "What can be ordered, at what price, and how much is there.",
    ),
    (
        "sagas",
        "Orders that stopped half-way and wait for a person.",
    ),
];

pub(crate) fn router() -> OpenApiRouter<State> {
    openapi::router(&TAGS)
        .merge(products::router())
        .merge(quotes::router())
        .merge(orders::router())
        .merge(sagas::router())
}

fn caller(identity: &Identity) -> Caller {
    Caller {
        user_id: identity.user_id().to_owned(),
        roles: identity.roles().to_vec(),
    }
}
