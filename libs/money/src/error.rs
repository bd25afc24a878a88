//! What can be wrong with an amount.

shoal_error::codes! {
    /// Codes of faulty amounts, the same in every module.
    pub enum MoneyCode("money") {
        /// Not a currency that anyone can pay with.
        UnknownCurrency: "money.unknown_currency", InvalidArgument, "Unknown currency",
            "Use an ISO 4217 code of a circulating currency in upper case, for example EUR.";
        /// Two amounts that belong together are in different currencies.
        CurrencyMismatch: "money.currency_mismatch", Unprocessable, "Currencies differ",
            "Use the currency named in the message.";
        /// The decimal text has more digits than the currency has minor units.
        WrongMinorDigits: "money.wrong_minor_digits", InvalidArgument, "Wrong number of decimals",
            "Write as many decimals as the currency has: two for EUR, none for JPY.";
        /// Zero or less where only more than zero makes sense.
        NotPositive: "money.not_positive", InvalidArgument, "Amount is not positive",
            "Send an amount greater than zero.";
        /// More than the platform can count.
        Overflow: "money.overflow", InvalidArgument, "Amount too large",
            "Send a smaller amount.";
        /// Not a number, or none of the two forms in which an amount is given.
        Malformed: "money.malformed", InvalidArgument, "Malformed amount",
            "Send `currency` and either `minor_units` (an integer) or `decimal` (text such as 12.34).";
    }
}

/// A faulty amount. The text of each is public.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// See [`MoneyCode::UnknownCurrency`].
    #[error("{0:?} is not an ISO 4217 code of a circulating currency")]
    UnknownCurrency(String),
    /// See [`MoneyCode::CurrencyMismatch`].
    #[error("the amount must be in {expected}, not {found}")]
    CurrencyMismatch {
        /// Code of the currency that was there first.
        expected: &'static str,
        /// Code of the other.
        found: &'static str,
    },
    /// See [`MoneyCode::WrongMinorDigits`].
    #[error("{currency} has {digits} decimal digits")]
    WrongMinorDigits {
        /// Code of the currency.
        currency: &'static str,
        /// How many digits it has.
        digits: u32,
    },
    /// See [`MoneyCode::NotPositive`].
    #[error("the amount must be greater than zero")]
    NotPositive,
    /// See [`MoneyCode::Overflow`].
    #[error("the amount is larger than can be counted")]
    Overflow,
    /// See [`MoneyCode::Malformed`].
    #[error("{0}")]
    Malformed(&'static str),
}

impl MoneyError {
    /// The code under which clients see it.
    pub fn code(&self) -> MoneyCode {
        match self {
            Self::UnknownCurrency(_) => MoneyCode::UnknownCurrency,
            Self::CurrencyMismatch { .. } => MoneyCode::CurrencyMismatch,
            Self::WrongMinorDigits { .. } => MoneyCode::WrongMinorDigits,
            Self::NotPositive => MoneyCode::NotPositive,
            Self::Overflow => MoneyCode::Overflow,
            Self::Malformed(_) => MoneyCode::Malformed,
        }
    }

    /// The platform's error, naming the faulty field of the request.
    pub fn at(self, field: &str) -> shoal_error::Error {
        let text = self.to_string();
        shoal_error::Error::from(self).with_field(field, text)
    }

    pub(crate) fn unknown_currency(code: &str) -> Self {
        // The text is shown to the caller: what is no code at all is cut short.
        Self::UnknownCurrency(code.chars().take(8).collect())
    }
}

impl From<MoneyError> for shoal_error::Error {
    fn from(error: MoneyError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
