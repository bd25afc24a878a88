//! Amounts as people write them.

use std::fmt;

use crate::{Currency, Money, MoneyError};

const NOT_A_NUMBER: MoneyError = MoneyError::Malformed("not a decimal number such as 12.34");

impl Money {
    /// Reads decimal text: digits, at most one point, an optional minus sign.
    /// Fewer decimals than the currency has are filled up (`12` and `12.3` are
    /// 12.00 and 12.30 EUR); more are refused, even zeros.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`], [`MoneyError::WrongMinorDigits`],
    /// [`MoneyError::Overflow`].
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = split_point(digits)?;
        let wanted = currency.minor_digits() as usize;
        if fraction.len() > wanted {
            return Err(MoneyError::WrongMinorDigits {
                currency: currency.code(),
                digits: currency.minor_digits(),
            });
        }
        let padding = "0".repeat(wanted - fraction.len());
        let sign = if negative { "-" } else { "" };
        // Parsed with its sign, because the smallest i64 has no positive twin.
        format!("{sign}{whole}{fraction}{padding}")
            .parse()
            .map(|units| Self::new(currency, units))
            .map_err(|_| MoneyError::Overflow)
    }

    /// The amount as decimal text with all its minor digits, e.g. `12.30`.
    pub fn to_decimal(self) -> String {
        let digits = self.currency().minor_digits() as usize;
        let sign = if self.minor_units() < 0 { "-" } else { "" };
        let units = format!(
            "{:0>width$}",
            self.minor_units().unsigned_abs(),
            width = digits + 1
        );
        let (whole, fraction) = units.split_at(units.len() - digits);
        let point = if digits == 0 { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency())
    }
}

fn split_point(digits: &str) -> Result<(&str, &str), MoneyError> {
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    match digits.split_once('.') {
        Some((whole, fraction)) if all_digits(whole) && all_digits(fraction) => {
            Ok((whole, fraction))
        }
        None if all_digits(digits) => Ok((digits, "")),
        _ => Err(NOT_A_NUMBER),
    }
}
