//! Steps between versions, and which step a change needs.

use std::fmt;

use semver::{BuildMetadata, Prerelease, Version};
use serde::Serialize;

/// What a step between two versions tells those who depend on the module.
///
/// Below 1.0.0 a step of the second number says what a step of the first says later, and a step of the third what the
/// second says later, as Cargo and npm read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Nothing changed.
    None,
    /// Something changed that no contract shows.
    Patch,
    /// The contract grew; those who use it may stay as they are.
    Minor,
    /// The contract broke.
    Major,
}

impl Bump {
    /// What the step from one version to another says; [`Bump::None`] when it does not go up.
    #[must_use]
    pub fn between(from: &Version, to: &Version) -> Self {
        if to.cmp_precedence(from).is_le() {
            Self::None
        } else if to.major > from.major || (to.major == 0 && to.minor > from.minor) {
            Self::Major
        } else if to.minor > from.minor || to.major == 0 {
            Self::Minor
        } else {
            Self::Patch
        }
    }

    /// The lowest version above another that says this much.
    #[must_use]
    pub fn after(self, version: &Version) -> Version {
        let Version {
            major,
            minor,
            patch,
            ..
        } = *version;
        // What comes after a pre-release is the version that it prepared.
        let base = if version.pre.is_empty() {
            patch + 1
        } else {
            patch
        };
        match (self, major) {
            (Self::None, _) => version.clone(),
            (Self::Major, 0) => Version::new(0, minor + 1, 0),
            (Self::Major, _) => Version::new(major + 1, 0, 0),
            (Self::Minor, 1..) => Version::new(major, minor + 1, 0),
            (Self::Minor | Self::Patch, _) => Version::new(major, minor, base),
        }
    }

    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The version without build metadata, which says where a build came from and nothing about precedence.
#[must_use]
pub fn plain(version: &Version) -> Version {
    Version {
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// Whether a version can be released: no build metadata, and no pre-release, which tags have no room for.
#[must_use]
pub fn is_releasable(version: &Version) -> bool {
    version.build == BuildMetadata::EMPTY && version.pre == Prerelease::EMPTY
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn v(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn a_step_says_more_below_one() {
        for (from, to, bump) in [
            ("1.2.3", "1.2.3", Bump::None),
            ("1.2.3", "1.2.2", Bump::None),
            ("1.2.3", "1.2.4", Bump::Patch),
            ("1.2.3", "1.3.0", Bump::Minor),
            ("1.2.3", "2.0.0", Bump::Major),
            ("0.1.0", "0.1.1", Bump::Minor),
            ("0.1.0", "0.2.0", Bump::Major),
            ("0.9.0", "1.0.0", Bump::Major),
            ("1.0.0", "1.0.0+build-20261123-abc", Bump::None),
        ] {
            assert_eq!(Bump::between(&v(from), &v(to)), bump, "{from} to {to}");
        }
    }

    #[test]
    fn the_lowest_version_that_says_so_says_so_and_nothing_lower_does() {
        for from in ["0.0.1", "0.1.0", "0.3.7", "1.0.0", "2.4.9"] {
            for bump in [Bump::Patch, Bump::Minor, Bump::Major] {
                let next = bump.after(&v(from));
                assert!(
                    Bump::between(&v(from), &next) >= bump,
                    "{from} {bump}: {next}"
                );
            }
        }
        assert_eq!(Bump::Major.after(&v("0.1.4")), v("0.2.0"));
        assert_eq!(Bump::Minor.after(&v("0.1.4")), v("0.1.5"));
        assert_eq!(Bump::Minor.after(&v("1.1.4")), v("1.2.0"));
        assert_eq!(Bump::Patch.after(&v("1.1.4")), v("1.1.5"));
    }
}
