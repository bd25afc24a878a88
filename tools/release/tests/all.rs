//! Integration tests of releases, on workspaces and repositories made in temporary folders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod cut;
    mod graph;
    mod interop;
    mod status;
    mod support;
}
