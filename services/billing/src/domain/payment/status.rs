//! What a payment is called, derived from its amounts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Phase, State};

/// Where a payment stands, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The provider was asked and its answer is not known yet.
    Authorizing,
    /// Money is reserved; nothing is captured.
    Authorized,
    /// A part is captured; the rest is still reserved.
    PartiallyCaptured,
    /// Everything that was not released is captured.
    Captured,
    /// A part of the captured money was given back.
    PartiallyRefunded,
    /// All captured money was given back. Final.
    Refunded,
    /// The reservation was released before any capture. Final.
    Voided,
    /// The provider refused. Final; nothing was reserved.
    Declined,
    /// The provider never got to know of it. Final; nothing was reserved.
    Failed,
}

impl Status {
    /// Every status, in the order in which a payment may take them.
    pub const ALL: [Self; 9] = [
        Self::Authorizing,
        Self::Authorized,
        Self::PartiallyCaptured,
        Self::Captured,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Voided,
        Self::Declined,
        Self::Failed,
    ];

    /// Name in rows, queries and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorizing => "authorizing",
            Self::Authorized => "authorized",
            Self::PartiallyCaptured => "partially_captured",
            Self::Captured => "captured",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
            Self::Declined => "declined",
            Self::Failed => "failed",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The phase in which a payment of this status is.
    pub fn phase(self) -> Phase {
        match self {
            Self::Authorizing => Phase::Authorizing,
            Self::Declined => Phase::Declined,
            Self::Failed => Phase::Failed,
            _ => Phase::Open,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl State {
    /// Where the payment stands. Operations under way do not count: what is
    /// not known to have happened has not happened.
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Authorizing => Status::Authorizing,
            Phase::Declined => Status::Declined,
            Phase::Failed => Status::Failed,
            Phase::Open => self.open_status(),
        }
    }

    fn open_status(&self) -> Status {
        let nothing_reserved = self.captured + self.released == self.amount;
        match (self.captured, self.refunded) {
            (0, _) if nothing_reserved => Status::Voided,
            (0, _) => Status::Authorized,
            (_, 0) if nothing_reserved => Status::Captured,
            (_, 0) => Status::PartiallyCaptured,
            (captured, refunded) if captured == refunded && nothing_reserved => Status::Refunded,
            _ => Status::PartiallyRefunded,
        }
    }
}
