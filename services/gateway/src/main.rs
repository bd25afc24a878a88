//! The gateway's own binary.
shoal_service::main!(shoal_gateway::Gateway);
