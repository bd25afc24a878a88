//! shoal-gateway.
