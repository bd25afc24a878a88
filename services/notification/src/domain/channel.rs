//! By which way, and about what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The way by which a notification reaches somebody.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    /// E-mail.
    Email,
    /// The in-app inbox.
    Inbox,
    /// Signed HTTP callbacks.
    Webhook,
}

/// What a notification is about; preferences are set per category.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Category {
    /// Sign-in, passwords, verification.
    Security,
    /// The account's set-up.
    Account,
    /// Orders.
    Order,
    /// Payments and refunds.
    Billing,
    /// What nobody asked for: offers, tips.
    News,
}

impl Channel {
    /// Every channel.
    pub(crate) const ALL: [Self; 3] = [Self::Email, Self::Inbox, Self::Webhook];

    /// Channels whose text comes from a template.
    pub(crate) const TEMPLATED: [Self; 2] = [Self::Email, Self::Inbox];

    /// Its name in rows, paths and JSON.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Inbox => "inbox",
            Self::Webhook => "webhook",
        }
    }

    /// The channel of that name.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }
}

impl Category {
    /// Every category.
    pub(crate) const ALL: [Self; 5] = [
        Self::Security,
        Self::Account,
        Self::Order,
        Self::Billing,
        Self::News,
    ];

    /// Its name in rows, paths and JSON.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Account => "account",
            Self::Order => "order",
            Self::Billing => "billing",
            Self::News => "news",
        }
    }

    /// The category of that name.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == name)
    }

    /// Whether the user's own action, or the law, calls for it.
    #[must_use]
    pub(crate) fn is_transactional(self) -> bool {
        self != Self::News
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_values() {
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.as_str()), Some(channel));
        }
        for category in Category::ALL {
            assert_eq!(Category::parse(category.as_str()), Some(category));
        }
        assert_eq!(Channel::parse("pigeon"), None);
    }
}
