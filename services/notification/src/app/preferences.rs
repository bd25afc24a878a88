//! What users want, and in which language.

use shoal_error::{Error, Result};

use super::App;
use crate::codes::NotificationCode;
use crate::domain::locale::Locale;
use crate::domain::preference::{self, Choice};
use crate::store::{contacts, preferences};

/// A user's wishes in full.
#[derive(Debug)]
pub(crate) struct Preferences {
    pub(crate) choices: Vec<Choice>,
    pub(crate) locale: Locale,
}

/// What a user changes; what is absent stays.
#[derive(Debug, Clone)]
pub(crate) struct PreferenceChange {
    pub(crate) choices: Vec<Choice>,
    pub(crate) locale: Option<Locale>,
}

impl App {
    /// Every channel and category with its present value.
    pub(crate) async fn preferences(&self, user_id: &str) -> Result<Preferences> {
        let mut reader = self.inner.store.read().await?;
        let said = preferences::of_user(&mut reader, user_id).await?;
        let locale = contacts::locale(&mut reader, user_id).await?;
        Ok(Preferences {
            choices: preference::table(&said),
            locale: locale
                .and_then(|tag| Locale::parse(&tag).ok())
                .unwrap_or_default(),
        })
    }

    /// Changes some of them, all or none.
    pub(crate) async fn change_preferences(
        &self,
        user_id: &str,
        change: &PreferenceChange,
    ) -> Result<Preferences> {
        let refused = change
            .choices
            .iter()
            .position(|c| !c.enabled && preference::is_mandatory(c.channel, c.category));
        if let Some(index) = refused {
            return Err(mandatory(index, change.choices[index]));
        }
        let now = self.now();
        let mut tx = self.inner.store.begin().await?;
        for choice in &change.choices {
            preferences::set(&mut tx, user_id, *choice, now).await?;
        }
        if let Some(locale) = &change.locale {
            contacts::set_locale(&mut tx, user_id, locale.as_str(), now).await?;
        }
        tx.commit().await?;
        self.preferences(user_id).await
    }
}

fn mandatory(index: usize, choice: Choice) -> Error {
    let (channel, category) = (choice.channel.as_str(), choice.category.as_str());
    Error::new(
        NotificationCode::PreferenceMandatory,
        format!("Notices about {category} by {channel} cannot be switched off."),
    )
    .with_field(format!("/choices/{index}"), "is mandatory")
}
