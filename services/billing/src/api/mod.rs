//! HTTP: parse, ask the engine, render. One file per resource.

mod callbacks;
mod invoices;
mod ledger;
mod payments;
mod platform_webhooks;
mod references;
mod statements;
mod views;

use shoal_error::Result;
use shoal_service::{Identity, OpenApiRouter, openapi};

use crate::engine::{Caller, Viewer};
use crate::events::WEBHOOK_EVENTS;
use crate::module::State;

/// Sees and does everything.
const ADMIN: &str = "admin";
/// Another program with an account of its own.
const SERVICE: &str = "service";

const TAGS: [(&str, &str); 7] = [
    (
        "payments",
        "Authorizing, capturing, voiding and refunding, and what became of it.",
    ),
    ("invoices", "Invoices and credit notes, in unbroken series."),
    (
        "statements",
        "What a customer was charged and given back, with a running balance.",
    ),
    ("ledger", "The double-entry books, for administrators."),
    ("provider", "Where the payment provider calls back."),
    shoal_webhook::http::TAG,
    (
        "platform webhooks",
        "Endpoints that hear of everybody's payments, for administrators.",
    ),
];

/// All routes of billing.
pub(crate) fn router() -> OpenApiRouter<State> {
    let mut router = openapi::router(&TAGS)
        .merge(payments::router())
        .merge(references::router())
        .merge(invoices::router())
        .merge(statements::router())
        .merge(ledger::router())
        .merge(callbacks::router())
        .merge(platform_webhooks::router())
        .nest("/billing/v1", shoal_webhook::http::router());
    shoal_webhook::http::describe_events(router.get_openapi_mut(), WEBHOOK_EVENTS);
    router
}

/// What the caller may see.
fn viewer(identity: &Identity) -> Viewer {
    if identity.has_role(ADMIN) || identity.has_role(SERVICE) {
        return Viewer::Everything;
    }
    Viewer::User(identity.user_id().to_owned())
}

/// Money is moved by administrators and services; customers pay through orders.
fn may_move_money(identity: &Identity) -> Result<()> {
    identity.require_any_role(&[ADMIN, SERVICE])
}

/// Keys belong to whoever sends them.
fn caller(identity: &Identity, key: &shoal_service::IdempotencyKey) -> Caller {
    Caller {
        scope: format!("http {}", identity.user_id()),
        key: key.as_str().to_owned(),
    }
}
