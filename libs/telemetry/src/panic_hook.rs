//! What a panic leaves behind: one log line with place, text and stack, in the
//! trace of the request that it ended. Whoever catches it needs none of these.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;

/// Replaces the default hook, which writes to standard error past the log.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    let stack = Backtrace::force_capture();
    let thread = std::thread::current();
    tracing::error!(
        panic.at = info.location().map(tracing::field::display),
        thread.name = thread.name(),
        error.stack = %stack,
        "panicked: {}",
        info.payload_as_str().unwrap_or("a value that is no text"),
    );
}
