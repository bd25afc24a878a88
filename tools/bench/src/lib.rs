//! shoal-bench.
