//! A few tables for the other tests.

use shoal_store::{Migrations, Store};
use shoal_testkit::TestDb;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

const SHOP: &str = "
CREATE TABLE products (
    id   TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    shop TEXT NOT NULL DEFAULT 'main',
    CONSTRAINT products_code_unique UNIQUE (shop, code)
);
CREATE UNIQUE INDEX products_name_unique ON products (name);
CREATE TABLE stock (
    product_id TEXT NOT NULL,
    pieces     BIGINT NOT NULL,
    CONSTRAINT stock_product_fk FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT stock_not_negative CHECK (pieces >= 0)
);";

/// A migrator of statements given as text.
pub(crate) fn migrator(steps: &[(i64, &str)]) -> Migrator {
    let steps = steps.iter().map(|(version, sql)| {
        let sql = AssertSqlSafe((*sql).to_owned()).into_sql_str();
        Migration::new(*version, "step".into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(steps.collect())
}

/// The same statements for both engines.
pub(crate) fn steps(steps: &[(i64, &str)]) -> Migrations {
    Migrations::new("shop", migrator(steps), migrator(steps))
}

pub(crate) fn shop() -> Migrations {
    steps(&[(1, SHOP)])
}

/// A store with two products, of which there are some pieces.
pub(crate) async fn shop_store(db: &TestDb) -> Store {
    let store = db.store("shop", shop()).await;
    let mut tx = store.begin().await.unwrap();
    for (id, name) in [("prd_1", "Net"), ("prd_2", "Rod")] {
        sqlx::query("INSERT INTO products (id, name, code) VALUES ($1, $2, $1)")
            .bind(id)
            .bind(name)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query("INSERT INTO stock (product_id, pieces) VALUES ($1, 10)")
            .bind(id)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    store
}

pub(crate) async fn pieces(store: &Store, product: &str) -> i64 {
    let mut conn = store.read().await.unwrap();
    sqlx::query_scalar("SELECT pieces FROM stock WHERE product_id = $1")
        .bind(product.to_owned())
        .fetch_one(&mut *conn)
        .await
        .unwrap()
}
