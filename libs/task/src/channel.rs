//! Bounded channels: tokio's, with the bound in the type's only constructor
//! and errors of the platform.

use shoal_context::Context;
use shoal_error::{CommonCode, Error, Result};
use tokio::sync::mpsc;

/// A queue of at most `capacity` messages. `name` stands in errors.
pub fn channel<T>(name: &'static str, capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = mpsc::channel(capacity.max(1));
    (Sender { name, tx }, Receiver { rx })
}

/// The end of a channel that messages go in.
#[derive(Debug)]
pub struct Sender<T> {
    name: &'static str,
    tx: mpsc::Sender<T>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            tx: self.tx.clone(),
        }
    }
}

impl<T: Send> Sender<T> {
    /// Waits for a place until the context's deadline.
    ///
    /// # Errors
    /// `DeadlineExceeded` or `Cancelled` from the context, `Unavailable` when
    /// the receiver is gone.
    pub async fn send(&self, message: T) -> Result<()> {
        let sent = Context::current().stop_or(self.tx.send(message)).await?;
        sent.map_err(|_| self.closed())
    }

    /// Sheds the message when there is no place.
    ///
    /// # Errors
    /// `Overloaded` when full, `Unavailable` when the receiver is gone.
    pub fn try_send(&self, message: T) -> Result<()> {
        self.tx.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::new(
                CommonCode::Overloaded,
                format!("The queue {} is full.", self.name),
            )
            .with_retry_after(std::time::Duration::from_secs(1)),
            mpsc::error::TrySendError::Closed(_) => self.closed(),
        })
    }

    /// Messages that wait.
    pub fn depth(&self) -> usize {
        self.tx.max_capacity() - self.tx.capacity()
    }

    fn closed(&self) -> Error {
        Error::new(
            CommonCode::Unavailable,
            format!("The queue {} has ended.", self.name),
        )
    }
}

/// The end of a channel that messages come out.
#[derive(Debug)]
pub struct Receiver<T> {
    rx: mpsc::Receiver<T>,
}

impl<T> Receiver<T> {
    /// The next message; `None` when all senders are gone.
    pub async fn recv(&mut self) -> Option<T> {
        self.rx.recv().await
    }
}
