//! Takes the place of the machine's clock in this program.
#![allow(
    unsafe_code,
    reason = "crates that read std's Instant can only be given another time below std"
)]

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Nanoseconds that the held clock shows; 0: the machine's own counts.
static SHOWS: AtomicU64 = AtomicU64::new(0);
static HOLDER: Mutex<()> = Mutex::new(());

/// While it lives, every clock of the process shows what it was set to. There
/// is one at a time.
#[derive(Debug)]
pub struct Held {
    _alone: MutexGuard<'static, ()>,
}

impl Held {
    /// Holds the clock at `at`, which must not be zero.
    pub fn at(at: Duration) -> Self {
        let alone = HOLDER.lock().unwrap_or_else(PoisonError::into_inner);
        let held = Self { _alone: alone };
        held.set(at);
        held
    }

    /// Sets the clock.
    pub fn set(&self, to: Duration) {
        let nanos = u64::try_from(to.as_nanos()).unwrap_or(u64::MAX).max(1);
        SHOWS.store(nanos, Ordering::SeqCst);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        SHOWS.store(0, Ordering::SeqCst);
    }
}

/// The program's own definition goes before the C library's, so std calls it.
///
/// # Safety
/// As the C library's: `time` points to a `timespec` that may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    let shows = SHOWS.load(Ordering::Relaxed);
    if shows == 0 {
        // SAFETY: the arguments are handed on as they came.
        return unsafe { machines_own()(clock, time) };
    }
    let shown = libc::timespec {
        tv_sec: (shows / 1_000_000_000) as libc::time_t,
        tv_nsec: (shows % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: the caller gives a place that may be written.
    unsafe { time.write(shown) };
    0
}

type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

/// The C library's function, which is the next of that name after ours.
fn machines_own() -> ClockGettime {
    static FOUND: AtomicPtr<libc::c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string, and looking up has no effect.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"clock_gettime".as_ptr()) };
        assert!(!found.is_null(), "the C library has no clock");
        FOUND.store(found, Ordering::Relaxed);
    }
    // SAFETY: that symbol has this type.
    unsafe { std::mem::transmute::<*mut libc::c_void, ClockGettime>(found) }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "that clock is what is tested")]
    fn std_sees_the_held_clock_and_then_its_own_again() {
        let before = Instant::now();
        let held = Held::at(Duration::from_secs(5));
        let five = Instant::now();
        held.set(Duration::from_secs(3_605));
        assert_eq!(five.elapsed(), Duration::from_secs(3_600));
        drop(held);
        assert!(before.elapsed() < Duration::from_secs(60));
    }
}
