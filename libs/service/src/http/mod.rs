//! What happens to every HTTP request around the handler.

mod body;
mod fallback;
mod stack;

pub(crate) use stack::layered;
