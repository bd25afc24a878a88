//! Billing as the chassis sees it.

use std::sync::Arc;

use axum::extract::FromRef;
use shoal_error::{CodeSpec, Result};
use shoal_money::MoneyCode;
use shoal_proto::billing::v1::billing_service_server::BillingServiceServer;
use shoal_proto::events::EventSpec;
use shoal_service::{Built, ConfigFault, Module, ModuleContext, OpenApiRouter};
use shoal_store::Migrations;
use shoal_task::channel;
use shoal_webhook::{Secret, WebhookCode, Webhooks};

use crate::codes::BillingCode;
use crate::config::BillingConfig;
use crate::engine::{Engine, Parts};
use crate::provider::sandbox::Sandbox;
use crate::{api, events, rpc};

/// Callbacks of the sandbox that may wait; more are lost, as in life.
const CALLBACK_QUEUE: usize = 1_024;

/// Every code that billing answers besides the common ones.
static CODES: &[CodeSpec] = &join_codes();

const fn join_codes() -> [CodeSpec;
    BillingCode::CATALOGUE.len() + MoneyCode::CATALOGUE.len() + WebhookCode::CATALOGUE.len()] {
    let mut all = [BillingCode::CATALOGUE[0];
        BillingCode::CATALOGUE.len() + MoneyCode::CATALOGUE.len() + WebhookCode::CATALOGUE.len()];
    let lists = [
        BillingCode::CATALOGUE,
        MoneyCode::CATALOGUE,
        WebhookCode::CATALOGUE,
    ];
    let (mut list, mut next) = (0, 0);
    while list < lists.len() {
        let mut index = 0;
        while index < lists[list].len() {
            all[next] = lists[list][index];
            next += 1;
            index += 1;
        }
        list += 1;
    }
    all
}

/// The billing module.
#[derive(Clone, Copy, Debug)]
pub struct Billing;

/// What handlers share.
#[derive(Clone, Debug)]
pub struct State {
    /// Does the work.
    pub engine: Engine,
    /// Endpoints of customers and administrators.
    pub webhooks: Webhooks,
}

impl FromRef<State> for Webhooks {
    fn from_ref(state: &State) -> Self {
        state.webhooks.clone()
    }
}

impl Module for Billing {
    const NAME: &'static str = "billing";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Payments, ledger, invoices and statements.";
    const PORT: u16 = 8082;
    const CODES: &'static [CodeSpec] = CODES;
    const GRPC: &'static [&'static str] =
        &[shoal_proto::billing::v1::billing_service_server::SERVICE_NAME];
    const PUBLISHES: &'static [EventSpec] = shoal_proto::events::billing::ALL;

    type Config = BillingConfig;
    type State = State;

    fn api() -> OpenApiRouter<State> {
        api::router()
    }

    fn migrations() -> Option<Migrations> {
        Some(shoal_store::migrations!("billing").with(shoal_webhook::migrations()))
    }

    fn check_config(config: &BillingConfig) -> Result<(), ConfigFault> {
        config
            .webhook
            .validate()
            .map_err(|fault| ConfigFault::new(fault.key, fault.problem))
    }

    async fn build(context: ModuleContext<BillingConfig>) -> Result<Built<State>> {
        let (config, clock) = (context.config.clone(), context.clock.clone());
        let store = context.store()?;
        let webhooks = Webhooks::new(
            store.clone(),
            clock.clone(),
            config.webhook.clone(),
            events::WEBHOOK_EVENTS,
        )?;
        let callback_secret = match &config.provider.callback_secret {
            Some(secret) => Secret::from_text(secret.expose()),
            None => Secret::generate()?,
        };
        let (callbacks, received) = channel("sandbox callbacks", CALLBACK_QUEUE);
        let slow = std::time::Duration::from_millis(config.provider.sandbox.slow_ms);
        let sandbox = Sandbox::new(
            store.clone(),
            clock.clone(),
            slow,
            callback_secret.clone(),
            callbacks,
        );
        let engine = Engine::new(Parts {
            store,
            clock,
            provider: Arc::new(sandbox),
            config,
            webhooks: webhooks.clone(),
            callback_secret,
            scope: context.scope.child("engine"),
        });
        engine.recover().await?;
        engine.start_reconciler();
        engine.start_callbacks(received);
        webhooks.start(&context.scope.child("webhooks"));
        let rpc = BillingServiceServer::new(rpc::BillingRpc(engine.clone()));
        let letters = webhooks.dead_letters();
        Ok(Built::new(State { engine, webhooks })
            .grpc(rpc)
            .dead_letters(letters))
    }
}
