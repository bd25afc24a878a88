//! Orders over HTTP, with a billing that works.

use serde_json::{Value, json};
use shoal_proto::events::order::OrderConfirmedV1;
use shoal_testkit::TestDb;

use super::support::Shop;

#[tokio::test]
async fn an_order_is_paid_reserved_and_announced() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let answer = shop.place("k1", &lamp, 2).await;
        let location = answer.header("location").unwrap().to_owned();
        let order: Value = answer.ok(201);
        assert_eq!(order["status"], "confirmed");
        assert_eq!(
            order["total"],
            json!({"currency": "EUR", "minor_units": 7_800})
        );
        assert_eq!(order["allowed"], json!(["cancel", "fulfil"]));
        let id = order["id"].as_str().unwrap();
        assert_eq!(location, format!("/order/v1/orders/{id}"));
        let read: Value = shop
            .service
            .get(&location)
            .bearer(&shop.buyer())
            .send()
            .await
            .ok(200);
        assert_eq!(read, order);
        assert_eq!(shop.stock(&lamp).await, 3);
        shop.check_books(&lamp, 5).await;
        let told: OrderConfirmedV1 = shop.event(id).await;
        assert_eq!(
            (told.order.user_id.as_str(), told.order.total_minor),
            ("usr_buyer", 7_800)
        );
        assert_eq!(order["payment_id"], told.payment_id.as_str());
        assert_eq!(told.order.items[0].quantity, 2);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_quote_prices_and_holds_nothing() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let ask = async |quantity: i64| -> Value {
            let body = json!({"items": [{"product_id": lamp, "quantity": quantity}]});
            shop.service
                .post("/order/v1/quotes")
                .json(&body)
                .send()
                .await
                .ok(200)
        };
        let quote = ask(2).await;
        assert_eq!(quote["total"]["minor_units"], 7_800);
        assert_eq!(quote["available"], true);
        assert_eq!(ask(6).await["available"], false);
        assert_eq!(shop.stock(&lamp).await, 5);
        shop.close().await;
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_and_leave_nothing() {
    for db in TestDb::all().await {
        let shop = Shop::open_with(&db, |config| config.max_total_minor_units = 1_000_000).await;
        let lamp = shop.product("EUR", 3_900, 5_000).await;
        let tea = shop.product("JPY", 1_800, 5).await;
        let line =
            |product: &str, quantity: Value| json!({"product_id": product, "quantity": quantity});
        let one = line(&lamp, json!(1));
        let unknown = "prd_00000000000000000000000000";
        let many: Vec<_> = (0..51).map(|_| one.clone()).collect();
        for (body, status, code) in [
            (json!({"items": []}), 400, "common.invalid_field"),
            (json!({"items": many}), 400, "common.invalid_field"),
            (
                json!({"items": [line(&lamp, json!(0))]}),
                400,
                "common.invalid_field",
            ),
            (
                json!({"items": [line(&lamp, json!(-3))]}),
                400,
                "common.invalid_field",
            ),
            (
                json!({"items": [line(&lamp, json!(1_001))]}),
                400,
                "common.invalid_field",
            ),
            (
                json!({"items": [line(&lamp, json!(i64::MAX))]}),
                400,
                "common.invalid_field",
            ),
            (
                json!({"items": [line("x", json!(1))]}),
                400,
                "common.invalid_field",
            ),
            (json!({"items": [one, one]}), 400, "order.duplicate_product"),
            (
                json!({"items": [line(unknown, json!(1))]}),
                422,
                "order.unknown_product",
            ),
            (
                json!({"items": [one, line(&tea, json!(1))]}),
                422,
                "order.mixed_currencies",
            ),
            (
                json!({"items": [one], "currency": "USD"}),
                422,
                "order.currency_mismatch",
            ),
            (
                json!({"items": [one], "currency": "usd"}),
                400,
                "money.unknown_currency",
            ),
            (
                json!({"items": [line(&lamp, json!(1_000))]}),
                422,
                "order.total_too_large",
            ),
            (
                json!({"items": [one], "expected_total_minor_units": 1}),
                409,
                "order.price_changed",
            ),
            (
                json!({"items": [one], "payment_method": "a b"}),
                400,
                "common.invalid_field",
            ),
            (
                json!({"items": [one], "coupon": "X"}),
                400,
                "common.unknown_field",
            ),
        ] {
            let answer = shop.post_order("same-key", &body).await;
            answer.problem(status, code);
        }
        let float = shop
            .post_order("k", &json!({"items": [line(&lamp, json!(1.5))]}))
            .await;
        assert_eq!(
            float.expect(400).json::<Value>()["errors"][0]["field"],
            "/items/0/quantity"
        );
        let text = shop.service.post("/order/v1/orders").bearer(&shop.buyer());
        let text = text
            .idempotency_key("k")
            .body("application/json", "{\"items\": [");
        text.send().await.problem(400, "common.malformed_body");
        for table in [
            "SELECT COUNT(*) FROM orders",
            "SELECT COUNT(*) FROM saga",
            "SELECT COUNT(*) FROM outbox",
            "SELECT COUNT(*) FROM idempotency_keys",
        ] {
            assert_eq!(shop.count(table).await, 0, "{table}");
        }
        shop.close().await;
    }
}

#[tokio::test]
async fn a_key_is_needed_and_must_be_one() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let body = json!({"items": [{"product_id": lamp, "quantity": 1}]});
        let bare = shop
            .service
            .post("/order/v1/orders")
            .bearer(&shop.buyer())
            .json(&body);
        bare.send()
            .await
            .problem(400, "common.idempotency_key_missing");
        let long = shop.post_order(&"k".repeat(129), &body).await;
        long.problem(400, "common.idempotency_key_invalid");
        shop.close().await;
    }
}

#[tokio::test]
async fn the_same_key_replays_the_answer_and_another_body_is_refused() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let first: Value = shop.place("k1", &lamp, 2).await.ok(201);
        // The answer is that of the time, although the order has moved on.
        let path = format!("/order/v1/orders/{}/cancel", first["id"].as_str().unwrap());
        let cancel = shop
            .service
            .post(&path)
            .bearer(&shop.buyer())
            .json(&json!({}));
        cancel.send().await.ok::<Value>(200);
        let again: Value = shop.place("k1", &lamp, 2).await.ok(201);
        assert_eq!(again, first);
        shop.place("k1", &lamp, 1)
            .await
            .problem(422, "common.idempotency_key_reused");
        assert_eq!(shop.count("SELECT COUNT(*) FROM orders").await, 1);
        assert_eq!(shop.billing.all_payments().len(), 1);
        // Another buyer's key is another key.
        let other = shop.service.issuer.user("usr_other", &["customer"]);
        let body = json!({"items": [{"product_id": lamp, "quantity": 1}]});
        let request = shop.service.post("/order/v1/orders").bearer(&other);
        request
            .idempotency_key("k1")
            .json(&body)
            .send()
            .await
            .ok::<Value>(201);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_key_keeps_its_meaning_when_its_answer_is_forgotten() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let first: Value = shop.place("k1", &lamp, 2).await.ok(201);
        let mut tx = shop.store.begin().await.unwrap();
        sqlx::query("DELETE FROM idempotency_keys")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let again: Value = shop.place("k1", &lamp, 2).await.ok(201);
        assert_eq!(again, first);
        shop.place("k1", &lamp, 1)
            .await
            .problem(422, "common.idempotency_key_reused");
        assert_eq!(shop.count("SELECT COUNT(*) FROM orders").await, 1);
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn the_same_key_at_the_same_time_makes_one_order() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 50).await;
        let answers = futures::future::join_all((0..8).map(|_| shop.place("k1", &lamp, 1))).await;
        let mut made = 0;
        for answer in answers {
            match answer.status.as_u16() {
                201 => made += 1,
                _ => {
                    let problem = answer.problem(409, "common.idempotency_in_flight");
                    assert!(problem.action.contains("Retry-After"));
                }
            }
        }
        assert!(made >= 1);
        assert_eq!(shop.count("SELECT COUNT(*) FROM orders").await, 1);
        assert_eq!(shop.stock(&lamp).await, 49);
        shop.close().await;
    }
}

#[tokio::test]
async fn buyers_see_their_own_orders_and_admins_all_newest_first() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 50).await;
        let mut mine = Vec::new();
        for key in ["a", "b", "c"] {
            let order: Value = shop.place(key, &lamp, 1).await.ok(201);
            mine.push(order["id"].as_str().unwrap().to_owned());
        }
        mine.reverse();
        let other = shop.service.issuer.user("usr_other", &["customer"]);
        let body = json!({"items": [{"product_id": lamp, "quantity": 1}]});
        let request = shop.service.post("/order/v1/orders").bearer(&other);
        request
            .idempotency_key("a")
            .json(&body)
            .send()
            .await
            .ok::<Value>(201);
        let list = async |token: &str, query: &[(&str, &str)]| {
            shop.service
                .get("/order/v1/orders")
                .bearer(token)
                .query(query)
                .send()
                .await
        };
        let ids = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().unwrap();
            items
                .iter()
                .map(|o| o["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let page: Value = list(&shop.buyer(), &[("limit", "2")]).await.ok(200);
        assert_eq!(ids(&page), mine[..2]);
        let cursor = page["next_cursor"].as_str().unwrap();
        let rest: Value = list(&shop.buyer(), &[("limit", "2"), ("cursor", cursor)])
            .await
            .ok(200);
        assert_eq!(
            (ids(&rest), &rest["next_cursor"]),
            (mine[2..].to_vec(), &Value::Null)
        );
        let all: Value = list(&shop.admin(), &[]).await.ok(200);
        assert_eq!(ids(&all).len(), 4);
        let theirs: Value = list(&shop.admin(), &[("user_id", "usr_other")])
            .await
            .ok(200);
        assert_eq!(ids(&theirs).len(), 1);
        let none: Value = list(&shop.buyer(), &[("status", "cancelled")])
            .await
            .ok(200);
        assert!(ids(&none).is_empty());
        // Another list's cursor, a stranger's list, a state that is none.
        list(&other, &[("cursor", cursor)])
            .await
            .problem(400, "common.invalid_cursor");
        let nosy = list(&shop.buyer(), &[("user_id", "usr_other")]).await;
        nosy.problem(403, "common.permission_denied");
        list(&shop.buyer(), &[("status", "paid")])
            .await
            .problem(400, "common.invalid_query");
        let path = format!("/order/v1/orders/{}", mine[0]);
        let stranger = shop.service.get(&path).bearer(&other).send().await;
        stranger.problem(404, "order.order_not_found");
        shop.close().await;
    }
}

#[tokio::test]
async fn a_cancelled_order_is_refunded_and_its_pieces_come_back() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let order: Value = shop.place("k1", &lamp, 2).await.ok(201);
        let id = order["id"].as_str().unwrap();
        let path = format!("/order/v1/orders/{id}/cancel");
        let cancel = async |token: &str| {
            let body = json!({"reason": "Changed my mind"});
            shop.service
                .post(&path)
                .bearer(token)
                .json(&body)
                .send()
                .await
        };
        let stranger = shop.service.issuer.user("usr_other", &["customer"]);
        cancel(&stranger)
            .await
            .problem(404, "order.order_not_found");
        let done: Value = cancel(&shop.buyer()).await.ok(200);
        assert_eq!(
            (&done["status"], &done["allowed"]),
            (&json!("cancelled"), &json!([]))
        );
        assert_eq!(done["cancel_reason"], "Changed my mind");
        assert_eq!(shop.stock(&lamp).await, 5);
        let problem = cancel(&shop.buyer())
            .await
            .problem(409, "order.illegal_move");
        assert_eq!(problem.meta["status"], "cancelled");
        shop.check_books(&lamp, 5).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn fulfilment_hands_over_and_then_nothing_moves_any_more() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let order: Value = shop.place("k1", &lamp, 2).await.ok(201);
        let id = order["id"].as_str().unwrap();
        let fulfil = async |token: &str, id: &str| {
            let path = format!("/order/v1/orders/{id}/fulfil");
            shop.service.post(&path).bearer(token).send().await
        };
        fulfil(&shop.buyer(), id)
            .await
            .problem(403, "common.permission_denied");
        let worker = shop.service.issuer.user("usr_worker", &["fulfilment"]);
        let done: Value = fulfil(&worker, id).await.ok(200);
        assert_eq!(done["status"], "fulfilled");
        fulfil(&worker, id).await.problem(409, "order.illegal_move");
        fulfil(&worker, "ord_none")
            .await
            .problem(404, "order.order_not_found");
        let path = format!("/order/v1/orders/{id}/cancel");
        let cancel = shop
            .service
            .post(&path)
            .bearer(&shop.buyer())
            .json(&json!({}));
        cancel.send().await.problem(409, "order.illegal_move");
        let told = [
            "order.placed.v1",
            "order.confirmed.v1",
            "order.fulfilled.v1",
        ];
        assert_eq!(shop.events(id).await, told);
        assert_eq!(shop.stock(&lamp).await, 3);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_price_change_leaves_placed_orders_as_they_are() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let lamp = shop.product("EUR", 3_900, 5).await;
        let order: Value = shop.place("k1", &lamp, 1).await.ok(201);
        let path = format!("/order/v1/products/{lamp}");
        let dearer = json!({"price": {"currency": "EUR", "minor_units": 9_900}, "name": "Lamp XL"});
        shop.service
            .patch(&path)
            .bearer(&shop.admin())
            .json(&dearer)
            .send()
            .await
            .ok::<Value>(200);
        let found = shop.get_order(order["id"].as_str().unwrap()).await;
        assert_eq!(found["total"]["minor_units"], 3_900);
        assert_eq!(found["items"][0]["name"], "Lamp");
        let gone = json!({"active": false});
        shop.service
            .patch(&path)
            .bearer(&shop.admin())
            .json(&gone)
            .send()
            .await
            .ok::<Value>(200);
        shop.place("k2", &lamp, 1)
            .await
            .problem(422, "order.product_inactive");
        shop.close().await;
    }
}
