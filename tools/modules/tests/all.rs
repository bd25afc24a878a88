//! Integration tests of the workspace model, on workspaces and repositories made in temporary folders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod git;
    mod support;
    mod workspace;
}
