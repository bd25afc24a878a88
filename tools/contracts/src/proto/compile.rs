//! Compiles a folder of proto files into descriptors with their comments.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::error::{Error, Result};

/// Every `.proto` below `root`, compiled with protox, comments included.
pub(super) fn compile(root: &Path) -> Result<FileDescriptorSet> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let failed = |problem: String| Error::Proto {
        folder: root.display().to_string(),
        problem,
    };
    if files.is_empty() {
        return Err(failed("there is no .proto file".to_owned()));
    }
    let mut compiler = protox::Compiler::new([root]).map_err(|e| failed(e.to_string()))?;
    compiler.include_source_info(true).include_imports(true);
    compiler
        .open_files(&files)
        .map_err(|e| failed(e.to_string()))?;
    Ok(compiler.file_descriptor_set())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    for entry in entries {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            into.push(path);
        }
    }
    Ok(())
}

/// Numbers of fields in `descriptor.proto`, of which paths to comments consist.
pub(super) mod tag {
    pub(in crate::proto) const FILE_PACKAGE: i32 = 2;
    pub(in crate::proto) const FILE_MESSAGE: i32 = 4;
    pub(in crate::proto) const FILE_ENUM: i32 = 5;
    pub(in crate::proto) const FILE_SERVICE: i32 = 6;
    pub(in crate::proto) const FILE_SYNTAX: i32 = 12;
    pub(in crate::proto) const MESSAGE_FIELD: i32 = 2;
    pub(in crate::proto) const MESSAGE_MESSAGE: i32 = 3;
    pub(in crate::proto) const MESSAGE_ENUM: i32 = 4;
    pub(in crate::proto) const ENUM_VALUE: i32 = 2;
    pub(in crate::proto) const SERVICE_METHOD: i32 = 2;
}

/// The comments of one file by the path of what they stand at.
pub(super) struct Comments(HashMap<Vec<i32>, String>);

impl Comments {
    pub(super) fn of(file: &FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|i| &i.location);
        Self(
            locations
                .filter_map(|l| {
                    let lead = l.leading_comments().trim();
                    let text = if lead.is_empty() {
                        l.trailing_comments().trim()
                    } else {
                        lead
                    };
                    (!text.is_empty()).then(|| (l.path.clone(), unindented(text)))
                })
                .collect(),
        )
    }

    /// The comment at the path, empty where there is none.
    pub(super) fn at(&self, path: &[i32]) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }
}

/// The text without the one space that follows `//` on each line.
fn unindented(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_after_the_slashes_goes_and_deeper_indentation_stays() {
        assert_eq!(unindented(" a\n   - b\n c "), "a\n  - b\nc");
    }
}
