//! The OpenAPI document of a service: what its handlers are annotated with,
//! completed by what the chassis knows to be true of every operation.

mod codes;
mod standard;

use shoal_error::{FieldProblem, ProblemDetails};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::module::Module;

pub(crate) use codes::Catalogue;
pub use codes::UnknownCode;

/// Name of the security scheme that `security(("bearer" = []))` refers to.
pub const BEARER: &str = "bearer";

/// Extension that lists codes: ids on an operation, entries on the document.
const CODES: &str = "x-error-codes";

/// The complete document of a module, without building the module.
///
/// # Errors
/// When an operation names an error code that is not in the catalogue.
pub fn document<M: Module>() -> Result<OpenApi, UnknownCode> {
    let mut document = M::api().into_openapi();
    let catalogue = Catalogue::new(M::CODES);
    document.info = InfoBuilder::new()
        .title(format!("Shoal {}", M::NAME))
        .description(Some(M::ABOUT))
        .version(M::VERSION)
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .extensions(Some(catalogue.extension(M::CODES)))
        .build();
    let components = document.components.get_or_insert_default();
    let problem: [(_, RefOr<Schema>); 2] = [
        (ProblemDetails::name(), ProblemDetails::schema()),
        (FieldProblem::name(), FieldProblem::schema()),
    ];
    components
        .schemas
        .extend(problem.map(|(name, schema)| (name.into_owned(), schema)));
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("Access token of the auth service."))
        .build();
    components
        .security_schemes
        .insert(BEARER.to_owned(), SecurityScheme::Http(scheme).into());
    standard::complete(&mut document, &catalogue)?;
    Ok(document)
}
