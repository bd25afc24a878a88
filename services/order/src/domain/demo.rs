//! A small catalogue to try things out with.

use shoal_money::{Currency, Money};

use super::products::NewProduct;

/// A product of the demonstration catalogue.
pub(crate) struct DemoProduct {
    /// Under which seeding recognises it; never shown.
    pub(crate) key: &'static str,
    pub(crate) product: NewProduct,
}

/// Five products; the last one is in another currency and the fourth is scarce, so
/// that both can be tried.
pub(crate) fn catalogue() -> Vec<DemoProduct> {
    let eur = |units| Money::new(Currency::EUR, units);
    let row = |key, name: &str, description: &str, price, stock| DemoProduct {
        key,
        product: NewProduct {
            name: name.to_owned(),
            description: description.to_owned(),
            price,
            stock,
        },
    };
    vec![
        row(
            "demo-mug",
            "Enamel mug",
            "Blue, half a litre, does not break.",
            eur(1_490),
            500,
        ),
        row(
            "demo-lamp",
            "Desk lamp",
            "Warm light, folds flat.",
            eur(3_900),
            120,
        ),
        row(
            "demo-chart",
            "Sea chart",
            "The bay with its shoals, on paper.",
            eur(2_250),
            80,
        ),
        row(
            "demo-clock",
            "Ship's clock",
            "Brass. There are only three.",
            eur(24_900),
            3,
        ),
        row(
            "demo-tea",
            "Sencha",
            "100 g, priced in yen.",
            Money::new(Currency::JPY, 1_800),
            200,
        ),
    ]
}
