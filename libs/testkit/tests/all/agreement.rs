//! A module whose document lies in every way that the checks look for.

use std::panic::AssertUnwindSafe;

use axum::routing::{get, post};
use futures::FutureExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_error::Result;
use shoal_service::{
    Built, Identity, Json, Module, ModuleContext, OpenApiRouter, Path, openapi, routes,
};
use shoal_testkit::{TestService, assert_agreement, assert_documented};
use utoipa::{OpenApi, ToSchema};

struct Liar;
struct Honest;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NoSettings {}

/// A thing.
#[derive(Serialize, ToSchema)]
struct Thing {
    /// How many.
    #[schema(maximum = 10, example = 11)]
    count: u32,
    /// What it is called.
    name: String,
}

/// A thing that is described well.
#[derive(Serialize, ToSchema)]
struct Good {
    /// How many.
    #[schema(maximum = 10, example = 7)]
    count: u32,
}

/// Asks for no token, and says it does.
#[utoipa::path(get, path = "/liar/v1/open", tag = "undescribed", security(("bearer" = [])),
    responses((status = 200, description = "Something.", body = Thing)))]
async fn open() -> Json<u32> {
    Json(1)
}

/// Asks for a token, and does not say so.
#[utoipa::path(get, path = "/liar/v1/closed", tag = "things", operation_id = "open",
    responses((status = 200, description = "Nothing.")))]
async fn closed(_: Identity) -> Json<u32> {
    Json(1)
}

/// Is not there.
#[utoipa::path(get, path = "/liar/v1/ghost", tag = "things",
    responses((status = 204, description = "Nothing.")))]
#[expect(dead_code, reason = "documented, and never routed")]
fn ghost() {}

#[derive(OpenApi)]
#[openapi(paths(ghost))]
struct Ghost;

impl Module for Liar {
    const NAME: &'static str = "liar";
    const VERSION: &'static str = "1.0.0";
    const ABOUT: &'static str = "Lies.";
    const PORT: u16 = 0;
    type Config = NoSettings;
    type State = ();

    fn api() -> OpenApiRouter<()> {
        openapi::router(&[("things", "Things."), ("unused", "Nothing.")])
            .merge(OpenApiRouter::with_openapi(Ghost::openapi()))
            .routes(routes!(open))
            .routes(routes!(closed))
            .route("/liar/v1/hidden", get(|| async { "found" }))
            .route("/liar/v1/open", post(|| async { "found" }))
    }

    async fn build(_: ModuleContext<NoSettings>) -> Result<Built<()>> {
        Ok(Built::new(()))
    }
}

/// Read a thing.
#[utoipa::path(get, path = "/honest/v1/things/{id}", tag = "things", security(("bearer" = [])),
    params(("id" = u64, Path, description = "Its number.", example = 1)),
    responses((status = 200, description = "The thing.", body = Good)))]
async fn read(_: Identity, Path(id): Path<u32>) -> Json<Good> {
    Json(Good { count: id })
}

impl Module for Honest {
    const NAME: &'static str = "honest";
    const VERSION: &'static str = "1.0.0";
    const ABOUT: &'static str = "Keeps its word.";
    const PORT: u16 = 0;
    type Config = NoSettings;
    type State = ();

    fn api() -> OpenApiRouter<()> {
        openapi::router(&[("things", "Things.")]).routes(routes!(read))
    }

    async fn build(_: ModuleContext<NoSettings>) -> Result<Built<()>> {
        Ok(Built::new(()))
    }
}

/// What the panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.expect("a panic with a text")
}

fn assert_says(text: &str, faults: &[&str]) {
    for fault in faults {
        assert!(text.contains(fault), "{fault:?} is missing in:\n{text}");
    }
}

#[test]
fn a_document_that_lacks_something_is_refused_with_all_that_it_lacks() {
    let panic = std::panic::catch_unwind(assert_documented::<Liar>).unwrap_err();
    assert_says(
        &said(&*panic),
        &[
            "its id \"liar_open\" is also that of",
            "its tag \"undescribed\" is not described",
            "the tag \"unused\" is described, but no operation has it",
            "the body of its 200 has no example: /name has no example",
            "/components/schemas/Thing/properties/count/example: 11 is greater than the maximum of 10",
            "the route /liar/v1/hidden is not in the document",
        ],
    );
}

#[tokio::test]
async fn a_service_that_does_otherwise_than_its_document_says_is_refused() {
    let service = TestService::<Liar>::builder()
        .start_without_database()
        .await;
    let checked = AssertUnwindSafe(assert_agreement(&service)).catch_unwind();
    let text = said(&*checked.await.unwrap_err());
    assert_says(
        &text,
        &[
            "GET /liar/v1/open is documented to need a token, but answered 200 without one",
            "GET /liar/v1/closed is documented as open, but asks for a token",
            "GET /liar/v1/ghost is documented, but there is no such route",
            "POST /liar/v1/open is not documented, but answered 200 OK",
        ],
    );
    assert!(!text.contains("PUT /liar/v1/open"), "{text}");
    service.stop().await;
}

#[tokio::test]
async fn a_module_that_keeps_its_word_passes() {
    assert_documented::<Honest>();
    let service = TestService::<Honest>::builder()
        .start_without_database()
        .await;
    assert_agreement(&service).await;
    service.stop().await;
}
