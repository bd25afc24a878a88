//! Templates and their versions, for admins.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shoal_error::{CommonCode, Error, Result, Violations};
use shoal_service::{Identity, Json, OpenApiRouter, PageRequest, Path, routes};
use shoal_store::page::Page;
use utoipa::ToSchema;

use super::require_admin;
use crate::app::{App, NewVersion, TemplateHead, VersionRef};
use crate::domain::channel::{Category, Channel};
use crate::domain::locale::Locale;
use crate::domain::template::{Rendered, Source};
use crate::store::templates::{Template, Version};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(preview_source))
        .routes(routes!(get_one, put))
        .routes(routes!(add_version))
        .routes(routes!(publish))
        .routes(routes!(preview_version))
}

/// A template without its texts.
#[derive(Debug, Serialize, ToSchema)]
struct TemplateView {
    /// Its name.
    #[schema(example = "order_confirmed")]
    name: String,
    /// What it is about; decides which preferences apply.
    category: Category,
    /// When it is sent.
    #[schema(example = "Sent to everybody in spring.")]
    description: String,
    /// Data with which its versions are proved.
    #[schema(value_type = Object, example = json!({"name": "Ada", "price_minor": 990, "currency": "EUR"}))]
    sample: Value,
    /// Unix milliseconds.
    created_at_ms: i64,
    /// Unix milliseconds.
    updated_at_ms: i64,
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        Self {
            name: template.name,
            category: Category::parse(&template.category).unwrap_or(Category::News),
            description: template.description,
            sample: serde_json::from_str(&template.sample).unwrap_or_default(),
            created_at_ms: template.created_at,
            updated_at_ms: template.updated_at,
        }
    }
}

/// One version of one text. Never changes once written.
#[derive(Debug, Serialize, ToSchema)]
struct VersionView {
    /// For which channel.
    channel: Channel,
    /// In which language.
    #[schema(example = "en")]
    locale: String,
    /// Counts from 1 for each channel and language.
    #[schema(example = 2)]
    version: i64,
    /// Whether it is the one that is used.
    published: bool,
    /// `builtin`, or who wrote it.
    #[schema(example = "builtin")]
    origin: String,
    /// Its text.
    source: SourceView,
    /// Unix milliseconds.
    created_at_ms: i64,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            channel: Channel::parse(&version.channel).unwrap_or(Channel::Email),
            locale: version.locale.clone(),
            version: version.version,
            published: version.published == 1,
            origin: version.origin.clone(),
            created_at_ms: version.created_at,
            source: version.source().into(),
        }
    }
}

/// The parts of a text, in the syntax of Jinja. Undefined values are errors;
/// filters besides the usual ones are `money(currency)` and `date`; HTML may
/// begin with `{% extends "layout.html" %}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SourceView {
    /// Subject of the mail, title of the inbox item; one line.
    #[schema(example = "Spring offer for {{ name }}")]
    subject: String,
    /// Plain text.
    #[schema(example = "Dear {{ name }}, herring is at {{ price_minor | money(currency) }}.")]
    text: String,
    /// HTML of the mail; values are escaped. Absent: the mail is plain text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(
        example = "<p>Dear {{ name }}, herring is at {{ price_minor | money(currency) }}.</p>"
    )]
    html: String,
    /// Path in the application that an inbox item leads to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "/offers/spring")]
    link: String,
}

impl From<Source> for SourceView {
    fn from(source: Source) -> Self {
        let Source {
            subject,
            text,
            html,
            link,
        } = source;
        Self {
            subject,
            text,
            html,
            link,
        }
    }
}

impl From<SourceView> for Source {
    fn from(view: SourceView) -> Self {
        let SourceView {
            subject,
            text,
            html,
            link,
        } = view;
        Self {
            subject,
            text,
            html,
            link,
        }
    }
}

/// A template with all its versions.
#[derive(Debug, Serialize, ToSchema)]
struct TemplateDetail {
    /// The template.
    #[serde(flatten)]
    template: TemplateView,
    /// By channel and language, newest first.
    versions: Vec<VersionView>,
}

/// What is said about a template.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutTemplate {
    /// What it is about; decides which preferences apply.
    category: Category,
    /// When it is sent, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500, example = "Sent to everybody in spring.")]
    description: String,
    /// Data with which its versions are proved.
    #[schema(value_type = Object, example = json!({"name": "Ada", "price_minor": 990, "currency": "EUR"}))]
    sample: Value,
}

/// A channel that carries text; webhooks carry data.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the text; Channel reads it")]
enum TextChannel {
    /// E-mail.
    Email,
    /// The in-app inbox.
    Inbox,
}

/// A version to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddVersion {
    /// For which channel: `email` or `inbox`.
    #[schema(value_type = TextChannel)]
    channel: Channel,
    /// In which language.
    #[schema(
        example = "en",
        max_length = 12,
        pattern = "^[A-Za-z]{2,3}(-([A-Za-z]{2}|[0-9]{3}|[A-Za-z]{4})){0,2}$"
    )]
    locale: String,
    /// Its text.
    source: SourceView,
}

/// A text to be rendered without being kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewSource {
    /// The text.
    source: SourceView,
    /// The values.
    #[schema(value_type = Object, example = json!({"name": "Ada", "price_minor": 990, "currency": "EUR"}))]
    data: Value,
}

/// Values for a preview.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct PreviewData {
    /// The values; the template's sample unless said.
    #[schema(value_type = Option<Object>, example = json!({"name": "Ada", "price_minor": 990, "currency": "EUR"}))]
    data: Option<Value>,
}

/// What came out.
#[derive(Debug, Serialize, ToSchema)]
struct RenderedView {
    /// One line.
    #[schema(example = "Spring offer for Ada")]
    subject: String,
    /// Plain text.
    #[schema(example = "Dear Ada, herring is at 9.90 EUR.")]
    text: String,
    /// HTML, if the text has any.
    #[schema(required, example = "<p>Dear Ada, herring is at 9.90 EUR.</p>")]
    html: Option<String>,
    /// Path, if the text has any.
    #[schema(required, example = "/offers/spring")]
    link: Option<String>,
}

impl From<Rendered> for RenderedView {
    fn from(rendered: Rendered) -> Self {
        let said = |text: String| (!text.is_empty()).then_some(text);
        Self {
            subject: rendered.subject,
            text: rendered.text,
            html: said(rendered.html),
            link: said(rendered.link),
        }
    }
}

/// Templates by name. Needs the role `admin`.
#[utoipa::path(get, operation_id = "list_templates", path = "/templates", tag = "templates", params(PageRequest),
    responses((status = 200, description = "A page.", body = Page<TemplateView>)),
    extensions(("x-error-codes" = json!(["common.invalid_cursor"]))),
    security(("bearer" = [])))]
async fn list(
    State(app): State<App>,
    identity: Identity,
    PageRequest(request): PageRequest,
) -> Result<Json<Page<TemplateView>>> {
    require_admin(&identity)?;
    Ok(Json(app.templates(&request).await?.map(TemplateView::from)))
}

/// A template with all its versions. Needs the role `admin`.
#[utoipa::path(get, operation_id = "get_template", path = "/templates/{name}", tag = "templates",
    params(("name" = String, Path, description = "Name of the template.", example = "spring_offer")),
    responses((status = 200, description = "The template.", body = TemplateDetail)),
    extensions(("x-error-codes" = json!(["notification.template_not_found"]))),
    security(("bearer" = [])))]
async fn get_one(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
) -> Result<Json<TemplateDetail>> {
    require_admin(&identity)?;
    let (template, versions) = app.template(&name).await?;
    Ok(Json(TemplateDetail {
        template: template.into(),
        versions: versions.into_iter().map(VersionView::from).collect(),
    }))
}

/// Make a template, or change what is said about it. Needs the role `admin`.
///
/// Its texts are versions of their own.
#[utoipa::path(put, operation_id = "put_template", path = "/templates/{name}", tag = "templates",
    params(("name" = String, Path, pattern = "^[a-z][a-z0-9_]{0,63}$", example = "spring_offer",
        description = "1 to 64 of a-z, 0-9 and _, beginning with a letter; not `preview`.")),
    responses((status = 200, description = "The template as it is now.", body = TemplateView)),
    extensions(("x-error-codes" = json!(["notification.template_reserved"]))),
    security(("bearer" = [])))]
async fn put(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
    Json(body): Json<PutTemplate>,
) -> Result<Json<TemplateView>> {
    require_admin(&identity)?;
    check_name(&name)?;
    let mut faults = Violations::new();
    let short = body.description.chars().count() <= 500;
    faults.require("/description", short, "must have at most 500 characters");
    faults.require("/sample", body.sample.is_object(), "must be an object");
    faults.finish()?;
    let head = TemplateHead {
        name,
        category: body.category,
        description: body.description,
        sample: body.sample,
    };
    Ok(Json(app.put_template(head).await?.into()))
}

/// Write a version of a text. Needs the role `admin`.
///
/// It is checked, but not used before it is published.
#[utoipa::path(post, operation_id = "add_template_version", path = "/templates/{name}/versions", tag = "templates",
    params(("name" = String, Path, description = "Name of the template.", example = "spring_offer")),
    responses((status = 201, description = "Written.", body = VersionView)),
    extensions(("x-error-codes" = json!(["notification.template_not_found",
        "notification.template_invalid", "notification.template_too_large"]))),
    security(("bearer" = [])))]
async fn add_version(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
    Json(body): Json<AddVersion>,
) -> Result<(StatusCode, Json<VersionView>)> {
    require_admin(&identity)?;
    let mut faults = Violations::new();
    faults.require(
        "/channel",
        Channel::TEMPLATED.contains(&body.channel),
        "must be email or inbox; webhooks carry data, not text",
    );
    let locale = faults.check("/locale", Locale::parse(&body.locale));
    faults.finish()?;
    let new = NewVersion {
        template: name,
        channel: body.channel,
        locale: locale.unwrap_or_default(),
        source: body.source.into(),
    };
    let version = app.add_version(&new, identity.user_id()).await?;
    Ok((StatusCode::CREATED, Json(version.into())))
}

/// Publish a version, or go back to an older one. Needs the role `admin`.
///
/// It must render with the template's sample. Deliveries that are rendered from
/// now on use it.
#[utoipa::path(post, operation_id = "publish_template_version", tag = "templates",
    path = "/templates/{name}/{channel}/{locale}/versions/{version}/publish",
    params(("name" = String, Path, description = "Name of the template.", example = "spring_offer"),
        ("channel" = TextChannel, Path, description = "`email` or `inbox`."),
        ("locale" = String, Path, description = "Language tag.",
            pattern = "^[A-Za-z]{2,3}(-([A-Za-z]{2}|[0-9]{3}|[A-Za-z]{4})){0,2}$", max_length = 12, example = "en"),
        ("version" = i64, Path, description = "Number of the version.", example = 1)),
    responses((status = 200, description = "Published.", body = VersionView)),
    extensions(("x-error-codes" = json!(["notification.template_not_found",
        "notification.version_not_found", "notification.template_render",
        "notification.template_too_large"]))),
    security(("bearer" = [])))]
async fn publish(
    State(app): State<App>,
    identity: Identity,
    Path(path): Path<(String, Channel, String, i64)>,
) -> Result<Json<VersionView>> {
    require_admin(&identity)?;
    let version = app.publish(&version_ref(path)?, identity.user_id()).await?;
    Ok(Json(version.into()))
}

/// Render a version without sending it. Needs the role `admin`.
#[utoipa::path(post, operation_id = "preview_template_version", tag = "templates",
    path = "/templates/{name}/{channel}/{locale}/versions/{version}/preview",
    params(("name" = String, Path, description = "Name of the template.", example = "spring_offer"),
        ("channel" = TextChannel, Path, description = "`email` or `inbox`."),
        ("locale" = String, Path, description = "Language tag.",
            pattern = "^[A-Za-z]{2,3}(-([A-Za-z]{2}|[0-9]{3}|[A-Za-z]{4})){0,2}$", max_length = 12, example = "en"),
        ("version" = i64, Path, description = "Number of the version.", example = 1)),
    responses((status = 200, description = "What came out.", body = RenderedView)),
    extensions(("x-error-codes" = json!(["notification.template_not_found",
        "notification.version_not_found", "notification.template_render",
        "notification.template_too_large"]))),
    security(("bearer" = [])))]
async fn preview_version(
    State(app): State<App>,
    identity: Identity,
    Path(path): Path<(String, Channel, String, i64)>,
    Json(body): Json<PreviewData>,
) -> Result<Json<RenderedView>> {
    require_admin(&identity)?;
    let rendered = app.preview_version(&version_ref(path)?, body.data).await?;
    Ok(Json(rendered.into()))
}

/// Render a text that is not kept. Needs the role `admin`.
#[utoipa::path(post, operation_id = "preview_template_source", path = "/templates/preview", tag = "templates",
    responses((status = 200, description = "What came out.", body = RenderedView)),
    extensions(("x-error-codes" = json!(["notification.template_invalid",
        "notification.template_render", "notification.template_too_large"]))),
    security(("bearer" = [])))]
async fn preview_source(
    State(app): State<App>,
    identity: Identity,
    Json(body): Json<PreviewSource>,
) -> Result<Json<RenderedView>> {
    require_admin(&identity)?;
    let rendered = app.preview_source(&body.source.into(), &body.data)?;
    Ok(Json(rendered.into()))
}

fn version_ref(
    (template, channel, locale, version): (String, Channel, String, i64),
) -> Result<VersionRef> {
    let locale = Locale::parse(&locale).map_err(|bad| {
        Error::new(CommonCode::InvalidPath, "The language is not one.")
            .with_field("locale", bad.to_string())
    })?;
    Ok(VersionRef {
        template,
        channel,
        locale,
        version,
    })
}

fn check_name(name: &str) -> Result<()> {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if starts && rest && name.len() <= 64 && name != "preview" {
        return Ok(());
    }
    let why = "must be 1 to 64 of a-z, 0-9 and _, begin with a letter, and not be `preview`";
    Err(Error::new(CommonCode::InvalidPath, format!("The name {why}.")).with_field("name", why))
}
