#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use shoal_error::Kind;

use super::*;

fn currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(["EUR", "USD", "JPY", "KWD", "CLF", "GBP", "ISK", "CHF"].as_slice())
        .prop_filter_map("not in circulation", |code| Currency::parse(code).ok())
}

fn money() -> impl Strategy<Value = Money> {
    (currency(), any::<i64>()).prop_map(|(currency, units)| Money::new(currency, units))
}

proptest! {
    #[test]
    fn decimal_text_reads_back_as_the_same_amount(money in money()) {
        prop_assert_eq!(Money::parse_decimal(&money.to_decimal(), money.currency()), Ok(money));
    }

    #[test]
    fn json_reads_back_as_the_same_amount(money in money()) {
        let text = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), money);
    }

    #[test]
    fn protobuf_reads_back_as_the_same_amount(money in money()) {
        let message = shoal_proto::common::v1::Money::from(money);
        prop_assert_eq!(Money::try_from(&message), Ok(money));
    }

    #[test]
    fn adding_agrees_with_wider_integers(currency in currency(), a in any::<i64>(), b in any::<i64>()) {
        let sum = Money::new(currency, a).checked_add(Money::new(currency, b));
        let wide = i128::from(a) + i128::from(b);
        match i64::try_from(wide) {
            Ok(units) => prop_assert_eq!(sum, Ok(Money::new(currency, units))),
            Err(_) => prop_assert_eq!(sum, Err(MoneyError::Overflow)),
        }
    }

    #[test]
    fn subtracting_undoes_adding(currency in currency(), a in any::<i32>(), b in any::<i32>()) {
        let (a, b) = (Money::new(currency, a.into()), Money::new(currency, b.into()));
        prop_assert_eq!(a.checked_add(b).unwrap().checked_sub(b), Ok(a));
    }

    #[test]
    fn multiplying_agrees_with_wider_integers(currency in currency(), a in any::<i64>(), times in any::<i64>()) {
        let product = Money::new(currency, a).checked_mul(times);
        match i64::try_from(i128::from(a) * i128::from(times)) {
            Ok(units) => prop_assert_eq!(product, Ok(Money::new(currency, units))),
            Err(_) => prop_assert_eq!(product, Err(MoneyError::Overflow)),
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".*", currency in currency()) {
        let _ = Money::parse_decimal(&text, currency);
        let _ = Currency::parse(&text);
    }

    #[test]
    fn more_decimals_than_the_currency_has_are_refused(currency in currency(), whole in 0u32..1000, extra in 1usize..4) {
        let text = format!("{whole}.{}", "0".repeat(currency.minor_digits() as usize + extra));
        prop_assert_eq!(
            Money::parse_decimal(&text, currency),
            Err(MoneyError::WrongMinorDigits { currency: currency.code(), digits: currency.minor_digits() })
        );
    }
}

#[test]
fn amounts_are_written_with_the_digits_of_their_currency() {
    let written = |code, units| Money::new(Currency::parse(code).unwrap(), units).to_string();
    assert_eq!(written("EUR", 5), "0.05 EUR");
    assert_eq!(written("EUR", -1234), "-12.34 EUR");
    assert_eq!(written("JPY", 500), "500 JPY");
    assert_eq!(written("KWD", 1), "0.001 KWD");
    assert_eq!(written("EUR", i64::MIN), "-92233720368547758.08 EUR");
}

#[test]
fn fewer_decimals_than_the_currency_has_are_filled_up() {
    let read = |text| Money::parse_decimal(text, Currency::EUR).map(Money::minor_units);
    assert_eq!(read("12"), Ok(1200));
    assert_eq!(read("12.3"), Ok(1230));
    assert_eq!(read("-0.01"), Ok(-1));
}

#[test]
fn text_that_is_no_number_is_malformed() {
    for text in [
        "", "-", ".", "1.", ".5", "1,5", "1e3", "+1", " 1", "--1", "1.-5", "١", "0x10",
    ] {
        let read = Money::parse_decimal(text, Currency::EUR);
        assert!(
            matches!(read, Err(MoneyError::Malformed(_))),
            "{text:?} gave {read:?}"
        );
    }
    assert_eq!(
        Money::parse_decimal("99999999999999999999", Currency::EUR),
        Err(MoneyError::Overflow)
    );
}

#[test]
fn nobody_can_pay_with_metals_funds_tests_or_old_currencies() {
    for code in [
        "XAU", "XTS", "XXX", "CHE", "USN", "DEM", "eur", "EU", "EURO", "", "€",
    ] {
        assert!(Currency::parse(code).is_err(), "{code:?} was taken");
    }
    for code in [
        "EUR", "USD", "JPY", "KWD", "GBP", "CHF", "CNY", "INR", "BRL",
    ] {
        assert!(Currency::parse(code).is_ok(), "{code:?} was refused");
    }
}

#[test]
fn different_currencies_are_never_added() {
    let mixed = Money::new(Currency::EUR, 1).checked_add(Money::new(Currency::USD, 1));
    assert_eq!(
        mixed,
        Err(MoneyError::CurrencyMismatch {
            expected: "EUR",
            found: "USD"
        })
    );
    let sum = Money::sum(
        Currency::EUR,
        [Money::new(Currency::EUR, 1), Money::new(Currency::JPY, 1)],
    );
    assert!(sum.is_err());
}

#[test]
fn a_request_names_either_minor_units_or_a_decimal() {
    let parse = |text: &str| serde_json::from_str::<MoneyInput>(text).unwrap().parse();
    let five = Ok(Money::new(Currency::EUR, 500));
    assert_eq!(parse(r#"{"currency":"EUR","minor_units":500}"#), five);
    assert_eq!(parse(r#"{"currency":"EUR","decimal":"5.00"}"#), five);
    assert!(parse(r#"{"currency":"EUR"}"#).is_err());
    assert!(parse(r#"{"currency":"EUR","minor_units":500,"decimal":"5.00"}"#).is_err());
    assert!(serde_json::from_str::<MoneyInput>(r#"{"currency":"EUR","minor_units":5.5}"#).is_err());
    assert!(serde_json::from_str::<MoneyInput>(r#"{"currency":"EUR","cents":5}"#).is_err());
}

#[test]
fn a_faulty_amount_is_a_client_error_with_its_own_code_and_field() {
    let input = MoneyInput {
        currency: "EUR".into(),
        minor_units: Some(-5),
        decimal: None,
    };
    let error = input.parse_positive("/amount").unwrap_err();
    assert_eq!(error.code(), "money.not_positive");
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert_eq!(error.fields()[0].field, "/amount");
    let input = MoneyInput {
        currency: "JPY".into(),
        minor_units: None,
        decimal: Some("5.5".into()),
    };
    assert_eq!(
        input.parse_positive("/amount").unwrap_err().code(),
        "money.wrong_minor_digits"
    );
}

#[test]
fn both_schemas_accept_the_same_shape() {
    let json = serde_json::to_value(schemars::schema_for!(Money)).unwrap();
    let open = serde_json::to_value(<Money as utoipa::PartialSchema>::schema()).unwrap();
    assert_eq!(json["required"], open["required"]);
    assert_eq!(
        json["properties"]["minor_units"]["format"],
        open["properties"]["minor_units"]["format"]
    );
}
