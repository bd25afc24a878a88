//! Names of calls, as they stand in the request's path.

/// `package.Service/Method` of the path `/package.Service/Method`.
pub(crate) fn method_of(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}
