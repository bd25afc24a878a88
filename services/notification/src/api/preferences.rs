//! What the caller wants to hear, how, and in which language.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shoal_error::{Result, Violations};
use shoal_service::{Identity, Json, OpenApiRouter, routes};
use utoipa::ToSchema;

use crate::app::{App, PreferenceChange, Preferences};
use crate::domain::channel::{Category, Channel};
use crate::domain::locale::Locale;
use crate::domain::preference::{self, Choice};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get, change))
}

/// Whether one channel is used for one category.
#[derive(Debug, Serialize, ToSchema)]
struct ChoiceView {
    /// By which way.
    channel: Channel,
    /// About what.
    category: Category,
    /// Whether it is used.
    enabled: bool,
    /// Cannot be switched off.
    mandatory: bool,
}

/// Your preferences in full.
#[derive(Debug, Serialize, ToSchema)]
struct PreferencesView {
    /// Language of what you are told.
    #[schema(example = "de-AT")]
    locale: String,
    /// Every channel and category.
    choices: Vec<ChoiceView>,
}

impl From<Preferences> for PreferencesView {
    fn from(preferences: Preferences) -> Self {
        let view = |choice: Choice| ChoiceView {
            channel: choice.channel,
            category: choice.category,
            enabled: choice.enabled,
            mandatory: preference::is_mandatory(choice.channel, choice.category),
        };
        Self {
            locale: preferences.locale.as_str().to_owned(),
            choices: preferences.choices.into_iter().map(view).collect(),
        }
    }
}

/// A change of one choice.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChoiceChange {
    /// By which way.
    channel: Channel,
    /// About what.
    category: Category,
    /// Whether it is to be used.
    enabled: bool,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreferencesChange {
    /// Language tag such as `en` or `de-AT`.
    #[schema(
        example = "de-AT",
        max_length = 12,
        pattern = "^[A-Za-z]{2,3}(-([A-Za-z]{2}|[0-9]{3}|[A-Za-z]{4})){0,2}$"
    )]
    locale: Option<String>,
    /// Choices to change, all or none.
    #[serde(default)]
    #[schema(max_items = 15)]
    choices: Vec<ChoiceChange>,
}

/// Your preferences.
#[utoipa::path(get, operation_id = "get_preferences", path = "/preferences", tag = "preferences",
    responses((status = 200, description = "All of them.", body = PreferencesView)),
    security(("bearer" = [])))]
async fn get(State(app): State<App>, identity: Identity) -> Result<Json<PreferencesView>> {
    let preferences = app.preferences(identity.user_id()).await?;
    Ok(Json(preferences.into()))
}

/// Change some of your preferences.
///
/// Mail about orders, payments, the account and its security cannot be switched
/// off, nor can security notices in the inbox.
#[utoipa::path(patch, operation_id = "change_preferences", path = "/preferences", tag = "preferences",
    responses((status = 200, description = "All of them as they are now.", body = PreferencesView)),
    extensions(("x-error-codes" = json!(["notification.preference_mandatory"]))),
    security(("bearer" = [])))]
async fn change(
    State(app): State<App>,
    identity: Identity,
    Json(body): Json<PreferencesChange>,
) -> Result<Json<PreferencesView>> {
    let mut faults = Violations::new();
    faults.require(
        "/choices",
        body.choices.len() <= 15,
        "must have at most 15 entries",
    );
    let locale = body
        .locale
        .as_deref()
        .and_then(|t| faults.check("/locale", Locale::parse(t)));
    faults.finish()?;
    let choice = |c: ChoiceChange| Choice {
        channel: c.channel,
        category: c.category,
        enabled: c.enabled,
    };
    let change = PreferenceChange {
        choices: body.choices.into_iter().map(choice).collect(),
        locale,
    };
    let preferences = app.change_preferences(identity.user_id(), &change).await?;
    Ok(Json(preferences.into()))
}
