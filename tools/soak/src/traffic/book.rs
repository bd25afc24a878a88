//! What the platform has acknowledged, to be held against it in the end.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// An order that was answered with 201 or 202.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) id: String,
    /// Who placed it.
    pub(crate) person: usize,
    /// Its idempotency key.
    pub(crate) key: String,
    pub(crate) product: String,
    pub(crate) quantity: u32,
}

/// Orders that were acknowledged, oldest first.
#[derive(Default)]
pub(crate) struct Book(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    orders: Vec<Acknowledged>,
    /// Up to where orders have been picked for cancelling, each once.
    picked: usize,
    /// Keys whose repetition gave another order.
    broken: Vec<String>,
}

impl Book {
    pub(crate) fn acknowledged(&self, order: Acknowledged) {
        self.lock().orders.push(order);
    }

    /// One that `draw` chooses among so many.
    pub(crate) fn any(&self, draw: impl FnOnce(usize) -> usize) -> Option<Acknowledged> {
        let inner = self.lock();
        let count = inner.orders.len();
        (count > 0).then(|| inner.orders[draw(count)].clone())
    }

    /// The oldest that nobody has cancelled yet.
    pub(crate) fn to_cancel(&self) -> Option<Acknowledged> {
        let mut inner = self.lock();
        let order = inner.orders.get(inner.picked).cloned()?;
        // One in three is left as it is.
        inner.picked += 3;
        Some(order)
    }

    /// A repeated key was answered with `id`.
    pub(crate) fn repeated(&self, order: &Acknowledged, id: &str) {
        if order.id != id {
            let text = format!("key {} gave {} and then {id}", order.key, order.id);
            self.lock().broken.push(text);
        }
    }

    /// All orders, and what was wrong with repeated keys.
    pub(crate) fn all(&self) -> (Vec<Acknowledged>, Vec<String>) {
        let inner = self.lock();
        (inner.orders.clone(), inner.broken.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: usize) -> Acknowledged {
        Acknowledged {
            id: format!("ord_{number}"),
            person: 0,
            key: format!("key-{number}"),
            product: "prd_1".to_owned(),
            quantity: 1,
        }
    }

    #[test]
    fn an_order_is_picked_for_cancelling_once() {
        let book = Book::default();
        for number in 0..5 {
            book.acknowledged(order(number));
        }
        let picked = [book.to_cancel(), book.to_cancel(), book.to_cancel()];
        let ids = picked.map(|picked| picked.map(|order| order.id));
        assert_eq!(ids, [Some("ord_0".into()), Some("ord_3".into()), None]);
    }

    #[test]
    fn a_repeated_key_that_gives_another_order_is_on_record() {
        let book = Book::default();
        book.repeated(&order(1), "ord_1");
        assert!(book.all().1.is_empty());
        book.repeated(&order(1), "ord_2");
        assert_eq!(book.all().1, ["key key-1 gave ord_1 and then ord_2"]);
    }
}
