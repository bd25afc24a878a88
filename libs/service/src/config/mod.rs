//! Typed settings in layers: defaults → TOML file → environment → command line.
//!
//! A service's settings are one flat document: the chassis' keys and the
//! module's own keys side by side, each group with its own Rust type. The JSON
//! Schema of both types is generated and does all the checking of keys, types
//! and ranges, so what the reference says and what is enforced cannot differ.

mod chassis;
mod check;
mod env;
mod fault;
mod load;
mod reference;
mod schema;

pub use chassis::{
    ChassisConfig, HttpConfig, IdentityConfig, OwnInstance, RpcConfig, ShutdownConfig,
};
pub(crate) use check::within_schema;
pub use fault::ConfigFault;
pub use load::{Settings, Sources};
pub use reference::reference;
pub use schema::schema;
