//! `review-plan.md`.

pub mod document;
pub mod expectation;
