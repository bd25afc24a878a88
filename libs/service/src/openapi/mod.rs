//! The OpenAPI document of a service: what its handlers are annotated with,
//! completed by what the chassis knows to be true of every operation, so that
//! teams write only what is theirs.
//!
//! | added here | from |
//! |---|---|
//! | title, version, licence, servers, the scheme of tokens | [`Module`] |
//! | ids of operations, unique on the whole platform | module and handler |
//! | failures by status, their codes, an example of each | the form of an operation, its `x-error-codes`, the catalogue |
//! | headers that every answer has | the HTTP stack |
//! | examples of bodies | the examples of their fields |
//!
//! [`faults`] lists what is still missing; a test of each service wants none.

mod codes;
mod examples;
mod faults;
mod headers;
mod operations;
mod standard;
mod unused;

use shoal_error::{FieldProblem, ProblemDetails};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Schema, ServerBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

use crate::module::Module;
use crate::ops::BuildInfo;

pub(crate) use codes::Catalogue;
pub use codes::UnknownCode;
pub use faults::faults;

/// Name of the security scheme that `security(("bearer" = []))` refers to.
pub const BEARER: &str = "bearer";

/// Extension that lists codes: ids on an operation and on its failures, entries
/// on the document.
const CODES: &str = "x-error-codes";

/// An empty router whose tags are described: pairs of a tag's name and what its
/// operations are about.
#[must_use]
pub fn router<S>(tags: &[(&str, &str)]) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let tag = |(name, about): &(&str, &str)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*about))
            .build()
    };
    let tags: Vec<_> = tags.iter().map(tag).collect();
    OpenApiRouter::with_openapi(OpenApiBuilder::new().tags(Some(tags)).build())
}

/// Says in a document that is served from which build it is. The contract in
/// git is not stamped: it is the same whoever builds it.
pub(crate) fn stamp(document: &mut OpenApi, build: BuildInfo) {
    if let Some(build) = build.build {
        let extensions = document.info.extensions.get_or_insert_default();
        extensions.insert("x-build".to_owned(), build.into());
    }
}

/// The complete document of a module, without building the module.
///
/// # Errors
/// When an operation names an error code that is not in the catalogue.
pub fn document<M: Module>() -> Result<OpenApi, UnknownCode> {
    let mut document = M::api().into_openapi();
    let catalogue = Catalogue::new(M::CODES);
    let license = LicenseBuilder::new()
        .name("Apache 2.0")
        .identifier(Some("Apache-2.0"))
        .build();
    document.info = InfoBuilder::new()
        .title(format!("Shoal {}", M::NAME))
        .description(Some(M::ABOUT))
        .version(M::VERSION)
        .license(Some(license))
        .extensions(Some(catalogue.extension(M::CODES)))
        .build();
    document.servers = Some(vec![
        server(
            "/".to_owned(),
            "The gateway, or whoever served this document.",
        ),
        server(
            format!("http://127.0.0.1:{}", M::PORT),
            "The service itself at its default address.",
        ),
    ]);
    let components = document.components.get_or_insert_default();
    let problem: [(_, RefOr<Schema>); 2] = [
        (ProblemDetails::name(), ProblemDetails::schema()),
        (FieldProblem::name(), FieldProblem::schema()),
    ];
    components
        .schemas
        .extend(problem.map(|(name, schema)| (name.into_owned(), schema)));
    components
        .security_schemes
        .insert(BEARER.to_owned(), bearer().into());
    components.headers.extend(headers::components());
    operations::name(&mut document, M::NAME);
    standard::complete(&mut document, &catalogue)?;
    examples::complete(&mut document);
    unused::remove(&mut document);
    Ok(document)
}

fn server(url: String, about: &str) -> utoipa::openapi::Server {
    ServerBuilder::new()
        .url(url)
        .description(Some(about))
        .build()
}

fn bearer() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "Access token of the auth service: `POST /auth/v1/login`, or for programs \
             `POST /auth/v1/oauth/token`.",
        ))
        .build();
    SecurityScheme::Http(scheme)
}
