//! Integration tests of the chassis: a real server over loopback with a toy
//! module behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod all {
    mod document;
    mod input;
    mod life;
    mod limits;
    mod notes;
    mod ops;
    mod overload;
    mod process;
    mod program;
    mod protocol;
    mod settings;
    mod tokens;
    mod toy;
}
