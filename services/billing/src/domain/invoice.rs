//! Documents: invoices and credit notes.

use serde::{Deserialize, Serialize};
use shoal_money::Money;

use super::lines::Line;

/// Which kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Issued on every capture.
    Invoice,
    /// Issued on every refund; names the invoice that it corrects.
    CreditNote,
}

impl DocumentKind {
    /// Name in rows, events and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Invoice, Self::CreditNote]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A document. Once issued it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Id, `inv_…`.
    pub id: String,
    /// Number in the issuer's unbroken series.
    pub number: String,
    /// Who issued it.
    pub issuer: String,
    /// Which kind.
    pub kind: DocumentKind,
    /// The customer.
    pub user_id: String,
    /// The payment that it documents.
    pub payment_id: String,
    /// What was paid for.
    pub reference: String,
    /// The invoice that a credit note corrects.
    pub corrects: Option<String>,
    /// Its lines; they sum to the total.
    pub lines: Vec<Line>,
    /// Its total, positive for credit notes too.
    pub total: Money,
    /// When it was issued, Unix milliseconds.
    pub issued_at_ms: i64,
}

/// Writes the `n`-th number of a series: `SHOAL-000042`, `SHOAL-CN-000042`.
/// Longer numbers simply become longer, so the series never ends.
pub fn number(prefix: &str, kind: DocumentKind, n: i64) -> String {
    match kind {
        DocumentKind::Invoice => format!("{prefix}-{n:06}"),
        DocumentKind::CreditNote => format!("{prefix}-CN-{n:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_and_grow_past_the_padding() {
        assert_eq!(number("SHOAL", DocumentKind::Invoice, 42), "SHOAL-000042");
        assert_eq!(
            number("SHOAL", DocumentKind::CreditNote, 1),
            "SHOAL-CN-000001"
        );
        assert_eq!(
            number("SHOAL", DocumentKind::Invoice, 12_345_678),
            "SHOAL-12345678"
        );
    }
}
