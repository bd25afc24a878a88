//! Who serves what, and where (C13).
//!
//! A [`Resolver`] knows the instances of a service now and tells when the list
//! changes. Callers hold a [`Watch`], read the current list for free, and wait
//! for the next one. The list only ever grows stale, never empty by accident: a
//! resolver that loses its source keeps the last good list and says so.
//!
//! Two resolvers, one interface. The embedded default, [`StaticResolver`],
//! takes its lists from configuration and can be changed at run time, which is
//! also how tests move instances about. [`EtcdRegistry`] watches a registry in
//! which instances write themselves under a lease ([`Registration`]) and elect
//! one of them for work that must not be done twice ([`Leadership`]).
//! [`Discovery`] is whichever of the two the settings name.
//!
//! Rejected: a stream of single additions and removals, as tower's `Discover`
//! has it (a consumer that misses one is wrong for ever, and a reconnect to the
//! registry starts with a whole list anyway), DNS (no versions, no draining,
//! and resolvers cache), and the crate `etcd-client` (its build asks every
//! machine for `protoc`, and its balanced channel hides which member was asked;
//! the eight calls that we make are a file of messages here).

mod config;
mod discovery;
mod etcd;
mod instance;
mod leadership;
mod resolver;
mod static_resolver;

pub use config::{ConfigError, DiscoveryConfig, FullInstance, InstanceConfig};
pub use discovery::Discovery;
pub use etcd::{Announcement, EtcdConfig, EtcdRegistry, Registration};
pub use instance::{Instance, InstanceState};
pub use leadership::{Leadership, Term};
pub use resolver::{Instances, Resolver, Watch};
pub use static_resolver::StaticResolver;
