//! Lines of invoices and credit notes.

use serde::{Deserialize, Serialize};
use shoal_error::Error;
use shoal_money::{Money, MoneyError};

use crate::codes::BillingCode;

/// How many lines a payment may bring.
pub const MAX_LINES: usize = 200;

/// One line of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// What it is about.
    pub description: String,
    /// How many, at least 1.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: Money,
}

impl Line {
    /// One piece of something.
    pub fn single(description: impl Into<String>, price: Money) -> Self {
        Self {
            description: description.into(),
            quantity: 1,
            unit_price: price,
        }
    }

    /// Quantity times unit price.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit_price.checked_mul(self.quantity.into())
    }
}

/// Fails unless the lines sum to the amount. No lines at all are fine.
///
/// # Errors
/// `billing.lines_mismatch`, or the code of a faulty amount.
pub fn check_sum(lines: &[Line], amount: Money) -> shoal_error::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let totals: Result<Vec<Money>, MoneyError> = lines.iter().map(Line::total).collect();
    let sum = totals
        .and_then(|totals| Money::sum(amount.currency(), totals))
        .map_err(|fault| fault.at("/lines"))?;
    if sum == amount {
        return Ok(());
    }
    let text = format!("The lines sum to {sum}, the amount is {amount}.");
    Err(Error::new(BillingCode::LinesMismatch, text.clone()).with_field("/lines", text))
}

/// The lines of the invoice for a capture: those of the payment when all of it
/// is captured at once, one line otherwise, since nobody can say which of the
/// things a part pays for.
pub fn of_capture(lines: &[Line], description: &str, whole: Money, taken: Money) -> Vec<Line> {
    let what = if description.is_empty() {
        "Payment"
    } else {
        description
    };
    match (taken == whole, lines.is_empty()) {
        (true, false) => lines.to_vec(),
        (true, true) => vec![Line::single(what, taken)],
        (false, _) => vec![Line::single(format!("Part of: {what} ({whole})"), taken)],
    }
}

/// The one line of a credit note.
pub fn of_refund(description: &str, reason: &str, given_back: Money) -> Vec<Line> {
    let what = if description.is_empty() {
        "Payment"
    } else {
        description
    };
    let why = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    };
    vec![Line::single(format!("Refund: {what}{why}"), given_back)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;
    use shoal_money::Currency;

    use super::*;

    fn eur(units: i64) -> Money {
        Money::new(Currency::EUR, units)
    }

    fn line(quantity: u32, units: i64) -> Line {
        Line {
            description: "Rod".into(),
            quantity,
            unit_price: eur(units),
        }
    }

    proptest! {
        #[test]
        fn the_lines_of_a_capture_always_sum_to_what_was_taken(
            lines in prop::collection::vec((1u32..50, 1i64..10_000), 0..5),
            part in 0i64..1_000,
        ) {
            let lines: Vec<Line> = lines.into_iter().map(|(n, price)| line(n, price)).collect();
            let totals = lines.iter().map(|line| line.total().unwrap());
            let whole = match Money::sum(Currency::EUR, totals).unwrap() {
                sum if sum.is_zero() => eur(1_000),
                sum => sum,
            };
            let taken = eur((whole.minor_units() - part).max(1));
            prop_assert!(check_sum(&of_capture(&lines, "Order", whole, taken), taken).is_ok());
            prop_assert!(check_sum(&of_refund("Order", "broken", taken), taken).is_ok());
        }
    }

    #[test]
    fn lines_that_do_not_add_up_are_refused_with_both_sums() {
        let error = check_sum(&[line(2, 500)], eur(999)).unwrap_err();
        assert_eq!(error.code(), "billing.lines_mismatch");
        assert_eq!(
            error.message(),
            "The lines sum to 10.00 EUR, the amount is 9.99 EUR."
        );
    }

    #[test]
    fn lines_in_another_currency_are_refused() {
        let foreign = Line::single("Rod", Money::new(Currency::USD, 999));
        let error = check_sum(&[foreign], eur(999)).unwrap_err();
        assert_eq!(error.code(), "money.currency_mismatch");
    }

    #[test]
    fn a_line_whose_total_overflows_is_refused() {
        let error = check_sum(&[line(u32::MAX, i64::MAX)], eur(999)).unwrap_err();
        assert_eq!(error.code(), "money.overflow");
    }
}
