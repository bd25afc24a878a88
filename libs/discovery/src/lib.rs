//! Who serves what, and where (C13).
//!
//! A [`Resolver`] knows the instances of a service now and tells when the list
//! changes. Callers hold a [`Watch`], read the current list for free, and wait
//! for the next one. The list only ever grows stale, never empty by accident: a
//! resolver that loses its source keeps the last good list and says so.
//!
//! The shape is that of a registry with leases (etcd): instances have ids,
//! versions, labels, weights and a draining state, and a list carries a
//! revision. The embedded default, [`StaticResolver`], fills it from
//! configuration and can be changed at run time, which is also how tests move
//! instances about.
//!
//! Rejected: a stream of single additions and removals, as tower's `Discover`
//! has it (a consumer that misses one is wrong for ever, and a reconnect to the
//! registry starts with a whole list anyway), and DNS (no versions, no
//! draining, and resolvers cache).

mod config;
mod instance;
mod resolver;
mod static_resolver;

pub use config::{ConfigError, DiscoveryConfig, FullInstance, InstanceConfig};
pub use instance::{Instance, InstanceState};
pub use resolver::{Instances, Resolver, Watch};
pub use static_resolver::StaticResolver;
