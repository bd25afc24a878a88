//! The step of a version that a change needs, against the step that it takes.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::report::{Report, Severity};

/// A step from one version to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bump {
    /// Nothing changed.
    None,
    /// Repairs.
    Patch,
    /// Additions.
    Minor,
    /// Something breaks.
    Major,
}

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// The step that the findings ask for, in a module that is at 1.0.0 or above. A clean report asks for none,
/// though changed code asks for a patch.
#[must_use]
pub fn needed_bump(report: &Report) -> Bump {
    match report.worst() {
        Some(Severity::Breaking) => Bump::Major,
        Some(Severity::Warning | Severity::Info) => Bump::Minor,
        None => Bump::None,
    }
}

/// The step as it is taken from this version. Before 1.0.0 a break is a minor step and all else is a patch, as
/// Cargo reads versions.
#[must_use]
pub fn scaled(bump: Bump, from: &Version) -> Bump {
    match bump {
        Bump::Major if from.major == 0 => Bump::Minor,
        Bump::Minor if from.major == 0 => Bump::Patch,
        other => other,
    }
}

/// The version after this step, which is already [`scaled`].
#[must_use]
pub fn stepped(from: &Version, bump: Bump) -> Version {
    match bump {
        Bump::None => from.clone(),
        Bump::Patch => Version::new(from.major, from.minor, from.patch + 1),
        Bump::Minor => Version::new(from.major, from.minor + 1, 0),
        Bump::Major => Version::new(from.major + 1, 0, 0),
    }
}

/// The step between two versions; none when the later is not greater.
#[must_use]
pub fn taken(from: &Version, to: &Version) -> Bump {
    if to <= from {
        Bump::None
    } else if to.major > from.major {
        Bump::Major
    } else if to.minor > from.minor {
        Bump::Minor
    } else {
        Bump::Patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_one_a_break_is_a_minor_step_and_an_addition_a_patch() {
        let (early, late) = (Version::new(0, 3, 4), Version::new(2, 3, 4));
        assert_eq!(
            stepped(&early, scaled(Bump::Major, &early)),
            Version::new(0, 4, 0)
        );
        assert_eq!(
            stepped(&early, scaled(Bump::Minor, &early)),
            Version::new(0, 3, 5)
        );
        assert_eq!(
            stepped(&late, scaled(Bump::Major, &late)),
            Version::new(3, 0, 0)
        );
        assert_eq!(
            stepped(&late, scaled(Bump::Minor, &late)),
            Version::new(2, 4, 0)
        );
    }

    #[test]
    fn the_step_between_versions_is_that_of_the_first_number_that_grew() {
        let from = Version::new(1, 2, 3);
        assert_eq!(taken(&from, &Version::new(2, 0, 0)), Bump::Major);
        assert_eq!(taken(&from, &Version::new(1, 3, 0)), Bump::Minor);
        assert_eq!(taken(&from, &Version::new(1, 2, 4)), Bump::Patch);
        assert_eq!(taken(&from, &Version::new(1, 2, 3)), Bump::None);
        assert_eq!(taken(&from, &Version::new(0, 9, 9)), Bump::None);
    }
}
