//! Who calls: verification of access tokens.
//!
//! Each service checks tokens itself against the issuer's public keys, so a
//! request costs no call to auth and the gateway need not be trusted. Tokens
//! are JWTs signed with Ed25519; no other algorithm is admitted, whatever a
//! token's header says.

mod claims;
mod extract;
mod jwks;
mod keys;
mod verified;
mod verifier;

pub use claims::{Audience, Claims, Identity};
pub use extract::OptionalIdentity;
pub(crate) use extract::{Presented, present};
pub use jwks::{HttpJwks, JwksSource, StaticJwks};
pub use verifier::IdentityVerifier;

/// JSON Web Key Set, as an issuer publishes it.
pub use jsonwebtoken::jwk::JwkSet;
