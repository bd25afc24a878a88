//! Faults at named points of a fake.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shoal_error::{CommonCode, Error, Result};

/// What happens when a point is passed.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// It takes longer.
    Delay(Duration),
    /// It fails with this code.
    Fail(CommonCode),
    /// It does its work, and then the answer is lost.
    LoseAnswer,
    /// It never ends.
    Hang,
}

/// A script of faults per point. Clones share it; a point without a script
/// passes.
///
/// ```
/// # use shoal_testkit::{Fault, Faults};
/// # use shoal_error::CommonCode;
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let faults = Faults::new();
/// faults.script("capture", [Fault::Fail(CommonCode::Unavailable), Fault::Pass]);
/// assert!(faults.around("capture", async { Ok(1) }).await.is_err());
/// assert_eq!(faults.around("capture", async { Ok(2) }).await.unwrap(), 2);
/// assert_eq!(faults.passed("capture"), 2);
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<HashMap<String, Point>>>);

#[derive(Debug, Default)]
struct Point {
    script: VecDeque<Fault>,
    passed: usize,
}

impl Faults {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends faults, one for each time that the point is passed.
    pub fn script(&self, point: &str, faults: impl IntoIterator<Item = Fault>) {
        self.with(point, |point| point.script.extend(faults));
    }

    /// How often the point was passed, with or without a fault.
    pub fn passed(&self, point: &str) -> usize {
        self.with(point, |point| point.passed)
    }

    /// Does `work` at the point, or whatever the script says instead.
    ///
    /// # Errors
    /// Those of the script, then those of the work.
    pub async fn around<T>(&self, point: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let fault = self.with(point, |point| {
            point.passed += 1;
            point.script.pop_front().unwrap_or(Fault::Pass)
        });
        match fault {
            Fault::Pass => work.await,
            Fault::Delay(delay) => {
                tokio::time::sleep(delay).await;
                work.await
            }
            Fault::Fail(code) => Err(Error::new(code, "A fault on demand.")),
            Fault::LoseAnswer => {
                work.await?;
                Err(Error::new(
                    CommonCode::Unavailable,
                    "The answer was lost on demand.",
                ))
            }
            Fault::Hang => std::future::pending().await,
        }
    }

    fn with<T>(&self, point: &str, act: impl FnOnce(&mut Point) -> T) -> T {
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(points.entry(point.to_owned()).or_default())
    }
}
