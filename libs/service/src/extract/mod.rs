//! Typed input of handlers. Each extractor answers a problem document that
//! says which part of the request is wrong; axum's own answer plain text.

mod absent;
mod as_schema;
mod idempotency;
mod json;
mod page;
mod path;
mod query;

pub use absent::present;
pub use idempotency::IdempotencyKey;
pub use json::{Json, body_error};
pub use page::PageRequest;
pub use path::Path;
pub use query::Query;

/// A JSON pointer (RFC 6901) from the path that serde walked.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => token(key),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

/// A member's name as a reference token of a JSON pointer.
fn token(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
