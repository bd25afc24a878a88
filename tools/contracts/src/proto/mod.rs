//! Contracts written as protocol buffers: their reference for people, and what `buf` says of a change.

pub mod buf;
mod compile;
pub mod docs;
mod index;

pub use docs::render_docs;
