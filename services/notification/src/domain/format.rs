//! How templates print money and time.

use minijinja::{Error, ErrorKind};
use shoal_money::{Currency, Money};

/// Filter `money`: `{{ total_minor | money(currency) }}` → `12.50 EUR`.
///
/// # Errors
/// For an unknown currency.
pub(crate) fn money(minor_units: i64, currency: &str) -> Result<String, Error> {
    let currency = Currency::parse(currency)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    let amount = Money::new(currency, minor_units).to_decimal();
    Ok(format!("{amount} {}", currency.code()))
}

/// Filter `date`: `{{ placed_at_ms | date }}` → `2026-11-23 06:01 UTC`.
#[must_use]
pub(crate) fn date(unix_ms: i64) -> String {
    let minutes = unix_ms.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        minute / 60,
        minute % 60
    )
}

/// Year, month, day of a day counted from 1970-01-01, in the proleptic
/// Gregorian calendar. Years begin in March here, so that the leap day is last;
/// 146,097 days make 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        assert_eq!(money(1_250, "EUR").unwrap(), "12.50 EUR");
        assert_eq!(money(1_250, "JPY").unwrap(), "1250 JPY");
        assert_eq!(money(-5, "EUR").unwrap(), "-0.05 EUR");
        assert!(money(1, "XXX").is_err());
    }

    #[test]
    fn known_days_are_printed_as_the_calendar_has_them() {
        for (ms, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (1_709_251_199_000, "2024-02-29 23:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
        ] {
            assert_eq!(date(ms), text);
        }
    }

    proptest! {
        #[test]
        fn each_day_follows_the_one_before(days in -1_000_000_i64..1_000_000) {
            let (year, month, day) = civil(days);
            let (next_year, next_month, next_day) = civil(days + 1);
            let same_month = (next_year, next_month, next_day) == (year, month, day + 1);
            let new_month = next_day == 1
                && (next_year, next_month) == if month == 12 { (year + 1, 1) } else { (year, month + 1) }
                && (28..=31).contains(&day);
            prop_assert!(same_month || new_month);
        }
    }
}
