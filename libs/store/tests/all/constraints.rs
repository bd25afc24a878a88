//! Violated constraints, by the same names on both engines.

use shoal_error::{CommonCode, Error};
use shoal_store::SqlResultExt as _;
use shoal_testkit::TestDb;

use super::tables::shop_store;

#[tokio::test]
async fn a_violated_constraint_is_known_by_its_name() {
    let statements = [
        (
            "stock_not_negative",
            "UPDATE stock SET pieces = pieces - 11",
        ),
        (
            "products_code_unique",
            "INSERT INTO products (id, name, code) VALUES ('prd_3', 'Hook', 'prd_1')",
        ),
        (
            "products_name_unique",
            "INSERT INTO products (id, name, code) VALUES ('prd_3', 'Net', 'hook')",
        ),
        (
            "products_pkey",
            "INSERT INTO products (id, name, code) VALUES ('prd_1', 'Hook', 'hook')",
        ),
        (
            "stock_product_fk",
            "INSERT INTO stock (product_id, pieces) VALUES ('prd_9', 1)",
        ),
        (
            "stock_product_fk",
            "DELETE FROM products WHERE id = 'prd_1'",
        ),
    ];
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        for (name, statement) in statements {
            let mut tx = store.begin().await.unwrap();
            let error = sqlx::query(statement)
                .execute(&mut *tx)
                .await
                .on_constraint("of_another_name", || Error::internal("wrong constraint"))
                .on_constraint(name, || Error::new(CommonCode::Conflict, "that one"))
                .db()
                .unwrap_err();
            assert_eq!(error.message(), "that one", "{db}: {statement}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_constraint_without_a_meaning_is_no_clients_business() {
    for db in TestDb::all().await {
        let store = shop_store(&db).await;
        let mut tx = store.begin().await.unwrap();
        let error = sqlx::query("UPDATE stock SET pieces = -1")
            .execute(&mut *tx)
            .await
            .db()
            .unwrap_err();
        assert!(error.is(CommonCode::Internal), "{db}");
        assert!(
            !error.message().contains("stock"),
            "{db}: {}",
            error.message()
        );
        assert!(
            error.report().contains("stock_not_negative"),
            "{db}: {}",
            error.report()
        );
    }
}
