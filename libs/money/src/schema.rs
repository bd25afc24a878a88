//! How money is described: to OpenAPI and to JSON Schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{Currency, Money};

const CODE_PATTERN: &str = "^[A-Z]{3}$";
const MONEY: &str = "An amount of one currency in its minor unit.";
const CURRENCY: &str = "ISO 4217 code of a circulating currency.";
const MINOR_UNITS: &str = "Count of minor units: 1999 for 19.99 EUR, 500 for 500 JPY.";

impl PartialSchema for Currency {
    fn schema() -> RefOr<utoipa::openapi::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(CURRENCY))
            .pattern(Some(CODE_PATTERN))
            .examples(["EUR"])
            .into()
    }
}

impl ToSchema for Currency {}

impl PartialSchema for Money {
    fn schema() -> RefOr<utoipa::openapi::Schema> {
        let units = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some(MINOR_UNITS));
        ObjectBuilder::new()
            .description(Some(MONEY))
            .property("currency", Currency::schema())
            .required("currency")
            .property("minor_units", units)
            .required("minor_units")
            .examples([serde_json::json!({"currency": "EUR", "minor_units": 1999})])
            .into()
    }
}

impl ToSchema for Money {}

impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": CURRENCY, "pattern": CODE_PATTERN})
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": MONEY,
            "properties": {
                "currency": generator.subschema_for::<Currency>(),
                "minor_units": {"type": "integer", "format": "int64", "description": MINOR_UNITS},
            },
            "required": ["currency", "minor_units"],
        })
    }
}
