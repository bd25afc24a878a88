//! The module under test: one handler per thing that the chassis promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shoal_error::{CodeSpec, Error, Result};
use shoal_service::{
    Built, Class, Classes, ConfigFault, Context, IdempotencyKey, Identity, Json, Module,
    ModuleContext, OpenApiRouter, OptionalIdentity, PageRequest, Path, Query, routes,
};
use shoal_testkit::{TestService, TestServiceBuilder};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

pub(crate) struct Toy;

shoal_error::codes! {
    /// Codes of the toy.
    pub(crate) enum ToyCode("toy") {
        /// Broken.
        Broken: "toy.broken", Conflict, "The toy is broken", "Mend the toy.";
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ToyConfig {
    /// How many there are.
    #[schemars(range(min = 1, max = 9))]
    pub(crate) count: u32,
    /// What it is called; text even when it looks like a number.
    pub(crate) label: String,
    /// Its wheels.
    pub(crate) wheels: Wheels,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wheels {
    /// What the wheels are made of.
    pub(crate) material: Material,
    /// Radius in millimetres.
    pub(crate) radius_mm: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Material {
    Wood,
    Rubber,
}

impl Default for ToyConfig {
    fn default() -> Self {
        Self {
            count: 3,
            label: "toy".to_owned(),
            wheels: Wheels::default(),
        }
    }
}

impl Default for Wheels {
    fn default() -> Self {
        Self {
            material: Material::Wood,
            radius_mm: 20,
        }
    }
}

/// What the tests look at from outside.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) entered: Arc<AtomicUsize>,
    pub(crate) dropped: Arc<AtomicUsize>,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) workers: Arc<Semaphore>,
}

impl Probe {
    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

tokio::task_local! {
    /// Handed to the module that a test starts in its own task.
    static PROBE: Probe;
}

/// Runs a whole program with a probe that nobody looks at.
pub(crate) fn with_probe<T>(program: impl FnOnce() -> T) -> T {
    *EVERYWHERE.lock().unwrap() = Some(Probe {
        entered: Arc::default(),
        dropped: Arc::default(),
        gate: Arc::new(Semaphore::new(0)),
        workers: Arc::new(Semaphore::new(WORKERS)),
    });
    program()
}

/// For a program that makes its own runtime, where no task is the test's.
static EVERYWHERE: std::sync::Mutex<Option<Probe>> = std::sync::Mutex::new(None);

/// Starts the toy as `change` sets it up.
pub(crate) async fn toy_with(
    change: impl FnOnce(TestServiceBuilder<Toy>) -> TestServiceBuilder<Toy>,
) -> (TestService<Toy>, Probe) {
    let probe = Probe {
        entered: Arc::default(),
        dropped: Arc::default(),
        gate: Arc::new(Semaphore::new(0)),
        workers: Arc::new(Semaphore::new(WORKERS)),
    };
    let start = change(TestService::builder()).start_without_database();
    (PROBE.scope(probe.clone(), start).await, probe)
}

pub(crate) async fn toy() -> TestService<Toy> {
    toy_with(|builder| builder).await.0
}

impl Module for Toy {
    const NAME: &'static str = "toy";
    const VERSION: &'static str = "1.2.3";
    const ABOUT: &'static str = "A toy.";
    const PORT: u16 = 0;
    const CODES: &'static [CodeSpec] = ToyCode::CATALOGUE;
    const GRPC: &'static [&'static str] = &["toy.v1.Toy"];
    const CLASSES: Classes = &[("GET /toy/v1/bulk", Class::Batch)];
    type Config = ToyConfig;
    type State = Probe;

    fn api() -> OpenApiRouter<Probe> {
        OpenApiRouter::new()
            .routes(routes!(list, create))
            .routes(routes!(get_one, remove))
            .routes(routes!(search))
            .routes(routes!(whoami))
            .routes(routes!(maybe))
            .routes(routes!(caller))
            .routes(routes!(admin))
            .routes(routes!(sleep))
            .routes(routes!(hold))
            .routes(routes!(work))
            .routes(routes!(bulk))
            .routes(routes!(boom))
            .routes(routes!(time_left))
    }

    fn check_config(config: &ToyConfig) -> Result<(), ConfigFault> {
        if config.label == "forbidden" {
            return Err(ConfigFault::new("label", "\"forbidden\" is taken"));
        }
        Ok(())
    }

    async fn build(_: ModuleContext<ToyConfig>) -> Result<Built<Probe>> {
        let probe = PROBE.try_with(Clone::clone).ok();
        let probe = probe.or_else(|| EVERYWHERE.lock().unwrap().clone());
        let probe = probe.ok_or_else(|| Error::internal("no probe"))?;
        Ok(Built::new(probe).grpc(super::protocol::ToyGrpc))
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) quantity: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Least price.
    min: u32,
}

/// List parts.
#[utoipa::path(get, path = "/toy/v1/parts", params(PageRequest),
    responses((status = 200, description = "A page.", body = Vec<String>)))]
async fn list(PageRequest(page): PageRequest) -> Result<Json<u32>> {
    page.cursor("parts")?;
    Ok(Json(page.limit()?))
}

/// Make a part.
#[utoipa::path(post, path = "/toy/v1/parts", params(IdempotencyKey),
    extensions(("x-error-codes" = json!(["toy.broken"]))),
    responses((status = 201, description = "Made.", body = Part)))]
async fn create(key: IdempotencyKey, Json(part): Json<Part>) -> Result<(StatusCode, Json<Part>)> {
    if key.as_str() == "break-it" {
        return Err(Error::new(ToyCode::Broken, "It broke."));
    }
    Ok((StatusCode::CREATED, Json(part)))
}

/// Get a part.
#[utoipa::path(get, path = "/toy/v1/parts/{number}", params(("number" = u64, Path, description = "Its number.")),
    responses((status = 200, description = "Its number.", body = u64)))]
async fn get_one(Path(number): Path<u64>) -> Json<u64> {
    Json(number)
}

/// Remove a part.
#[utoipa::path(delete, path = "/toy/v1/parts/{number}", security(("bearer" = [])),
    params(("number" = u64, Path, description = "Its number.")),
    responses((status = 204, description = "Gone.")))]
async fn remove(_: Identity, Path(_number): Path<u64>) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Search.
#[utoipa::path(get, path = "/toy/v1/search", params(Search),
    responses((status = 200, description = "The least price.", body = u32)))]
async fn search(Query(search): Query<Search>) -> Json<u32> {
    Json(search.min)
}

/// Who am I?
#[utoipa::path(get, path = "/toy/v1/whoami", security(("bearer" = [])),
    responses((status = 200, description = "User id, also as the context has it.", body = Vec<String>)))]
async fn whoami(identity: Identity, context: Context) -> Json<[Option<String>; 2]> {
    Json([
        Some(identity.user_id().to_owned()),
        context.meta().user_id.clone(),
    ])
}

/// Who am I, if anybody?
#[utoipa::path(get, path = "/toy/v1/maybe",
    responses((status = 200, description = "User id.", body = Option<String>)))]
async fn maybe(OptionalIdentity(identity): OptionalIdentity) -> Json<Option<String>> {
    Json(identity.map(|identity| identity.user_id().to_owned()))
}

/// Whom the context names.
#[utoipa::path(get, path = "/toy/v1/caller",
    responses((status = 200, description = "User and colour.", body = Vec<String>)))]
async fn caller(context: Context) -> Json<[Option<String>; 2]> {
    let meta = context.meta();
    Json([meta.user_id.clone(), meta.gray_version.clone()])
}

/// For administrators.
#[utoipa::path(get, path = "/toy/v1/admin", security(("bearer" = [])),
    responses((status = 204, description = "Allowed.")))]
async fn admin(identity: Identity) -> Result<StatusCode> {
    identity.require_role("admin")?;
    Ok(StatusCode::NO_CONTENT)
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Sleeps a second.
#[utoipa::path(get, path = "/toy/v1/sleep", responses((status = 204, description = "Slept.")))]
async fn sleep(State(probe): State<Probe>) -> StatusCode {
    let _drop = CountDrop(Arc::clone(&probe.dropped));
    probe.entered.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    StatusCode::NO_CONTENT
}

/// Waits until the test opens the gate.
#[utoipa::path(get, path = "/toy/v1/hold", responses((status = 204, description = "Let go.")))]
async fn hold(State(probe): State<Probe>) -> StatusCode {
    let _drop = CountDrop(Arc::clone(&probe.dropped));
    probe.entered.fetch_add(1, Ordering::SeqCst);
    probe.gate.acquire().await.unwrap().forget();
    StatusCode::NO_CONTENT
}

/// Of such pieces of work so many can be done at once.
pub(crate) const WORKERS: usize = 4;
/// How long one takes.
pub(crate) const WORK: Duration = Duration::from_millis(150);

/// Works for 150 ms once a worker is free, as with a pool of connections.
#[utoipa::path(get, path = "/toy/v1/work", responses((status = 200, description = "Its class.", body = String)))]
async fn work(State(probe): State<Probe>, context: Context) -> Json<&'static str> {
    probe.entered.fetch_add(1, Ordering::SeqCst);
    let _worker = probe.workers.acquire().await.unwrap();
    tokio::time::sleep(WORK).await;
    Json(context.meta().class.as_str())
}

/// The same, as bulk work.
#[utoipa::path(get, path = "/toy/v1/bulk", responses((status = 200, description = "Its class.", body = String)))]
async fn bulk(probe: State<Probe>, context: Context) -> Json<&'static str> {
    work(probe, context).await
}

/// Panics.
#[utoipa::path(get, path = "/toy/v1/boom", responses((status = 204, description = "Never.")))]
async fn boom() -> StatusCode {
    panic!("the secret is 1234");
}

/// Time left, in milliseconds.
#[utoipa::path(get, path = "/toy/v1/time-left",
    responses((status = 200, description = "Milliseconds.", body = u64)))]
async fn time_left(context: Context) -> Json<u64> {
    let left = context.remaining().unwrap_or_default();
    Json(u64::try_from(left.as_millis()).unwrap())
}
