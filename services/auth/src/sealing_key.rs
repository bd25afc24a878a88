//! Where the key comes from that seals the signing keys: the settings, or a file
//! beside the embedded database that only its owner may read.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use shoal_error::{Error, Result, ResultExt as _};
use zeroize::Zeroizing;

use crate::config::KeyConfig;
use crate::domain::sealing::SealingKey;

/// Name of the file in the data folder.
const FILE: &str = "auth-sealing.key";

/// The sealing key, made on first use when the settings have none.
///
/// # Errors
/// `Internal` that names the file when it can't be used.
pub(crate) fn load(config: &KeyConfig, data_dir: &Path) -> Result<SealingKey> {
    if let Some(key) = &config.sealing_key {
        return SealingKey::from_base64(key.expose()).internal();
    }
    let path = data_dir.join(FILE);
    let unusable = |e: io::Error| Error::internal(format!("{} can't be used: {e}", path.display()));
    std::fs::create_dir_all(data_dir).map_err(unusable)?;
    make(&path).map_err(unusable)?;
    let text = Zeroizing::new(std::fs::read_to_string(&path).map_err(unusable)?);
    SealingKey::from_base64(&text)
        .map_err(|e| Error::internal(format!("{} can't be used: {e}", path.display())))
}

/// Makes the file unless it is there. Written aside and linked into place: an
/// instance that starts at the same time must not read half a key.
fn make(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let draft = path.with_extension(format!("{:08x}", rand::random::<u32>()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", *SealingKey::generate().to_base64())?;
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_keeps_one_key_that_only_its_owner_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let config = KeyConfig::default();
        let first = load(&config, folder.path()).unwrap();
        let second = load(&config, folder.path()).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "drafts are removed"
        );
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
    fn the_settings_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let key = SealingKey::generate();
        let config = KeyConfig {
            sealing_key: Some(key.to_base64().to_string().into()),
            ..KeyConfig::default()
        };
        assert_eq!(
            load(&config, folder.path()).unwrap().fingerprint(),
            key.fingerprint()
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "no key").unwrap();
        let error = load(&KeyConfig::default(), folder.path()).unwrap_err();
        assert!(error.report().contains(FILE), "{}", error.report());
    }
}
