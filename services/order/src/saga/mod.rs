//! What happens over several services: placing an order and giving it back.

pub(crate) mod billing;
pub(crate) mod cancel_order;
pub(crate) mod place_order;
