//! Products: what can be ordered, at what price, and how much of it is there.

use shoal_error::{Error, Result, Violations};
use shoal_money::{Currency, Money, MoneyError};

use super::codes::OrderCode;

/// Longest name, in characters.
pub(crate) const MAX_NAME: usize = 120;
/// Longest description, in characters.
pub(crate) const MAX_DESCRIPTION: usize = 2_000;
/// Largest stock of one product, in pieces.
pub(crate) const MAX_STOCK: i64 = 1_000_000_000;
/// Highest price of one piece, in minor units.
pub(crate) const MAX_PRICE: i64 = 1_000_000_000_000;

/// Something that can be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Of one piece; always more than nothing.
    pub(crate) price: Money,
    /// Pieces that can be ordered now; never below zero.
    pub(crate) stock: i64,
    /// Whether it can be ordered at all.
    pub(crate) active: bool,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

/// A product in the making, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewProduct {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Money,
    pub(crate) stock: i64,
}

/// Changes of a product, checked; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProductChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// In the currency that the product has.
    pub(crate) price: Option<Money>,
    pub(crate) active: Option<bool>,
}

impl NewProduct {
    /// Checks what a request says.
    ///
    /// # Errors
    /// One error that names every faulty field.
    pub(crate) fn check(
        name: &str,
        description: &str,
        price: Result<Money, MoneyError>,
        stock: i64,
    ) -> Result<Self> {
        let price = price
            .and_then(check_price)
            .map_err(|fault| fault.at("/price"))?;
        let mut faults = Violations::new();
        let name = faults.check("/name", check_name(name));
        let description = faults.check("/description", check_description(description));
        faults.require(
            "/stock",
            (0..=MAX_STOCK).contains(&stock),
            "must be between 0 and 1,000,000,000",
        );
        faults.finish()?;
        Ok(Self {
            name: name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            price,
            stock,
        })
    }
}

impl ProductChange {
    /// Checks what a request says.
    ///
    /// # Errors
    /// One error that names every faulty field, or says that nothing changes.
    pub(crate) fn check(
        name: Option<&str>,
        description: Option<&str>,
        price: Option<Result<Money, MoneyError>>,
        active: Option<bool>,
    ) -> Result<Self> {
        let price = price.map(|price| price.and_then(check_price)).transpose();
        let price = price.map_err(|fault| fault.at("/price"))?;
        let mut faults = Violations::new();
        let name = name.and_then(|name| faults.check("/name", check_name(name)));
        let description =
            description.and_then(|text| faults.check("/description", check_description(text)));
        faults.finish()?;
        let change = Self {
            name,
            description,
            price,
            active,
        };
        if change == Self::default() {
            return Err(Error::invalid_field(
                "/",
                "name at least one field to change",
            ));
        }
        Ok(change)
    }

    /// Refuses a price in another currency than the product has: orders and stock
    /// were counted in that one.
    ///
    /// # Errors
    /// [`OrderCode::CurrencyMismatch`].
    pub(crate) fn check_currency(&self, own: Currency) -> Result<()> {
        if self.price.is_none_or(|price| price.currency() == own) {
            return Ok(());
        }
        let text = format!("The product is priced in {own}; its currency cannot change.");
        Err(Error::new(OrderCode::CurrencyMismatch, text)
            .with_field("/price/currency", format!("must be {own}")))
    }
}

/// Checks a correction of the stock.
///
/// # Errors
/// When it is nothing, or more than any stock can be.
pub(crate) fn check_delta(delta: i64) -> Result<i64> {
    if delta == 0 || !(-MAX_STOCK..=MAX_STOCK).contains(&delta) {
        let text = "must not be zero, and at most 1,000,000,000 either way";
        return Err(Error::invalid_field("/delta", text));
    }
    Ok(delta)
}

fn check_price(price: Money) -> Result<Money, MoneyError> {
    let price = price.positive()?;
    if price.minor_units() > MAX_PRICE {
        Err(MoneyError::Overflow)
    } else {
        Ok(price)
    }
}

fn check_name(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME;
    if !fits || name.chars().any(char::is_control) {
        return Err("must have 1 to 120 characters, none of them a control character");
    }
    Ok(name.to_owned())
}

fn check_description(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    // PostgreSQL cannot store NUL; nobody wants it either.
    if text.chars().count() > MAX_DESCRIPTION || text.contains('\0') {
        return Err("must have at most 2,000 characters and no NUL");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn eur(units: i64) -> Result<Money, MoneyError> {
        Ok(Money::new(Currency::EUR, units))
    }

    #[test]
    fn a_faulty_product_is_told_every_fault_at_once() {
        let error = NewProduct::check(" ", &"x".repeat(2_001), eur(5), -1).unwrap_err();
        let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["/name", "/description", "/stock"]);
    }

    #[test]
    fn a_price_must_be_more_than_nothing_and_countable() {
        for units in [0, -1, i64::MIN, MAX_PRICE + 1, i64::MAX] {
            let error = NewProduct::check("Lamp", "", eur(units), 1).unwrap_err();
            assert_eq!(error.fields()[0].field, "/price", "{units}");
        }
        assert!(NewProduct::check("Lamp", "", eur(1), 0).is_ok());
    }

    #[test]
    fn a_product_keeps_its_currency() {
        let yen = Money::new(Currency::JPY, 500);
        let change = ProductChange::check(None, None, Some(Ok(yen)), None).unwrap();
        let error = change.check_currency(Currency::EUR).unwrap_err();
        assert!(error.is(OrderCode::CurrencyMismatch));
        assert!(change.check_currency(Currency::JPY).is_ok());
    }

    #[test]
    fn a_change_names_something() {
        assert!(ProductChange::check(None, None, None, None).is_err());
        assert!(ProductChange::check(None, None, None, Some(false)).is_ok());
    }

    #[test]
    fn a_stock_correction_is_neither_nothing_nor_absurd() {
        assert!(check_delta(0).is_err());
        assert!(check_delta(i64::MIN).is_err());
        assert_eq!(check_delta(-5).unwrap(), -5);
    }
}
