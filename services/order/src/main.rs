//! The order service's own binary.

shoal_service::main!(shoal_order::Order);
