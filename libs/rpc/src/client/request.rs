//! What a caller can say of a call besides its message.

use tonic::Request;

/// The call may be repeated: its effect is the same once or twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idempotent;

/// The call has no default deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenEnded;

/// The call may be sent to a second instance when the first takes long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hedged;

/// Says what the stack may do with a call.
pub trait RequestExt {
    /// The call has the same effect once or twice (it reads, or carries an
    /// idempotency key): it may be repeated when an instance fails under it.
    #[must_use]
    fn idempotent(self) -> Self;

    /// The call is idempotent and somebody waits for it: when it takes longer than
    /// 95 % of its kind, or than four times the median, it is sent to a second
    /// instance as well, the first answer counts, and the other call is cancelled.
    /// Paid from the retry budget, so at most a tenth of the calls are.
    #[must_use]
    fn hedged(self) -> Self;

    /// The call is a stream that goes on for as long as it is read: no default
    /// deadline. One of the caller's own still counts.
    #[must_use]
    fn open_ended(self) -> Self;
}

impl<T> RequestExt for Request<T> {
    fn idempotent(mut self) -> Self {
        self.extensions_mut().insert(Idempotent);
        self
    }

    fn hedged(mut self) -> Self {
        self.extensions_mut().insert(Hedged);
        self.idempotent()
    }

    fn open_ended(mut self) -> Self {
        self.extensions_mut().insert(OpenEnded);
        self
    }
}
