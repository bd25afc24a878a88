//! From what a request asks for to lines with prices and a total.

use std::collections::{HashMap, HashSet};

use shoal_error::{CommonCode, Error, Result, Violations};
use shoal_money::{Currency, Money};

use super::codes::OrderCode;
use super::orders::Item;
use super::products::Product;

/// Bounds of one order; from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_lines: usize,
    /// Pieces per line.
    pub(crate) max_quantity: i64,
    /// In minor units of whatever currency.
    pub(crate) max_total: i64,
}

/// One line as a request has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Wanted {
    pub(crate) product_id: String,
    pub(crate) quantity: i64,
}

/// Lines that are right in themselves: bounded, positive, each product once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cart {
    lines: Vec<Wanted>,
    currency: Option<Currency>,
    limits: Limits,
}

/// What the lines cost now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) items: Vec<Item>,
    pub(crate) total: Money,
    /// Whether the stock would suffice now; holds nothing.
    pub(crate) available: bool,
}

impl Cart {
    /// Checks what a request says. An empty `currency` accepts any.
    ///
    /// # Errors
    /// One error that names every faulty line, or the unknown currency.
    pub(crate) fn check(lines: Vec<Wanted>, currency: &str, limits: Limits) -> Result<Self> {
        let currency = match currency {
            "" => None,
            code => Some(Currency::parse(code).map_err(|fault| fault.at("/currency"))?),
        };
        if lines.is_empty() || lines.len() > limits.max_lines {
            let text = format!("must hold 1 to {} lines", limits.max_lines);
            return Err(Error::invalid_field("/items", text));
        }
        let mut faults = Violations::new();
        for (at, line) in lines.iter().enumerate() {
            faults.require(
                format!("/items/{at}/product_id"),
                is_product_id(&line.product_id),
                "must be the id of a product, as prd_01jd2m3n4p5q6r7s8t9v0w1x2y",
            );
            if !(1..=limits.max_quantity).contains(&line.quantity) {
                let text = format!("must be between 1 and {}", limits.max_quantity);
                faults.add(format!("/items/{at}/quantity"), text);
            }
        }
        faults.finish()?;
        let mut seen = HashSet::new();
        if let Some(at) = lines.iter().position(|line| !seen.insert(&line.product_id)) {
            let text = format!("Product {} is listed twice.", lines[at].product_id);
            return Err(Error::new(OrderCode::DuplicateProduct, text)
                .with_field(format!("/items/{at}/product_id"), "is listed above already"));
        }
        Ok(Self {
            lines,
            currency,
            limits,
        })
    }

    /// Products that have to be known for a quote.
    pub(crate) fn product_ids(&self) -> Vec<&str> {
        self.lines
            .iter()
            .map(|line| line.product_id.as_str())
            .collect()
    }

    /// What the lines cost.
    ///
    /// # Errors
    /// Unknown or inactive products, currencies that do not fit together or not
    /// what was asked for, a sum above the limit.
    pub(crate) fn quote(&self, products: &HashMap<String, Product>) -> Result<Quote> {
        let found: Vec<(&Wanted, &Product)> = self
            .lines
            .iter()
            .enumerate()
            .map(|(at, line)| Ok((line, orderable(products.get(&line.product_id), at, line)?)))
            .collect::<Result<_>>()?;
        let currency = self.common_currency(&found)?;
        let items: Vec<Item> = found
            .iter()
            .map(|(line, product)| priced(line, product))
            .collect::<Result<_>>()?;
        let total = Money::sum(currency, items.iter().map(|item| item.line_total))
            .map_err(|_| self.too_large())?;
        if total.minor_units() > self.limits.max_total {
            return Err(self.too_large());
        }
        let available = found
            .iter()
            .all(|(line, product)| product.stock >= line.quantity);
        Ok(Quote {
            items,
            total,
            available,
        })
    }

    fn common_currency(&self, found: &[(&Wanted, &Product)]) -> Result<Currency> {
        let of = |product: &Product| product.price.currency();
        let Some((_, first)) = found.first() else {
            return Err(Error::new(CommonCode::Internal, "An order has lines."));
        };
        let first = of(first);
        if let Some(at) = found.iter().position(|(_, product)| of(product) != first) {
            let other = of(found[at].1);
            let text = format!("The products are priced in {first} and {other}.");
            return Err(Error::new(OrderCode::MixedCurrencies, text).with_field(
                format!("/items/{at}/product_id"),
                format!("is priced in {other}, the lines above in {first}"),
            ));
        }
        if let Some(wanted) = self.currency.filter(|wanted| *wanted != first) {
            let text = format!("The products are priced in {first}, not {wanted}.");
            return Err(Error::new(OrderCode::CurrencyMismatch, text)
                .with_field("/currency", format!("must be {first} or absent")));
        }
        Ok(first)
    }

    fn too_large(&self) -> Error {
        let most = self.limits.max_total;
        let text =
            format!("The total is above {most} minor units, the most that one order may be.");
        Error::new(OrderCode::TotalTooLarge, text)
    }
}

impl Quote {
    /// Refuses a total that is not the one that the shopper saw.
    ///
    /// # Errors
    /// [`OrderCode::PriceChanged`] with the total that holds now.
    pub(crate) fn expect_total(&self, seen: Option<i64>) -> Result<()> {
        let now = self.total.minor_units();
        if seen.is_none_or(|seen| seen == now) {
            return Ok(());
        }
        Err(Error::new(
            OrderCode::PriceChanged,
            "The total is not the expected one any more.",
        )
        .with_meta("total_minor_units", now.to_string())
        .with_meta("currency", self.total.currency().code()))
    }
}

/// `prd_` and a ULID in lower case; anything else is not worth a query.
fn is_product_id(id: &str) -> bool {
    id.strip_prefix("prd_")
        .is_some_and(|rest| rest.len() == 26 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn orderable<'a>(product: Option<&'a Product>, at: usize, line: &Wanted) -> Result<&'a Product> {
    let field = format!("/items/{at}/product_id");
    let id = &line.product_id;
    match product {
        Some(product) if product.active => Ok(product),
        Some(_) => Err(Error::new(
            OrderCode::ProductInactive,
            format!("Product {id} is not sold any more."),
        )
        .with_field(field, "is not sold any more")),
        None => Err(Error::new(
            OrderCode::UnknownProduct,
            format!("There is no product {id}."),
        )
        .with_field(field, "is not a product")),
    }
}

fn priced(line: &Wanted, product: &Product) -> Result<Item> {
    let line_total = product.price.checked_mul(line.quantity).map_err(|_| {
        Error::new(
            OrderCode::TotalTooLarge,
            "The total is more than can be counted.",
        )
    })?;
    Ok(Item {
        product_id: product.id.clone(),
        name: product.name.clone(),
        quantity: line.quantity,
        unit_price: product.price,
        line_total,
    })
}

#[cfg(test)]
#[path = "quotes_tests.rs"]
mod tests;
