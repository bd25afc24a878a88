//! Everything that can go wrong with products and orders, for programs.

use shoal_error::CodeSpec;
use shoal_money::MoneyCode;

const COUNT: usize = OrderCode::CATALOGUE.len() + MoneyCode::CATALOGUE.len();

/// Every code that the module answers besides the common ones.
pub(crate) const ALL: [CodeSpec; COUNT] = {
    let mut all = [OrderCode::CATALOGUE[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < OrderCode::CATALOGUE.len() {
            OrderCode::CATALOGUE[at]
        } else {
            MoneyCode::CATALOGUE[at - OrderCode::CATALOGUE.len()]
        };
        at += 1;
    }
    all
};

shoal_error::codes! {
    /// Codes of the order module.
    pub enum OrderCode("order") {
        /// No such product, or its id is malformed.
        ProductNotFound: "order.product_not_found", NotFound, "No such product",
            "List the products and use one of their ids.";
        /// A line of the request names a product that is not there.
        UnknownProduct: "order.unknown_product", Unprocessable, "Unknown product in the list",
            "Remove the line named in `errors`, or use the id of a listed product.";
        /// The product is listed no more.
        ProductInactive: "order.product_inactive", Unprocessable, "Product cannot be ordered",
            "Remove the line named in `errors`; the product is not sold any more.";
        /// One product stands in two lines.
        DuplicateProduct: "order.duplicate_product", InvalidArgument, "Product listed twice",
            "Name each product once and add up the quantities.";
        /// The lines are priced in more than one currency.
        MixedCurrencies: "order.mixed_currencies", Unprocessable, "Products in several currencies",
            "Place one order per currency.";
        /// The request names another currency than that of the products.
        CurrencyMismatch: "order.currency_mismatch", Unprocessable, "Products have another currency",
            "Send the currency named in the message, or none.";
        /// The sum is above the limit of one order, or cannot be counted at all.
        TotalTooLarge: "order.total_too_large", Unprocessable, "Order too large",
            "Lower the quantities or place several orders.";
        /// The total differs from what the shopper saw.
        PriceChanged: "order.price_changed", Conflict, "Price changed",
            "Show the new total, named in `meta`, and place the order again with a new key.";
        /// Fewer pieces are left than asked for.
        OutOfStock: "order.out_of_stock", Conflict, "Not enough stock",
            "Lower the quantity or wait for a restock, then use a new key.";
        /// The stock would go below zero.
        StockBelowZero: "order.stock_below_zero", Conflict, "Stock cannot go below zero",
            "Take away at most what is in stock.";
        /// The stock would be more than can be counted.
        StockTooLarge: "order.stock_too_large", Unprocessable, "Stock too large",
            "Keep the stock of a product below one billion pieces.";
        /// The payment provider refused.
        PaymentDeclined: "order.payment_declined", PaymentRequired, "Payment declined",
            "Use another payment method and a new key; nothing was charged.";
        /// Billing cannot make sense of the payment method or the amount.
        PaymentInvalid: "order.payment_invalid", Unprocessable, "Payment not possible",
            "Check the payment method and use a new key; nothing was charged.";
        /// Billing could not be reached or did not answer in time.
        PaymentUnavailable: "order.payment_unavailable", Unavailable, "Payment not available",
            "Try again later with a new key; nothing was charged.";
        /// Something on our side kept the order from being arranged.
        NotArranged: "order.not_arranged", Unavailable, "Order not arranged",
            "Try again later with a new key; nothing was charged. If it stays, report the trace id.";
        /// Billing refuses to give the money back.
        RefundRefused: "order.refund_refused", Conflict, "Refund refused",
            "The order stays as it was; ask the shop's support.";
        /// No such order, or somebody else's.
        OrderNotFound: "order.order_not_found", NotFound, "No such order",
            "List your orders and use one of their ids.";
        /// The order's state does not admit the move.
        IllegalMove: "order.illegal_move", Conflict, "Not possible in this state",
            "Do one of the moves named in `meta.allowed`, or wait for the state to change.";
        /// No such saga.
        SagaNotFound: "order.saga_not_found", NotFound, "No such saga",
            "List the parked sagas and use one of their ids.";
        /// Only a parked saga waits for a decision.
        SagaNotParked: "order.saga_not_parked", Conflict, "Saga is not parked",
            "Look at the saga again; it went on or ended by itself.";
    }
}
