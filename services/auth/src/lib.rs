//! Auth: users, sessions, roles, service accounts, and the keys that sign
//! tokens.
//!
//! It offers HTTP to people and programs (`/auth/v1/…`, `/.well-known/…`), gRPC
//! to neighbours (`shoal.auth.v1`), and events (`auth.*`). It needs a database
//! and nobody else. Everyone checks access tokens against the published keys;
//! only who must know of ended sessions asks by introspection.
//!
//! Where to find what: [`domain`] the rules, without I/O · `app` the flows that
//! join rules and SQL · `store` the SQL · `api` HTTP · `rpc` gRPC · `events` ·
//! [`config`] settings · [`codes`] what can go wrong · `sealing_key` the file
//! that opens the signing keys.
//!
//! Rejected: sessions in a cookie store (every service would ask auth on every
//! request), JWTs as refresh tokens (they can't be rotated without a table
//! anyway), a foreign identity server (the embedded default must start with
//! nothing installed). See `docs/adr/0008-tokens.md`.

mod api;
mod app;
pub mod codes;
mod commands;
pub mod config;
pub mod domain;
mod events;
mod rpc;
mod sealing_key;
mod store;

use std::sync::Arc;

use shoal_error::{CodeSpec, Result};
use shoal_proto::auth::v1::auth_service_server::AuthServiceServer;
use shoal_proto::events::EventSpec;
use shoal_service::clap::{ArgMatches, Command};
use shoal_service::{Built, ConfigFault, Module, ModuleContext, OpenApiRouter};
use shoal_store::Migrations;

use self::app::Parts;
use self::app::keys::KeyRing;
pub use self::app::{App, Inner};
use self::codes::AuthCode;
use self::config::AuthConfig;
use self::rpc::AuthRpc;

/// The auth module.
pub struct Auth;

impl Module for Auth {
    const NAME: &'static str = "auth";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str =
        "Users, sessions, roles, service accounts, and the keys that sign tokens.";
    const PORT: u16 = 8081;
    const CODES: &'static [CodeSpec] = AuthCode::CATALOGUE;
    const GRPC: &'static [&'static str] =
        &[shoal_proto::auth::v1::auth_service_server::SERVICE_NAME];
    const PUBLISHES: &'static [EventSpec] = shoal_proto::events::auth::ALL;

    type Config = AuthConfig;
    type State = App;

    fn api() -> OpenApiRouter<App> {
        api::router()
    }

    fn migrations() -> Option<Migrations> {
        Some(shoal_store::migrations!("auth"))
    }

    fn check_config(config: &AuthConfig) -> Result<(), ConfigFault> {
        config.check()
    }

    async fn build(context: ModuleContext<AuthConfig>) -> Result<Built<App>> {
        let config = Arc::clone(&context.config);
        let app = assemble(&context).await?;
        app.bootstrap().await?;

        let (keys, every) = (app.keys.clone(), config::seconds(config.keys.reload_s));
        let scope = context.scope.clone();
        context
            .scope
            .spawn_detached_context("signing-keys", keys.keep_fresh(every, scope));
        let (cleaner, every) = (app.clone(), config::seconds(config.clean_up.every_s));
        let scope = context.scope.clone();
        context
            .scope
            .spawn_detached_context("clean-up", cleaner.keep_clean(every, scope));

        let verifier = context.identity_with(Arc::new(app.keys.clone()));
        Ok(Built::new(app.clone())
            .identity(verifier)
            .grpc(AuthServiceServer::new(AuthRpc(app))))
    }

    fn commands() -> Vec<Command> {
        commands::all()
    }

    async fn command(context: ModuleContext<AuthConfig>, arguments: &ArgMatches) -> Result<String> {
        commands::run(&assemble(&context).await?, arguments).await
    }
}

/// The flows, ready to run, without their loops.
async fn assemble(context: &ModuleContext<AuthConfig>) -> Result<App> {
    let (config, identity) = (Arc::clone(&context.config), &context.chassis.identity);
    let store = context.store()?;
    let sealing = sealing_key::load(&config.keys, &context.data_dir)?;
    let policy = config.key_policy(identity.clock_skew_s);
    let clock = Arc::clone(&context.clock);
    let keys = KeyRing::open(store.clone(), Arc::clone(&clock), sealing, policy).await?;
    let (issuer, audience) = (identity.issuer.clone(), identity.audience.clone());
    let parts = Parts {
        store,
        clock,
        keys,
        issuer,
        audience,
    };
    App::new(config, parts, &context.scope).await
}
