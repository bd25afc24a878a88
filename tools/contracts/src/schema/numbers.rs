//! Bounds and steps of numbers.

use serde_json::Value;

use super::types::Types;

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) exclusive: bool,
}

impl Bound {
    pub(crate) fn shown(self, open: &str) -> Value {
        if self.exclusive {
            return Value::from(format!("{open} {}", self.value));
        }
        number(self.value)
    }
}

/// A number as people write it, without a fraction that is none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole numbers that fit"
)]
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    Value::from(value)
}

/// What is demanded of numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) lower: Option<Bound>,
    pub(crate) upper: Option<Bound>,
    pub(crate) multiples: Vec<f64>,
}

impl Numbers {
    /// Adds the demands of one schema.
    pub(crate) fn take(&mut self, schema: &Value) {
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        // OpenAPI 3.0 and draft 4 have a boolean that makes `minimum` exclusive.
        let old_style = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
        let plain = |key: &str, exclusive: &str| {
            let exclusive = old_style(exclusive);
            number(key).map(|value| Bound { value, exclusive })
        };
        let strict = |key: &str| {
            number(key).map(|value| Bound {
                value,
                exclusive: true,
            })
        };
        for bound in [
            plain("minimum", "exclusiveMinimum"),
            strict("exclusiveMinimum"),
        ] {
            self.lower = tighter(self.lower, bound, |a, b| a > b);
        }
        for bound in [
            plain("maximum", "exclusiveMaximum"),
            strict("exclusiveMaximum"),
        ] {
            self.upper = tighter(self.upper, bound, |a, b| a < b);
        }
        self.multiples
            .extend(number("multipleOf").filter(|m| *m > 0.0));
    }

    /// Writes exclusive bounds of integers as inclusive ones, so that `> 0` and `>= 1` are the same.
    pub(crate) fn settle(&mut self, types: Types) {
        if types.and(Types::NUMBER) != Types::INTEGER {
            return;
        }
        let inclusive = |value| Bound {
            value,
            exclusive: false,
        };
        let raised = |b: Bound| {
            if b.exclusive {
                b.value.floor() + 1.0
            } else {
                b.value.ceil()
            }
        };
        let lowered = |b: Bound| {
            if b.exclusive {
                b.value.ceil() - 1.0
            } else {
                b.value.floor()
            }
        };
        self.lower = self.lower.map(|b| inclusive(raised(b)));
        self.upper = self.upper.map(|b| inclusive(lowered(b)));
        self.multiples.retain(|m| (1.0 / m).fract() != 0.0);
    }
}

fn tighter(a: Option<Bound>, b: Option<Bound>, wins: fn(f64, f64) -> bool) -> Option<Bound> {
    match (a, b) {
        (Some(a), Some(b)) if same(a.value, b.value) => Some(if a.exclusive { a } else { b }),
        (Some(a), Some(b)) => Some(if wins(a.value, b.value) { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// Whether the lower bound `a` admits all that `b` admits.
pub(crate) fn lower_admits(a: Option<Bound>, b: Option<Bound>) -> bool {
    admits(a, b, |a, b| a < b)
}

/// Whether the upper bound `a` admits all that `b` admits.
pub(crate) fn upper_admits(a: Option<Bound>, b: Option<Bound>) -> bool {
    admits(a, b, |a, b| a > b)
}

fn admits(a: Option<Bound>, b: Option<Bound>, wider: fn(f64, f64) -> bool) -> bool {
    let Some(a) = a else { return true };
    let Some(b) = b else { return false };
    wider(a.value, b.value) || (same(a.value, b.value) && (!a.exclusive || b.exclusive))
}

/// Whether every step of `a` is implied by some step of `b`.
pub(crate) fn steps_admit(a: &[f64], b: &[f64]) -> bool {
    let divides = |step: &f64| {
        b.iter()
            .any(|of| same((of / step).round() * step, *of) && of >= step)
    };
    a.iter().all(divides)
}

#[expect(
    clippy::float_cmp,
    reason = "numbers as they were written, nothing was computed"
)]
fn same(a: f64, b: f64) -> bool {
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(schema: &Value) -> Numbers {
        let mut numbers = Numbers::default();
        numbers.take(schema);
        numbers
    }

    #[test]
    fn exclusive_bounds_of_integers_are_the_next_inclusive_ones() {
        let mut numbers = of(&json!({"exclusiveMinimum": 0, "maximum": 9.5}));
        numbers.settle(Types::INTEGER);
        assert_eq!(numbers.lower, of(&json!({"minimum": 1})).lower);
        assert_eq!(numbers.upper, of(&json!({"maximum": 9})).upper);
    }

    #[test]
    fn the_boolean_of_older_dialects_makes_the_bound_exclusive() {
        let old = of(&json!({"minimum": 3, "exclusiveMinimum": true}));
        assert_eq!(old.lower, of(&json!({"exclusiveMinimum": 3})).lower);
    }

    #[test]
    fn a_step_is_implied_by_its_multiples() {
        assert!(steps_admit(&[5.0], &[10.0]));
        assert!(!steps_admit(&[10.0], &[5.0]));
        assert!(steps_admit(&[0.1], &[0.5]));
        assert!(!steps_admit(&[2.0], &[]));
    }
}
