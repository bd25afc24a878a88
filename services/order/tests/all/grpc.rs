//! The same use cases over gRPC.

use shoal_error::Error;
use shoal_proto::order::v1 as pb;
use shoal_proto::order::v1::catalogue_service_client::CatalogueServiceClient;
use shoal_proto::order::v1::order_service_client::OrderServiceClient;
use shoal_testkit::TestDb;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::billing::Act;
use super::support::Shop;

/// What a service of the platform says about itself and its user.
#[derive(Clone)]
struct Vouch {
    mesh: String,
    user: &'static str,
    roles: &'static str,
}

impl tonic::service::Interceptor for Vouch {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("x-shoal-mesh", self.mesh.parse().unwrap());
        if !self.user.is_empty() {
            metadata.insert("x-shoal-user", self.user.parse().unwrap());
        }
        metadata.insert("x-shoal-roles", self.roles.parse().unwrap());
        Ok(request)
    }
}

type Peer = InterceptedService<Channel, Vouch>;

async fn peer(shop: &Shop, user: &'static str, roles: &'static str) -> Peer {
    let url = format!("http://{}", shop.service.addr());
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mesh = shop.service.mesh().expose().to_owned();
    InterceptedService::new(channel, Vouch { mesh, user, roles })
}

fn wish(key: &str, product: &str, quantity: i64) -> pb::PlaceOrderRequest {
    pb::PlaceOrderRequest {
        idempotency_key: key.to_owned(),
        items: vec![pb::ItemRequest {
            product_id: product.to_owned(),
            quantity,
        }],
        ..pb::PlaceOrderRequest::default()
    }
}

#[track_caller]
fn code<T: std::fmt::Debug>(answer: Result<T, Status>, grpc: Code, code: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), grpc, "{status:?}");
    assert_eq!(Error::from_status(status).code(), code);
}

#[tokio::test]
async fn orders_are_placed_read_listed_cancelled_and_fulfilled() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let mut buyer = OrderServiceClient::new(peer(&shop, "usr_buyer", "customer").await);
        let quote = buyer
            .quote(pb::QuoteRequest {
                items: wish("", &lamp, 2).items,
                currency: "EUR".into(),
            })
            .await
            .unwrap()
            .into_inner();
        assert_eq!((quote.total_minor, quote.available), (7_800, true));
        let order = buyer
            .place_order(wish("k1", &lamp, 2))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(order.status(), pb::OrderStatus::Confirmed);
        assert_eq!((order.total_minor, order.currency.as_str()), (7_800, "EUR"));
        let again = buyer
            .place_order(wish("k1", &lamp, 2))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(again, order);
        let read = buyer
            .get_order(pb::GetOrderRequest {
                id: order.id.clone(),
            })
            .await;
        assert_eq!(read.unwrap().into_inner(), order);
        let list = pb::ListOrdersRequest {
            status: pb::OrderStatus::Confirmed.into(),
            ..pb::ListOrdersRequest::default()
        };
        let list = buyer.list_orders(list).await.unwrap().into_inner();
        assert_eq!(
            (list.orders, list.next_cursor.as_str()),
            (vec![order.clone()], "")
        );
        let of = |user_id: &str| pb::ListOrdersRequest {
            user_id: user_id.to_owned(),
            ..pb::ListOrdersRequest::default()
        };
        let mut admin = OrderServiceClient::new(peer(&shop, "usr_admin", "admin").await);
        let theirs = admin
            .list_orders(of("usr_buyer"))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(theirs.orders, std::slice::from_ref(&order));
        let none = admin.list_orders(of("usr_2")).await.unwrap().into_inner();
        assert_eq!(none.orders, []);
        code(
            buyer.list_orders(of("usr_2")).await,
            Code::PermissionDenied,
            "common.permission_denied",
        );
        let cancel = pb::CancelOrderRequest {
            id: order.id.clone(),
            reason: "No".into(),
        };
        let cancelled = buyer.cancel_order(cancel).await.unwrap().into_inner();
        assert_eq!(cancelled.status(), pb::OrderStatus::Cancelled);

        let second = buyer
            .place_order(wish("k2", &lamp, 1))
            .await
            .unwrap()
            .into_inner();
        let fulfil = pb::FulfilOrderRequest { id: second.id };
        let denied = buyer.fulfil_order(fulfil.clone()).await;
        code(denied, Code::PermissionDenied, "common.permission_denied");
        let mut worker = OrderServiceClient::new(peer(&shop, "usr_w", "fulfilment").await);
        let done = worker.fulfil_order(fulfil).await.unwrap().into_inner();
        assert_eq!(done.status(), pb::OrderStatus::Fulfilled);
        shop.close().await;
    }
}

#[tokio::test]
async fn errors_keep_their_codes() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 1).await;
        let mut buyer = OrderServiceClient::new(peer(&shop, "usr_buyer", "customer").await);
        let none = buyer.place_order(wish("", &lamp, 1)).await;
        code(
            none,
            Code::InvalidArgument,
            "common.idempotency_key_missing",
        );
        let blank = buyer.place_order(wish("a b", &lamp, 1)).await;
        code(
            blank,
            Code::InvalidArgument,
            "common.idempotency_key_invalid",
        );
        let zero = buyer.place_order(wish("k", &lamp, 0)).await;
        code(zero, Code::InvalidArgument, "common.invalid_field");
        code(
            buyer.place_order(wish("k", &lamp, 2)).await,
            Code::Aborted,
            "order.out_of_stock",
        );
        shop.billing.script("authorize", [Act::Decline]);
        let declined = buyer.place_order(wish("k2", &lamp, 1)).await;
        code(declined, Code::FailedPrecondition, "order.payment_declined");
        let unknown = pb::GetOrderRequest {
            id: "ord_none".into(),
        };
        code(
            buyer.get_order(unknown).await,
            Code::NotFound,
            "order.order_not_found",
        );
        let cursor = pb::ListOrdersRequest {
            cursor: "x".into(),
            ..Default::default()
        };
        code(
            buyer.list_orders(cursor).await,
            Code::InvalidArgument,
            "common.invalid_cursor",
        );
        let mut nobody = OrderServiceClient::new(peer(&shop, "", "").await);
        let unnamed = nobody.place_order(wish("k", &lamp, 1)).await;
        code(unnamed, Code::Unauthenticated, "common.unauthenticated");
        shop.close().await;
    }
}

#[tokio::test]
async fn the_catalogue_is_seeded_read_and_changed() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let mut admin = CatalogueServiceClient::new(peer(&shop, "usr_a", "admin").await);
        for created in [5, 0] {
            let seeded = admin
                .seed_catalogue(pb::SeedCatalogueRequest {})
                .await
                .unwrap();
            let seeded = seeded.into_inner();
            assert_eq!((seeded.created, seeded.products.len()), (created, 5));
        }
        let page = pb::ListProductsRequest {
            limit: 2,
            cursor: String::new(),
        };
        let page = admin.list_products(page).await.unwrap().into_inner();
        assert_eq!(page.products.len(), 2);
        assert!(!page.next_cursor.is_empty());
        let mut product = page.products[0].clone();
        let update = pb::UpdateProductRequest {
            id: product.id.clone(),
            unit_price_minor: Some(1),
            ..pb::UpdateProductRequest::default()
        };
        let changed = admin.update_product(update).await.unwrap().into_inner();
        (product.unit_price_minor, product.updated_at_ms) = (1, changed.updated_at_ms);
        assert_eq!(changed, product);
        let adjust = pb::AdjustStockRequest {
            id: product.id.clone(),
            delta: -product.stock - 1,
        };
        code(
            admin.adjust_stock(adjust).await,
            Code::Aborted,
            "order.stock_below_zero",
        );
        let mut buyer = CatalogueServiceClient::new(peer(&shop, "usr_b", "customer").await);
        let new = pb::CreateProductRequest {
            name: "Lamp".into(),
            currency: "EUR".into(),
            unit_price_minor: 1,
            ..pb::CreateProductRequest::default()
        };
        let denied = buyer.create_product(new.clone()).await;
        code(denied, Code::PermissionDenied, "common.permission_denied");
        let made = admin.create_product(new).await.unwrap().into_inner();
        let read = buyer
            .get_product(pb::GetProductRequest {
                id: made.id.clone(),
            })
            .await;
        assert_eq!(read.unwrap().into_inner(), made);
        shop.close().await;
    }
}
