//! From an event of another module to what its user is told.

use serde_json::Value;
use shoal_proto::events::{Event, auth, billing, notification, order};

/// A user's address as an event gave it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    /// Normalised address.
    pub(crate) email: String,
    /// May be empty; `None` when the event doesn't tell.
    pub(crate) display_name: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact(…)")
    }
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Announcement {
    /// Who is told.
    pub(crate) user_id: String,
    /// By which template; `None` if the event only brings an address.
    pub(crate) template: Option<&'static str>,
    /// The template's values.
    pub(crate) data: Value,
    /// The address, if the event carries one.
    pub(crate) contact: Option<Contact>,
    /// Whether the user's webhook endpoints hear of it. Events with secrets or
    /// addresses never leave by webhook.
    pub(crate) to_webhooks: bool,
}

/// Types that the service consumes.
pub(crate) const CONSUMED: &[&str] = &[
    auth::UserRegisteredV1::TYPE,
    auth::VerificationRequestedV1::TYPE,
    auth::UserVerifiedV1::TYPE,
    auth::PasswordChangedV1::TYPE,
    auth::RefreshReuseDetectedV1::TYPE,
    order::OrderConfirmedV1::TYPE,
    order::OrderRejectedV1::TYPE,
    order::OrderCancelledV1::TYPE,
    order::OrderFulfilledV1::TYPE,
    billing::PaymentRefundedV1::TYPE,
    // Told to the owner of the endpoint without a template's payload; see `events`.
    notification::WebhookEndpointDisabledV1::TYPE,
];

/// The type under which a notification sent by interface goes to webhooks.
pub(crate) const MESSAGE_TYPE: &str = "notification.message.v1";

/// Types that a user's webhook endpoints can subscribe to.
pub(crate) const WEBHOOK_TYPES: &[&str] = &[
    order::OrderConfirmedV1::TYPE,
    order::OrderRejectedV1::TYPE,
    order::OrderCancelledV1::TYPE,
    order::OrderFulfilledV1::TYPE,
    billing::PaymentRefundedV1::TYPE,
    MESSAGE_TYPE,
];

/// What to do about an event; `None` for a type that is not consumed.
///
/// # Errors
/// When the payload isn't what its type says. No repetition helps.
pub(crate) fn announce(
    kind: &str,
    data: &Value,
) -> Option<Result<Announcement, serde_json::Error>> {
    Some(match kind {
        auth::UserRegisteredV1::TYPE => read(data).map(|e: auth::UserRegisteredV1| {
            let contact = contact(e.email, Some(e.display_name));
            with_contact(e.user_id, Some("user_registered"), data, contact)
        }),
        auth::VerificationRequestedV1::TYPE => {
            read(data).map(|e: auth::VerificationRequestedV1| {
                let contact = contact(e.email, Some(e.display_name));
                with_contact(e.user_id, Some("verification_requested"), data, contact)
            })
        }
        auth::UserVerifiedV1::TYPE => read(data).map(|e: auth::UserVerifiedV1| {
            with_contact(e.user_id, None, data, contact(e.email, None))
        }),
        auth::PasswordChangedV1::TYPE => read(data).map(|e: auth::PasswordChangedV1| {
            with_contact(
                e.user_id,
                Some("password_changed"),
                data,
                contact(e.email, None),
            )
        }),
        auth::RefreshReuseDetectedV1::TYPE => read(data).map(|e: auth::RefreshReuseDetectedV1| {
            with_contact(
                e.user_id,
                Some("refresh_reuse_detected"),
                data,
                contact(e.email, None),
            )
        }),
        order::OrderConfirmedV1::TYPE => read(data)
            .map(|e: order::OrderConfirmedV1| told(e.order.user_id, "order_confirmed", data)),
        order::OrderRejectedV1::TYPE => read(data)
            .map(|e: order::OrderRejectedV1| told(e.order.user_id, "order_rejected", data)),
        order::OrderCancelledV1::TYPE => read(data)
            .map(|e: order::OrderCancelledV1| told(e.order.user_id, "order_cancelled", data)),
        order::OrderFulfilledV1::TYPE => read(data)
            .map(|e: order::OrderFulfilledV1| told(e.order.user_id, "order_fulfilled", data)),
        billing::PaymentRefundedV1::TYPE => read(data)
            .map(|e: billing::PaymentRefundedV1| told(e.user_id, "payment_refunded", data)),
        _ => return None,
    })
}

fn read<E: Event>(data: &Value) -> Result<E, serde_json::Error> {
    E::deserialize(data)
}

fn told(user_id: String, template: &'static str, data: &Value) -> Announcement {
    Announcement {
        user_id,
        template: Some(template),
        data: data.clone(),
        contact: None,
        to_webhooks: true,
    }
}

fn with_contact(
    user_id: String,
    template: Option<&'static str>,
    data: &Value,
    contact: Contact,
) -> Announcement {
    let mut data = data.clone();
    if let Some(fields) = data.as_object_mut() {
        // The address has its own place; it isn't stored a second time.
        fields.remove("email");
    }
    Announcement {
        user_id,
        template,
        data,
        contact: Some(contact),
        to_webhooks: false,
    }
}

fn contact(email: String, display_name: Option<String>) -> Contact {
    Contact {
        email,
        display_name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::domain::builtin;
    use crate::domain::template::Engine;
    use serde_json::json;

    fn order(extra: &Value) -> Value {
        let mut event = json!({
            "order_id": "ord_1", "user_id": "usr_1", "currency": "EUR", "total_minor": 500,
            "placed_at_ms": 1,
            "items": [{"product_id": "prd_1", "name": "Herring", "quantity": 1,
                "unit_price_minor": 500, "line_total_minor": 500}],
        });
        event
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        event
    }

    fn examples() -> Vec<(&'static str, Value)> {
        let money = json!({"currency": "EUR", "minor_units": 500});
        let verification = json!({"user_id": "usr_1", "email": "ada@example.com",
            "display_name": "", "verification_token": "t", "verification_expires_at_ms": 5});
        vec![
            (auth::UserRegisteredV1::TYPE, verification.clone()),
            (auth::VerificationRequestedV1::TYPE, verification),
            (
                auth::UserVerifiedV1::TYPE,
                json!({"user_id": "usr_1", "email": "ada@example.com", "verified_at_ms": 1}),
            ),
            (
                auth::PasswordChangedV1::TYPE,
                json!({"user_id": "usr_1", "email": "ada@example.com", "changed_at_ms": 1}),
            ),
            (
                auth::RefreshReuseDetectedV1::TYPE,
                json!({"user_id": "usr_1", "email": "ada@example.com", "session_id": "ses_1",
                    "detected_at_ms": 1}),
            ),
            (
                order::OrderConfirmedV1::TYPE,
                order(&json!({"payment_id": "pay_1", "confirmed_at_ms": 2})),
            ),
            (
                order::OrderRejectedV1::TYPE,
                order(
                    &json!({"code": "order.out_of_stock", "reason": "None left.",
                    "rejected_at_ms": 2}),
                ),
            ),
            (
                order::OrderCancelledV1::TYPE,
                order(&json!({"reason": "", "cancelled_at_ms": 2})),
            ),
            (
                order::OrderFulfilledV1::TYPE,
                order(&json!({"fulfilled_at_ms": 2})),
            ),
            (
                billing::PaymentRefundedV1::TYPE,
                json!({"payment_id": "pay_1", "user_id": "usr_1", "reference": "ord_1",
                    "amount": money, "refunded_total": money, "credit_note_id": "inv_1",
                    "reason": ""}),
            ),
        ]
    }

    #[test]
    fn every_consumed_event_is_understood_and_its_template_renders_with_it() {
        let engine = Engine::new("https://shop.example").unwrap();
        let templates = builtin::all().unwrap();
        assert_eq!(examples().len(), CONSUMED.len() - 1);
        for (kind, data) in examples() {
            assert!(CONSUMED.contains(&kind));
            let said = announce(kind, &data).unwrap().unwrap();
            assert_eq!(said.user_id, "usr_1", "{kind}");
            let Some(name) = said.template else { continue };
            let template = templates.iter().find(|t| t.name == name).unwrap();
            for text in &template.texts {
                engine
                    .render(&text.source(), &said.data)
                    .unwrap_or_else(|error| panic!("{kind} {}: {error:?}", text.locale));
            }
        }
    }

    #[test]
    fn what_carries_an_address_or_a_secret_never_goes_to_webhooks() {
        for (kind, data) in examples() {
            let said = announce(kind, &data).unwrap().unwrap();
            assert!(!said.data.to_string().contains("ada@example.com"), "{kind}");
            assert_eq!(said.to_webhooks, said.contact.is_none(), "{kind}");
            assert_eq!(said.to_webhooks, WEBHOOK_TYPES.contains(&kind), "{kind}");
        }
    }

    #[test]
    fn a_payload_of_another_form_is_an_error_and_another_type_is_nothing() {
        assert!(
            announce(order::OrderConfirmedV1::TYPE, &json!({}))
                .unwrap()
                .is_err()
        );
        assert!(announce("order.placed.v1", &json!({})).is_none());
    }
}
