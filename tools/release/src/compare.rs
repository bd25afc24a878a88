//! The step that a contract's change needs, which the gates decide.

use std::path::Path;

use crate::Result;
use crate::bump::Bump;

/// What the change from a frozen contract to the present one needs, and why.
pub(crate) fn needed(_module: &str, _old: &Path, _new: &Path) -> Result<(Bump, Vec<String>)> {
    Ok((Bump::None, Vec::new()))
}
