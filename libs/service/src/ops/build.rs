//! From what the running program was built.

use serde::Serialize;

/// Stamp of a binary. Only release binaries are stamped, in their own crate:
/// a stamp in a library would rebuild everything above it for each commit.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct BuildInfo {
    /// Commit, when stamped.
    pub git_sha: Option<&'static str>,
    /// Build metadata such as `build-20240521-8a3f1c`, when stamped.
    pub build: Option<&'static str>,
    /// Compiler that the workspace is built with, when known.
    pub rust: Option<&'static str>,
}

/// The stamp of the crate in which it is written; for `main.rs`.
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::BuildInfo {
            git_sha: ::core::option_env!("SHOAL_GIT_SHA"),
            build: ::core::option_env!("SHOAL_BUILD"),
            rust: ::core::option_env!("CARGO_PKG_RUST_VERSION"),
        }
    };
}
