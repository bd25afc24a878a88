//! The database refuses what the books may not hold, whoever asks.

use serde_json::json;
use shoal_store::Store;
use shoal_testkit::TestDb;

use super::support::{Desk, raw, units};

const TRANSACTION: &str = "INSERT INTO ledger_transactions \
    (id, kind, payment_id, reference, operation_id, invoice_id, booked_at_ms) \
    VALUES ('txn_t', 'payment', 'pay_t', 'ord_t', 'op_t', 'inv_t', 1)";
const SEAL: &str = "INSERT INTO ledger_seals (transaction_id) VALUES ('txn_t')";

fn posting(line: i64, account: &str, currency: &str, amount: i64) -> String {
    format!(
        "INSERT INTO ledger_postings (transaction_id, line, account_id, currency, amount_minor, booked_at_ms) \
         VALUES ('txn_t', {line}, '{account}:{currency}', '{currency}', {amount}, 1)"
    )
}

/// Runs the statements in one transaction.
async fn run(store: &Store, statements: &[&str]) -> Result<(), String> {
    let mut tx = store.begin().await.unwrap();
    for sql in statements {
        let done = sqlx::query(sqlx::AssertSqlSafe((*sql).to_owned()))
            .execute(&mut *tx)
            .await;
        done.map_err(|error| error.to_string())?;
    }
    tx.commit().await.map_err(|error| format!("{error:?}"))
}

async fn with_accounts(db: &TestDb) -> Store {
    let store = raw(db).await;
    for currency in ["EUR", "USD"] {
        for account in ["one", "two"] {
            let sql = format!(
                "INSERT INTO ledger_accounts (id, code, class, currency) \
                 VALUES ('{account}:{currency}', '{account}', 'asset', '{currency}')"
            );
            run(&store, &[&sql]).await.unwrap();
        }
    }
    store
}

async fn count(store: &Store, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    sqlx::query_scalar(sql)
        .fetch_one(&mut *store.read().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_database_takes_a_balanced_transaction_and_refuses_every_other() {
    for db in TestDb::all().await {
        let store = with_accounts(&db).await;
        let (debit, credit) = (posting(1, "one", "EUR", 5), posting(2, "two", "EUR", -5));
        let short = posting(2, "two", "EUR", -4);
        let dollars = posting(2, "two", "USD", -5);
        let nothing = posting(3, "two", "EUR", 0);
        let wrong_account = debit.replace("'one:EUR', 'EUR'", "'one:EUR', 'USD'");
        let refused: [(&str, Vec<&str>); 8] = [
            ("no seal", vec![TRANSACTION, &debit, &credit]),
            ("unbalanced", vec![TRANSACTION, &debit, &short, SEAL]),
            (
                "balanced only across currencies",
                vec![TRANSACTION, &debit, &dollars, SEAL],
            ),
            ("one posting", vec![TRANSACTION, &debit, SEAL]),
            ("no posting", vec![TRANSACTION, SEAL]),
            (
                "a posting of nothing",
                vec![TRANSACTION, &debit, &credit, &nothing, SEAL],
            ),
            (
                "a posting after the seal",
                vec![TRANSACTION, &debit, &credit, SEAL, &nothing],
            ),
            (
                "an account of another currency",
                vec![TRANSACTION, &wrong_account, &credit, SEAL],
            ),
        ];
        for (what, statements) in refused {
            run(&store, &statements).await.expect_err(what);
            assert_eq!(
                count(&store, "ledger_transactions").await,
                0,
                "{what} on {db}"
            );
            assert_eq!(count(&store, "ledger_postings").await, 0, "{what} on {db}");
        }
        run(&store, &[TRANSACTION, &debit, &credit, SEAL])
            .await
            .unwrap();
        assert_eq!(count(&store, "ledger_postings").await, 2);
        store.close().await;
    }
}

#[tokio::test]
async fn the_database_refuses_to_change_what_is_booked() {
    for db in TestDb::all().await {
        let store = with_accounts(&db).await;
        let (debit, credit) = (posting(1, "one", "EUR", 5), posting(2, "two", "EUR", -5));
        run(&store, &[TRANSACTION, &debit, &credit, SEAL])
            .await
            .unwrap();
        let (more, less) = (posting(3, "one", "EUR", 1), posting(4, "two", "EUR", -1));
        let mut refused: Vec<Vec<&str>> = vec![
            vec![&more, &less],
            vec!["UPDATE ledger_postings SET amount_minor = amount_minor * 2"],
            vec!["UPDATE ledger_postings SET account_id = 'two:EUR' WHERE line = 1"],
            vec!["DELETE FROM ledger_postings"],
            vec!["UPDATE ledger_transactions SET kind = 'refund'"],
            vec!["DELETE FROM ledger_transactions"],
            vec!["UPDATE ledger_seals SET transaction_id = 'txn_x'"],
            vec!["DELETE FROM ledger_seals"],
            vec![
                "DELETE FROM ledger_seals",
                "DELETE FROM ledger_postings",
                "DELETE FROM ledger_transactions",
            ],
        ];
        let replace = debit
            .replace("INSERT INTO", "INSERT OR REPLACE INTO")
            .replace(", 5,", ", 6,");
        let again = TRANSACTION.replace("INSERT INTO", "INSERT OR REPLACE INTO");
        let other = again.replace("txn_t", "txn_u");
        match db.dialect() {
            shoal_store::Dialect::Sqlite => {
                refused.extend([
                    vec![replace.as_str()],
                    vec![again.as_str()],
                    vec![other.as_str()],
                ]);
            }
            shoal_store::Dialect::Postgres => {
                refused.push(vec!["TRUNCATE ledger_postings"]);
                refused.push(vec!["TRUNCATE ledger_seals CASCADE"]);
                refused.push(vec![
                    "SET CONSTRAINTS ALL DEFERRED",
                    "DELETE FROM ledger_postings WHERE line = 1",
                ]);
            }
        }
        for statements in refused {
            run(&store, &statements)
                .await
                .expect_err(&format!("{statements:?} on {db}"));
        }
        let sum: i64 = sqlx::query_scalar(
            "SELECT CAST(SUM(ABS(amount_minor)) AS BIGINT) FROM ledger_postings",
        )
        .fetch_one(&mut *store.read().await.unwrap())
        .await
        .unwrap();
        assert_eq!(sum, 10);
        store.close().await;
    }
}

#[tokio::test]
async fn the_database_refuses_gaps_and_changes_in_documents() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        desk.captured("ord_1", 100).await;
        let store = raw(&db).await;
        let copy = |sequence: i64| {
            format!(
                "INSERT INTO invoices (id, issuer, kind, sequence, number, user_id, payment_id, operation_id, \
                   reference, lines, currency, total_minor, issued_at_ms) \
                 SELECT 'inv_{sequence}', issuer, kind, {sequence}, 'N{sequence}', user_id, payment_id, \
                   'op_{sequence}', reference, lines, currency, total_minor, issued_at_ms FROM invoices LIMIT 1"
            )
        };
        run(&store, &[&copy(3)]).await.expect_err("a gap");
        run(&store, &[&copy(1)]).await.expect_err("a number twice");
        run(&store, &["UPDATE invoices SET total_minor = 1"])
            .await
            .expect_err("a change");
        run(&store, &["DELETE FROM invoices"])
            .await
            .expect_err("a removal");
        run(&store, &[&copy(2)]).await.unwrap();
        store.close().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn the_database_refuses_payments_that_exceed_themselves() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        desk.captured("ord_1", 100).await;
        let store = raw(&db).await;
        for change in [
            "captured_minor = 101",
            "releasing_minor = 1",
            "refunded_minor = 101",
            "refunded_minor = 60, refunding_minor = 41",
            "refunded_minor = -1",
            "status = 'paid'",
        ] {
            let sql = format!("UPDATE payments SET {change}");
            run(&store, &[&sql]).await.expect_err(change);
        }
        store.close().await;
        desk.close().await;
    }
}

#[tokio::test]
async fn the_books_show_what_a_payment_moved() {
    for db in TestDb::all().await {
        let desk = Desk::open(&db).await;
        let id = desk.captured("ord_1", 1_000).await;
        desk.refund(&id, Some(400)).send().await.expect(201);
        let entries = desk.get(&format!("/billing/v1/ledger/payments/{id}")).await;
        let kinds: Vec<_> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["kind"].clone())
            .collect();
        assert_eq!(
            kinds,
            [
                json!("invoice"),
                json!("payment"),
                json!("credit_note"),
                json!("refund")
            ]
        );
        for entry in entries.as_array().unwrap() {
            let sum: i64 = entry["postings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| units(&p["amount"]))
                .sum();
            assert_eq!(sum, 0, "{entry}");
        }
        let balance = desk.get("/billing/v1/ledger/trial-balance").await;
        let of = |name: &str| {
            let accounts = balance["accounts"].as_array().unwrap();
            units(&accounts.iter().find(|a| a["account"] == name).unwrap()["balance"])
        };
        assert_eq!((of("sales"), of("sales_returns")), (-1_000, 400));
        assert_eq!((of("clearing:sandbox"), of("customers")), (600, 0));
        assert_eq!(balance["balanced"], true);
        desk.close().await;
    }
}
