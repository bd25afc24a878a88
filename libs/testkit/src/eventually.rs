//! Waiting for what another task is about to do.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// What a probe may return: something that is there or not yet.
pub trait Outcome {
    /// What is there in the end.
    type Value;
    /// The value, or why there is none yet.
    fn settle(self) -> Result<Self::Value, String>;
}

impl Outcome for bool {
    type Value = ();
    fn settle(self) -> Result<(), String> {
        if self {
            Ok(())
        } else {
            Err("still false".to_owned())
        }
    }
}

impl<T> Outcome for Option<T> {
    type Value = T;
    fn settle(self) -> Result<T, String> {
        self.ok_or_else(|| "still nothing".to_owned())
    }
}

impl<T, E: Debug> Outcome for Result<T, E> {
    type Value = T;
    fn settle(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Asks `probe` again and again until it holds (`true`, `Some`, `Ok`), and
/// returns what it found. Panics with the last failure once `bound` has passed.
pub async fn eventually<O: Outcome, F: Future<Output = O>>(
    mut probe: impl FnMut() -> F,
    bound: Duration,
) -> O::Value {
    let end = Instant::now() + bound;
    let mut pause = Duration::from_millis(2);
    loop {
        match probe().await.settle() {
            Ok(value) => return value,
            Err(last) if Instant::now() >= end => {
                panic!("did not happen within {bound:?}; last: {last}")
            }
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_asked_until_it_holds() {
        let asked = AtomicU32::new(0);
        let found = eventually(
            || async { (asked.fetch_add(1, Ordering::SeqCst) == 3).then_some("there") },
            Duration::from_secs(1),
        );
        assert_eq!(found.await, "there");
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "did not happen within 1s; last: \"not yet\"")]
    async fn a_probe_that_never_holds_fails_with_its_last_answer() {
        eventually(|| async { Err::<(), _>("not yet") }, Duration::from_secs(1)).await;
    }
}
