//! Clocks. Whatever decides with time takes one, so that tests and simulators
//! decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that services share.
pub type SharedClock = Arc<dyn Clock>;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// Wall time in milliseconds since the Unix epoch. May step; for what
    /// people and other machines read.
    fn now_ms(&self) -> i64;

    /// Time since an arbitrary point; never goes back. For measuring.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The machine's clock, shared.
pub fn system_clock() -> SharedClock {
    Arc::new(SystemClock)
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn monotonic(&self) -> Duration {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    start_ms: i64,
}

impl ManualClock {
    /// A clock that stands at `wall_ms` milliseconds since the Unix epoch.
    pub fn new(wall_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            wall_ms: AtomicI64::new(wall_ms),
            start_ms: wall_ms,
        })
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms() - self.start_ms).unwrap_or(0))
    }
}
