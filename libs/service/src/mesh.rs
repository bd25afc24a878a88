//! The secret that services of one platform show each other.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use rand::RngExt as _;

/// Name of the key file in the data folder.
const FILE: &str = "mesh.key";

/// Header and gRPC metadata key that carries the secret.
pub const MESH_HEADER: &str = "x-shoal-mesh";

/// Proof that a caller belongs to the platform: only then is what it says
/// about the user believed. Never shown by `Debug`.
#[derive(Clone)]
pub struct MeshSecret(Arc<str>);

impl MeshSecret {
    /// The given secret.
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    /// The secret of a data folder, made on first use in a file that only its
    /// owner may read.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn of_folder(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Written beside and renamed: a service that starts at the same time
        // must not read half a secret.
        let bytes: [u8; 32] = rand::rng().random();
        let draft = folder.join(format!(".{FILE}.{}", hex::encode(&bytes[..4])));
        if !path.exists() {
            let mut file = options.open(&draft)?;
            file.write_all(hex::encode(bytes).as_bytes())?;
            file.sync_all()?;
            // Fails when somebody was faster, whose secret then counts.
            let linked = std::fs::hard_link(&draft, &path);
            std::fs::remove_file(&draft)?;
            if let Err(error) = linked
                && error.kind() != ErrorKind::AlreadyExists
            {
                return Err(error);
            }
        }
        let secret = std::fs::read_to_string(&path)?;
        Ok(Self::new(secret.trim()))
    }

    /// The secret itself, to be sent to other services.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the headers carry the secret; compared in constant time.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        use subtle::ConstantTimeEq as _;
        let Some(shown) = headers.get(MESH_HEADER) else {
            return false;
        };
        !self.0.is_empty() && bool::from(shown.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for MeshSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MeshSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_one_secret_that_only_its_owner_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let first = MeshSecret::of_folder(folder.path()).unwrap();
        let second = MeshSecret::of_folder(folder.path()).unwrap();
        assert_eq!(first.expose(), second.expose());
        assert_eq!(first.expose().len(), 64);
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "drafts are removed");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join(FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn only_the_very_secret_is_admitted() {
        let secret = MeshSecret::new("s3cret");
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(MESH_HEADER, value.parse().unwrap());
            headers
        };
        assert!(secret.admits(&with("s3cret")));
        assert!(!secret.admits(&with("s3cre")));
        assert!(!secret.admits(&with("S3cret")));
        assert!(!secret.admits(&HeaderMap::new()));
        assert!(!MeshSecret::new("").admits(&with("")));
    }

    #[test]
    fn the_secret_is_not_in_the_debug_text() {
        assert!(!format!("{:?}", MeshSecret::new("s3cret")).contains("s3cret"));
    }
}
