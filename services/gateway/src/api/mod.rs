//! The gateway's own operations; everything else is passed on.

pub(crate) mod openapi;
pub(crate) mod traces;
