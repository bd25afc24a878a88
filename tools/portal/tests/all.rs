//! Tests of the portal, one binary: of the generator, and of the site in a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod browser;
    mod console;
    mod fixture;
    mod generator;
    mod keyboard;
    mod look;
    mod pages;
    mod quick;
    mod search;
    mod world;
}
