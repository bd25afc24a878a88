//! A JSON document with its name, and places in it.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// A JSON document and the name under which findings speak of it.
#[derive(Debug, Clone)]
pub struct Document {
    /// Path, or whatever the caller calls it.
    pub name: String,
    /// Its content.
    pub value: Value,
}

/// A place in a document.
#[derive(Debug, Clone)]
pub(crate) struct Loc<'a> {
    pub(crate) pointer: String,
    pub(crate) value: &'a Value,
    /// Whether `oneOf` and `anyOf` here are looked at elsewhere.
    pub(crate) without_unions: bool,
}

impl<'a> Loc<'a> {
    pub(crate) fn new(pointer: impl Into<String>, value: &'a Value) -> Self {
        Self {
            pointer: pointer.into(),
            value,
            without_unions: false,
        }
    }

    /// The member of an object, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Loc<'a>> {
        let value = self.value.get(key)?;
        Some(Self::new(
            format!("{}/{}", self.pointer, escaped(key)),
            value,
        ))
    }

    /// The members of the object under `key`, none if there is no such object.
    pub(crate) fn members(&self, key: &str) -> impl Iterator<Item = (&'a str, Loc<'a>)> + use<'a> {
        let base = format!("{}/{}", self.pointer, escaped(key));
        let object = self.value.get(key).and_then(Value::as_object);
        object.into_iter().flatten().map(move |(name, value)| {
            let pointer = format!("{base}/{}", escaped(name));
            (name.as_str(), Loc::new(pointer, value))
        })
    }

    /// The items of the array under `key`, none if there is no such array.
    pub(crate) fn items(&self, key: &str) -> impl Iterator<Item = Loc<'a>> + use<'a> {
        let base = format!("{}/{}", self.pointer, escaped(key));
        let array = self.value.get(key).and_then(Value::as_array);
        let item = move |(i, value)| Loc::new(format!("{base}/{i}"), value);
        array.into_iter().flatten().enumerate().map(item)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.value
            .get(key)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is not JSON.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::parse(path.display().to_string(), &bytes)
    }

    /// Takes bytes that came from elsewhere, such as history.
    ///
    /// # Errors
    /// When they are not JSON.
    pub fn parse(name: impl Into<String>, bytes: &[u8]) -> Result<Self> {
        let name = name.into();
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(Self { name, value }),
            Err(source) => Err(Error::NotJson { file: name, source }),
        }
    }

    pub(crate) fn root(&self) -> Loc<'_> {
        Loc::new("", &self.value)
    }

    /// Where a `$ref` leads within the document.
    pub(crate) fn target(&self, reference: &str) -> Option<Loc<'_>> {
        let pointer = percent_decoded(reference.strip_prefix('#')?);
        let value = self.value.pointer(&pointer)?;
        Some(Loc::new(pointer, value))
    }

    /// The place itself, or, when it is a `$ref`, the end of that chain. References were checked when the
    /// document was loaded; a chain that runs in a circle ends where it closes.
    pub(crate) fn resolved<'a>(&'a self, loc: Loc<'a>) -> Loc<'a> {
        let mut at = loc;
        for _ in 0..32 {
            let Some(next) = at.text("$ref").and_then(|r| self.target(r)) else {
                break;
            };
            at = next;
        }
        at
    }
}

/// A key as one step of a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match code.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn references_are_decoded_as_uris_and_then_as_pointers() {
        let value = serde_json::json!({"a/b": {"c d": 1}});
        let name = "x".to_owned();
        let document = Document { name, value };
        assert_eq!(document.target("#/a~1b/c%20d").unwrap().value, 1);
        assert!(document.target("#/a~1b/e").is_none());
        assert!(document.target("other.json#/a").is_none());
    }
}
