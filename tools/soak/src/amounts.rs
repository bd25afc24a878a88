//! What is in the databases when all is over.

use std::collections::BTreeMap;

use shoal_error::{Result, ResultExt as _};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};

/// A connection that looks past the services.
pub(crate) struct Amounts(PgConnection);

/// An order as it ended.
pub(crate) struct Ended {
    pub(crate) status: String,
    /// Set when it was rejected.
    pub(crate) rejection: Option<String>,
}

impl Amounts {
    pub(crate) async fn of(url: &str) -> Result<Self> {
        Ok(Self(PgConnection::connect(url).await.internal()?))
    }

    /// Orders that have not ended.
    pub(crate) async fn unfinished(&mut self) -> Result<i64> {
        let sql =
            r#"SELECT COUNT(*) FROM "order".orders WHERE status IN ('pending', 'cancelling')"#;
        let row = sqlx::query(sql).fetch_one(&mut self.0).await.internal()?;
        row.try_get(0).internal()
    }

    /// Every order by its id.
    pub(crate) async fn orders(&mut self) -> Result<BTreeMap<String, Ended>> {
        let sql = r#"SELECT id, status, rejection_code FROM "order".orders"#;
        let rows = sqlx::query(sql).fetch_all(&mut self.0).await.internal()?;
        let ended = |row: &PgRow| -> Result<(String, Ended)> {
            let ended = Ended {
                status: row.try_get(1).internal()?,
                rejection: row.try_get(2).internal()?,
            };
            Ok((row.try_get(0).internal()?, ended))
        };
        rows.iter().map(ended).collect()
    }

    /// Currencies whose postings do not sum to zero.
    pub(crate) async fn unbalanced(&mut self) -> Result<Vec<String>> {
        self.lines(
            "SELECT currency || ' is off by ' || SUM(amount_minor) FROM billing.ledger_postings
             GROUP BY currency HAVING SUM(amount_minor) <> 0",
        )
        .await
    }

    /// Orders for which another sum was kept than they are worth: their total
    /// when they are confirmed, nothing otherwise.
    pub(crate) async fn unpaid(&mut self) -> Result<Vec<String>> {
        self.lines(
            r#"SELECT o.id || ' (' || o.status || ') kept ' || COALESCE(p.kept, 0) || ' of ' || o.total
               FROM "order".orders o
               LEFT JOIN (SELECT reference, SUM(captured_minor - refunded_minor) AS kept
                          FROM billing.payments GROUP BY reference) p ON p.reference = o.id
               WHERE COALESCE(p.kept, 0) <>
                     CASE WHEN o.status IN ('confirmed', 'fulfilled') THEN o.total ELSE 0 END"#,
        )
        .await
    }

    /// Payments of no order.
    pub(crate) async fn strays(&mut self) -> Result<Vec<String>> {
        self.lines(
            r#"SELECT p.id || ' for ' || p.reference FROM billing.payments p
               LEFT JOIN "order".orders o ON o.id = p.reference
               WHERE o.id IS NULL AND p.captured_minor > p.refunded_minor"#,
        )
        .await
    }

    /// Money that was kept, in minor units, and orders that are confirmed.
    pub(crate) async fn kept(&mut self) -> Result<(i64, i64)> {
        let sql = r#"SELECT COALESCE(SUM(total), 0)::BIGINT, COUNT(*) FROM "order".orders
                     WHERE status IN ('confirmed', 'fulfilled')"#;
        let row = sqlx::query(sql).fetch_one(&mut self.0).await.internal()?;
        Ok((row.try_get(0).internal()?, row.try_get(1).internal()?))
    }

    /// Stock of each product, and how much of it confirmed orders took.
    pub(crate) async fn stock(&mut self) -> Result<BTreeMap<String, (i64, i64)>> {
        let sql = r#"SELECT p.id, p.stock, COALESCE(SUM(i.quantity) FILTER
                            (WHERE o.status IN ('confirmed', 'fulfilled')), 0)::BIGINT
                     FROM "order".products p
                     LEFT JOIN "order".order_items i ON i.product_id = p.id
                     LEFT JOIN "order".orders o ON o.id = i.order_id
                     GROUP BY p.id, p.stock"#;
        let rows = sqlx::query(sql).fetch_all(&mut self.0).await.internal()?;
        let product = |row: &PgRow| -> Result<(String, (i64, i64))> {
            let amounts = (row.try_get(1).internal()?, row.try_get(2).internal()?);
            Ok((row.try_get(0).internal()?, amounts))
        };
        rows.iter().map(product).collect()
    }

    async fn lines(&mut self, sql: &'static str) -> Result<Vec<String>> {
        let rows = sqlx::query(sql).fetch_all(&mut self.0).await.internal()?;
        rows.iter().map(|row| row.try_get(0).internal()).collect()
    }
}
