//! gRPC over the same use cases: parse, call, render.
//!
//! Callers are other services, proven by the mesh secret; they vouch for the user
//! (`x-shoal-user`) and the user's roles (`x-shoal-roles`, comma-separated).

use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use shoal_money::{Currency, Money, MoneyError};
use shoal_proto::order::v1 as pb;
use shoal_proto::order::v1::catalogue_service_server::{CatalogueService, CatalogueServiceServer};
use shoal_proto::order::v1::order_service_server::{OrderService, OrderServiceServer};
use shoal_store::PageRequest;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::domain::caller::Caller;
use crate::domain::orders::{Item, Order};
use crate::domain::products::{NewProduct, Product, ProductChange};
use crate::domain::quotes::Wanted;
use crate::domain::status::Status as OrderStatus;
use crate::usecases::orders::Wish;
use crate::usecases::place::PlaceRequest;
use crate::usecases::{Shop, cancel, orders, place, products, quotes};

/// Metadata key with the roles of the user for whom a service calls.
const ROLES: &str = "x-shoal-roles";
/// Longest idempotency key.
const MAX_KEY: usize = 128;

type Answer<T> = std::result::Result<Response<T>, Status>;

pub(crate) fn catalogue(shop: Shop) -> CatalogueServiceServer<CatalogueRpc> {
    CatalogueServiceServer::new(CatalogueRpc(shop))
}

pub(crate) fn orders(shop: Shop) -> OrderServiceServer<OrderRpc> {
    OrderServiceServer::new(OrderRpc(shop))
}

#[derive(Clone, Debug)]
pub(crate) struct CatalogueRpc(Shop);

#[derive(Clone, Debug)]
pub(crate) struct OrderRpc(Shop);

#[tonic::async_trait]
impl CatalogueService for CatalogueRpc {
    async fn list_products(
        &self,
        request: Request<pb::ListProductsRequest>,
    ) -> Answer<pb::ListProductsResponse> {
        let body = request.into_inner();
        let page = products::list(&self.0, &page(body.limit, body.cursor)).await?;
        Ok(Response::new(pb::ListProductsResponse {
            products: page.items.into_iter().map(product).collect(),
            next_cursor: page.next_cursor.unwrap_or_default(),
        }))
    }

    async fn get_product(&self, request: Request<pb::GetProductRequest>) -> Answer<pb::Product> {
        let found = products::get(&self.0, &request.get_ref().id).await?;
        Ok(Response::new(product(found)))
    }

    async fn create_product(
        &self,
        request: Request<pb::CreateProductRequest>,
    ) -> Answer<pb::Product> {
        let caller = caller(request.metadata())?;
        let body = request.into_inner();
        let price = price(&body.currency, body.unit_price_minor);
        let new = NewProduct::check(&body.name, &body.description, price, body.stock)?;
        Ok(Response::new(product(
            products::create(&self.0, &caller, &new).await?,
        )))
    }

    async fn update_product(
        &self,
        request: Request<pb::UpdateProductRequest>,
    ) -> Answer<pb::Product> {
        let caller = caller(request.metadata())?;
        let body = request.into_inner();
        // The message has no currency: a product keeps its own.
        let price = match body.unit_price_minor {
            Some(units) => {
                let own = products::get(&self.0, &body.id).await?.price.currency();
                Some(Ok(Money::new(own, units)))
            }
            None => None,
        };
        let (name, description) = (body.name.as_deref(), body.description.as_deref());
        let change = ProductChange::check(name, description, price, body.active)?;
        let changed = products::update(&self.0, &caller, &body.id, &change).await?;
        Ok(Response::new(product(changed)))
    }

    async fn adjust_stock(&self, request: Request<pb::AdjustStockRequest>) -> Answer<pb::Product> {
        let caller = caller(request.metadata())?;
        let body = request.into_inner();
        let changed = products::adjust_stock(&self.0, &caller, &body.id, body.delta).await?;
        Ok(Response::new(product(changed)))
    }

    async fn seed_catalogue(
        &self,
        request: Request<pb::SeedCatalogueRequest>,
    ) -> Answer<pb::SeedCatalogueResponse> {
        caller(request.metadata())?.require_admin()?;
        let (created, all) = products::seed(&self.0).await?;
        let products = all.into_iter().map(product).collect();
        Ok(Response::new(pb::SeedCatalogueResponse {
            created,
            products,
        }))
    }
}

#[tonic::async_trait]
impl OrderService for OrderRpc {
    async fn quote(&self, request: Request<pb::QuoteRequest>) -> Answer<pb::QuoteResponse> {
        let body = request.into_inner();
        let quote = quotes::quote(&self.0, wanted(body.items), &body.currency).await?;
        Ok(Response::new(pb::QuoteResponse {
            items: quote.items.into_iter().map(item).collect(),
            currency: quote.total.currency().code().to_owned(),
            total_minor: quote.total.minor_units(),
            available: quote.available,
        }))
    }

    async fn place_order(&self, request: Request<pb::PlaceOrderRequest>) -> Answer<pb::Order> {
        let caller = caller(request.metadata())?;
        let body = request.into_inner();
        let key = check_key(&body.idempotency_key)?;
        let wish = PlaceRequest {
            items: wanted(body.items),
            currency: body.currency,
            payment_method: body.payment_method,
            expected_total: body.expected_total_minor,
        };
        Ok(Response::new(order(
            place::place(&self.0, &caller, key, wish).await?,
        )))
    }

    async fn get_order(&self, request: Request<pb::GetOrderRequest>) -> Answer<pb::Order> {
        let caller = caller(request.metadata())?;
        let found = orders::get(&self.0, &caller, &request.get_ref().id).await?;
        Ok(Response::new(order(found)))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Answer<pb::ListOrdersResponse> {
        let caller = caller(request.metadata())?;
        let body = request.into_inner();
        let wish = Wish {
            status: wished_status(body.status)?,
            user_id: Some(body.user_id).filter(|id| !id.is_empty()),
        };
        let page = orders::list(&self.0, &caller, &wish, &page(body.limit, body.cursor)).await?;
        Ok(Response::new(pb::ListOrdersResponse {
            orders: page.items.into_iter().map(order).collect(),
            next_cursor: page.next_cursor.unwrap_or_default(),
        }))
    }

    async fn cancel_order(&self, request: Request<pb::CancelOrderRequest>) -> Answer<pb::Order> {
        let caller = caller(request.metadata())?;
        let body = request.into_inner();
        let cancelled = cancel::cancel(&self.0, &caller, &body.id, &body.reason).await?;
        Ok(Response::new(order(cancelled)))
    }

    async fn fulfil_order(&self, request: Request<pb::FulfilOrderRequest>) -> Answer<pb::Order> {
        let caller = caller(request.metadata())?;
        let fulfilled = orders::fulfil(&self.0, &caller, &request.get_ref().id).await?;
        Ok(Response::new(order(fulfilled)))
    }
}

/// For whom the calling service acts.
fn caller(metadata: &MetadataMap) -> Result<Caller> {
    let user_id = Context::current().meta().user_id.clone().ok_or_else(|| {
        Error::new(
            CommonCode::Unauthenticated,
            "The call names no user (x-shoal-user).",
        )
    })?;
    let roles = metadata
        .get(ROLES)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let roles = roles
        .split(',')
        .map(str::trim)
        .filter(|role| !role.is_empty());
    Ok(Caller {
        user_id,
        roles: roles.map(str::to_owned).collect(),
    })
}

fn check_key(key: &str) -> Result<&str> {
    match key {
        "" => Err(Error::new(
            CommonCode::IdempotencyKeyMissing,
            "idempotency_key is empty.",
        )),
        key if key.len() <= MAX_KEY && key.bytes().all(|b| b.is_ascii_graphic()) => Ok(key),
        _ => Err(Error::new(
            CommonCode::IdempotencyKeyInvalid,
            "idempotency_key must be 1 to 128 visible ASCII characters.",
        )),
    }
}

fn page(limit: u32, cursor: String) -> PageRequest {
    PageRequest {
        limit: Some(limit).filter(|limit| *limit > 0),
        cursor: Some(cursor).filter(|cursor| !cursor.is_empty()),
    }
}

fn price(currency: &str, units: i64) -> Result<Money, MoneyError> {
    Currency::parse(currency).map(|currency| Money::new(currency, units))
}

fn wanted(items: Vec<pb::ItemRequest>) -> Vec<Wanted> {
    let items = items.into_iter();
    items
        .map(|i| Wanted {
            product_id: i.product_id,
            quantity: i.quantity,
        })
        .collect()
}

fn wished_status(status: i32) -> Result<Option<OrderStatus>> {
    use pb::OrderStatus as Pb;
    Ok(Some(match Pb::try_from(status) {
        Ok(Pb::Unspecified) => return Ok(None),
        Ok(Pb::Pending) => OrderStatus::Pending,
        Ok(Pb::Confirmed) => OrderStatus::Confirmed,
        Ok(Pb::Rejected) => OrderStatus::Rejected,
        Ok(Pb::Cancelling) => OrderStatus::Cancelling,
        Ok(Pb::Cancelled) => OrderStatus::Cancelled,
        Ok(Pb::Fulfilled) => OrderStatus::Fulfilled,
        Err(_) => return Err(Error::invalid_field("status", "is not a state of an order")),
    }))
}

fn status(status: OrderStatus) -> pb::OrderStatus {
    match status {
        OrderStatus::Pending => pb::OrderStatus::Pending,
        OrderStatus::Confirmed => pb::OrderStatus::Confirmed,
        OrderStatus::Rejected => pb::OrderStatus::Rejected,
        OrderStatus::Cancelling => pb::OrderStatus::Cancelling,
        OrderStatus::Cancelled => pb::OrderStatus::Cancelled,
        OrderStatus::Fulfilled => pb::OrderStatus::Fulfilled,
    }
}

fn product(product: Product) -> pb::Product {
    pb::Product {
        id: product.id,
        name: product.name,
        description: product.description,
        currency: product.price.currency().code().to_owned(),
        unit_price_minor: product.price.minor_units(),
        stock: product.stock,
        active: product.active,
        created_at_ms: product.created_at_ms,
        updated_at_ms: product.updated_at_ms,
    }
}

fn item(item: Item) -> pb::Item {
    pb::Item {
        product_id: item.product_id,
        name: item.name,
        quantity: item.quantity,
        unit_price_minor: item.unit_price.minor_units(),
        line_total_minor: item.line_total.minor_units(),
    }
}

fn order(order: Order) -> pb::Order {
    let why = order.rejection;
    pb::Order {
        id: order.id,
        user_id: order.user_id,
        status: status(order.status).into(),
        items: order.items.into_iter().map(item).collect(),
        currency: order.total.currency().code().to_owned(),
        total_minor: order.total.minor_units(),
        payment_id: order.payment_id.unwrap_or_default(),
        rejection: why.map(|why| pb::Rejection {
            code: why.code,
            message: why.message,
        }),
        created_at_ms: order.created_at_ms,
        updated_at_ms: order.updated_at_ms,
    }
}
