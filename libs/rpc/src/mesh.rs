//! The secret by which services of one platform know each other.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;

/// Metadata key (and HTTP header) that carries the mesh secret.
pub const MESH: HeaderName = HeaderName::from_static("x-shoal-mesh");

/// Proof that a caller belongs to the platform. Only then may it call at all,
/// and only then is what it says about the user believed. Never shown.
#[derive(Clone)]
pub struct MeshSecret(Arc<str>);

impl MeshSecret {
    /// The given secret. An empty one admits nobody.
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the headers carry the secret. Takes as long for a nearly right
    /// secret as for a wrong one of the same length.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(shown) = headers.get(MESH) else {
            return false;
        };
        !self.0.is_empty() && bool::from(shown.as_bytes().ct_eq(self.0.as_bytes()))
    }

    /// The secret as a header's value, hidden from whoever prints headers;
    /// `None` when it cannot stand in a header.
    pub fn header_value(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.0).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl std::fmt::Debug for MeshSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MeshSecret([redacted])")
    }
}
