//! What a new module would be: everything is checked and made in memory before anything is written.

use std::collections::BTreeMap;
use std::path::Path;

use shoal_modules::Workspace;

use crate::{Error, Result, edits, finish, name, template};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The module's name.
    pub name: String,
    /// Its team, as CODEOWNERS writes it.
    pub owner: String,
    /// What it is for, in one sentence.
    pub about: String,
    /// Its loopback port.
    pub port: u16,
}

/// The files of a new module and of the lists that it joins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was asked for, with what was left open filled in.
    pub wish: Wish,
    /// Files that do not exist yet, by path from the top.
    pub created: BTreeMap<String, String>,
    /// Files that change, with their new text.
    pub changed: BTreeMap<String, String>,
}

impl Wish {
    pub(crate) fn package(&self) -> String {
        format!("shoal-{}", self.name)
    }

    /// The module's type: `Gift`.
    pub(crate) fn type_name(&self) -> String {
        let mut letters = self.name.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect()
    }
}

impl Plan {
    /// Checks the wish against the workspace and makes every file in memory.
    ///
    /// # Errors
    /// [`Error::Refused`] for a name, team, sentence or port that cannot be; [`Error::NoPlace`] when a list that the
    /// module has to join was not found.
    pub fn new(
        workspace: &Workspace,
        name: &str,
        owner: &str,
        about: Option<&str>,
        port: Option<u16>,
    ) -> Result<Self> {
        name::check(name)?;
        free(workspace, name)?;
        let wish = Wish {
            name: name.to_owned(),
            owner: name::team(owner)?,
            about: about.map_or_else(|| Ok(format!("Items of {name}.")), name::about)?,
            port: choose_port(&ports(workspace)?, port)?,
        };
        let created: BTreeMap<_, _> = template::render(&wish)?.into_iter().collect();
        if let Some(path) = created.keys().find(|path| workspace.path(path).exists()) {
            return Err(Error::Refused(format!(
                "{path} is there already: use another name, or remove what was left behind"
            )));
        }
        let manifest = created
            .get(&format!("services/{name}/Cargo.toml"))
            .map(String::as_str)
            .unwrap_or_default();
        let changed = edits::edited(workspace, &wish, manifest)?
            .into_iter()
            .collect();
        Ok(Self {
            wish,
            created,
            changed,
        })
    }

    /// Writes everything and, unless only files are wanted, builds the module to generate its contract. When any of it
    /// fails, every file is as it was before. `say` is told which programs run.
    ///
    /// # Errors
    /// What failed first.
    pub fn carry_out(
        &self,
        workspace: &Workspace,
        files_only: bool,
        say: &dyn Fn(&str),
    ) -> Result<()> {
        finish::make(workspace, self, files_only, say)
    }
}

/// A module's package may not have the name of any other package of the workspace.
fn free(workspace: &Workspace, name: &str) -> Result<()> {
    for module in workspace.modules()? {
        if module.name == name {
            return Err(Error::Refused(format!(
                "there is a module `{name}` already: use another name"
            )));
        }
    }
    for layer in ["libs", "tools", "services"] {
        if workspace.path(layer).join(name).exists() {
            return Err(Error::Refused(format!(
                "{layer}/{name} is there already, and its package has the name that the module's needs: use another name"
            )));
        }
    }
    if name == "proto" {
        return Err(Error::Refused(
            "`proto` is the package of all contracts: use another name".to_owned(),
        ));
    }
    Ok(())
}

/// Ports that modules have, with the modules' names.
fn ports(workspace: &Workspace) -> Result<BTreeMap<u16, String>> {
    let mut taken = BTreeMap::new();
    for module in workspace.modules()? {
        let found = port_in(&module.path().join("src"))?;
        taken.extend(found.map(|port| (port, module.name.clone())));
    }
    Ok(taken)
}

/// The number in `const PORT: u16 = …;`, wherever a module has it.
fn port_in(folder: &Path) -> Result<Option<u16>> {
    let wrong = |source| Error::io(folder, source);
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::io(&path, source))?;
        let value = text
            .split_once("const PORT: u16 = ")
            .and_then(|(_, rest)| rest.split(';').next());
        if let Some(port) = value.and_then(|value| value.trim().replace('_', "").parse().ok()) {
            return Ok(Some(port));
        }
    }
    Ok(None)
}

fn choose_port(taken: &BTreeMap<u16, String>, wanted: Option<u16>) -> Result<u16> {
    if let Some(port) = wanted {
        return match taken.get(&port) {
            Some(module) => Err(Error::Refused(format!(
                "port {port} is that of `{module}`: use another one"
            ))),
            None if port < 1024 => Err(Error::Refused(format!(
                "port {port} is for privileged programs: use one from 1024 on"
            ))),
            None => Ok(port),
        };
    }
    let next = taken
        .keys()
        .next_back()
        .and_then(|last| last.checked_add(1));
    next.ok_or_else(|| {
        Error::Refused(
            "no port follows those of the other modules: name one with --port".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_next_port_is_taken_unless_told_and_none_twice() {
        let taken = BTreeMap::from([(8080, "gateway".to_owned()), (8084, "order".to_owned())]);
        assert_eq!(choose_port(&taken, None).unwrap(), 8085);
        assert_eq!(choose_port(&taken, Some(9000)).unwrap(), 9000);
        assert!(
            choose_port(&taken, Some(8084))
                .unwrap_err()
                .to_string()
                .contains("`order`")
        );
        assert!(choose_port(&taken, Some(80)).is_err());
        assert!(choose_port(&BTreeMap::from([(u16::MAX, "x".to_owned())]), None).is_err());
    }
}
