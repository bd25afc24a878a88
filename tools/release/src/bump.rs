//! Versions of releases. Which step a change needs is the gates' to say, see `shoal_contracts::bump`.

use semver::{BuildMetadata, Prerelease, Version};

pub use shoal_contracts::Bump;
pub use shoal_contracts::bump::{scaled, stepped};

/// The step between two versions, whatever their build metadata.
#[must_use]
pub fn taken(from: &Version, to: &Version) -> Bump {
    shoal_contracts::bump::taken(&plain(from), &plain(to))
}

/// The version without build metadata, which says where a build came from and nothing about precedence.
#[must_use]
pub fn plain(version: &Version) -> Version {
    Version {
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// Whether a version can be released: no build metadata, which the tag adds, and no pre-release, which gates and
/// compatibility tests would have to tell from the version that it prepares.
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
    fn build_metadata_is_no_step() {
        let built = v("1.0.0+build-20261123-abc");
        assert_eq!(taken(&v("1.0.0"), &built), Bump::None);
        assert_eq!(taken(&built, &v("1.0.0")), Bump::None);
        assert_eq!(taken(&built, &v("1.1.0")), Bump::Minor);
    }

    #[test]
    fn only_plain_versions_are_released() {
        assert!(is_releasable(&v("1.0.0")));
        assert!(!is_releasable(&v("1.0.0-rc.1")) && !is_releasable(&v("1.0.0+x")));
    }
}
