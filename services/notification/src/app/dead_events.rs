//! Events that the consumer could not deal with.

use serde_json::Value;
use shoal_error::{Error, Result};
use shoal_queue::{EventLetters, Selection};
use shoal_store::dead_letters::{self, DeadLetter};
use shoal_store::page::{Page, PageRequest};

use super::App;
use crate::events::GROUP;

impl App {
    /// Parked events, oldest first, without their data.
    pub(crate) async fn dead_events(&self, request: &PageRequest) -> Result<Page<DeadLetter>> {
        let mut reader = self.inner.store.read().await?;
        let page = dead_letters::list(&mut reader, Some(GROUP), request).await?;
        Ok(page.map(without_data))
    }

    /// Has the consumer try an event again.
    pub(crate) async fn redrive_event(&self, id: &str) -> Result<()> {
        let letters = EventLetters::new(self.inner.store.clone());
        moved(&letters.redrive(&Selection::one(id)).await?, id)
    }

    /// Gives an event up for good.
    pub(crate) async fn discard_event(&self, id: &str) -> Result<()> {
        let letters = EventLetters::new(self.inner.store.clone());
        moved(&letters.discard(&Selection::one(id)).await?, id)
    }
}

fn moved(letters: &[String], id: &str) -> Result<()> {
    match letters {
        [] => Err(Error::not_found("parked event", id)),
        _ => Ok(()),
    }
}

/// Events of auth carry addresses and tokens, which are nobody's to read here.
fn without_data(mut letter: DeadLetter) -> DeadLetter {
    match letter.envelope.as_object_mut() {
        Some(envelope) => {
            envelope.remove("data");
        }
        None => letter.envelope = Value::Null,
    }
    letter
}
