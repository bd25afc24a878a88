//! Styles, scripts and third-party components, under names with their hash.

use std::fs;

use crate::error::BuildError;
use crate::output::Output;
use crate::{BuildError as Error, Options};

/// Paths of what pages load, from the top of the site.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Assets {
    pub(crate) css: String,
    pub(crate) api_css: String,
    /// Runs before the page is shown, so that it never flashes in the wrong colours.
    pub(crate) theme: String,
    pub(crate) portal: String,
    pub(crate) api: String,
    pub(crate) icon: String,
    pub(crate) scalar: String,
    pub(crate) minisearch: String,
}

/// Puts them into the site.
pub(crate) fn add(options: &Options, output: &mut Output) -> Result<Assets, Error> {
    let scalar = component(options, "scalar", "dist/browser/standalone.js")?;
    let minisearch = component(options, "minisearch", "dist/umd/index.js")?;
    output.add(
        "assets/LICENSES.txt",
        include_str!("../assets/LICENSES.txt"),
    );
    let mut own = |stem: &str, ending: &str, text: &str| output.add_hashed(stem, ending, text);
    Ok(Assets {
        css: own("assets/portal", "css", include_str!("../assets/portal.css")),
        api_css: own("assets/api", "css", include_str!("../assets/api.css")),
        theme: own("assets/theme", "js", include_str!("../assets/theme.js")),
        portal: own("assets/portal", "js", include_str!("../assets/portal.js")),
        api: own("assets/api", "js", include_str!("../assets/api.js")),
        icon: own("assets/icon", "svg", include_str!("../assets/icon.svg")),
        scalar: own("assets/scalar", "js", &scalar),
        minisearch: own("assets/minisearch", "js", &minisearch),
    })
}

/// A script of a component, without the pointer to a source map that is not
/// part of the site.
fn component(options: &Options, name: &'static str, path: &str) -> Result<String, BuildError> {
    let folder = options.assets.get(name).ok_or(BuildError::NoAsset(name))?;
    let file = folder.join(path);
    let script = fs::read_to_string(&file).map_err(BuildError::read(file))?;
    let script = script.trim_end();
    Ok(match script.rsplit_once('\n') {
        Some((head, last)) if last.starts_with("//# sourceMappingURL=") => head.to_owned(),
        _ => script.to_owned(),
    })
}
