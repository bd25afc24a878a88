//! Money: an amount of one ISO 4217 currency in its minor unit.
//!
//! Every sum that the platform books, quotes or announces is a [`Money`]. All
//! arithmetic is checked: adding two currencies or leaving the range of an
//! `i64` is an error, not a wrong number.
//!
//! Rejected: floating point (cannot hold 0.10), a decimal type (says how many
//! digits a number has, not how many its currency has, so 1.005 EUR could be
//! stored), and a currency as type parameter (`Money<Eur>`: the currency comes
//! out of requests and rows, so every function would be generic for nothing).

mod currency;
mod decimal;
mod error;
mod input;
mod schema;
mod wire;

use serde::Serialize;

pub use currency::Currency;
pub use error::{MoneyCode, MoneyError};
pub use input::MoneyInput;

/// An amount of one currency. Negative amounts are debts or corrections;
/// whether they are allowed is for the caller to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Money {
    currency: Currency,
    minor_units: i64,
}

impl Money {
    /// So many minor units of a currency.
    pub const fn new(currency: Currency, minor_units: i64) -> Self {
        Self {
            currency,
            minor_units,
        }
    }

    /// Nothing of a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(currency, 0)
    }

    /// Which currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// How many minor units (cents of EUR, yen of JPY).
    pub const fn minor_units(self) -> i64 {
        self.minor_units
    }

    /// Whether it is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.minor_units > 0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor_units == 0
    }

    /// The amount itself when it is more than nothing.
    ///
    /// # Errors
    /// [`MoneyError::NotPositive`].
    pub fn positive(self) -> Result<Self, MoneyError> {
        if self.is_positive() {
            Ok(self)
        } else {
            Err(MoneyError::NotPositive)
        }
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with(self.minor_units.checked_add(other.minor_units))
    }

    /// The difference of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with(self.minor_units.checked_sub(other.minor_units))
    }

    /// So many times the amount.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn checked_mul(self, times: i64) -> Result<Self, MoneyError> {
        self.with(self.minor_units.checked_mul(times))
    }

    /// The amount with the other sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the smallest `i64` alone.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.with(self.minor_units.checked_neg())
    }

    /// The sum of many amounts of `currency`; zero when there are none.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts
            .into_iter()
            .try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Fails unless both amounts are of one currency.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch {
            expected: self.currency.code(),
            found: other.currency.code(),
        })
    }

    fn with(self, minor_units: Option<i64>) -> Result<Self, MoneyError> {
        minor_units
            .map(|units| Self::new(self.currency, units))
            .ok_or(MoneyError::Overflow)
    }
}

#[cfg(test)]
mod tests;
