//! States of a delivery, and which failures of mail last. What follows from an
//! attempt is `shoal_queue`'s.
//!
//! ```text
//! queued ─claim→ sending ─accepted→ delivered
//!                   ├─passing failure→ failed ─after a wait→ sending
//!                   └─lasting failure, attempts used up→ dead ─redrive→ queued
//! ```

use serde::{Deserialize, Serialize};
use shoal_queue::Failure;
use utoipa::ToSchema;

/// Where a delivery stands. `delivered` and `dead` are final until a redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// Waits for its first attempt.
    Queued,
    /// A worker holds it under a lease.
    Sending,
    /// The medium took it.
    Delivered,
    /// The last attempt failed; another is scheduled.
    Failed,
    /// Given up.
    Dead,
}

impl DeliveryState {
    /// Its name in rows and JSON.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Sending,
            Self::Delivered,
            Self::Failed,
            Self::Dead,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }
}

/// What an SMTP reply code means. Codes of authentication (53x) are our own
/// misconfiguration, not the recipient's, so the mail waits for its repair.
#[must_use]
pub(crate) fn smtp_failure(code: u16, enhanced: &str) -> Failure {
    let detail = format!("the mail server answered {code} {enhanced}");
    let detail = detail.trim_end();
    match code {
        530..=539 => Failure::passing(detail),
        500..=599 => Failure::lasting("rejected", detail),
        _ => Failure::passing(detail),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn what_a_mail_server_refuses_for_good_is_lasting() {
        let expected = Failure::lasting("rejected", "the mail server answered 550 5.1.1");
        assert_eq!(smtp_failure(550, "5.1.1"), expected);
        for code in [501, 552, 554] {
            assert!(smtp_failure(code, "").lasting.is_some(), "{code}");
        }
    }

    #[test]
    fn our_own_bad_credentials_kill_no_mail() {
        for code in [421, 450, 452, 530, 535, 538] {
            assert!(smtp_failure(code, "").lasting.is_none(), "{code}");
        }
    }
}
