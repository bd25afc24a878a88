//! How money is described: to OpenAPI and to JSON Schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{Currency, Money, MoneyInput};

const CODE_PATTERN: &str = "^[A-Z]{3}$";
const MONEY: &str = "An amount of one currency in its minor unit.";
const CURRENCY: &str = "ISO 4217 code of a circulating currency.";
const DECIMAL: &str = "Decimal text with no more digits than the currency has: `19.99`.";
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

impl PartialSchema for MoneyInput {
    /// One of two objects, which no attribute can say.
    fn schema() -> RefOr<utoipa::openapi::Schema> {
        let absent = || ObjectBuilder::new().schema_type(Type::Null);
        let units = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some(MINOR_UNITS));
        let decimal = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^-?[0-9]+(\.[0-9]+)?$"))
            .description(Some(DECIMAL));
        let form = |title: &str, own: (&str, ObjectBuilder), other: &str, example| {
            ObjectBuilder::new()
                .title(Some(title))
                .property("currency", Currency::schema())
                .required("currency")
                .property(own.0, own.1)
                .required(own.0)
                .property(other, absent())
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .examples([example])
        };
        // No amount fits both: each wants its own field and not the other.
        AnyOfBuilder::new()
            .description(Some(
                "An amount, counted in minor units or written as decimal text.",
            ))
            .item(form(
                "In minor units",
                ("minor_units", units),
                "decimal",
                serde_json::json!({"currency": "EUR", "minor_units": 1999}),
            ))
            .item(form(
                "As decimal text",
                ("decimal", decimal),
                "minor_units",
                serde_json::json!({"currency": "EUR", "decimal": "19.99"}),
            ))
            .into()
    }
}

impl ToSchema for MoneyInput {}

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
