//! The contracts between modules: everything that one service may know of
//! another. gRPC messages are generated from `proto/**/*.proto`; event
//! payloads are plain serde structs in [`events`], whose JSON Schemas are
//! derived.
//!
//! One crate for all contracts, not one per service: a message of
//! `shoal.common.v1` is then one Rust type everywhere, and a consumer compiles
//! all contracts once. Packages are versioned (`v1`), so a breaking change is a
//! new package beside the old one.

pub mod events;

/// Messages generated from `shoal.common.v1`.
pub mod common {
    /// Version 1.
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("shoal.common.v1");
    }
}

/// Generates one documented module per service contract.
macro_rules! service_contract {
    ($($(#[$doc:meta])* $name:ident = $package:literal),+ $(,)?) => {$(
        $(#[$doc])*
        pub mod $name {
            /// Version 1.
            #[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    )+};
}

service_contract! {
    /// Users, sessions and tokens.
    auth = "shoal.auth.v1",
    /// Payments, ledger and invoices.
    billing = "shoal.billing.v1",
    /// Products, stock and orders.
    order = "shoal.order.v1",
    /// Messages to people and machines.
    notification = "shoal.notification.v1",
}
