//! Keeps repeats a small share of the calls.

use std::sync::atomic::{AtomicI64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Thousandths of a repeat.
const UNIT: i64 = 1_000;

/// How many calls may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSettings {
    /// Repeats per hundred calls. 10 keeps the load on a dependency that is
    /// down at 1.1 times what it was.
    #[schemars(range(min = 0, max = 100))]
    pub percent: u32,
    /// Repeats that may be saved up, and that are there at the start: what a
    /// caller with few calls lives on.
    #[schemars(range(min = 0, max = 10_000))]
    pub reserve: u32,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            percent: 10,
            reserve: 10,
        }
    }
}

/// A purse that every call fills a little and every repeat empties by one, as
/// Finagle's `RetryBudget` has it, without its income per second: an outage
/// must not be fed by time alone. Shared by all calls to one dependency.
#[derive(Debug)]
pub struct RetryBudget {
    income: i64,
    most: i64,
    balance: AtomicI64,
}

impl RetryBudget {
    /// A full purse.
    pub fn new(settings: &BudgetSettings) -> Self {
        let most = i64::from(settings.reserve) * UNIT;
        Self {
            income: i64::from(settings.percent) * UNIT / 100,
            most,
            balance: AtomicI64::new(most),
        }
    }

    /// Counts a first attempt. Costs one read while the purse is full.
    pub fn deposit(&self) {
        let balance = self.balance.load(Ordering::Relaxed);
        if balance < self.most {
            // Two at once may overfill it by one income each: harmless.
            self.balance.fetch_add(self.income, Ordering::Relaxed);
        }
    }

    /// Takes a repeat out of the purse; false when there is none.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.balance
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| {
                (balance >= UNIT).then_some(balance - UNIT)
            })
            .is_ok()
    }

    /// Whole repeats that are left.
    pub fn left(&self) -> u32 {
        u32::try_from(self.balance.load(Ordering::Relaxed) / UNIT).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_an_outage_repeats_stay_a_tenth_of_the_calls() {
        let budget = RetryBudget::new(&BudgetSettings::default());
        let mut repeats = 0;
        for _ in 0..10_000 {
            budget.deposit();
            // Each call fails and would be repeated twice.
            repeats += u32::from(budget.withdraw()) + u32::from(budget.withdraw());
        }
        assert!((1_000..=1_010).contains(&repeats), "{repeats}");
    }

    #[test]
    fn calm_fills_the_purse_to_its_brim_and_no_further() {
        let budget = RetryBudget::new(&BudgetSettings::default());
        while budget.withdraw() {}
        assert_eq!(budget.left(), 0);
        for _ in 0..1_000 {
            budget.deposit();
        }
        assert_eq!(budget.left(), 10);
    }

    #[test]
    fn without_income_and_reserve_nothing_is_repeated() {
        let budget = RetryBudget::new(&BudgetSettings {
            percent: 0,
            reserve: 0,
        });
        budget.deposit();
        assert!(!budget.withdraw());
    }
}
