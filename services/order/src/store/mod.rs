//! SQL, one file per aggregate. The only place of the service that knows sqlx.

pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod stock;

/// `$from, $from+1, …` for a list of `count` parameters.
fn placeholders(from: usize, count: usize) -> String {
    let list: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    list.join(", ")
}
