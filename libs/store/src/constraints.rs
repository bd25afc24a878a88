//! Names for SQLite's violated constraints.
//!
//! PostgreSQL says which constraint failed. SQLite says it for checks only; for
//! unique ones it lists columns, for foreign keys nothing. The names are read
//! once from the schema, so that a query maps a constraint the same way on both.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

/// Result code of a `RAISE(ABORT, 'name')` in a trigger.
const CONSTRAINT_TRIGGER: &str = "1811";

/// What the schema calls its constraints.
#[derive(Debug, Default)]
pub(crate) struct Constraints {
    /// `orders.user_id, orders.key` → `orders_key_unique`.
    unique: HashMap<String, String>,
    /// Foreign keys, joined by `|`.
    foreign: String,
}

impl Constraints {
    /// Reads the names from `sqlite_schema`: (table, SQL that made it), and
    /// (index, its table, its columns in order).
    pub(crate) fn read(
        tables: &[(String, String)],
        indexes: &[(String, String, Vec<String>)],
    ) -> Self {
        let mut unique = HashMap::new();
        let mut foreign = Vec::new();
        for (table, sql) in tables {
            for declared in declarations(sql) {
                match declared {
                    Declared::Unique { name, columns } => {
                        unique.insert(column_list(table, &columns), name);
                    }
                    Declared::Foreign { name } => foreign.push(name),
                }
            }
        }
        for (index, table, columns) in indexes {
            unique.insert(column_list(table, columns), index.clone());
        }
        Self {
            unique,
            foreign: foreign.join("|"),
        }
    }

    /// The same error with the constraint's name.
    pub(crate) fn name(&self, error: Box<dyn DatabaseError>) -> Box<dyn DatabaseError> {
        let name = match error.kind() {
            ErrorKind::UniqueViolation => self.unique_name(error.message()),
            ErrorKind::ForeignKeyViolation => Some(self.foreign.clone()),
            ErrorKind::CheckViolation => detail(error.message()).map(str::to_owned),
            _ if error.code().as_deref() == Some(CONSTRAINT_TRIGGER) => {
                Some(error.message().to_owned())
            }
            _ => None,
        };
        match name {
            Some(name) => Box::new(Named { inner: error, name }),
            None => error,
        }
    }

    fn unique_name(&self, message: &str) -> Option<String> {
        let columns = detail(message)?;
        // A unique index over an expression is named outright.
        if let Some(index) = columns.strip_prefix("index '") {
            return Some(index.trim_end_matches('\'').to_owned());
        }
        let named = self.unique.get(columns).cloned();
        named.or_else(|| {
            columns
                .split('.')
                .next()
                .map(|table| format!("{table}_pkey"))
        })
    }
}

fn detail(message: &str) -> Option<&str> {
    message
        .split_once("constraint failed: ")
        .map(|(_, detail)| detail)
}

fn column_list(table: &str, columns: &[String]) -> String {
    columns
        .iter()
        .map(|c| format!("{table}.{c}"))
        .collect::<Vec<_>>()
        .join(", ")
}

enum Declared {
    Unique { name: String, columns: Vec<String> },
    Foreign { name: String },
}

/// Finds `CONSTRAINT name UNIQUE|PRIMARY KEY (columns)` and `CONSTRAINT name
/// FOREIGN KEY|REFERENCES` in the statement that made a table.
fn declarations(sql: &str) -> Vec<Declared> {
    let words = words(sql);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !word.eq_ignore_ascii_case("constraint") {
            continue;
        }
        let Some([name, kind]) = words.get(at + 1..at + 3) else {
            continue;
        };
        let name = name.trim_matches('"').to_owned();
        match kind.to_ascii_lowercase().as_str() {
            "unique" => found.push(Declared::Unique {
                name,
                columns: columns_at(&words[at + 3..]),
            }),
            "primary" => found.push(Declared::Unique {
                name,
                columns: columns_at(words.get(at + 4..).unwrap_or_default()),
            }),
            "foreign" | "references" => found.push(Declared::Foreign { name }),
            _ => {}
        }
    }
    found
}

/// The names inside the parentheses that `words` begins with.
fn columns_at(words: &[&str]) -> Vec<String> {
    if words.first() != Some(&"(") {
        return Vec::new();
    }
    words[1..]
        .iter()
        .take_while(|w| **w != ")")
        .filter(|w| **w != ",")
        .map(|w| w.trim_matches('"').to_owned())
        .collect()
}

/// Words and punctuation of a statement, without its comments.
fn words(sql: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for line in sql.lines() {
        let line = line.split("--").next().unwrap_or_default();
        let mut rest = line;
        while let Some(at) = rest.find(|c: char| c.is_whitespace() || "(),".contains(c)) {
            out.push(&rest[..at]);
            out.push(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        out.push(rest);
    }
    out.retain(|w| !w.trim().is_empty());
    out
}

/// A database error that knows its constraint.
#[derive(Debug)]
struct Named {
    inner: Box<dyn DatabaseError>,
    name: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl StdError for Named {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source()
    }
}

impl DatabaseError for Named {
    fn message(&self) -> &str {
        self.inner.message()
    }
    fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.inner.code()
    }
    fn constraint(&self) -> Option<&str> {
        Some(&self.name)
    }
    fn kind(&self) -> ErrorKind {
        self.inner.kind()
    }
    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }
    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }
    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_names_are_found_in_the_statement_that_made_the_table() {
        let sql = "CREATE TABLE orders (\n id TEXT PRIMARY KEY, -- CONSTRAINT no UNIQUE (x)\n \
                   user_id TEXT CONSTRAINT orders_user_fk REFERENCES users(id),\n key TEXT,\n \
                   CONSTRAINT orders_key_unique UNIQUE (user_id, \"key\"),\n \
                   CONSTRAINT orders_pk PRIMARY KEY(id), CONSTRAINT p CHECK (x > 0))";
        let names = Constraints::read(&[("orders".into(), sql.into())], &[]);
        assert_eq!(
            names.unique["orders.user_id, orders.key"],
            "orders_key_unique"
        );
        assert_eq!(names.unique["orders.id"], "orders_pk");
        assert_eq!(names.foreign, "orders_user_fk");
        assert_eq!(names.unique.len(), 2);
    }

    #[test]
    fn an_unnamed_primary_key_is_called_as_postgresql_calls_it() {
        let names = Constraints::default();
        let name = names.unique_name("UNIQUE constraint failed: orders.id");
        assert_eq!(name.as_deref(), Some("orders_pkey"));
    }
}
