//! The gateway's own operations; everything else is passed on.

pub(crate) mod health;
pub(crate) mod openapi;
pub(crate) mod traces;
