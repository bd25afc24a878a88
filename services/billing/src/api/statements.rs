//! `/billing/v1/statement`.

use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, Result};
use shoal_money::{Currency, Money};
use shoal_service::{Identity, Json, OpenApiRouter, Query, routes};
use shoal_store::{Cursor, PageRequest};
use utoipa::{IntoParams, ToSchema};

use super::viewer;
use crate::domain::ledger::EntryKind;
use crate::domain::statement::StatementLine;
use crate::module::State;
use crate::store::statements::Span;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Which part of an account to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatementQuery {
    /// ISO 4217 code in upper case; an account has one currency.
    #[param(example = "EUR", pattern = "^[A-Z]{3}$")]
    currency: String,
    /// Whose account; for administrators. Customers get their own.
    user_id: Option<String>,
    /// From this time on, Unix milliseconds; from the beginning unless said.
    from_ms: Option<i64>,
    /// Before this time, Unix milliseconds; to the end unless said.
    to_ms: Option<i64>,
    /// 1 to 100, 20 unless said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// A page of a customer's account, oldest line first. Balances are what the
/// customer owes; negative ones are what we owe.
#[derive(Debug, Serialize, ToSchema)]
struct StatementView {
    /// Whose account.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    user_id: String,
    /// Balance before the first line of this page.
    opening_balance: Money,
    /// Lines, oldest first.
    items: Vec<StatementLineView>,
    /// Balance after the last line of this page.
    closing_balance: Money,
    /// Pass as `cursor` to go on; `null` on the last page.
    #[schema(
        required,
        example = "AB5wcmRfMDFtODNzNWt6NXJzdjRrY3ZobmQ3dHhiZ2XG-euYn_g"
    )]
    next_cursor: Option<String>,
}

/// One movement.
#[derive(Debug, Serialize, ToSchema)]
struct StatementLineView {
    /// Position in the account, without gaps.
    #[schema(example = 1)]
    position: i64,
    /// Unix milliseconds.
    #[schema(example = 1_763_877_600_000_i64)]
    booked_at_ms: i64,
    /// Why.
    kind: EntryKind,
    /// The ledger transaction.
    #[schema(example = "txn_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    transaction_id: String,
    /// The payment behind it.
    #[schema(example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    payment_id: String,
    /// What was paid for.
    #[schema(example = "ord_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    reference: String,
    /// The document behind it.
    #[schema(example = "inv_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    document_id: String,
    /// What it added to the balance.
    amount: Money,
    /// The balance after it.
    balance: Money,
}

impl From<StatementLine> for StatementLineView {
    fn from(line: StatementLine) -> Self {
        Self {
            position: line.position,
            booked_at_ms: line.booked_at_ms,
            kind: line.kind,
            transaction_id: line.transaction_id,
            payment_id: line.payment_id,
            reference: line.reference,
            document_id: line.invoice_id,
            amount: line.amount,
            balance: line.balance,
        }
    }
}

/// Read an account statement with running balance.
///
/// Customers read their own account, administrators anyone's.
#[utoipa::path(get, operation_id = "get_statement", path = "/billing/v1/statement", tag = "statements", params(StatementQuery),
    responses((status = 200, description = "A page.", body = StatementView)),
    extensions(("x-error-codes" = json!(["money.unknown_currency"]))),
    security(("bearer" = [])))]
async fn read(
    Shared(state): Shared<State>,
    identity: Identity,
    Query(query): Query<StatementQuery>,
) -> Result<Json<StatementView>> {
    let currency = Currency::parse(&query.currency).map_err(|fault| fault.at("currency"))?;
    let user_id = viewer(&identity).limit(query.user_id)?;
    let user_id = user_id.unwrap_or_else(|| identity.user_id().to_owned());
    let (from_ms, to_ms) = (query.from_ms.unwrap_or(0), query.to_ms.unwrap_or(i64::MAX));
    if from_ms > to_ms {
        let text = "must not be after to_ms";
        return Err(
            Error::new(CommonCode::InvalidQuery, format!("from_ms {text}."))
                .with_field("from_ms", text),
        );
    }
    let list = format!("statement {user_id} {currency} {from_ms} {to_ms}");
    let page = PageRequest {
        limit: query.limit,
        cursor: query.cursor,
    };
    let after = page
        .cursor(&list)?
        .map(|cursor| position(&cursor))
        .transpose()?
        .unwrap_or(0);
    let limit = page.limit()?;
    let span = Span {
        user_id: user_id.clone(),
        currency,
        from_ms,
        to_ms,
        after,
        limit,
    };
    let statement = state.engine.statement(&span).await?;
    let next = |position: i64| {
        Cursor {
            after: vec![position.to_string()],
        }
        .encode(&list)
    };
    Ok(Json(StatementView {
        user_id,
        opening_balance: statement.opening,
        items: statement
            .lines
            .into_iter()
            .map(StatementLineView::from)
            .collect(),
        closing_balance: statement.closing,
        next_cursor: statement.next.map(next),
    }))
}

fn position(cursor: &Cursor) -> Result<i64> {
    let key = cursor.after.first().and_then(|key| key.parse().ok());
    key.ok_or_else(|| Error::new(CommonCode::InvalidCursor, "The cursor holds no position."))
}
