//! What a document lacks to be a good one.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, RefOr};

use super::{examples, operations};
use crate::module::Module;

/// What is missing in the description of a module, one sentence each: tags and
/// parameters without a description, operations without a summary or an id of
/// their own, bodies without an example.
#[must_use]
pub fn faults<M: Module>() -> Vec<String> {
    match super::document::<M>() {
        Ok(document) => of(document),
        Err(fault) => vec![fault.to_string()],
    }
}

fn of(mut document: OpenApi) -> Vec<String> {
    let schemas = examples::schemas(&document);
    let described: BTreeSet<String> = document
        .tags
        .iter()
        .flatten()
        .filter(|tag| tag.description.is_some())
        .map(|tag| tag.name.clone())
        .collect();
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (name, operation) in operations::all(&mut document) {
        let mut fault = |text: String| faults.push(format!("{name}: {text}"));
        let id = operation.operation_id.clone().unwrap_or_default();
        if let Some(other) = ids.insert(id.clone(), name.clone()) {
            fault(format!(
                "its id {id:?} is also that of {other}; give it another with `operation_id`"
            ));
        }
        if operation.summary.as_deref().is_none_or(str::is_empty) {
            fault("it has no summary; write a doc comment above the handler".to_owned());
        }
        for tag in operation.tags.iter().flatten() {
            used.insert(tag.clone());
            if !described.contains(tag) {
                fault(format!(
                    "its tag {tag:?} is not described; add it to `openapi::router`"
                ));
            }
        }
        undescribed_parameters(operation).for_each(&mut fault);
        for (which, content) in bodies(operation) {
            if content.example.is_none() && content.examples.is_empty() {
                let why = examples::compose(content, &schemas)
                    .err()
                    .unwrap_or_default();
                fault(format!(
                    "{which} has no example: {why}; add `#[schema(example = …)]`"
                ));
            }
        }
    }
    let unused = described.difference(&used);
    faults
        .extend(unused.map(|tag| format!("the tag {tag:?} is described, but no operation has it")));
    faults
}

fn undescribed_parameters(operation: &Operation) -> impl Iterator<Item = String> {
    let parameters = operation.parameters.iter().flatten();
    parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.description.as_deref().is_none_or(str::is_empty) => Some(
            format!("its parameter {:?} has no description", parameter.name),
        ),
        _ => None,
    })
}

/// The request body and the successes, each with what it is called.
fn bodies(operation: &Operation) -> Vec<(String, &Content)> {
    let mut bodies = Vec::new();
    if let Some(RefOr::T(body)) = &operation.request_body {
        bodies.extend(
            body.content
                .values()
                .map(|content| ("the request body".to_owned(), content)),
        );
    }
    for (status, response) in &operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            let name = format!("the body of its {status}");
            bodies.extend(
                response
                    .content
                    .values()
                    .map(|content| (name.clone(), content)),
            );
        }
    }
    let inline = bodies
        .into_iter()
        .filter_map(|(name, content)| match content {
            RefOr::T(content) => Some((name, content)),
            RefOr::Ref(_) => None,
        });
    inline.collect()
}
