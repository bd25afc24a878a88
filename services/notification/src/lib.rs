//! The notification module: it tells users what happened.
//!
//! It listens to the events of auth, order and billing, and to whoever calls it
//! (`POST /notification/v1/notifications`, gRPC `Send`), and tells the user by
//! mail, in an inbox with a live stream, and at webhooks. Where to find what:
//! `domain` the rules · `app` the operations · `store` the SQL · `mail` the
//! media for mail · `events` what comes in and goes out · `api` and `rpc` the
//! interfaces · `templates/` the built-in texts.
//!
//! Each notification is recorded once, in one transaction with its inbox item
//! and the queue of its mail, under a key: the event's id or the caller's. That
//! makes every repetition harmless, and leaves one place where telling twice is
//! possible at all, between the mail server's taking a mail and its saying so
//! (see `mail`).
//!
//! Rejected: sending mail inside the handler of the event (a slow mail server
//! would hold up every event behind it); a queue in Redis (one more thing to
//! lose between the event and the mail); rendering when queued (a mistake in a
//! template would be frozen into the queue instead of mended and redriven).

mod api;
mod app;
mod codes;
mod config;
mod domain;
mod events;
mod mail;
mod metrics;
mod rpc;
mod store;

use shoal_error::{CodeSpec, Result};
use shoal_proto::events::EventSpec;
use shoal_proto::notification::v1::notification_service_server::NotificationServiceServer;
use shoal_service::{Built, ConfigFault, Module, ModuleContext, OpenApiRouter, Peer};
use shoal_store::Migrations;

use app::{App, Parts};
pub use codes::NotificationCode;
pub use config::{
    DeliveriesConfig, MailConfig, NotificationConfig, SmtpConfig, SmtpTls, StreamsConfig,
};

/// The notification module.
pub struct Notification;

impl Module for Notification {
    const NAME: &'static str = "notification";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Tells users what happened: e-mail, inbox, webhooks.";
    const PORT: u16 = 8084;
    const PEERS: &'static [Peer] = &[Peer::new("auth", "127.0.0.1:8081")];
    const CODES: &'static [CodeSpec] = &codes::ALL;
    const GRPC: &'static [&'static str] =
        &[shoal_proto::notification::v1::notification_service_server::SERVICE_NAME];
    const PUBLISHES: &'static [EventSpec] = shoal_proto::events::notification::ALL;
    const CONSUMES: &'static [&'static str] = domain::announce::CONSUMED;

    type Config = NotificationConfig;
    type State = App;

    fn api() -> OpenApiRouter<App> {
        api::router()
    }

    fn migrations() -> Option<Migrations> {
        Some(shoal_store::migrations!("notification").with(shoal_webhook::migrations()))
    }

    fn check_config(config: &NotificationConfig) -> std::result::Result<(), ConfigFault> {
        config::check(config)
    }

    async fn build(context: ModuleContext<NotificationConfig>) -> Result<Built<App>> {
        let parts = Parts {
            store: context.store()?,
            clock: context.clock.clone(),
            config: context.config.clone(),
            auth: context.peer("auth")?,
            draining: context.draining.clone(),
        };
        let app = App::new(parts, &context.data_dir).await?;
        app.start(&context.scope);
        let [deliveries, webhooks] = app.dead_letters();
        Ok(Built::new(app.clone())
            .dead_letters(deliveries)
            .dead_letters(webhooks)
            .grpc(NotificationServiceServer::new(rpc::NotificationRpc(
                app.clone(),
            )))
            .consumer(events::consumer(app)))
    }
}
