//! Error codes, for the catalogue of whichever service offers webhooks.

shoal_error::codes! {
    /// What managing webhooks can run into.
    pub enum WebhookCode("webhook") {
        /// Unknown, or somebody else's.
        EndpointNotFound: "webhook.endpoint_not_found", NotFound, "No such webhook endpoint",
            "Check the identifier; endpoints of other owners are not shown.";
        /// Unknown, or somebody else's.
        DeliveryNotFound: "webhook.delivery_not_found", NotFound, "No such webhook delivery",
            "Check the identifier; delivered deliveries are removed after their retention.";
        /// The owner registered this URL before.
        UrlTaken: "webhook.url_taken", Conflict, "URL already registered",
            "Change the existing endpoint instead of adding a second one.";
        /// The owner has as many endpoints as allowed.
        TooManyEndpoints: "webhook.too_many_endpoints", Conflict, "Too many webhook endpoints",
            "Delete an endpoint that is no longer used.";
        /// Only dead deliveries can be redriven.
        DeliveryNotDead: "webhook.delivery_not_dead", Conflict, "Delivery is not dead",
            "Wait for it to be delivered or given up; only dead deliveries can be redriven.";
        /// Disabled endpoints are not called.
        EndpointDisabled: "webhook.endpoint_disabled", Conflict, "Endpoint is disabled",
            "Switch the endpoint on first (`active: true`).";
    }
}
