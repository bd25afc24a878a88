//! The gates against their corpus, their promises as properties, and the program as people run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod gate;
mod generate;
mod loading;
mod program;
mod properties;
