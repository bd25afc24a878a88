//! The gray rules, for administrators: read, replace, pause, resume, and who
//! did what.

use std::sync::Arc;

use axum::extract::State as Ax;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shoal_error::{Error, Result};
use shoal_routing::{Rule, RuleSet};
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::page::Page;

use crate::State;
use crate::gray::{AuditEntry, AuditSource, Pause, Refusal, Replacement, Who};

/// Role that may see and change the rules.
const ADMIN: &str = "admin";
/// Name of the trail in its cursors.
const TRAIL: &str = "gray-audit";
/// Longest reason, in characters.
const MAX_REASON: usize = 500;

pub(crate) fn router() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list, replace))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(audit))
}

/// The rules that count now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GrayRules {
    /// Names this state of the rules; changes with them, not with pauses.
    #[schema(example = "9f86d081884c7d65")]
    revision: String,
    /// Path of the rules file at the gateway.
    #[schema(example = "/etc/shoal/gray.toml")]
    file: String,
    /// Why the file, as it is now, is not what counts; `null` when it is.
    #[schema(required)]
    refused: Option<GrayRefusal>,
    /// In their order.
    rules: Vec<GrayRuleState>,
}

/// A change of the file that was not taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"at_ms": 1_764_000_000_000_i64, "problem": "rule 1 (\"five-percent\"): when.percent: 140 is not between 0 and 100"}))]
struct GrayRefusal {
    /// When it was seen, in Unix milliseconds.
    at_ms: i64,
    /// What is wrong with it.
    problem: String,
}

/// A rule and whether it matches.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GrayRuleState {
    /// The rule.
    rule: Rule,
    /// Why it matches nothing at the moment; `null` when it does.
    #[schema(required)]
    paused: Option<GrayPause>,
}

/// Why a rule is paused.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"at_ms": 1_764_000_000_000_i64, "source": "rollback", "actor": "gateway", "reason": "12.00 % failed, against 0.40 % (gray 300 requests, stable 5700; p = 1.2e-30)"}))]
struct GrayPause {
    /// Since when, in Unix milliseconds.
    at_ms: i64,
    /// What led to it.
    source: AuditSource,
    /// Who did it: a user's id, or `gateway`.
    actor: String,
    /// Why, in words.
    reason: String,
}

/// Rules to count from now on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplaceGrayRules {
    /// All rules, in their order.
    #[schema(max_items = 64)]
    rules: Vec<Rule>,
    /// Why, for the trail.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "Five percent for the new prices."
    )]
    reason: String,
    /// Revision that this change began with; refused when the rules are others
    /// by now.
    #[serde(default)]
    #[schema(nullable, example = "9f86d081884c7d65")]
    expected_revision: Option<String>,
}

/// Why a rule is paused or resumed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeGrayRule {
    /// Why, for the trail.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "Customers report wrong totals."
    )]
    reason: String,
}

/// The gray rules that count now. Needs the role `admin`.
///
/// Rules are asked in their order; the first that matches a request colours it.
#[utoipa::path(get, operation_id = "list_gray_rules", path = "/gateway/v1/gray/rules", tag = "gray rules",
    responses((status = 200, description = "The rules.", body = GrayRules)),
    security(("bearer" = [])))]
async fn list(Ax(state): Ax<Arc<State>>, identity: Identity) -> Result<Json<GrayRules>> {
    identity.require_role(ADMIN)?;
    Ok(Json(view(&state).await))
}

/// Replace all gray rules. Needs the role `admin`.
///
/// Written to the rules file, comments there are lost. What is paused stays
/// paused. Requests that are under way keep their colour.
#[utoipa::path(put, operation_id = "replace_gray_rules", path = "/gateway/v1/gray/rules", tag = "gray rules",
    request_body = ReplaceGrayRules,
    responses((status = 200, description = "The rules as they count now.", body = GrayRules)),
    extensions(("x-error-codes" = json!(["common.conflict", "gateway.gray_rules_invalid"]))),
    security(("bearer" = [])))]
async fn replace(
    Ax(state): Ax<Arc<State>>,
    identity: Identity,
    Json(asked): Json<ReplaceGrayRules>,
) -> Result<Json<GrayRules>> {
    identity.require_role(ADMIN)?;
    let who = who(&identity, &asked.reason)?;
    let new = Replacement {
        set: RuleSet { rules: asked.rules },
        expected: asked.expected_revision,
    };
    state.gray.replace(new, who).await?;
    Ok(Json(view(&state).await))
}

/// Pause a gray rule. Needs the role `admin`.
///
/// It matches nothing until it is resumed, whatever becomes of the file. Its
/// requests are then asked of the rules after it.
#[utoipa::path(post, operation_id = "pause_gray_rule", path = "/gateway/v1/gray/rules/{name}/pause", tag = "gray rules",
    params(("name" = String, Path, description = "Name of the rule.", example = "five-percent")),
    request_body = ChangeGrayRule,
    responses((status = 204, description = "It is paused.")),
    extensions(("x-error-codes" = json!(["common.not_found"]))),
    security(("bearer" = [])))]
async fn pause(
    Ax(state): Ax<Arc<State>>,
    identity: Identity,
    Path(name): Path<String>,
    Json(asked): Json<ChangeGrayRule>,
) -> Result<StatusCode> {
    identity.require_role(ADMIN)?;
    state
        .gray
        .pause(&name, who(&identity, &asked.reason)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resume a gray rule. Needs the role `admin`.
///
/// Also after an automatic rollback, which nothing else undoes. The comparison
/// with stable begins anew.
#[utoipa::path(post, operation_id = "resume_gray_rule", path = "/gateway/v1/gray/rules/{name}/resume", tag = "gray rules",
    params(("name" = String, Path, description = "Name of the rule.", example = "five-percent")),
    request_body = ChangeGrayRule,
    responses((status = 204, description = "It is not paused.")),
    extensions(("x-error-codes" = json!(["common.not_found"]))),
    security(("bearer" = [])))]
async fn resume(
    Ax(state): Ax<Arc<State>>,
    identity: Identity,
    Path(name): Path<String>,
    Json(asked): Json<ChangeGrayRule>,
) -> Result<StatusCode> {
    identity.require_role(ADMIN)?;
    state
        .gray
        .resume(&name, who(&identity, &asked.reason)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who changed the gray rules, newest first. Needs the role `admin`.
///
/// Changes of the file, over HTTP, and automatic rollbacks, at the gateway that
/// answers.
#[utoipa::path(get, operation_id = "list_gray_audit", path = "/gateway/v1/gray/audit", tag = "gray rules",
    params(PageRequest),
    responses((status = 200, description = "A page.", body = Page<AuditEntry>)),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn audit(
    Ax(state): Ax<Arc<State>>,
    identity: Identity,
    PageRequest(request): PageRequest,
) -> Result<Json<Page<AuditEntry>>> {
    identity.require_role(ADMIN)?;
    // The cursor's key is a number of ours: its text is checked with it.
    let before = request.after(TRAIL)?.parse().unwrap_or(u64::MAX);
    let fetch = usize::try_from(request.fetch()?).unwrap_or(0);
    let entries = state.gray.trail().await?;
    let newest = entries.into_iter().rev();
    let rows = newest.filter(|entry| entry.seq < before).take(fetch);
    let page = Page::cut(rows.collect(), &request, TRAIL, |entry: &AuditEntry| {
        [entry.seq.to_string()]
    });
    Ok(Json(page?))
}

async fn view(state: &State) -> GrayRules {
    let active = state.gray.active();
    let rules = active.rules.set().rules.iter().map(|rule| GrayRuleState {
        paused: active.pauses.get(&rule.name).map(GrayPause::from),
        rule: rule.clone(),
    });
    GrayRules {
        rules: rules.collect(),
        revision: active.revision.clone(),
        file: state.gray.path().await,
        refused: state.gray.refused().map(GrayRefusal::from),
    }
}

fn who<'a>(identity: &'a Identity, reason: &'a str) -> Result<Who<'a>> {
    if reason.trim().is_empty() || reason.chars().count() > MAX_REASON {
        let why = format!("must be 1 to {MAX_REASON} characters that are not all blank");
        return Err(Error::invalid_field("/reason", why));
    }
    Ok(Who {
        user: identity.user_id(),
        reason,
    })
}

impl From<&Pause> for GrayPause {
    fn from(pause: &Pause) -> Self {
        Self {
            at_ms: pause.at_ms,
            source: pause.source,
            actor: pause.actor.clone(),
            reason: pause.reason.clone(),
        }
    }
}

impl From<Refusal> for GrayRefusal {
    fn from(refusal: Refusal) -> Self {
        Self {
            at_ms: refusal.at_ms,
            problem: refusal.problem,
        }
    }
}
