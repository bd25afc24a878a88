//! Bringing the built-in templates into the database.

use shoal_error::{Result, ResultExt as _};
use shoal_store::Conn;

use super::App;
use crate::domain::builtin::{self, Builtin, BuiltinText};
use crate::store::templates::{self, Key, Template};

/// Who wrote the built-in versions.
pub(super) const BUILTIN: &str = "builtin";

impl App {
    /// Adds what is missing, and a new version where a release brings a new
    /// text. Several instances may do so at once: the template's row is locked.
    pub(super) async fn seed_templates(&self) -> Result<()> {
        let now = self.now();
        let builtins = builtin::all()?;
        self.inner
            .store
            .transaction(|tx| {
                let builtins = builtins.clone();
                Box::pin(async move {
                    for builtin in &builtins {
                        seed(tx, builtin, now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

async fn seed(conn: &mut Conn, builtin: &Builtin, now: i64) -> Result<()> {
    let head = Template {
        name: builtin.name.to_owned(),
        category: builtin.category.as_str().to_owned(),
        description: builtin.description.clone(),
        sample: serde_json::to_string(&builtin.sample).internal()?,
        created_at: now,
        updated_at: now,
    };
    templates::upsert(conn, &head).await?;
    for text in &builtin.texts {
        seed_text(conn, builtin.name, text, now).await?;
    }
    Ok(())
}

async fn seed_text(conn: &mut Conn, name: &str, text: &BuiltinText, now: i64) -> Result<()> {
    let key = Key {
        template: name,
        channel: text.channel,
        locale: &text.locale,
    };
    let source = text.source();
    let versions = templates::of_text(conn, key).await?;
    if versions
        .iter()
        .any(|v| v.origin == BUILTIN && v.source() == source)
    {
        return Ok(());
    }
    let number = versions.iter().map(|v| v.version).max().unwrap_or(0) + 1;
    templates::insert_version(conn, key, number, &source, BUILTIN, now).await?;
    // What an admin published stays.
    let custom = versions
        .iter()
        .any(|v| v.published == 1 && v.origin != BUILTIN);
    if !custom {
        templates::publish(conn, key, number, BUILTIN, now).await?;
    }
    Ok(())
}
