//! Quotes: every faulty request, and sums that are right whatever is asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    max_lines: 3,
    max_quantity: 1_000,
    max_total: 1_000_000,
};

fn id(n: usize) -> String {
    format!("prd_{n:026}")
}

fn want(n: usize, quantity: i64) -> Wanted {
    Wanted {
        product_id: id(n),
        quantity,
    }
}

fn product(n: usize, price: Money, stock: i64) -> Product {
    Product {
        id: id(n),
        name: format!("Product {n}"),
        description: String::new(),
        price,
        stock,
        active: true,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

fn eur(units: i64) -> Money {
    Money::new(Currency::EUR, units)
}

fn shelf(products: impl IntoIterator<Item = Product>) -> HashMap<String, Product> {
    products.into_iter().map(|p| (p.id.clone(), p)).collect()
}

fn check(lines: Vec<Wanted>) -> Result<Cart> {
    Cart::check(lines, "", LIMITS)
}

#[test]
fn quantities_that_make_no_sense_are_all_named() {
    let error = check(vec![want(1, 0), want(2, -1), want(3, i64::MAX)]).unwrap_err();
    let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "/items/0/quantity",
            "/items/1/quantity",
            "/items/2/quantity"
        ]
    );
    assert!(error.is(CommonCode::InvalidField));
}

#[test]
fn an_order_has_lines_but_not_too_many() {
    assert!(check(vec![]).is_err());
    assert!(check((0..4).map(|n| want(n, 1)).collect()).is_err());
    assert!(check((0..3).map(|n| want(n, 1)).collect()).is_ok());
}

#[test]
fn a_product_stands_in_one_line_only() {
    let error = check(vec![want(1, 1), want(1, 2)]).unwrap_err();
    assert!(error.is(OrderCode::DuplicateProduct));
    assert_eq!(error.fields()[0].field, "/items/1/product_id");
}

#[test]
fn an_id_that_is_none_is_refused_before_any_query() {
    for bad in [
        "",
        "prd_",
        "ord_00000000000000000000000001",
        "prd_'; DROP TABLE products; --",
    ] {
        let line = Wanted {
            product_id: bad.into(),
            quantity: 1,
        };
        assert!(check(vec![line]).is_err(), "{bad}");
    }
}

#[test]
fn currencies_must_fit_together_and_the_request() {
    let products = shelf([
        product(1, eur(5), 9),
        product(2, Money::new(Currency::JPY, 5), 9),
    ]);
    let mixed = check(vec![want(1, 1), want(2, 1)])
        .unwrap()
        .quote(&products)
        .unwrap_err();
    assert!(mixed.is(OrderCode::MixedCurrencies));
    let foreign = Cart::check(vec![want(1, 1)], "USD", LIMITS)
        .unwrap()
        .quote(&products);
    assert!(foreign.unwrap_err().is(OrderCode::CurrencyMismatch));
    let unknown = Cart::check(vec![want(1, 1)], "ABC", LIMITS).unwrap_err();
    assert_eq!(unknown.code(), "money.unknown_currency");
    assert!(
        Cart::check(vec![want(1, 1)], "EUR", LIMITS)
            .unwrap()
            .quote(&products)
            .is_ok()
    );
}

#[test]
fn unknown_and_inactive_products_are_named_by_their_line() {
    let gone = Product {
        active: false,
        ..product(2, eur(5), 9)
    };
    let products = shelf([product(1, eur(5), 9), gone]);
    let inactive = check(vec![want(1, 1), want(2, 1)])
        .unwrap()
        .quote(&products)
        .unwrap_err();
    assert!(inactive.is(OrderCode::ProductInactive));
    assert_eq!(inactive.fields()[0].field, "/items/1/product_id");
    let unknown = check(vec![want(7, 1)])
        .unwrap()
        .quote(&products)
        .unwrap_err();
    assert!(unknown.is(OrderCode::UnknownProduct));
}

#[test]
fn a_total_above_the_limit_or_above_counting_is_refused() {
    let products = shelf([product(1, eur(1_001), 9), product(2, eur(i64::MAX), 9)]);
    let above = check(vec![want(1, 1_000)])
        .unwrap()
        .quote(&products)
        .unwrap_err();
    assert!(above.is(OrderCode::TotalTooLarge));
    let overflow = check(vec![want(2, 2)])
        .unwrap()
        .quote(&products)
        .unwrap_err();
    assert!(overflow.is(OrderCode::TotalTooLarge));
    let sum = check(vec![want(1, 1), want(2, 1)])
        .unwrap()
        .quote(&products)
        .unwrap_err();
    assert!(sum.is(OrderCode::TotalTooLarge));
}

#[test]
fn a_changed_price_is_told_with_the_new_total() {
    let products = shelf([product(1, eur(5), 9)]);
    let quote = check(vec![want(1, 2)]).unwrap().quote(&products).unwrap();
    assert!(quote.expect_total(None).is_ok());
    assert!(quote.expect_total(Some(10)).is_ok());
    let error = quote.expect_total(Some(9)).unwrap_err();
    assert!(error.is(OrderCode::PriceChanged));
    assert_eq!(error.meta()["total_minor_units"], "10");
}

proptest! {
    #[test]
    fn a_quote_adds_up_and_knows_whether_the_stock_suffices(
        lines in proptest::collection::vec((1i64..=1_000, 1i64..=300, 0i64..=2_000), 1..=3),
    ) {
        let products = shelf(
            lines.iter().enumerate().map(|(n, (_, price, stock))| product(n, eur(*price), *stock)),
        );
        let wanted = lines.iter().enumerate().map(|(n, (quantity, _, _))| want(n, *quantity));
        let quote = check(wanted.collect()).unwrap().quote(&products).unwrap();
        let sum: i64 = lines.iter().map(|(quantity, price, _)| quantity * price).sum();
        prop_assert_eq!(quote.total, eur(sum));
        prop_assert_eq!(
            quote.items.iter().map(|i| i.line_total.minor_units()).sum::<i64>(), sum
        );
        prop_assert_eq!(quote.available, lines.iter().all(|(q, _, stock)| stock >= q));
    }

    #[test]
    fn no_request_whatever_makes_a_quote_that_is_not_positive_and_bounded(
        quantities in proptest::collection::vec(any::<i64>(), 0..5),
        prices in proptest::collection::vec(1i64.., 5),
    ) {
        let lines = quantities.iter().enumerate().map(|(n, q)| want(n, *q)).collect();
        let products = shelf(prices.iter().enumerate().map(|(n, p)| product(n, eur(*p), 1)));
        if let Ok(quote) = check(lines).and_then(|cart| cart.quote(&products)) {
            prop_assert!((1..=LIMITS.max_total).contains(&quote.total.minor_units()));
        }
    }
}
