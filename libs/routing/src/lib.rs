//! Traffic colouring and gray routing (C12), as pure data and functions.
//!
//! | module | decides |
//! |---|---|
//! | `rule`, `check` | what a rule says, and whether that can be meant |
//! | `rules` | which colour a request gets |
//! | `select` | which instances may serve a colour |
//! | `rollback` | when a colour does worse than what it replaces |
//!
//! A colour is a short name such as `v2`. It is given once, at the door, and
//! travels with the request; every later hop only asks which of the known
//! instances may serve it. So there is one place with rules, and the rest of
//! the platform needs none.
//!
//! Rejected: rules in each service (a request could change its colour on the
//! way, and a rule would have to reach everybody at the same moment); weights
//! per instance (they split requests, not users: one user would see both
//! versions in turn); an expression language for conditions (its mistakes are
//! found when a request meets them, not when the rule is written); a service
//! mesh (another process per instance, and the colour would not pass a queue).
//!
//! Nothing here reads a clock, a file or a random number.

mod check;
mod hash;
pub mod rollback;
mod rule;
mod rules;
mod select;

pub use check::{MAX_RULES, RuleFault, RulesError, is_colour};
pub use hash::fraction;
pub use rule::{Named, Rule, RuleSet, Share, When};
pub use rules::{Coloured, Decision, Request, RuleBits, Rules};
pub use select::{GRAY_LABEL, Lane, Split, split};

/// Stands between service names where a colour is restricted to some services.
pub const SERVICE_SEPARATOR: char = '+';
