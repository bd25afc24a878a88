//! What a settled operation leaves behind: a document and ledger entries.

use shoal_error::{Error, Result};
use shoal_money::Money;
use shoal_proto::events::billing::InvoiceIssuedV1;
use shoal_store::Tx;

use super::Engine;
use crate::domain::invoice::{self, DocumentKind, Invoice};
use crate::domain::lines;
use crate::domain::operation::{Operation, OperationKind};
use crate::domain::payment::Payment;
use crate::events;
use crate::store::ledger::{self, About};
use crate::store::{invoices, references};

impl Engine {
    /// Issues the invoice of a capture or the credit note of a refund.
    pub(super) async fn issue(
        &self,
        tx: &mut Tx,
        payment: &Payment,
        operation: &Operation,
        kind: OperationKind,
        amount: i64,
    ) -> Result<()> {
        let total = payment.state.money(amount);
        let (kind, lines, corrects) = match kind {
            OperationKind::Refund => {
                let corrects = invoices::first_of_payment(tx, &payment.id).await?;
                let reason = self.reason_of(tx, payment, operation).await?;
                let lines = lines::of_refund(&payment.description, &reason, total);
                (DocumentKind::CreditNote, lines, corrects)
            }
            _ => {
                let (whole, text) = (payment.amount(), &payment.description);
                let lines = lines::of_capture(&payment.lines, text, whole, total);
                (DocumentKind::Invoice, lines, None)
            }
        };
        let issuer = &self.0.config.issuer;
        let sequence = invoices::next_number(tx, &issuer.name, kind).await?;
        let document = Invoice {
            id: document_of(operation)?,
            number: invoice::number(&issuer.prefix, kind, sequence),
            issuer: issuer.name.clone(),
            kind,
            user_id: payment.user_id.clone(),
            payment_id: payment.id.clone(),
            reference: payment.reference.clone(),
            corrects,
            lines,
            total,
            issued_at_ms: payment.updated_at_ms,
        };
        invoices::insert(tx, &document, sequence, &operation.id).await?;
        self.announce_document(tx, &document).await
    }

    /// Writes the movement into the ledger.
    pub(super) async fn book(
        &self,
        tx: &mut Tx,
        payment: &Payment,
        operation: &Operation,
        kind: OperationKind,
        amount: i64,
    ) -> Result<()> {
        let invoice_id = document_of(operation)?;
        let about = About {
            payment_id: &payment.id,
            reference: &payment.reference,
            operation_id: &operation.id,
            invoice_id: &invoice_id,
        };
        let amount: Money = payment.state.money(amount);
        for entry in ledger::entries_of(kind, &payment.user_id, &payment.provider, amount)? {
            ledger::book(tx, &entry, about, payment.updated_at_ms).await?;
        }
        Ok(())
    }

    async fn announce_document(&self, tx: &mut Tx, document: &Invoice) -> Result<()> {
        let event = InvoiceIssuedV1 {
            invoice_id: document.id.clone(),
            number: document.number.clone(),
            kind: document.kind.as_str().to_owned(),
            user_id: document.user_id.clone(),
            payment_id: document.payment_id.clone(),
            reference: document.reference.clone(),
            total: document.total.into(),
        };
        events::publish(tx, &self.0.webhooks, &document.user_id, &event).await
    }

    /// The caller's words, or those of the cancellation that undoes the payment.
    async fn reason_of(
        &self,
        tx: &mut Tx,
        payment: &Payment,
        operation: &Operation,
    ) -> Result<String> {
        if !operation.note.is_empty() || !payment.state.cancel_requested {
            return Ok(operation.note.clone());
        }
        references::cancel_reason(tx, &payment.reference).await
    }
}

/// The id that was chosen for the operation's document.
fn document_of(operation: &Operation) -> Result<String> {
    let id = operation.invoice_id.clone();
    id.ok_or_else(|| Error::internal("a movement without document"))
}
