//! Integration tests of the scaffold on a miniature of the workspace. That a scaffolded module really builds, passes its
//! tests and is served is for `tools/new-service/check`, which takes minutes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod make;
    mod support;
}
