//! Templates: writing versions, proving them, publishing them.

use serde_json::Value;
use shoal_error::{Error, Result, ResultExt as _};
use shoal_store::page::{Page, PageRequest};

use super::App;
use super::seed::BUILTIN;
use crate::codes::NotificationCode;
use crate::domain::builtin;
use crate::domain::channel::{Category, Channel};
use crate::domain::locale::Locale;
use crate::domain::template::{Rendered, Source};
use crate::store::templates::{self, Key, Template, Version};

/// A template without its texts.
#[derive(Debug, Clone)]
pub(crate) struct TemplateHead {
    pub(crate) name: String,
    pub(crate) category: Category,
    pub(crate) description: String,
    /// A JSON object with which versions are proved.
    pub(crate) sample: Value,
}

/// A version to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    pub(crate) template: String,
    pub(crate) channel: Channel,
    pub(crate) locale: Locale,
    pub(crate) source: Source,
}

/// Names a version.
#[derive(Debug, Clone)]
pub(crate) struct VersionRef {
    pub(crate) template: String,
    pub(crate) channel: Channel,
    pub(crate) locale: Locale,
    pub(crate) version: i64,
}

impl VersionRef {
    fn key(&self) -> Key<'_> {
        Key {
            template: &self.template,
            channel: self.channel,
            locale: self.locale.as_str(),
        }
    }
}

impl App {
    /// Templates by name.
    pub(crate) async fn templates(&self, request: &PageRequest) -> Result<Page<Template>> {
        let (after, fetch) = (request.after("templates")?, request.fetch()?);
        let mut reader = self.inner.store.read().await?;
        let rows = templates::list(&mut reader, &after, fetch).await?;
        Page::cut(rows, request, "templates", |template| {
            [template.name.clone()]
        })
    }

    /// A template with all its versions.
    pub(crate) async fn template(&self, name: &str) -> Result<(Template, Vec<Version>)> {
        let mut reader = self.inner.store.read().await?;
        let head = templates::get(&mut reader, name).await?;
        let versions = templates::versions(&mut reader, name).await?;
        Ok((head, versions))
    }

    /// Makes or changes a template's head.
    pub(crate) async fn put_template(&self, head: TemplateHead) -> Result<Template> {
        if builtin::all()?
            .iter()
            .any(|builtin| builtin.name == head.name)
        {
            return Err(Error::new(
                NotificationCode::TemplateReserved,
                format!("{:?} is built in.", head.name),
            ));
        }
        let now = self.now();
        let row = Template {
            name: head.name,
            category: head.category.as_str().to_owned(),
            description: head.description,
            sample: serde_json::to_string(&head.sample).internal()?,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.inner.store.begin().await?;
        templates::upsert(&mut tx, &row).await?;
        let kept = templates::get(&mut tx, &row.name).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Writes a version; it isn't used before it is published.
    pub(crate) async fn add_version(&self, new: &NewVersion, author: &str) -> Result<Version> {
        self.inner.engine.check(&new.source)?;
        // `builtin` marks what a release may replace; no author is called so.
        let author = if author == BUILTIN { "unknown" } else { author };
        let key = Key {
            template: &new.template,
            channel: new.channel,
            locale: new.locale.as_str(),
        };
        let mut tx = self.inner.store.begin().await?;
        templates::lock(&mut tx, &new.template).await?;
        let versions = templates::of_text(&mut tx, key).await?;
        let number = versions.first().map_or(0, |newest| newest.version) + 1;
        templates::insert_version(&mut tx, key, number, &new.source, author, self.now()).await?;
        let written = templates::version(&mut tx, key, number).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Publishes a version, an older one too. It must render with the sample.
    pub(crate) async fn publish(&self, which: &VersionRef, by: &str) -> Result<Version> {
        let key = which.key();
        let mut tx = self.inner.store.begin().await?;
        let head = templates::lock(&mut tx, &which.template).await?;
        let version = templates::version(&mut tx, key, which.version).await?;
        let sample: Value = serde_json::from_str(&head.sample).internal()?;
        self.inner.engine.render(&version.source(), &sample)?;
        templates::publish(&mut tx, key, which.version, by, self.now()).await?;
        let published = templates::version(&mut tx, key, which.version).await?;
        tx.commit().await?;
        Ok(published)
    }

    /// Renders a stored version; without data, with the template's sample.
    pub(crate) async fn preview_version(
        &self,
        which: &VersionRef,
        data: Option<Value>,
    ) -> Result<Rendered> {
        let mut reader = self.inner.store.read().await?;
        let head = templates::get(&mut reader, &which.template).await?;
        let version = templates::version(&mut reader, which.key(), which.version).await?;
        self.inner
            .engine
            .render(&version.source(), &data_or_sample(data, &head.sample)?)
    }

    /// Renders the published version in the best language.
    pub(crate) async fn preview_published(
        &self,
        template: &str,
        channel: Channel,
        locale: &Locale,
        data: Option<Value>,
    ) -> Result<(Rendered, Version)> {
        let published = {
            let mut reader = self.inner.store.read().await?;
            templates::published(&mut reader, template).await?
        };
        let text = published.best(channel, locale)?;
        let data = data_or_sample(data, &published.sample)?;
        Ok((
            self.inner.engine.render(&text.source(), &data)?,
            text.clone(),
        ))
    }

    /// Renders a text that isn't stored.
    pub(crate) fn preview_source(&self, source: &Source, data: &Value) -> Result<Rendered> {
        self.inner.engine.check(source)?;
        self.inner.engine.render(source, data)
    }
}

fn data_or_sample(data: Option<Value>, sample: &str) -> Result<Value> {
    match data {
        Some(data) => Ok(data),
        None => serde_json::from_str(sample).internal(),
    }
}
