//! Operations of a document, one after the other.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

/// Every operation of a path with its method in capitals.
pub(super) fn of(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("PATCH", &mut item.patch),
        ("HEAD", &mut item.head),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Every operation of a document with its name, `GET /order/v1/orders`.
pub(super) fn all(document: &mut OpenApi) -> impl Iterator<Item = (String, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        of(item).map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

/// Puts the module's name before each operation's id, which makes it unique on
/// the platform; says of open operations that they are open.
pub(super) fn name(document: &mut OpenApi, module: &str) {
    let prefix = format!("{}_", module.replace('-', "_"));
    for (_, operation) in all(document) {
        if let Some(id) = &mut operation.operation_id {
            id.insert_str(0, &prefix);
        }
        // An empty list says "no credentials"; nothing would say "as above".
        operation.security.get_or_insert_default();
    }
}
