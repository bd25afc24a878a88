//! The documentation portal: a static site of every module's contract.
//!
//! Everything that it shows was generated or written next to the code: the
//! golden contracts under `services/*/contract`, the released ones under
//! `services/*/releases`, READMEs, changelogs and the handbook under `docs/`.
//! The same input gives the same bytes. All links are relative, so the site
//! works below any path and from a folder on disk; nothing is asked of the
//! outside.
//!
//! | here | what |
//! |---|---|
//! | `source` | reads the repository into plain values |
//! | `markdown`, `schema`, `samples`, `graph`, `changes` | turn parts of it into what pages show |
//! | `pages` | one file per kind of page, each with a template of the same name |
//! | `search` | the full-text index, made here so that a browser need not |
//! | `links` | refuses a site with a link that leads nowhere |
//! | `output` | hashes, compresses, writes |
//!
//! The API reference is Scalar's component, and the search is MiniSearch;
//! [ADR 13](../../../docs/adr/0013-portal.md) says why, and why not mdBook,
//! Docusaurus, Redoc, Swagger UI or a framework of our own.

mod assets;
mod changes;
mod error;
mod graph;
mod links;
mod markdown;
mod output;
mod pages;
mod samples;
mod schema;
mod search;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use error::BuildError;
pub use output::{Part, Summary};

/// What to build a site from, and where to.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Top of the repository.
    pub root: PathBuf,
    /// Contract folders by service, in place of `services/<name>/contract`.
    pub contracts: BTreeMap<String, PathBuf>,
    /// Folders of the npm packages `scalar` and `minisearch`.
    pub assets: BTreeMap<String, PathBuf>,
    /// Folder of the site. It is replaced when it holds an older site.
    pub out: PathBuf,
}

/// Builds the site.
///
/// # Errors
/// The first thing that is wrong with the input, all links that lead nowhere,
/// or what keeps the output from being written.
pub fn build(options: &Options) -> Result<Summary, BuildError> {
    let site = source::read(options)?;
    let mut output = output::Output::default();
    let assets = assets::add(options, &mut output)?;
    pages::render(&site, &assets, &mut output)?;
    links::check(&output)?;
    output.write(&options.out)
}
