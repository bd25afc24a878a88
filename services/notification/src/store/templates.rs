//! Rows of `templates`, `template_versions` and `template_published`.

use shoal_error::{Error, Result};
use shoal_store::{Conn, SqlResultExt as _};
use sqlx::AssertSqlSafe;

use crate::codes::NotificationCode;
use crate::domain::channel::Channel;
use crate::domain::locale::Locale;
use crate::domain::template::Source;

/// A template without its texts.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) description: String,
    /// JSON object.
    pub(crate) sample: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// One version of one text, and whether it is the published one.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Version {
    pub(crate) channel: String,
    pub(crate) locale: String,
    pub(crate) version: i64,
    pub(crate) subject: String,
    pub(crate) body_text: String,
    pub(crate) body_html: String,
    pub(crate) link: String,
    pub(crate) origin: String,
    pub(crate) created_at: i64,
    /// 0 or 1.
    pub(crate) published: i64,
}

impl Version {
    pub(crate) fn source(&self) -> Source {
        Source {
            subject: self.subject.clone(),
            text: self.body_text.clone(),
            html: self.body_html.clone(),
            link: self.link.clone(),
        }
    }
}

/// Which text of which template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) template: &'a str,
    pub(crate) channel: Channel,
    pub(crate) locale: &'a str,
}

const VERSION_COLUMNS: &str = "v.channel, v.locale, v.version, v.subject, \
    v.body_text, v.body_html, v.link, v.origin, v.created_at, \
    CASE WHEN p.version = v.version THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS published";

const WITH_PUBLISHED: &str = "template_versions v LEFT JOIN template_published p \
    ON p.template = v.template AND p.channel = v.channel AND p.locale = v.locale";

/// Keeps a template's head; an existing one is changed.
pub(crate) async fn upsert(conn: &mut Conn, template: &Template) -> Result<()> {
    sqlx::query(
        "INSERT INTO templates (name, category, description, sample, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET \
         category = excluded.category, description = excluded.description, \
         sample = excluded.sample, updated_at = excluded.updated_at",
    )
    .bind(&template.name)
    .bind(&template.category)
    .bind(&template.description)
    .bind(&template.sample)
    .bind(template.created_at)
    .bind(template.updated_at)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// One template.
pub(crate) async fn get(conn: &mut Conn, name: &str) -> Result<Template> {
    let found: Option<Template> = sqlx::query_as("SELECT * FROM templates WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    found.ok_or_else(|| not_found(name))
}

/// One template, its row locked against other writers until the commit.
pub(crate) async fn lock(conn: &mut Conn, name: &str) -> Result<Template> {
    let done = sqlx::query("UPDATE templates SET name = name WHERE name = $1")
        .bind(name)
        .execute(&mut *conn)
        .await
        .db()?;
    if done.rows_affected() == 0 {
        return Err(not_found(name));
    }
    get(conn, name).await
}

/// Templates by name.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Template>> {
    sqlx::query_as("SELECT * FROM templates WHERE name > $1 ORDER BY name LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// All versions of a template: by channel and locale, newest first.
pub(crate) async fn versions(conn: &mut Conn, template: &str) -> Result<Vec<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM {WITH_PUBLISHED} WHERE v.template = $1 \
         ORDER BY v.channel, v.locale, v.version DESC"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(template)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// One version.
pub(crate) async fn version(conn: &mut Conn, key: Key<'_>, version: i64) -> Result<Version> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM {WITH_PUBLISHED} WHERE v.template = $1 \
         AND v.channel = $2 AND v.locale = $3 AND v.version = $4"
    );
    let found: Option<Version> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(key.template)
        .bind(key.channel.as_str())
        .bind(key.locale)
        .bind(version)
        .fetch_optional(&mut *conn)
        .await
        .db()?;
    found.ok_or_else(|| {
        Error::new(
            NotificationCode::VersionNotFound,
            format!(
                "Template {:?} has no version {version} for {} in {:?}.",
                key.template,
                key.channel.as_str(),
                key.locale
            ),
        )
    })
}

/// All versions of one text, newest first.
pub(crate) async fn of_text(conn: &mut Conn, key: Key<'_>) -> Result<Vec<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM {WITH_PUBLISHED} WHERE v.template = $1 \
         AND v.channel = $2 AND v.locale = $3 ORDER BY v.version DESC"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(key.template)
        .bind(key.channel.as_str())
        .bind(key.locale)
        .fetch_all(&mut *conn)
        .await
        .db()
}

/// Keeps a version. The template's row is locked, so the number is free.
pub(crate) async fn insert_version(
    conn: &mut Conn,
    key: Key<'_>,
    version: i64,
    source: &Source,
    origin: &str,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO template_versions (template, channel, locale, version, subject, body_text, \
         body_html, link, origin, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(key.template)
    .bind(key.channel.as_str())
    .bind(key.locale)
    .bind(version)
    .bind(&source.subject)
    .bind(&source.text)
    .bind(&source.html)
    .bind(&source.link)
    .bind(origin)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// Points the published text at a version.
pub(crate) async fn publish(
    conn: &mut Conn,
    key: Key<'_>,
    version: i64,
    by: &str,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO template_published (template, channel, locale, version, published_by, \
         published_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (template, channel, locale) DO UPDATE SET version = excluded.version, \
         published_by = excluded.published_by, published_at = excluded.published_at",
    )
    .bind(key.template)
    .bind(key.channel.as_str())
    .bind(key.locale)
    .bind(version)
    .bind(by)
    .bind(now)
    .execute(&mut *conn)
    .await
    .db()?;
    Ok(())
}

/// A template as it is used: its head and its published texts.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) category: String,
    /// JSON object.
    pub(crate) sample: String,
    pub(crate) texts: Vec<Version>,
}

impl Published {
    /// The text for a channel in the best language.
    pub(crate) fn best(&self, channel: Channel, locale: &Locale) -> Result<&Version> {
        let of_channel = |tag: &str| {
            let mut texts = self.texts.iter();
            texts.find(|text| text.channel == channel.as_str() && text.locale == tag)
        };
        locale
            .fallbacks()
            .into_iter()
            .find_map(of_channel)
            .ok_or_else(|| {
                Error::new(
                    NotificationCode::TemplateNotFound,
                    format!(
                        "Template {:?} has no published version for {} in {:?}.",
                        self.name,
                        channel.as_str(),
                        locale.as_str()
                    ),
                )
            })
    }

    /// Whether there is any text for a channel.
    pub(crate) fn speaks(&self, channel: Channel) -> bool {
        self.texts
            .iter()
            .any(|text| text.channel == channel.as_str())
    }
}

#[derive(sqlx::FromRow)]
struct PublishedRow {
    category: String,
    sample: String,
    channel: Option<String>,
    locale: Option<String>,
    version: Option<i64>,
    subject: Option<String>,
    body_text: Option<String>,
    body_html: Option<String>,
    link: Option<String>,
    origin: Option<String>,
    created_at: Option<i64>,
}

/// A template with its published texts, in one query: each notification asks.
pub(crate) async fn published(conn: &mut Conn, template: &str) -> Result<Published> {
    let rows: Vec<PublishedRow> = sqlx::query_as(
        "SELECT t.category, t.sample, v.channel, v.locale, v.version, v.subject, v.body_text, \
            v.body_html, v.link, v.origin, v.created_at \
         FROM templates t LEFT JOIN template_published p ON p.template = t.name \
         LEFT JOIN template_versions v ON v.template = p.template AND v.channel = p.channel \
            AND v.locale = p.locale AND v.version = p.version \
         WHERE t.name = $1",
    )
    .bind(template)
    .fetch_all(&mut *conn)
    .await
    .db()?;
    let first = rows.first().ok_or_else(|| not_found(template))?;
    Ok(Published {
        name: template.to_owned(),
        category: first.category.clone(),
        sample: first.sample.clone(),
        texts: rows
            .into_iter()
            .filter_map(PublishedRow::into_text)
            .collect(),
    })
}

impl PublishedRow {
    /// `None` for the row of a template without published texts.
    fn into_text(self) -> Option<Version> {
        Some(Version {
            channel: self.channel?,
            locale: self.locale?,
            version: self.version?,
            subject: self.subject?,
            body_text: self.body_text?,
            body_html: self.body_html?,
            link: self.link?,
            origin: self.origin?,
            created_at: self.created_at?,
            published: 1,
        })
    }
}

fn not_found(name: &str) -> Error {
    Error::new(
        NotificationCode::TemplateNotFound,
        format!("There is no template {name:?}."),
    )
}
