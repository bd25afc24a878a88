//! shoal-up.
