//! How urgent a request is.

use http::HeaderName;

/// How urgent the request is, e.g. `batch`. Whoever sends it can only lower
/// what the route says.
pub const CLASS: HeaderName = HeaderName::from_static("x-shoal-class");

/// Why the door of a service did not let the request in, e.g. `busy`. Only on
/// answers to other services, to which a refusal is no failure.
pub const SHED: HeaderName = HeaderName::from_static("x-shoal-shed");

/// How urgent a request is: who is served first when not all can be. Travels
/// with the request through every hop.
///
/// Google's four criticalities (SRE book, chapter 21) come down to these three
/// here: nobody should have to choose between two kinds of "critical".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Somebody waits for the answer.
    #[default]
    Interactive = 0,
    /// The platform's own work: consumers, resumed sagas, relays. Nobody waits,
    /// but it should end soon.
    Internal = 1,
    /// Bulk work that may as well happen later.
    Batch = 2,
}

impl Class {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Internal, Self::Batch];

    /// As headers, metrics and settings have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Internal => "internal",
            Self::Batch => "batch",
        }
    }

    /// The class that a header names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// The less urgent of the two.
    #[must_use]
    pub fn lowered_to(self, other: Self) -> Self {
        self.max(other)
    }
}
