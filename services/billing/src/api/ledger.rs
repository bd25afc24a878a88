//! `/billing/v1/ledger`: the books, for administrators.

use axum::extract::State as Shared;
use serde::Serialize;
use shoal_error::Result;
use shoal_money::Money;
use shoal_service::{Identity, Json, OpenApiRouter, Path, routes};
use utoipa::ToSchema;

use super::ADMIN;
use crate::domain::ledger::EntryKind;
use crate::engine::Viewer;
use crate::module::State;
use crate::store::ledger::Booked;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(trial_balance))
        .routes(routes!(entries))
}

/// The sums of all accounts.
#[derive(Debug, Serialize, ToSchema)]
struct TrialBalance {
    /// One line per account and currency; customers are one line together.
    accounts: Vec<AccountBalance>,
    /// For each currency what is left over: nothing, or the books are broken.
    difference: Vec<Money>,
    /// Whether nothing is left over in any currency.
    balanced: bool,
}

/// The sum of an account.
#[derive(Debug, Serialize, ToSchema)]
struct AccountBalance {
    /// Name of the account.
    #[schema(example = "clearing:sandbox")]
    account: String,
    /// `asset` or `revenue`.
    #[schema(example = "asset")]
    class: String,
    /// Debits less credits.
    balance: Money,
}

/// Sum all accounts.
#[utoipa::path(get, operation_id = "get_trial_balance", path = "/billing/v1/ledger/trial-balance", tag = "ledger",
    responses((status = 200, description = "The sums.", body = TrialBalance)),
    security(("bearer" = [])))]
async fn trial_balance(
    Shared(state): Shared<State>,
    identity: Identity,
) -> Result<Json<TrialBalance>> {
    identity.require_role(ADMIN)?;
    let (sums, left) = state.engine.trial_balance().await?;
    let accounts = sums.into_iter().map(|sum| AccountBalance {
        account: sum.code,
        class: sum.class,
        balance: sum.balance,
    });
    Ok(Json(TrialBalance {
        accounts: accounts.collect(),
        balanced: left.iter().all(|(_, units)| *units == 0),
        difference: left
            .into_iter()
            .map(|(currency, units)| Money::new(currency, units))
            .collect(),
    }))
}

/// A ledger transaction.
#[derive(Debug, Serialize, ToSchema)]
struct TransactionView {
    /// Id, `txn_…`.
    #[schema(example = "txn_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// Why it was booked.
    kind: EntryKind,
    /// The document behind it.
    #[schema(example = "inv_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    document_id: String,
    /// Unix milliseconds.
    #[schema(example = 1_763_877_600_000_i64)]
    booked_at_ms: i64,
    /// Sum to zero.
    postings: Vec<PostingView>,
}

/// One side of a transaction.
#[derive(Debug, Serialize, ToSchema)]
struct PostingView {
    /// Name of the account.
    #[schema(example = "sales")]
    account: String,
    /// Debit positive, credit negative.
    amount: Money,
}

impl From<Booked> for TransactionView {
    fn from(booked: Booked) -> Self {
        let posting = |(account, amount)| PostingView { account, amount };
        Self {
            id: booked.id,
            kind: booked.kind,
            document_id: booked.invoice_id,
            booked_at_ms: booked.booked_at_ms,
            postings: booked.postings.into_iter().map(posting).collect(),
        }
    }
}

/// Read what was booked for a payment, oldest first.
#[utoipa::path(get, operation_id = "list_ledger_transactions", path = "/billing/v1/ledger/payments/{payment_id}", tag = "ledger",
    params(("payment_id" = String, Path, description = "`pay_…`.",
        example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The transactions.", body = Vec<TransactionView>)),
    security(("bearer" = [])))]
async fn entries(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<Vec<TransactionView>>> {
    identity.require_role(ADMIN)?;
    state.engine.payment(&Viewer::Everything, &id).await?;
    let entries = state.engine.entries(&id).await?;
    Ok(Json(
        entries.into_iter().map(TransactionView::from).collect(),
    ))
}
