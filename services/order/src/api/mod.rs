//! HTTP: parse, call the use case, render. One file per resource.

mod orders;
mod products;
mod quotes;
mod sagas;

use shoal_service::{Identity, OpenApiRouter};

use crate::State;
use crate::domain::caller::Caller;

pub(crate) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
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
