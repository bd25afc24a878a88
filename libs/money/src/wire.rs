//! Money in JSON, in protobuf messages and in events.

use serde::{Deserialize, Deserializer};
use shoal_proto::common::v1 as pb;
use shoal_proto::events::billing::EventMoney;

use crate::{Currency, Money, MoneyError};

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Money", deny_unknown_fields)]
        struct Fields {
            currency: Currency,
            minor_units: i64,
        }
        let Fields {
            currency,
            minor_units,
        } = Fields::deserialize(deserializer)?;
        Ok(Self::new(currency, minor_units))
    }
}

impl From<Money> for pb::Money {
    fn from(money: Money) -> Self {
        Self {
            currency: money.currency().code().to_owned(),
            minor_units: money.minor_units(),
        }
    }
}

impl TryFrom<&pb::Money> for Money {
    type Error = MoneyError;

    fn try_from(money: &pb::Money) -> Result<Self, MoneyError> {
        Ok(Self::new(
            Currency::parse(&money.currency)?,
            money.minor_units,
        ))
    }
}

impl TryFrom<pb::Money> for Money {
    type Error = MoneyError;

    fn try_from(money: pb::Money) -> Result<Self, MoneyError> {
        Self::try_from(&money)
    }
}

impl From<Money> for EventMoney {
    fn from(money: Money) -> Self {
        Self {
            currency: money.currency().code().to_owned(),
            minor_units: money.minor_units(),
        }
    }
}

impl TryFrom<&EventMoney> for Money {
    type Error = MoneyError;

    fn try_from(money: &EventMoney) -> Result<Self, MoneyError> {
        Ok(Self::new(
            Currency::parse(&money.currency)?,
            money.minor_units,
        ))
    }
}
