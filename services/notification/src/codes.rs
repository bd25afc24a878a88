//! What notification can answer besides the common codes.

use shoal_error::CodeSpec;
use shoal_webhook::WebhookCode;

shoal_error::codes! {
    /// Failures of the notification module.
    pub enum NotificationCode("notification") {
        /// Unknown template name, or no version for channel and locale.
        TemplateNotFound: "notification.template_not_found", NotFound, "No such template",
            "Check name, channel and locale against the list of templates.";
        /// The version exists in no such number.
        VersionNotFound: "notification.version_not_found", NotFound, "No such template version",
            "Check the number against the list of the template's versions.";
        /// The template's text does not parse.
        TemplateInvalid: "notification.template_invalid", Unprocessable, "Template does not parse",
            "Correct the template at the line named in the message.";
        /// The template needs a value that the data does not have.
        TemplateRender: "notification.template_render", Unprocessable, "Template cannot be rendered",
            "Supply the missing value, or make the template check for it with `is defined`.";
        /// The rendered text or the work for it exceeds the limits.
        TemplateTooLarge: "notification.template_too_large", Unprocessable, "Template is too large",
            "Shorten the template or its data.";
        /// Custom templates keep clear of built-in names.
        TemplateReserved: "notification.template_reserved", Conflict, "Category is fixed",
            "Built-in templates keep their category and sample; add a version instead.";
        /// Nothing by which the user could be told.
        NoChannel: "notification.no_channel", Unprocessable, "No channel left",
            "Publish a version of the template for a channel that the user has not switched off.";
        /// Transactional mail and security notices cannot be switched off.
        PreferenceMandatory: "notification.preference_mandatory", Conflict, "Cannot be switched off",
            "Only channels and categories listed with `mandatory: false` can be switched off.";
        /// Unknown or removed.
        DeliveryNotFound: "notification.delivery_not_found", NotFound, "No such delivery",
            "Check the identifier; old deliveries are removed after their retention.";
        /// Only dead deliveries can be redriven.
        DeliveryNotDead: "notification.delivery_not_dead", Conflict, "Delivery is not dead",
            "Wait for it to be delivered or given up.";
        /// Unknown, deleted or somebody else's.
        InboxItemNotFound: "notification.inbox_item_not_found", NotFound, "No such inbox item",
            "Check the identifier; items of other users are not shown.";
        /// The user has as many live streams as allowed.
        TooManyStreams: "notification.too_many_streams", ResourceExhausted, "Too many streams",
            "Close another stream of the same user first.";
        /// `Last-Event-ID` is not one that the stream gave out.
        InvalidEventId: "notification.invalid_event_id", InvalidArgument, "Invalid Last-Event-ID",
            "Send the `id` of the last event that was received, or none.";
    }
}

/// This module's codes and those of webhooks, which it offers too.
pub(crate) const ALL: [CodeSpec; OWN.len() + WEBHOOK.len()] = {
    let mut all = [OWN[0]; OWN.len() + WEBHOOK.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < OWN.len() {
            OWN[index]
        } else {
            WEBHOOK[index - OWN.len()]
        };
        index += 1;
    }
    all
};
const OWN: &[CodeSpec] = NotificationCode::CATALOGUE;
const WEBHOOK: &[CodeSpec] = WebhookCode::CATALOGUE;
