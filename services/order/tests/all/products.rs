//! The catalogue over HTTP.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::Shop;

fn lamp(price: i64, stock: i64) -> Value {
    let price = json!({"currency": "EUR", "minor_units": price});
    json!({"name": "Lamp", "description": "Warm light.", "price": price, "stock": stock})
}

#[tokio::test]
async fn an_admin_makes_a_product_that_everybody_can_read() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let id = shop.product("EUR", 3_900, 12).await;
        let path = format!("/order/v1/products/{id}");
        let found: Value = shop.service.get(&path).send().await.ok(200);
        assert_eq!(
            found["price"],
            json!({"currency": "EUR", "minor_units": 3_900})
        );
        assert_eq!(
            (found["stock"].as_i64(), found["active"].as_bool()),
            (Some(12), Some(true))
        );
        let page: Value = shop.service.get("/order/v1/products").send().await.ok(200);
        assert_eq!(page["items"], json!([found]));
        shop.close().await;
    }
}

#[tokio::test]
async fn only_an_admin_changes_the_catalogue() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let id = shop.product("EUR", 3_900, 12).await;
        let (one, buyer) = (format!("/order/v1/products/{id}"), shop.buyer());
        let stock = format!("{one}/stock");
        for token in [Some(&buyer), None] {
            for (request, body) in [
                (shop.service.post("/order/v1/products"), lamp(1, 1)),
                (shop.service.patch(&one), json!({"active": false})),
                (shop.service.post(&stock), json!({"delta": 5})),
            ] {
                let request = request.json(&body);
                match token {
                    Some(token) => request
                        .bearer(token)
                        .send()
                        .await
                        .problem(403, "common.permission_denied"),
                    None => request.send().await.problem(401, "common.unauthenticated"),
                };
            }
        }
        assert_eq!(shop.stock(&id).await, 12);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_faulty_product_is_refused_with_every_fault_named() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let post = async |body: Value| {
            let request = shop
                .service
                .post("/order/v1/products")
                .bearer(&shop.admin());
            request.json(&body).send().await
        };
        let problem = post(json!({"name": "", "price": lamp(1, 1)["price"], "stock": -1}))
            .await
            .problem(400, "common.invalid_field");
        let fields: Vec<_> = problem.errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["/name", "/stock"]);
        post(lamp(0, 1)).await.problem(400, "money.not_positive");
        post(lamp(-5, 1)).await.problem(400, "money.not_positive");
        let doubloons = json!({"currency": "DBL", "minor_units": 1});
        post(json!({"name": "Lamp", "price": doubloons, "stock": 1}))
            .await
            .problem(400, "money.unknown_currency");
        let mut more = lamp(1, 1);
        more["colour"] = json!("blue");
        post(more).await.problem(400, "common.unknown_field");
        assert_eq!(
            shop.count("SELECT COUNT(*) FROM products").await,
            0,
            "nothing half-written"
        );
        shop.close().await;
    }
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let id = shop.product("EUR", 3_900, 12).await;
        let path = format!("/order/v1/products/{id}");
        let patch = async |body: Value| {
            shop.service
                .patch(&path)
                .bearer(&shop.admin())
                .json(&body)
                .send()
                .await
        };
        let cheaper = json!({"price": {"currency": "EUR", "decimal": "29.90"}});
        let changed: Value = patch(cheaper).await.ok(200);
        assert_eq!(changed["price"]["minor_units"], 2_990);
        assert_eq!(
            (&changed["name"], &changed["stock"]),
            (&json!("Lamp"), &json!(12))
        );
        let yen = json!({"price": {"currency": "JPY", "minor_units": 500}});
        patch(yen).await.problem(422, "order.currency_mismatch");
        patch(json!({})).await.problem(400, "common.invalid_field");
        let nobody = shop
            .service
            .patch("/order/v1/products/prd_none")
            .bearer(&shop.admin());
        let answer = nobody.json(&json!({"active": false})).send().await;
        answer.problem(404, "order.product_not_found");
        shop.close().await;
    }
}

#[tokio::test]
async fn the_stock_is_corrected_but_never_below_zero() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let id = shop.product("EUR", 3_900, 12).await;
        let path = format!("/order/v1/products/{id}/stock");
        let adjust = async |delta: i64| {
            let request = shop.service.post(&path).bearer(&shop.admin());
            request.json(&json!({"delta": delta})).send().await
        };
        let more: Value = adjust(8).await.ok(200);
        assert_eq!(more["stock"], 20);
        adjust(-21).await.problem(409, "order.stock_below_zero");
        adjust(1_000_000_000)
            .await
            .problem(422, "order.stock_too_large");
        adjust(0).await.problem(400, "common.invalid_field");
        let none: Value = adjust(-20).await.ok(200);
        assert_eq!(none["stock"], 0);
        shop.close().await;
    }
}

#[tokio::test]
async fn pages_of_products_join_to_the_whole_list() {
    for db in TestDb::all().await {
        let shop = Shop::open(&db).await;
        let mut made = Vec::new();
        for price in 1..=7 {
            made.push(shop.product("EUR", price, 1).await);
        }
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut request = shop.service.get("/order/v1/products");
            request = match &cursor {
                Some(cursor) => request.query(&[("limit", "3"), ("cursor", cursor)]),
                None => request.query(&[("limit", "3")]),
            };
            let page: Value = request.send().await.ok(200);
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|p| p["id"].as_str().unwrap().to_owned()));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, made);
        for bad in ["x", "AAAA", "prd_1"] {
            let request = shop
                .service
                .get("/order/v1/products")
                .query(&[("cursor", bad)]);
            request.send().await.problem(400, "common.invalid_cursor");
        }
        let request = shop
            .service
            .get("/order/v1/products")
            .query(&[("limit", "101")]);
        request.send().await.problem(400, "common.invalid_query");
        shop.close().await;
    }
}

#[tokio::test]
async fn seeding_twice_is_seeding_once() {
    for db in TestDb::all().await {
        for _ in 0..2 {
            let shop = Shop::open_with(&db, |config| config.seed_catalogue = true).await;
            let page: Value = shop.service.get("/order/v1/products").send().await.ok(200);
            let items = page["items"].as_array().unwrap();
            assert_eq!(items.len(), 5);
            assert!(items.iter().any(|p| p["price"]["currency"] == "JPY"));
            shop.close().await;
        }
    }
}
