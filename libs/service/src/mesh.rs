//! The secret of a platform that was given none.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use rand::RngExt as _;
use shoal_rpc::MeshSecret;

/// Name of the key file in the data folder.
const FILE: &str = "mesh.key";

/// The secret of a data folder, made on first use in a file that only its
/// owner may read. All services that share the folder share it.
///
/// # Errors
/// Those of the file system.
pub fn of_folder(folder: &Path) -> std::io::Result<MeshSecret> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    if !path.exists() {
        make(folder, &path)?;
    }
    let secret = std::fs::read_to_string(&path)?;
    Ok(MeshSecret::new(secret.trim()))
}

/// Writes beside and links: a service that starts at the same time must not
/// read half a secret, and the first one to finish counts for both.
fn make(folder: &Path, path: &Path) -> std::io::Result<()> {
    let bytes: [u8; 32] = rand::rng().random();
    let draft = folder.join(format!(".{FILE}.{:08x}", rand::random::<u32>()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(hex::encode(bytes).as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_one_secret_that_only_its_owner_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let first = of_folder(folder.path()).unwrap();
        let second = of_folder(folder.path()).unwrap();
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
}
