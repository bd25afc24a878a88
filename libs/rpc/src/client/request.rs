//! What a caller can say of a call besides its message.

use tonic::Request;

/// The call may be repeated: its effect is the same once or twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idempotent;

/// The call has no default deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenEnded;

/// Says what the stack may do with a call.
pub trait RequestExt {
    /// The call has the same effect once or twice (it reads, or carries an
    /// idempotency key): it may be repeated when an instance fails under it.
    #[must_use]
    fn idempotent(self) -> Self;

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

    fn open_ended(mut self) -> Self {
        self.extensions_mut().insert(OpenEnded);
        self
    }
}
