//! Requests to pay, checked.

use shoal_error::{Error, Result, Violations};
use shoal_money::{Currency, Money};

use super::lines::{self, Line, MAX_LINES};
use crate::codes::BillingCode;

/// The largest amount of one payment in minor units: far above any order, far
/// below where sums of payments leave an `i64`, and exact in a JSON number.
pub const MAX_AMOUNT: i64 = 999_999_999_999;

/// How long descriptions and reasons may be, in characters.
pub const MAX_TEXT: usize = 200;

/// Longest reference, user id and idempotency key, in bytes.
pub const MAX_TOKEN: usize = 128;

/// A request to authorize, as it came.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PaymentRequest {
    /// The customer who pays.
    pub user_id: String,
    /// What is paid for.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// Text for documents; may be empty.
    pub description: String,
    /// The provider's token of the payment method; empty takes the default.
    pub payment_method: String,
    /// Lines for the invoice; may be none.
    pub lines: Vec<Line>,
}

impl PaymentRequest {
    /// The request itself when nothing is wrong with it. `accepted` lists the
    /// currencies that this installation takes; none means all.
    ///
    /// # Errors
    /// A 400 that lists every faulty field, or the code of the faulty amount.
    pub fn checked(mut self, accepted: &[Currency]) -> Result<Self> {
        let mut faults = Violations::new();
        faults.check("/user_id", token(&self.user_id));
        faults.check("/reference", token(&self.reference));
        faults.check("/description", text(&self.description));
        if self.payment_method.is_empty() {
            self.payment_method = "pm_default".to_owned();
        }
        faults.check("/payment_method", method(&self.payment_method));
        faults.require("/lines", self.lines.len() <= MAX_LINES, "at most 200 lines");
        for (index, line) in self.lines.iter().enumerate() {
            let described = !line.description.trim().is_empty();
            faults.require(
                format!("/lines/{index}/description"),
                described,
                "must not be empty",
            );
            faults.check(
                format!("/lines/{index}/description"),
                text(&line.description),
            );
            faults.require(
                format!("/lines/{index}/quantity"),
                line.quantity > 0,
                "at least 1",
            );
            let positive = line.unit_price.is_positive();
            faults.require(
                format!("/lines/{index}/unit_price"),
                positive,
                "must be greater than zero",
            );
        }
        faults.finish()?;
        check_amount(self.amount, accepted)?;
        lines::check_sum(&self.lines, self.amount)?;
        Ok(self)
    }
}

/// Fails unless so much may be paid at once.
///
/// # Errors
/// `money.not_positive`, `billing.amount_too_large`, `billing.currency_not_accepted`.
pub fn check_amount(amount: Money, accepted: &[Currency]) -> Result<()> {
    amount.positive().map_err(|fault| fault.at("/amount"))?;
    if amount.minor_units() > MAX_AMOUNT {
        let limit = Money::new(amount.currency(), MAX_AMOUNT);
        let text = format!("One payment is at most {limit}.");
        return Err(
            Error::new(BillingCode::AmountTooLarge, text.clone()).with_field("/amount", text)
        );
    }
    if accepted.is_empty() || accepted.contains(&amount.currency()) {
        return Ok(());
    }
    let list = accepted
        .iter()
        .map(|c| c.code())
        .collect::<Vec<_>>()
        .join(", ");
    let text = format!(
        "{} is not accepted here; use one of {list}.",
        amount.currency()
    );
    Err(Error::new(BillingCode::CurrencyNotAccepted, text.clone())
        .with_field("/amount/currency", text))
}

/// Fails unless the text is short enough and printable.
///
/// # Errors
/// What is wrong with it.
pub fn text(value: &str) -> std::result::Result<(), &'static str> {
    if value.chars().count() > MAX_TEXT {
        return Err("at most 200 characters");
    }
    if value.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(())
}

/// Fails unless the value can be a reference, a user id or a key.
///
/// # Errors
/// What is wrong with it.
pub fn token(value: &str) -> std::result::Result<(), &'static str> {
    let visible = value.bytes().all(|b| b.is_ascii_graphic());
    if (1..=MAX_TOKEN).contains(&value.len()) && visible {
        return Ok(());
    }
    Err("1 to 128 visible ASCII characters")
}

/// Payment methods are tokens of the provider; the form keeps card numbers out
/// of the database and the logs.
fn method(value: &str) -> std::result::Result<(), &'static str> {
    let rest = value.strip_prefix("pm_").unwrap_or_default();
    let plain = rest
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    if (1..=64).contains(&rest.len()) && plain && digits < 12 {
        return Ok(());
    }
    Err("a provider's token, pm_ and 1 to 64 of a-z, 0-9 and _; never a card number")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn request(units: i64) -> PaymentRequest {
        PaymentRequest {
            user_id: "usr_1".into(),
            reference: "ord_1".into(),
            amount: Money::new(Currency::EUR, units),
            description: String::new(),
            payment_method: String::new(),
            lines: Vec::new(),
        }
    }

    fn code(request: PaymentRequest) -> String {
        request
            .checked(&[Currency::EUR])
            .unwrap_err()
            .code()
            .to_owned()
    }

    #[test]
    fn a_good_request_gets_the_default_payment_method() {
        assert_eq!(
            request(1).checked(&[]).unwrap().payment_method,
            "pm_default"
        );
        assert!(request(MAX_AMOUNT).checked(&[]).is_ok());
    }

    #[test]
    fn each_bad_amount_has_its_own_code() {
        assert_eq!(code(request(0)), "money.not_positive");
        assert_eq!(code(request(-1)), "money.not_positive");
        assert_eq!(code(request(MAX_AMOUNT + 1)), "billing.amount_too_large");
        let yen = PaymentRequest {
            amount: Money::new(Currency::JPY, 5),
            ..request(1)
        };
        assert_eq!(code(yen), "billing.currency_not_accepted");
    }

    #[test]
    fn a_card_number_is_no_payment_method() {
        for method in [
            "4242424242424242",
            "pm_4242424242424242",
            "pm_",
            "pm_X",
            "pm_a b",
        ] {
            let request = PaymentRequest {
                payment_method: method.into(),
                ..request(1)
            };
            let error = request.checked(&[]).unwrap_err();
            assert_eq!(
                error.fields()[0].field,
                "/payment_method",
                "{method} was taken"
            );
        }
    }

    #[test]
    fn every_faulty_field_is_named_at_once() {
        let line = Line {
            quantity: 0,
            ..Line::single(" ", Money::new(Currency::EUR, -1))
        };
        let faulty = PaymentRequest {
            user_id: String::new(),
            reference: "ä".into(),
            description: "x".repeat(201),
            lines: vec![line],
            ..request(1)
        };
        let error = faulty.checked(&[]).unwrap_err();
        let fields: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "/user_id",
                "/reference",
                "/description",
                "/lines/0/description",
                "/lines/0/quantity",
                "/lines/0/unit_price"
            ]
        );
    }
}
