//! Reading: who may see what.

use shoal_error::{Error, Result};
use shoal_money::Currency;
use shoal_store::{Page, PageRequest};

use super::Engine;
use crate::domain::invoice::Invoice;
use crate::domain::operation::Operation;
use crate::domain::payment::Payment;
use crate::domain::statement::Statement;
use crate::store::ledger::{AccountSum, Booked};
use crate::store::statements::{self, Span};
use crate::store::{invoices, ledger, operations, payments};

/// Who looks.
#[derive(Clone, Debug)]
pub(crate) enum Viewer {
    /// A user, who sees what is theirs.
    User(String),
    /// Administrators and services, who see everything.
    Everything,
}

impl Viewer {
    fn sees(&self, owner: &str) -> bool {
        match self {
            Self::User(user) => user == owner,
            Self::Everything => true,
        }
    }

    /// Whose things to list when `wanted` are asked for: a user always gets
    /// their own.
    ///
    /// # Errors
    /// 403 for a user who asks for another's.
    pub(crate) fn limit(&self, wanted: Option<String>) -> Result<Option<String>> {
        match self {
            Self::Everything => Ok(wanted),
            Self::User(own) if wanted.as_ref().is_none_or(|user| user == own) => {
                Ok(Some(own.clone()))
            }
            Self::User(_) => Err(Error::new(
                shoal_error::CommonCode::PermissionDenied,
                "Only the role admin may look at what belongs to others.",
            )),
        }
    }
}

impl Engine {
    /// One payment with its operations. What belongs to others is not there.
    pub(crate) async fn payment(
        &self,
        viewer: &Viewer,
        id: &str,
    ) -> Result<(Payment, Vec<Operation>)> {
        let mut conn = self.0.store.read().await?;
        let payment = payments::get(&mut conn, id)
            .await?
            .filter(|p| viewer.sees(&p.user_id));
        let payment = payment.ok_or_else(|| Error::not_found("payment", id))?;
        let operations = operations::of_payment(&mut conn, id).await?;
        Ok((payment, operations))
    }

    /// A page of payments.
    pub(crate) async fn payments(
        &self,
        filter: &payments::Filter,
        page: &PageRequest,
    ) -> Result<Page<Payment>> {
        payments::list(&mut *self.0.store.read().await?, filter, page).await
    }

    /// The payments under a reference, newest first, at most 100.
    pub(crate) async fn payments_by_reference(&self, reference: &str) -> Result<Vec<Payment>> {
        payments::by_reference(&mut *self.0.store.read().await?, reference).await
    }

    /// One document. What belongs to others is not there.
    pub(crate) async fn invoice(&self, viewer: &Viewer, id: &str) -> Result<Invoice> {
        let mut conn = self.0.store.read().await?;
        let invoice = invoices::get(&mut conn, id)
            .await?
            .filter(|i| viewer.sees(&i.user_id));
        invoice.ok_or_else(|| Error::not_found("invoice", id))
    }

    /// A page of documents.
    pub(crate) async fn invoices(
        &self,
        filter: &invoices::Filter,
        page: &PageRequest,
    ) -> Result<Page<Invoice>> {
        invoices::list(&mut *self.0.store.read().await?, filter, page).await
    }

    /// A page of a customer's account.
    pub(crate) async fn statement(&self, span: &Span) -> Result<Statement> {
        statements::page(&mut *self.0.store.read().await?, span).await
    }

    /// The sums of all accounts, and for each currency what is left over, which
    /// is nothing.
    pub(crate) async fn trial_balance(&self) -> Result<(Vec<AccountSum>, Vec<(Currency, i64)>)> {
        let sums = ledger::trial_balance(&mut *self.0.store.read().await?).await?;
        let mut left: Vec<(Currency, i64)> = Vec::new();
        for sum in &sums {
            let (currency, units) = (sum.balance.currency(), sum.balance.minor_units());
            match left.iter_mut().find(|(known, _)| *known == currency) {
                Some((_, total)) => *total += units,
                None => left.push((currency, units)),
            }
        }
        Ok((sums, left))
    }

    /// What was booked for a payment, oldest first.
    pub(crate) async fn entries(&self, payment_id: &str) -> Result<Vec<Booked>> {
        ledger::of_payment(&mut *self.0.store.read().await?, payment_id).await
    }
}
