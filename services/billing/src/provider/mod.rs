//! Payment providers: the other side of every operation.
//!
//! A provider is a remote system that may answer late, twice or never. The
//! engine needs three promises of it, which the trait states: a key is executed
//! at most once, a known key can be queried, and a key that cannot be found
//! some time after it was submitted will never be executed.

pub mod callback;
pub mod sandbox;

use futures::future::BoxFuture;
use shoal_money::Money;

use crate::domain::operation::OperationKind;

/// A payment provider.
pub trait Provider: Send + Sync + std::fmt::Debug + 'static {
    /// Name in rows, account codes and metrics.
    fn name(&self) -> &'static str;

    /// Asks for an operation. Asking again with the same key does nothing new
    /// and answers the same.
    fn submit<'a>(
        &'a self,
        instruction: &'a Instruction,
    ) -> BoxFuture<'a, Result<Answer, ProviderError>>;

    /// What became of a key; `None` when the provider does not know it. A key
    /// unknown for longer than the engine's `provider.settle_after_ms` after it
    /// was last submitted will never be executed.
    fn query<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answer>, ProviderError>>;
}

/// What the provider is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Our id of the operation; the provider executes it at most once.
    pub key: String,
    /// What to do.
    pub kind: OperationKind,
    /// With how much.
    pub amount: Money,
    /// Our id of the payment, which ties operations together.
    pub payment: String,
    /// The provider's token of the customer's payment method.
    pub payment_method: String,
}

/// What the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Approved,
    /// It will not be done, and why.
    Declined(String),
    /// Not decided yet; a callback or a query will tell.
    Processing,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No answer in time. It may have happened.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// The request never reached the provider. It has not happened.
    #[error("the provider cannot be reached")]
    Unreachable,
    /// An answer that makes no sense. It may have happened.
    #[error("the provider answered nonsense: {0}")]
    Garbled(String),
}
