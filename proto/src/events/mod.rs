//! Events that modules announce to each other. Payload types carry their
//! documentation and JSON Schema; a consumer ignores fields it does not know,
//! so adding an optional field is compatible, anything else is a new version.

/// Makes payloads the events of a module, each with its type and the field
/// that names its subject, and lists them, so that none can be left out of the
/// module's contract.
macro_rules! events {
    ($($payload:ident = $kind:literal, $($subject:ident).+;)+) => {
        $(impl $crate::events::Event for $payload {
            const TYPE: &'static str = $kind;

            fn subject(&self) -> &str {
                &self.$($subject).+
            }
        })+

        /// Every event that the module announces.
        pub const ALL: &[$crate::events::EventSpec] =
            &[$($crate::events::EventSpec::of::<$payload>()),+];
    };
}
use events;

pub mod auth;
pub mod billing;
pub mod notification;
pub mod order;

use serde::{Serialize, de::DeserializeOwned};

/// A payload that can stand in an event envelope.
pub trait Event: Serialize + DeserializeOwned + schemars::JsonSchema + Send + 'static {
    /// Type and version on the wire, e.g. `order.confirmed.v1`.
    const TYPE: &'static str;

    /// Id of the thing that the event is about. Events of one subject are
    /// published in the order in which they were recorded.
    fn subject(&self) -> &str;
}

/// What a contract says of an event.
#[derive(Clone, Copy, Debug)]
pub struct EventSpec {
    /// Type and version on the wire, e.g. `order.confirmed.v1`.
    pub kind: &'static str,
    schema: fn() -> schemars::Schema,
}

impl EventSpec {
    /// The description of a payload.
    pub const fn of<E: Event>() -> Self {
        Self {
            kind: E::TYPE,
            schema: schema_of::<E>,
        }
    }

    /// JSON Schema (2020-12) of the payload, titled with the event's type.
    pub fn schema(&self) -> schemars::Schema {
        let mut schema = (self.schema)();
        schema.insert("title".to_owned(), self.kind.into());
        schema
    }
}

fn schema_of<E: Event>() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<E>()
}
