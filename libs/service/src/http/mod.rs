//! What happens to every HTTP request around the handler.

mod admission;
mod body;
mod fallback;
mod stack;

pub(crate) use stack::layered;
