//! Magic amounts: what the sandbox does is written in the amount.
//!
//! The table stands in the README, and a test holds the two together.

use crate::domain::operation::OperationKind::{self, Capture, Refund, Void};

/// What the sandbox does with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Approves at once.
    Approve,
    /// Declines for this reason.
    Decline(&'static str),
    /// Does it, but the answer is lost.
    LoseAnswer,
    /// The first request is lost on the way; a repeat is done.
    LoseRequest,
    /// Says "processing" and calls back twice.
    CallBackTwice,
    /// Approves after `sandbox.slow_ms`.
    Slow,
    /// Cannot be reached at the first attempt.
    Flaky,
    /// Cannot be reached at all.
    Down,
}

/// A row of the table: minor units, the operations that it is about (others
/// are approved), what happens, in words.
type Row = (i64, &'static [OperationKind], Behaviour, &'static str);

/// Every magic amount.
pub const TABLE: [Row; 14] = [
    (
        666_601,
        &OperationKind::ALL,
        Behaviour::Decline("insufficient_funds"),
        "declined: `insufficient_funds`",
    ),
    (
        666_602,
        &OperationKind::ALL,
        Behaviour::Decline("card_expired"),
        "declined: `card_expired`",
    ),
    (
        666_603,
        &OperationKind::ALL,
        Behaviour::Decline("suspected_fraud"),
        "declined: `suspected_fraud`",
    ),
    (
        666_610,
        &OperationKind::ALL,
        Behaviour::LoseAnswer,
        "time-out after it was done",
    ),
    (
        666_611,
        &OperationKind::ALL,
        Behaviour::LoseRequest,
        "time-out before it was done; a repeat is done",
    ),
    (
        666_620,
        &OperationKind::ALL,
        Behaviour::CallBackTwice,
        "undecided at first, then the same callback twice",
    ),
    (
        666_630,
        &OperationKind::ALL,
        Behaviour::Slow,
        "approved after `provider.sandbox.slow_ms`",
    ),
    (
        666_640,
        &OperationKind::ALL,
        Behaviour::Flaky,
        "unreachable once, then approved",
    ),
    (
        666_641,
        &OperationKind::ALL,
        Behaviour::Down,
        "unreachable for good",
    ),
    (
        666_651,
        &[Capture],
        Behaviour::Decline("authorization_expired"),
        "declined: `authorization_expired`",
    ),
    (
        666_652,
        &[Refund],
        Behaviour::Decline("refund_window_closed"),
        "declined: `refund_window_closed`",
    ),
    (
        666_653,
        &[Void],
        Behaviour::Decline("already_settled"),
        "declined: `already_settled`",
    ),
    (
        666_660,
        &[Capture],
        Behaviour::LoseAnswer,
        "time-out after it was done",
    ),
    (
        666_661,
        &[Refund],
        Behaviour::LoseAnswer,
        "time-out after it was done",
    ),
];

/// What the sandbox does with so many minor units of any currency.
pub fn behaviour(kind: OperationKind, minor_units: i64) -> Behaviour {
    TABLE
        .iter()
        .find(|(amount, kinds, ..)| *amount == minor_units && kinds.contains(&kind))
        .map_or(Behaviour::Approve, |row| row.2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_table_in_the_readme_is_what_the_sandbox_does() {
        let mut table = String::from("| minor units | operations | the sandbox |\n|---|---|---|\n");
        for (amount, kinds, _, words) in TABLE {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            let kinds = if kinds.len() == OperationKind::ALL.len() {
                "all".into()
            } else {
                names.join(", ")
            };
            table.push_str(&format!("| {amount} | {kinds} | {words} |\n"));
        }
        let readme = include_str!("../../../README.md");
        assert!(
            readme.contains(&table),
            "put this into services/billing/README.md:\n\n{table}"
        );
    }

    #[test]
    fn amounts_that_are_not_in_the_table_are_approved() {
        for amount in [1, 1999, 666_600, 666_699, i64::MAX] {
            for kind in OperationKind::ALL {
                assert_eq!(behaviour(kind, amount), Behaviour::Approve);
            }
        }
        assert_eq!(
            behaviour(OperationKind::Authorize, 666_651),
            Behaviour::Approve
        );
        assert_eq!(
            behaviour(Capture, 666_651),
            Behaviour::Decline("authorization_expired")
        );
    }
}
