//! Endpoints: where an owner wants to be called, for which events, and whether
//! that still makes sense. Pure rules; the SQL is in `store::endpoints`.

use serde::{Deserialize, Serialize};
use shoal_error::{Result, Violations};
use utoipa::ToSchema;

use crate::guard::TargetPolicy;
use crate::signature::Secret;

/// Subscribes to every event type.
pub const ALL_EVENTS: &str = "*";

const MAX_DESCRIPTION: usize = 200;
const MAX_EVENT_TYPES: usize = 50;

/// Whether an endpoint is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// Events are delivered.
    Active,
    /// The owner switched it off.
    Disabled,
    /// It failed for too long; the owner may switch it on again.
    AutoDisabled,
}

impl EndpointState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::AutoDisabled => "auto_disabled",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "auto_disabled" => Self::AutoDisabled,
            _ => Self::Disabled,
        }
    }
}

/// A registered endpoint, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Endpoint {
    /// `whe_…`.
    #[schema(example = "whe_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub id: String,
    /// Who registered it.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    pub owner: String,
    /// Where it is called.
    #[schema(example = "https://hooks.shop.example/shoal")]
    pub url: String,
    /// The owner's note.
    #[schema(example = "Warehouse")]
    pub description: String,
    /// Subscribed event types; `*` for all.
    #[schema(example = json!(["*"]))]
    pub event_types: Vec<String>,
    /// Whether it is called.
    pub state: EndpointState,
    /// When the older of two live secrets stops signing, unix milliseconds.
    #[schema(required)]
    pub previous_secret_expires_at_ms: Option<i64>,
    /// Since when every attempt has failed, unix milliseconds.
    #[schema(required)]
    pub failing_since_ms: Option<i64>,
    /// Last accepted delivery, unix milliseconds.
    #[schema(required)]
    pub last_success_at_ms: Option<i64>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub updated_at_ms: i64,
}

/// Type of event; `*` means all. A service lists its own, see
/// [`crate::http::describe_events`].
#[derive(Debug, ToSchema)]
#[schema(example = "*")]
#[expect(dead_code, reason = "describes the text; `check_event_types` reads it")]
pub(crate) struct EventType(String);

/// What an owner says to register an endpoint.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// Absolute `https://` or `http://` URL without credentials, at most 2,048 bytes.
    #[schema(
        example = "https://hooks.shop.example/shoal",
        max_length = 2048,
        pattern = "^https?://[^\\s]+$"
    )]
    pub url: String,
    /// A note for the owner, at most 200 characters.
    #[serde(default)]
    #[schema(example = "Warehouse", max_length = 200)]
    pub description: String,
    /// Event types to subscribe to; `["*"]`, the default, means all.
    #[serde(default = "all_events")]
    #[schema(value_type = Vec<EventType>, min_items = 1, max_items = 50, example = json!(["*"]))]
    pub event_types: Vec<String>,
}

/// What an owner changes; absent fields stay.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointPatch {
    /// New URL.
    #[schema(
        example = "https://hooks.shop.example/shoal",
        max_length = 2048,
        pattern = "^https?://[^\\s]+$"
    )]
    pub url: Option<String>,
    /// New note.
    #[schema(example = "Warehouse", max_length = 200)]
    pub description: Option<String>,
    /// New subscriptions.
    #[schema(value_type = Option<Vec<EventType>>, min_items = 1, max_items = 50, example = json!(["*"]))]
    pub event_types: Option<Vec<String>>,
    /// Switch on (true, also after an automatic switch-off) or off.
    pub active: Option<bool>,
}

/// The answer to registration and rotation: the only ones that show a secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndpointWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Key of the signatures. Shown once; keep it.
    #[schema(example = "whsec_5f0c…")]
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String)]
    pub secret: Secret,
}

impl NewEndpoint {
    /// Checks form and target; `known` are the event types that exist.
    pub(crate) fn validate(&self, policy: TargetPolicy, known: &[&str]) -> Result<()> {
        let mut faults = Violations::new();
        faults.check("/url", policy.check_url(&self.url));
        check_description(&mut faults, &self.description);
        check_event_types(&mut faults, &self.event_types, known);
        faults.finish()
    }
}

impl EndpointPatch {
    pub(crate) fn validate(&self, policy: TargetPolicy, known: &[&str]) -> Result<()> {
        let mut faults = Violations::new();
        if let Some(url) = &self.url {
            faults.check("/url", policy.check_url(url));
        }
        if let Some(description) = &self.description {
            check_description(&mut faults, description);
        }
        if let Some(types) = &self.event_types {
            check_event_types(&mut faults, types, known);
        }
        faults.finish()
    }
}

/// Whether a subscription list covers an event type.
pub(crate) fn subscribes(event_types: &[String], event_type: &str) -> bool {
    event_types
        .iter()
        .any(|wanted| wanted == ALL_EVENTS || wanted == event_type)
}

fn check_description(faults: &mut Violations, description: &str) {
    faults.require(
        "/description",
        description.chars().count() <= MAX_DESCRIPTION,
        "must have at most 200 characters",
    );
}

fn check_event_types(faults: &mut Violations, types: &[String], known: &[&str]) {
    faults.require(
        "/event_types",
        !types.is_empty() && types.len() <= MAX_EVENT_TYPES,
        "must list 1 to 50 types, or \"*\"",
    );
    for (index, wanted) in types.iter().enumerate() {
        if wanted != ALL_EVENTS && !known.contains(&wanted.as_str()) {
            faults.add(
                format!("/event_types/{index}"),
                format!("must be \"*\" or one of {}", known.join(", ")),
            );
        }
    }
}

fn all_events() -> Vec<String> {
    vec![ALL_EVENTS.to_owned()]
}

fn expose<S: serde::Serializer>(secret: &Secret, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const STRICT: TargetPolicy = TargetPolicy {
        allow_private_targets: false,
    };
    const KNOWN: &[&str] = &["order.confirmed.v1", "order.cancelled.v1"];

    fn endpoint(url: &str, types: &[&str]) -> NewEndpoint {
        NewEndpoint {
            url: url.into(),
            description: String::new(),
            event_types: types.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn every_fault_of_a_registration_is_named_with_its_pointer() {
        let mut bad = endpoint("http://10.0.0.1/", &["order.confirmed.v1", "nonsense"]);
        bad.description = "x".repeat(201);
        let error = bad.validate(STRICT, KNOWN).unwrap_err();
        let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["/url", "/description", "/event_types/1"]);
    }

    #[test]
    fn a_subscription_covers_its_types_and_the_star_covers_all() {
        let some = endpoint("https://a.example/", &["order.confirmed.v1"]);
        some.validate(STRICT, KNOWN).unwrap();
        assert!(subscribes(&some.event_types, "order.confirmed.v1"));
        assert!(!subscribes(&some.event_types, "order.cancelled.v1"));
        assert!(subscribes(&all_events(), "anything"));
    }

    #[test]
    fn an_empty_subscription_is_refused() {
        assert!(
            endpoint("https://a.example/", &[])
                .validate(STRICT, KNOWN)
                .is_err()
        );
    }

    #[test]
    fn only_the_answer_that_shows_the_secret_serialises_it() {
        let endpoint = Endpoint {
            id: "whe_1".into(),
            owner: "usr_1".into(),
            url: "https://a.example/".into(),
            description: String::new(),
            event_types: all_events(),
            state: EndpointState::Active,
            previous_secret_expires_at_ms: None,
            failing_since_ms: None,
            last_success_at_ms: None,
            created_at_ms: 1,
            updated_at_ms: 1,
        };
        let shown = EndpointWithSecret {
            endpoint: endpoint.clone(),
            secret: Secret::from_text("whsec_x"),
        };
        assert_eq!(serde_json::to_value(&shown).unwrap()["secret"], "whsec_x");
        assert!(
            serde_json::to_value(&endpoint)
                .unwrap()
                .get("secret")
                .is_none()
        );
        assert!(!format!("{shown:?}").contains("whsec_x"));
    }
}
