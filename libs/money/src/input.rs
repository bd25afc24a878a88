//! Amounts as requests carry them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Currency, Money, MoneyError};

/// An amount in a request: the currency, and either `minor_units` or `decimal`.
///
/// A request is read into this and not into [`Money`] at once, so that a fault
/// gets its own code (`money.unknown_currency`) and not that of a body which
/// does not parse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyInput {
    /// ISO 4217 code in upper case.
    pub currency: String,
    /// Count of minor units: 1999 for 19.99 EUR. Either this or `decimal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_units: Option<i64>,
    /// Decimal text with no more digits than the currency has: `19.99`. Either
    /// this or `minor_units`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<String>,
}

impl MoneyInput {
    /// The amount.
    ///
    /// # Errors
    /// Any of [`MoneyError`] except a mismatch.
    pub fn parse(&self) -> Result<Money, MoneyError> {
        let currency = Currency::parse(&self.currency)?;
        match (self.minor_units, &self.decimal) {
            (Some(units), None) => Ok(Money::new(currency, units)),
            (None, Some(text)) => Money::parse_decimal(text, currency),
            (Some(_), Some(_)) => Err(MoneyError::Malformed(
                "give either minor_units or decimal, not both",
            )),
            (None, None) => Err(MoneyError::Malformed("give minor_units or decimal")),
        }
    }

    /// The amount when it is more than nothing, which is what requests to pay
    /// need; `field` is the JSON pointer under which a fault is reported.
    ///
    /// # Errors
    /// The platform's error with the code of the fault.
    pub fn parse_positive(&self, field: &str) -> shoal_error::Result<Money> {
        self.parse()
            .and_then(Money::positive)
            .map_err(|fault| fault.at(field))
    }
}

impl From<Money> for MoneyInput {
    fn from(money: Money) -> Self {
        Self {
            currency: money.currency().code().to_owned(),
            minor_units: Some(money.minor_units()),
            decimal: None,
        }
    }
}
