//! What a statement is called in traces and metrics: operation and table.

use std::fmt;

/// `SELECT orders`, from the text of a statement. A heuristic over the first
/// words, not a parser: a span's name has to be short and repeat itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary<'a> {
    operation: &'static str,
    table: Option<&'a str>,
}

impl<'a> Summary<'a> {
    pub(crate) fn of(sql: &'a str) -> Self {
        let mut words = sql
            .split(|c: char| c.is_whitespace() || c == '(')
            .filter(|w| !w.is_empty());
        let operation = match words.next() {
            Some(w) if w.eq_ignore_ascii_case("select") => "SELECT",
            Some(w) if w.eq_ignore_ascii_case("insert") => "INSERT",
            Some(w) if w.eq_ignore_ascii_case("update") => "UPDATE",
            Some(w) if w.eq_ignore_ascii_case("delete") => "DELETE",
            Some(w) if w.eq_ignore_ascii_case("with") => "WITH",
            Some(w) if w.eq_ignore_ascii_case("begin") => "BEGIN",
            Some(w) if w.eq_ignore_ascii_case("commit") => "COMMIT",
            _ => "OTHER",
        };
        let table = match operation {
            "UPDATE" => words.next(),
            "INSERT" | "DELETE" => words.nth(1),
            "SELECT" => words.skip_while(|w| !w.eq_ignore_ascii_case("from")).nth(1),
            _ => None,
        };
        let table = table.map(|t| t.trim_matches(|c: char| !(c.is_alphanumeric() || c == '_')));
        Self {
            operation,
            table: table.filter(|t| !t.is_empty()),
        }
    }

    /// Upper-case verb; `OTHER` for anything unusual.
    pub(crate) fn operation(&self) -> &'static str {
        self.operation
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            Some(table) => write!(f, "{} {table}", self.operation),
            None => f.write_str(self.operation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_called_by_verb_and_table() {
        for (sql, name) in [
            (
                "SELECT id, name FROM products WHERE id = $1",
                "SELECT products",
            ),
            ("insert into orders(id) values ($1)", "INSERT orders"),
            ("UPDATE stock SET left = left - 1", "UPDATE stock"),
            ("DELETE FROM \"carts\" WHERE 1 = 1", "DELETE carts"),
            ("SELECT 1", "SELECT"),
            ("BEGIN IMMEDIATE", "BEGIN"),
            ("VACUUM", "OTHER"),
            ("", "OTHER"),
        ] {
            assert_eq!(Summary::of(sql).to_string(), name, "{sql}");
        }
    }
}
