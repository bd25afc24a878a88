//! What a user may switch off, and what a notification therefore uses.

use super::channel::{Category, Channel};

/// A user's word on one channel and category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The way.
    pub(crate) channel: Channel,
    /// About what.
    pub(crate) category: Category,
    /// Whether it may be used.
    pub(crate) enabled: bool,
}

/// Transactional mail reaches everyone (a receipt or a verification that can be
/// switched off is a support case), security notices reach every inbox; the
/// rest is the user's to decide. Webhooks are always the user's own doing.
#[must_use]
pub(crate) fn is_mandatory(channel: Channel, category: Category) -> bool {
    match channel {
        Channel::Email => category.is_transactional(),
        Channel::Inbox => category == Category::Security,
        Channel::Webhook => false,
    }
}

/// Whether a channel may be used: mandatory, or not switched off.
#[must_use]
pub(crate) fn allows(choices: &[Choice], channel: Channel, category: Category) -> bool {
    is_mandatory(channel, category)
        || !choices.iter().any(|choice| {
            choice.channel == channel && choice.category == category && !choice.enabled
        })
}

/// The whole table that a user sees: every pair with its present value.
#[must_use]
pub(crate) fn table(choices: &[Choice]) -> Vec<Choice> {
    Channel::ALL
        .into_iter()
        .flat_map(|channel| Category::ALL.map(|category| (channel, category)))
        .map(|(channel, category)| Choice {
            channel,
            category,
            enabled: allows(choices, channel, category),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off(channel: Channel, category: Category) -> Choice {
        Choice {
            channel,
            category,
            enabled: false,
        }
    }

    #[test]
    fn everything_is_on_until_it_is_switched_off() {
        assert!(table(&[]).iter().all(|choice| choice.enabled));
        assert_eq!(table(&[]).len(), 15);
        let choices = [off(Channel::Email, Category::News)];
        assert!(!allows(&choices, Channel::Email, Category::News));
        assert!(allows(&choices, Channel::Inbox, Category::News));
    }

    #[test]
    fn a_stored_choice_against_a_mandatory_pair_has_no_effect() {
        let choices = [
            off(Channel::Email, Category::Order),
            off(Channel::Inbox, Category::Security),
            off(Channel::Inbox, Category::Order),
        ];
        assert!(allows(&choices, Channel::Email, Category::Order));
        assert!(allows(&choices, Channel::Inbox, Category::Security));
        assert!(!allows(&choices, Channel::Inbox, Category::Order));
    }
}
