//! Where the services' programs are.

use std::path::PathBuf;

use shoal_error::{Error, Result, ResultExt as _};

/// The program of a service: Bazel names it in the environment, Cargo builds it
/// into the folder of this program (or the one above, for tests).
pub(crate) fn of_service(service: &str) -> Result<PathBuf> {
    let variable = format!("SHOAL_SOAK_{}", service.to_uppercase());
    if let Some(path) = std::env::var_os(&variable) {
        return std::path::absolute(path).internal();
    }
    let own = std::env::current_exe().internal()?;
    let name = format!("shoal-{service}");
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let text = format!(
                "no program {name}: build it (cargo build -p {name}), or name it in {variable}"
            );
            Error::internal(text)
        })
}
