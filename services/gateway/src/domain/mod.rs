//! The rules, without I/O: where a path goes, which headers pass, who has
//! asked for too much, and how API descriptions become one.

pub(crate) mod headers;
pub(crate) mod limits;
pub(crate) mod openapi;
pub(crate) mod routes;
