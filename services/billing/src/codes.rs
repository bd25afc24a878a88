//! What billing can answer besides the common codes and those of money.

shoal_error::codes! {
    /// Codes of the billing module.
    pub enum BillingCode("billing") {
        /// The provider refused to reserve the money.
        PaymentDeclined: "billing.payment_declined", PaymentRequired, "Payment declined",
            "Ask the customer for another payment method; the same payment stays declined.";
        /// The provider never got to know of the payment.
        PaymentFailed: "billing.payment_failed", Unprocessable, "Payment failed",
            "Nothing was reserved. Make a new payment with a new key.";
        /// The provider refused a capture, void or refund.
        ProviderRefused: "billing.provider_refused", Unprocessable, "Provider refused",
            "Read `reason`; nothing was moved. A new key makes a new attempt.";
        /// The provider's answer is not known yet.
        OutcomeUnknown: "billing.outcome_unknown", Unavailable, "Outcome not known yet",
            "Send the same request with the same key again, or read the payment later. Nobody is charged twice.";
        /// The provider cannot be reached.
        ProviderUnavailable: "billing.provider_unavailable", Unavailable, "Provider unavailable",
            "Send the same request with the same key again.";
        /// Nothing is left to capture in this status.
        NotCapturable: "billing.not_capturable", Conflict, "Not capturable",
            "Read the payment; only what is authorized and not released can be captured.";
        /// Nothing is left to void in this status.
        NotVoidable: "billing.not_voidable", Conflict, "Not voidable",
            "Read the payment; refund what is captured.";
        /// Nothing is left to refund in this status.
        NotRefundable: "billing.not_refundable", Conflict, "Not refundable",
            "Read the payment; only captured money can be given back.";
        /// More than what is authorized.
        ExceedsCapturable: "billing.exceeds_capturable", Unprocessable, "More than authorized",
            "Capture at most `left_minor_units`.";
        /// More than what was captured.
        ExceedsRefundable: "billing.exceeds_refundable", Unprocessable, "More than captured",
            "Refund at most `left_minor_units`.";
        /// Another operation on the payment awaits its answer.
        OperationPending: "billing.operation_pending", Conflict, "Operation pending",
            "Wait until the payment's `operation_pending` is false and try again.";
        /// The payment is being undone.
        Cancelling: "billing.cancelling", Conflict, "Being cancelled",
            "Nothing to do: the payment will be voided or refunded.";
        /// An answer of the provider that nobody waits for.
        NotAwaited: "billing.not_awaited", Conflict, "Not awaited",
            "Nothing to do: the operation was settled before.";
        /// The reference was cancelled; nothing more can be paid under it.
        ReferenceCancelled: "billing.reference_cancelled", Conflict, "Reference cancelled",
            "Use a new reference.";
        /// More than one payment may be.
        AmountTooLarge: "billing.amount_too_large", InvalidArgument, "Amount too large",
            "Split the payment; the message names the limit.";
        /// A currency that this installation does not take.
        CurrencyNotAccepted: "billing.currency_not_accepted", Unprocessable, "Currency not accepted",
            "Use one of the currencies named in the message.";
        /// The invoice lines do not add up to the amount.
        LinesMismatch: "billing.lines_mismatch", Unprocessable, "Lines do not add up",
            "Send lines whose quantity times unit price sum to the amount, or none.";
        /// A provider callback without a valid signature.
        CallbackSignature: "billing.callback_signature", Unauthenticated, "Bad callback signature",
            "Sign the exact body with the shared secret; see the documentation of provider callbacks.";
    }
}
