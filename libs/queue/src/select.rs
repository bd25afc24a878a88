//! Statements whose conditions depend on what is asked for.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use crate::letter::Selection;

/// Values in the order of their marks, for whoever keeps dead letters in tables
/// of its own.
#[derive(Debug, Default)]
pub struct Binds(Vec<Bind>);

#[derive(Debug)]
enum Bind {
    Text(String),
    Int(i64),
}

impl Binds {
    /// The mark for a text.
    pub fn text(&mut self, value: &str) -> String {
        self.0.push(Bind::Text(value.to_owned()));
        format!("${}", self.0.len())
    }

    /// The mark for a number.
    pub fn int(&mut self, value: i64) -> String {
        self.0.push(Bind::Int(value));
        format!("${}", self.0.len())
    }

    /// The statement, which was written with these marks.
    pub fn query(self, sql: String) -> Query<'static, Any, AnyArguments> {
        self.0
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, bind| match bind {
                Bind::Text(text) => query.bind(text),
                Bind::Int(number) => query.bind(number),
            })
    }
}

/// Columns, or expressions of SQL, that a selection looks at besides `id`.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// What the work is.
    pub kind: &'static str,
    /// Why it was given up.
    pub reason: &'static str,
    /// When, Unix milliseconds.
    pub died: &'static str,
}

impl Selection {
    /// The conditions of this selection, each beginning with ` AND `; all but
    /// its limit.
    pub fn conditions(&self, columns: &Columns, binds: &mut Binds) -> String {
        let mut sql = String::new();
        let mut and = |condition: String| {
            sql.push_str(" AND ");
            sql.push_str(&condition);
        };
        if !self.ids.is_empty() {
            let marks: Vec<String> = self.ids.iter().map(|id| binds.text(id)).collect();
            and(format!("id IN ({})", marks.join(", ")));
        }
        if !self.kind.is_empty() {
            let kind = columns.kind;
            and(format!("{kind} = {}", binds.text(&self.kind)));
        }
        if !self.reason.is_empty() {
            let reason = columns.reason;
            and(format!("{reason} = {}", binds.text(&self.reason)));
        }
        let died = columns.died;
        and(format!("{died} >= {}", binds.int(self.died_from_ms)));
        and(format!("{died} <= {}", binds.int(self.died_until_ms)));
        and(format!("id > {}", binds.text(&self.after)));
        sql
    }
}
