//! Pages of a table that changes while it is read.

use shoal_store::{Page, PageRequest, SqlResultExt as _, Store, id};
use shoal_testkit::TestDb;

use super::tables::shop;

async fn add(store: &Store, count: usize) -> Vec<String> {
    let mut tx = store.begin().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = id::new("prd");
        sqlx::query("INSERT INTO products (id, name, code) VALUES ($1, $1, $1)")
            .bind(id.clone())
            .execute(&mut *tx)
            .await
            .unwrap();
        ids.push(id);
    }
    tx.commit().await.unwrap();
    ids
}

async fn page(store: &Store, request: &PageRequest) -> Page<String> {
    let mut conn = store.read().await.unwrap();
    let rows = sqlx::query_scalar("SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(request.after("products").unwrap())
        .bind(request.fetch().unwrap())
        .fetch_all(&mut *conn)
        .await
        .db()
        .unwrap();
    Page::cut(rows, request, "products", |id: &String| [id.clone()]).unwrap()
}

#[tokio::test]
async fn rows_that_come_and_go_neither_repeat_nor_hide_others() {
    for db in TestDb::all().await {
        let store = db.store("shop", shop()).await;
        let first = add(&store, 25).await;
        let mut request = PageRequest {
            limit: Some(10),
            cursor: None,
        };
        let mut seen = page(&store, &request).await;
        request.cursor = seen.next_cursor.take();
        let mut tx = store.begin().await.unwrap();
        sqlx::query("DELETE FROM products WHERE id = $1")
            .bind(first[3].clone())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let later = add(&store, 5).await;
        while request.cursor.is_some() {
            let next = page(&store, &request).await;
            seen.items.extend(next.items);
            request.cursor = next.next_cursor;
        }
        let all: Vec<String> = first.into_iter().chain(later).collect();
        assert_eq!(seen.items, all, "{db}");
    }
}
