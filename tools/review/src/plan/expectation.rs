//! What a plan may promise about a figure, and whether measurements keep it.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::bench::protocol::Better;
use crate::bench::stats::Interval;

/// A promise about one figure.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// `within 5 %`: no effect, so not worse than base by more than that.
    Within(Percent),
    /// `at least 10 % better`: than base.
    Better(Percent),
    /// `at most 10 % worse`: than base; a price that is paid knowingly.
    Worse(Percent),
    /// `<= 12 ms`: whatever base has.
    AtMost(f64, String),
    /// `>= 5000 requests/s`: whatever base has.
    AtLeast(f64, String),
}

/// A share of base in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub f64);

/// What came of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The whole interval lies on the promised side.
    Met,
    /// The whole interval lies on the other side.
    Missed,
    /// The interval has a part on either side: noise is wider than the margin.
    Undecided,
}

/// How an expectation is written.
pub const FORMS: &str = "'within 5 %', 'at least 10 % better', 'at most 10 % worse', '<= 12 ms' \
                         or '>= 5000 requests/s'";

impl Expectation {
    /// Reads what a plan says.
    ///
    /// # Errors
    /// One sentence that tells what is missing or how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let joined = words.join(" ");
        if let Some(rest) = joined.strip_prefix("within ") {
            return percent(rest).map(Self::Within);
        }
        if let Some(rest) = joined.strip_prefix("at least ")
            && let Some(share) = rest.strip_suffix(" better")
        {
            return percent(share).map(Self::Better);
        }
        if let Some(rest) = joined.strip_prefix("at most ")
            && let Some(share) = rest.strip_suffix(" worse")
        {
            return percent(share).map(Self::Worse);
        }
        if let Some(rest) = joined.strip_prefix("<=").or(joined.strip_prefix("≤")) {
            return quantity(rest).map(|(value, unit)| Self::AtMost(value, unit));
        }
        if let Some(rest) = joined.strip_prefix(">=").or(joined.strip_prefix("≥")) {
            return quantity(rest).map(|(value, unit)| Self::AtLeast(value, unit));
        }
        Err(format!("'{joined}' holds no figure; write {FORMS}"))
    }

    /// Whether it compares with base, and so needs base to have the figure.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Within(_) | Self::Better(_) | Self::Worse(_))
    }

    /// The unit that an absolute bound is in.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::AtMost(_, unit) | Self::AtLeast(_, unit) => Some(unit),
            Self::Within(_) | Self::Better(_) | Self::Worse(_) => None,
        }
    }

    /// Whether `ratio` (head/base) and `head` (in the figure's unit) keep it.
    /// Without the interval that it needs, nothing is decided.
    pub fn judge(
        &self,
        better: Better,
        ratio: Option<Interval>,
        head: Option<Interval>,
    ) -> Outcome {
        let (interval, bound, above) = match self {
            Self::AtMost(value, _) => (head, *value, false),
            Self::AtLeast(value, _) => (head, *value, true),
            Self::Within(share) | Self::Worse(share) => {
                (ratio, share.of(better, -1.0), better == Better::Higher)
            }
            Self::Better(share) => (ratio, share.of(better, 1.0), better == Better::Higher),
        };
        let Some(interval) = interval else {
            return Outcome::Undecided;
        };
        let (worst, best) = if above {
            (interval.low >= bound, interval.high >= bound)
        } else {
            (interval.high <= bound, interval.low <= bound)
        };
        match (worst, best) {
            (true, _) => Outcome::Met,
            (false, true) => Outcome::Undecided,
            (false, false) => Outcome::Missed,
        }
    }
}

impl Percent {
    /// The ratio head/base that is this share better (`sign` 1) or worse (-1).
    fn of(self, better: Better, sign: f64) -> f64 {
        let upwards = if better == Better::Higher { 1.0 } else { -1.0 };
        1.0 + sign * upwards * self.0 / 100.0
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(share) => write!(f, "within {} %", share.0),
            Self::Better(share) => write!(f, "at least {} % better", share.0),
            Self::Worse(share) => write!(f, "at most {} % worse", share.0),
            Self::AtMost(value, unit) => write!(f, "<= {value} {unit}"),
            Self::AtLeast(value, unit) => write!(f, ">= {value} {unit}"),
        }
    }
}

fn percent(text: &str) -> Result<Percent, String> {
    let share = text
        .trim()
        .strip_suffix('%')
        .ok_or_else(|| format!("'{text}' has no unit; write a share of base such as '5 %'"))?;
    let share = positive(share)?;
    if share >= 100.0 {
        return Err(format!("{share} % bounds nothing; write less than 100 %"));
    }
    Ok(Percent(share))
}

fn quantity(text: &str) -> Result<(f64, String), String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let value = positive(number)?;
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(format!(
            "{value} has no unit; write it after the number, as in '12 ms'"
        ));
    }
    Ok((value, unit.to_owned()))
}

fn positive(text: &str) -> Result<f64, String> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!(
            "'{text}' is not a number above zero; write {FORMS}"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn interval(low: f64, high: f64) -> Option<Interval> {
        Some(Interval {
            estimate: f64::midpoint(low, high),
            low,
            high,
        })
    }

    fn judge(text: &str, better: Better, low: f64, high: f64) -> Outcome {
        let expectation = Expectation::parse(text).unwrap();
        expectation.judge(better, interval(low, high), interval(low, high))
    }

    #[test]
    fn every_form_reads_back_as_it_is_written() {
        for text in [
            "within 5 %",
            "at least 12.5 % better",
            "at most 3 % worse",
            "<= 12 ms",
            ">= 5000 requests/s",
        ] {
            assert_eq!(Expectation::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Expectation::parse("≤12ms").unwrap(),
            Expectation::AtMost(12.0, "ms".to_owned())
        );
    }

    #[test]
    fn words_without_a_figure_are_no_expectation() {
        for text in [
            "",
            "no effect expected",
            "faster",
            "within noise",
            "within 5",
            "within 0 %",
            "within -3 %",
            "within 100 %",
            "at least 10 %",
            "at most 5 % better",
            "<= 12",
            "<= ms",
            ">= nan ms",
            "TODO",
        ] {
            let refusal = Expectation::parse(text).unwrap_err();
            assert!(refusal.contains("write"), "{text}: {refusal}");
        }
    }

    #[test]
    fn within_is_about_getting_worse_alone() {
        assert_eq!(judge("within 5 %", Better::Lower, 0.5, 0.6), Outcome::Met);
        assert_eq!(judge("within 5 %", Better::Lower, 0.98, 1.04), Outcome::Met);
        assert_eq!(
            judge("within 5 %", Better::Lower, 0.98, 1.06),
            Outcome::Undecided
        );
        assert_eq!(
            judge("within 5 %", Better::Lower, 1.06, 1.2),
            Outcome::Missed
        );
        assert_eq!(judge("within 5 %", Better::Higher, 0.96, 2.0), Outcome::Met);
        assert_eq!(
            judge("within 5 %", Better::Higher, 0.8, 0.94),
            Outcome::Missed
        );
    }

    #[test]
    fn a_promised_gain_must_be_there_as_a_whole() {
        let text = "at least 10 % better";
        assert_eq!(judge(text, Better::Higher, 1.11, 1.3), Outcome::Met);
        assert_eq!(judge(text, Better::Higher, 1.02, 1.3), Outcome::Undecided);
        assert_eq!(judge(text, Better::Lower, 0.91, 0.99), Outcome::Missed);
        assert_eq!(judge(text, Better::Lower, 0.7, 0.9), Outcome::Met);
    }

    #[test]
    fn absolute_bounds_look_at_head_alone() {
        let bound = Expectation::parse("<= 12 ms").unwrap();
        assert_eq!(
            bound.judge(Better::Lower, None, interval(10.0, 11.9)),
            Outcome::Met
        );
        assert_eq!(
            bound.judge(Better::Lower, None, interval(12.1, 13.0)),
            Outcome::Missed
        );
        assert_eq!(bound.judge(Better::Lower, None, None), Outcome::Undecided);
        assert_eq!(
            judge(">= 5 requests/s", Better::Higher, 4.0, 6.0),
            Outcome::Undecided
        );
    }
}
