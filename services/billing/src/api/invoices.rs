//! `/billing/v1/invoices`.

use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use shoal_error::{CommonCode, Error, Result, ResultExt as _};
use shoal_money::Money;
use shoal_service::{Identity, Json, OpenApiRouter, Path, Query, routes};
use shoal_store::{Page, PageRequest};
use utoipa::{IntoParams, ToSchema};

use super::viewer;
use crate::domain::invoice::{DocumentKind, Invoice};
use crate::module::State;
use crate::store::invoices::Filter;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get_one))
}

/// An invoice or a credit note.
#[derive(Debug, Serialize, ToSchema)]
struct InvoiceView {
    /// Id, `inv_…`.
    #[schema(example = "inv_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    id: String,
    /// Number in the issuer's unbroken series.
    #[schema(example = "SHOAL-000042")]
    number: String,
    /// Who issued it.
    #[schema(example = "Shoal")]
    issuer: String,
    /// Which kind of document.
    kind: DocumentKind,
    /// The customer.
    #[schema(example = "usr_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    user_id: String,
    /// The payment that it documents.
    #[schema(example = "pay_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    payment_id: String,
    /// What was paid for.
    #[schema(example = "ord_01k9zt3m5cq0s6v8x2b4d7f9ha")]
    reference: String,
    /// The invoice that a credit note corrects.
    #[schema(required, example = json!(null))]
    corrects: Option<String>,
    /// Lines; they sum to the total.
    lines: Vec<LineView>,
    /// Total, positive for credit notes too.
    total: Money,
    /// Unix milliseconds.
    #[schema(example = 1_763_877_600_000_i64)]
    issued_at_ms: i64,
}

/// A line of a document.
#[derive(Debug, Serialize, ToSchema)]
struct LineView {
    /// What it is about.
    #[schema(example = "Fishing rod")]
    description: String,
    /// How many.
    #[schema(example = 2)]
    quantity: u32,
    /// The price of one.
    unit_price: Money,
    /// Quantity times unit price.
    total: Money,
}

impl TryFrom<Invoice> for InvoiceView {
    type Error = Error;

    fn try_from(invoice: Invoice) -> Result<Self> {
        let line = |line: crate::domain::lines::Line| {
            let total = line.total().internal()?;
            let (description, quantity, unit_price) =
                (line.description, line.quantity, line.unit_price);
            Ok(LineView {
                description,
                quantity,
                unit_price,
                total,
            })
        };
        Ok(Self {
            id: invoice.id,
            number: invoice.number,
            issuer: invoice.issuer,
            kind: invoice.kind,
            user_id: invoice.user_id,
            payment_id: invoice.payment_id,
            reference: invoice.reference,
            corrects: invoice.corrects,
            lines: invoice.lines.into_iter().map(line).collect::<Result<_>>()?,
            total: invoice.total,
            issued_at_ms: invoice.issued_at_ms,
        })
    }
}

/// Which documents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this customer; for administrators.
    user_id: Option<String>,
    /// Only those of this payment.
    payment_id: Option<String>,
    /// Only documents of this kind.
    #[param(value_type = Option<DocumentKind>)]
    kind: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List invoices and credit notes, newest first.
///
/// Customers see their own, administrators all.
#[utoipa::path(get, operation_id = "list_invoices", path = "/billing/v1/invoices", tag = "invoices", params(ListQuery),
    responses((status = 200, description = "A page.", body = Page<InvoiceView>)),
    security(("bearer" = [])))]
async fn list(
    Shared(state): Shared<State>,
    identity: Identity,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<InvoiceView>>> {
    let filter = Filter {
        user_id: viewer(&identity).limit(query.user_id)?,
        payment_id: query.payment_id,
        kind: query.kind.as_deref().map(kind).transpose()?,
    };
    let page = PageRequest {
        limit: query.limit,
        cursor: query.cursor,
    };
    let Page { items, next_cursor } = state.engine.invoices(&filter, &page).await?;
    let items = items
        .into_iter()
        .map(InvoiceView::try_from)
        .collect::<Result<_>>()?;
    Ok(Json(Page { items, next_cursor }))
}

fn kind(name: &str) -> Result<DocumentKind> {
    DocumentKind::from_name(name).ok_or_else(|| {
        let text = "must be invoice or credit_note";
        Error::new(CommonCode::InvalidQuery, format!("kind {text}.")).with_field("kind", text)
    })
}

/// Read an invoice or a credit note.
#[utoipa::path(get, operation_id = "get_invoice", path = "/billing/v1/invoices/{invoice_id}", tag = "invoices",
    params(("invoice_id" = String, Path, description = "`inv_…`.",
        example = "inv_01k9zt3m5cq0s6v8x2b4d7f9ha")),
    responses((status = 200, description = "The document.", body = InvoiceView)),
    security(("bearer" = [])))]
async fn get_one(
    Shared(state): Shared<State>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Json<InvoiceView>> {
    InvoiceView::try_from(state.engine.invoice(&viewer(&identity), &id).await?).map(Json)
}
