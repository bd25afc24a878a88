//! Order: products with price and stock, and orders placed against them.
//!
//! It offers HTTP below `/order/v1` ([`api`]) and the gRPC services
//! `CatalogueService` and `OrderService` ([`rpc`]) over the same use cases; it
//! announces `order.placed`, `confirmed`, `rejected`, `cancelled` and `fulfilled`;
//! it needs billing over gRPC, and nothing else.
//!
//! Where to find what: `domain` the rules (status table, prices, limits) ·
//! `usecases` what callers can do · `saga` placing and cancelling over several
//! services · `store` SQL · `events` what is announced · `config` settings.
//!
//! Rejected: a cart kept on the server (clients keep their own; a quote prices it);
//! reserving stock inside the transaction that writes the order (an order that
//! cannot be had should be on record with its reason, and the reservation must be
//! undone by the same machinery as the payment); a service of its own for stock
//! (every order would then need two databases to agree).

mod api;
mod config;
mod domain;
mod events;
mod rpc;
mod saga;
mod store;
mod usecases;

use std::sync::Arc;

use shoal_error::{CodeSpec, Result};
use shoal_proto::events::EventSpec;
use shoal_proto::order::v1 as order;
use shoal_saga::Sagas;
use shoal_service::{Built, ConfigFault, Module, ModuleContext, OpenApiRouter, Peer, clap};
use shoal_store::Migrations;

pub use config::OrderConfig;
use saga::billing::Billing;
use saga::cancel_order::CancelOrder;
use saga::place_order::PlaceOrder;
use usecases::Shop;

/// Subcommand that puts the demonstration catalogue in place.
const SEED: &str = "seed";

/// The order service.
#[derive(Debug)]
pub struct Order;

/// What handlers share. Opaque: handlers are the only ones who look inside.
#[derive(Clone, Debug)]
pub struct State(pub(crate) Shop);

impl Module for Order {
    const NAME: &'static str = "order";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Products, stock and orders.";
    const PORT: u16 = 8083;
    const PEERS: &'static [Peer] = &[Peer::new("billing", "127.0.0.1:8082")];
    const CODES: &'static [CodeSpec] = &domain::codes::ALL;
    const GRPC: &'static [&'static str] = &[
        order::catalogue_service_server::SERVICE_NAME,
        order::order_service_server::SERVICE_NAME,
    ];
    const PUBLISHES: &'static [EventSpec] = shoal_proto::events::order::ALL;
    type Config = OrderConfig;
    type State = State;

    fn api() -> OpenApiRouter<State> {
        api::router()
    }

    fn migrations() -> Option<Migrations> {
        Some(shoal_store::migrations!("order").with(shoal_saga::migrations()))
    }

    fn check_config(config: &OrderConfig) -> Result<(), ConfigFault> {
        config.check()
    }

    async fn build(context: ModuleContext<OrderConfig>) -> Result<Built<State>> {
        let shop = shop(&context)?;
        if context.config.seed_catalogue {
            let (created, _) = usecases::products::seed(&shop).await?;
            tracing::info!(created, "demonstration catalogue is in place");
        }
        let parked = Arc::new(shop.sagas.clone());
        Ok(Built::new(State(shop.clone()))
            .dead_letters(parked)
            .grpc(rpc::catalogue(shop.clone()))
            .grpc(rpc::orders(shop)))
    }

    fn commands() -> Vec<clap::Command> {
        vec![clap::Command::new(SEED).about("Puts a small demonstration catalogue in place")]
    }

    async fn command(
        context: ModuleContext<OrderConfig>,
        _arguments: &clap::ArgMatches,
    ) -> Result<String> {
        // The only subcommand there is.
        let (created, all) = usecases::products::seed(&shop(&context)?).await?;
        Ok(format!(
            "{created} products created, {} in the demonstration catalogue",
            all.len()
        ))
    }
}

fn shop(context: &ModuleContext<OrderConfig>) -> Result<Shop> {
    let store = context.store()?;
    let billing = Billing::new(context.peer("billing")?);
    let payment_timeout = context.config.payment_timeout();
    let mut sagas = Sagas::builder(
        Order::NAME,
        store.clone(),
        context.clock.clone(),
        context.scope.clone(),
        context.config.saga.clone(),
    );
    if context.chassis.instance.colour().is_some() {
        // Stable instances finish what a gray one leaves, never the reverse.
        sagas = sagas.only_own();
    }
    let sagas = sagas.saga(PlaceOrder {
        store: store.clone(),
        billing: billing.clone(),
        payment_timeout,
    });
    let sagas = sagas.saga(CancelOrder {
        store: store.clone(),
        billing,
        payment_timeout,
    });
    let sagas = sagas.start()?;
    Ok(Shop {
        store,
        sagas,
        limits: context.config.limits(),
        wait: context.config.wait(),
    })
}
