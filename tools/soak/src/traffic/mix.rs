//! Which request comes next.

use rand::{Rng, RngExt as _};

use super::Crowd;
use super::book::Acknowledged;

/// One thing that a client does. People are by their place.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    ListProducts(usize),
    GetProduct(usize, String),
    ListOrders(usize),
    GetOrder(Acknowledged),
    Statement(usize),
    Inbox(usize),
    Place {
        person: usize,
        key: String,
        product: String,
        quantity: u32,
    },
    Repeat(Acknowledged),
    Cancel(Acknowledged),
    Refresh(usize),
    LogIn(usize),
}

impl Action {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::ListProducts(_) => "list products",
            Self::GetProduct(..) => "read product",
            Self::ListOrders(_) => "list orders",
            Self::GetOrder(_) => "read order",
            Self::Statement(_) => "read statement",
            Self::Inbox(_) => "list inbox",
            Self::Place { .. } => "place order",
            Self::Repeat(_) => "repeat order",
            Self::Cancel(_) => "cancel order",
            Self::Refresh(_) => "refresh tokens",
            Self::LogIn(_) => "log in",
        }
    }
}

/// Of a thousand requests: 905 reads, 70 orders, 10 of them sent again, 8
/// cancellations, 5 refreshes and 2 log-ins, whose passwords cost a processor
/// tens of milliseconds each.
pub(crate) fn choose(chance: &mut impl Rng, crowd: &Crowd) -> Action {
    let person = chance.random_range(0..crowd.people.len());
    let turn = chance.random_range(0..1_000);
    let product = crowd.products[chance.random_range(0..crowd.products.len())].clone();
    let known = crowd.book.any(|count| chance.random_range(0..count));
    match (turn, known) {
        (0..300, _) => Action::ListProducts(person),
        (300..455, _) => Action::GetProduct(person, product),
        (455..675, Some(order)) => Action::GetOrder(order),
        (455..795, _) => Action::ListOrders(person),
        (795..855, _) => Action::Statement(person),
        (855..905, _) => Action::Inbox(person),
        (975..985, Some(order)) => Action::Repeat(order),
        (985..993, _) => match crowd.book.to_cancel() {
            Some(order) => Action::Cancel(order),
            None => Action::ListOrders(person),
        },
        (993..998, _) => Action::Refresh(person),
        (998.., _) => Action::LogIn(person),
        _ => Action::Place {
            person,
            key: format!("soak-{:016x}", chance.random::<u64>()),
            product,
            quantity: chance.random_range(1..=3),
        },
    }
}
