//! Where an order stands and which moves its state admits.

use serde::{Deserialize, Serialize};
use shoal_error::Error;

use super::codes::OrderCode;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Accepted; stock and money are being arranged.
    Pending,
    /// Paid, reserved and announced.
    Confirmed,
    /// Could not be arranged; nothing is held or charged.
    Rejected,
    /// Being given back.
    Cancelling,
    /// Given back: money refunded, stock released.
    Cancelled,
    /// Handed over.
    Fulfilled,
}

/// What can be done to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// The place-order saga reached its end.
    Confirm,
    /// The place-order saga was undone.
    Reject,
    /// The buyer or an admin gives the order back.
    Cancel,
    /// The cancel-order saga reached its end.
    FinishCancel,
    /// The cancel-order saga was undone: the refund was refused.
    KeepAfterAll,
    /// The goods were handed over.
    Fulfil,
}

/// The whole state machine. What is not here is illegal.
const TABLE: [(Status, Move, Status); 6] = [
    (Status::Pending, Move::Confirm, Status::Confirmed),
    (Status::Pending, Move::Reject, Status::Rejected),
    (Status::Confirmed, Move::Cancel, Status::Cancelling),
    (Status::Cancelling, Move::FinishCancel, Status::Cancelled),
    (Status::Cancelling, Move::KeepAfterAll, Status::Confirmed),
    (Status::Confirmed, Move::Fulfil, Status::Fulfilled),
];

impl Status {
    pub(crate) const ALL: [Self; 6] = [
        Self::Pending,
        Self::Confirmed,
        Self::Rejected,
        Self::Cancelling,
        Self::Cancelled,
        Self::Fulfilled,
    ];

    /// Name in the database, in JSON and in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Fulfilled => "fulfilled",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The state after a move.
    ///
    /// # Errors
    /// [`OrderCode::IllegalMove`], which names the moves that a caller may do.
    pub(crate) fn after(self, step: Move) -> Result<Self, Error> {
        let row = TABLE
            .iter()
            .find(|(from, by, _)| (*from, *by) == (self, step));
        row.map(|(_, _, to)| *to).ok_or_else(|| self.refuse(step))
    }

    /// Moves that callers may do in this state.
    pub(crate) fn allowed(self) -> Vec<&'static str> {
        let rows = TABLE
            .iter()
            .filter(|(from, by, _)| *from == self && by.is_for_callers());
        rows.map(|(_, by, _)| by.name()).collect()
    }

    fn refuse(self, step: Move) -> Error {
        let allowed = self.allowed().join(", ");
        let what = match allowed.as_str() {
            "" => "nothing can be done to it".to_owned(),
            moves => format!("possible: {moves}"),
        };
        let text = format!(
            "An order that is {} cannot {}; {what}.",
            self.name(),
            step.phrase()
        );
        Error::new(OrderCode::IllegalMove, text)
            .with_meta("status", self.name())
            .with_meta("allowed", allowed)
    }
}

impl Move {
    const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::FinishCancel => "finish_cancel",
            Self::KeepAfterAll => "keep_after_all",
            Self::Fulfil => "fulfil",
        }
    }

    const fn phrase(self) -> &'static str {
        match self {
            Self::Confirm => "be confirmed",
            Self::Reject => "be rejected",
            Self::Cancel => "be cancelled",
            Self::FinishCancel => "finish being cancelled",
            Self::KeepAfterAll => "be kept after all",
            Self::Fulfil => "be fulfilled",
        }
    }

    /// Callers do these; sagas do the others.
    const fn is_for_callers(self) -> bool {
        matches!(self, Self::Cancel | Self::Fulfil)
    }

    /// States from which the move is legal.
    pub(crate) fn sources(self) -> impl Iterator<Item = Status> {
        TABLE
            .iter()
            .filter(move |(_, by, _)| *by == self)
            .map(|(from, _, _)| *from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const MOVES: [Move; 6] = [
        Move::Confirm,
        Move::Reject,
        Move::Cancel,
        Move::FinishCancel,
        Move::KeepAfterAll,
        Move::Fulfil,
    ];

    fn table() -> String {
        let mut out = "| state |".to_owned();
        for step in MOVES {
            out += &format!(" {} |", step.name());
        }
        out += &format!("\n|---|{}\n", "---|".repeat(MOVES.len()));
        for status in Status::ALL {
            out += &format!("| {} |", status.name());
            for step in MOVES {
                out += &format!(" {} |", status.after(step).map_or("", Status::name));
            }
            out += "\n";
        }
        out
    }

    #[test]
    fn the_table_in_the_readme_is_the_one_in_the_code() {
        let readme = include_str!("../../README.md");
        assert!(
            readme.contains(&table()),
            "put this table into README.md:\n{}",
            table()
        );
    }

    #[test]
    fn an_illegal_move_names_the_legal_ones() {
        let error = Status::Confirmed.after(Move::Confirm).unwrap_err();
        assert!(error.is(OrderCode::IllegalMove));
        assert_eq!(error.meta()["allowed"], "cancel, fulfil");
        assert_eq!(error.meta()["status"], "confirmed");
    }

    #[test]
    fn nothing_leaves_an_end_state() {
        for end in [Status::Rejected, Status::Cancelled, Status::Fulfilled] {
            assert!(
                MOVES.iter().all(|step| end.after(*step).is_err()),
                "{end:?}"
            );
            assert!(end.allowed().is_empty());
        }
    }

    #[test]
    fn each_move_starts_in_exactly_one_state() {
        for step in MOVES {
            assert_eq!(step.sources().count(), 1, "{step:?}");
        }
    }

    #[test]
    fn every_state_has_its_own_name() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(Status::from_name("paid"), None);
    }
}
