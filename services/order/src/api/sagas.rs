//! Parked sagas over HTTP, for those who run the shop.

use axum::extract;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::{Error, ProblemDetails, Result};
use shoal_saga::{Decision, LogLine, SagaView};
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::Page;
use utoipa::ToSchema;

use super::caller;
use crate::State;
use crate::usecases::sagas;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_parked_sagas))
        .routes(routes!(get_saga))
        .routes(routes!(decide_saga))
}

/// A saga.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Saga)]
struct SagaBody {
    /// `sga_` and a ULID.
    #[schema(example = "sga_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    id: String,
    /// Which saga.
    #[schema(example = "place_order")]
    name: String,
    /// The order that it is about.
    #[schema(example = "ord_01jd2m3n4p5q6r7s8t9v0w1x2y")]
    subject: String,
    /// `active`, `completed`, `undone` or `parked`.
    #[schema(example = "parked")]
    phase: &'static str,
    /// `forward`, or `backward` while it is being undone.
    #[schema(example = "backward")]
    direction: &'static str,
    /// The current step.
    #[schema(example = "authorize")]
    step: String,
    /// Attempts of it.
    #[schema(example = 4)]
    attempt: u32,
    /// Why it turned back or stopped, if it did.
    #[schema(required)]
    failure: Option<ProblemDetails>,
    /// When it was started, Unix milliseconds.
    created_at_ms: i64,
    /// When it last changed, Unix milliseconds.
    updated_at_ms: i64,
}

/// A saga with everything that it did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SagaWithLog)]
struct SagaWithLog {
    /// The saga.
    saga: SagaBody,
    /// Its log, in order.
    log: Vec<LineBody>,
}

/// One line of a saga's log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SagaLogLine)]
struct LineBody {
    /// From 1.
    seq: i64,
    /// Unix milliseconds.
    at_ms: i64,
    /// What happened.
    #[schema(example = "failed")]
    entry: String,
    /// `forward` or `backward`.
    #[schema(example = "backward")]
    direction: String,
    /// To which step.
    #[schema(example = "authorize")]
    step: String,
    /// In which attempt.
    attempt: i64,
    /// Why an attempt failed.
    #[schema(example = "the provider did not answer within 2 s")]
    detail: String,
}

/// What is decided about a parked saga.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecideSaga {
    /// The decision.
    decision: DecisionBody,
}

/// What can be decided.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SagaDecision)]
enum DecisionBody {
    /// The cause is mended: try the failed action again.
    Retry,
    /// The failed action was done by hand: go on after it.
    Skip,
}

/// List parked sagas.
///
/// Those that wait for a person, the oldest first. Needs the role `admin`.
#[utoipa::path(get, path = "/order/v1/sagas/parked", tag = "sagas", params(PageRequest),
    responses((status = 200, description = "A page of parked sagas.", body = Page<SagaBody>)),
    security(("bearer" = [])))]
async fn list_parked_sagas(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    PageRequest(page): PageRequest,
) -> Result<Json<Page<SagaBody>>> {
    let page = sagas::parked(&shop, &caller(&identity), &page).await?;
    Ok(Json(page.map(SagaBody::from)))
}

/// Read a saga.
///
/// With its whole log. Needs the role `admin`.
#[utoipa::path(get, path = "/order/v1/sagas/{id}", tag = "sagas",
    params(("id" = String, Path, description = "`sga_` id.", example = "sga_01jd2m3n4p5q6r7s8t9v0w1x2y")),
    responses((status = 200, description = "The saga and its log.", body = SagaWithLog)),
    extensions(("x-error-codes" = json!(["order.saga_not_found"]))),
    security(("bearer" = [])))]
async fn get_saga(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<SagaWithLog>> {
    let (saga, log) = sagas::inspect(&shop, &caller(&identity), &id).await?;
    Ok(Json(SagaWithLog {
        saga: saga.into(),
        log: log.into_iter().map(LineBody::from).collect(),
    }))
}

/// Decide about a parked saga.
///
/// It then goes on by itself. Needs the role `admin`.
#[utoipa::path(post, path = "/order/v1/sagas/{id}/decision", tag = "sagas",
    params(("id" = String, Path, description = "`sga_` id.", example = "sga_01jd2m3n4p5q6r7s8t9v0w1x2y")), request_body = DecideSaga,
    responses((status = 202, description = "It goes on.", body = SagaBody)),
    extensions(("x-error-codes" = json!(["order.saga_not_found", "order.saga_not_parked"]))),
    security(("bearer" = [])))]
async fn decide_saga(
    extract::State(State(shop)): extract::State<State>,
    identity: Identity,
    Path(id): Path<String>,
    Json(body): Json<DecideSaga>,
) -> Result<(StatusCode, Json<SagaBody>), Error> {
    let decision = match body.decision {
        DecisionBody::Retry => Decision::Retry,
        DecisionBody::Skip => Decision::Skip,
    };
    let saga = sagas::decide(&shop, &caller(&identity), &id, decision).await?;
    Ok((StatusCode::ACCEPTED, Json(saga.into())))
}

impl From<SagaView> for SagaBody {
    fn from(saga: SagaView) -> Self {
        Self {
            id: saga.id,
            name: saga.name,
            subject: saga.subject,
            phase: saga.phase,
            direction: saga.direction,
            step: saga.step,
            attempt: saga.attempt,
            failure: saga.failure,
            created_at_ms: saga.created_at_ms,
            updated_at_ms: saga.updated_at_ms,
        }
    }
}

impl From<LogLine> for LineBody {
    fn from(line: LogLine) -> Self {
        Self {
            seq: line.seq,
            at_ms: line.at_ms,
            entry: line.entry,
            direction: line.direction,
            step: line.step,
            attempt: line.attempt,
            detail: line.detail,
        }
    }
}
