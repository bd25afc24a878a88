//! The first administrator of a platform on embedded defaults.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use rand::distr::Alphanumeric;

const FILE: &str = "admin.password";
const LENGTH: usize = 24;

/// How the administrator logs in.
#[derive(Clone)]
pub struct Admin {
    /// E-mail address.
    pub email: &'static str,
    /// Where the password stands, readable by its owner only.
    pub password_file: PathBuf,
    pub(crate) password: String,
}

impl Admin {
    /// The administrator of a data folder; the password is made on first use.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let password_file = folder.join(FILE);
        let password = match fs::read_to_string(&password_file) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&password_file)?,
            Err(error) => return Err(error),
        };
        Ok(Self {
            email: "admin@shoal.example",
            password_file,
            password,
        })
    }
}

fn make(path: &Path) -> io::Result<String> {
    let letters = rand::rng().sample_iter(Alphanumeric).take(LENGTH);
    let password: String = letters.map(char::from).collect();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(password.as_bytes())?;
    Ok(password)
}
