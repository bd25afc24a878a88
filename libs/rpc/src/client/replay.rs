//! A request body that can be sent again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use tonic::Status;
use tonic::body::Body;

/// A longer request is sent once only.
const MAX_KEPT: usize = 256 * 1024;

/// A request body before its first attempt.
#[derive(Debug)]
pub(crate) enum Replay {
    /// All of it was there at once, as with every unary call.
    Whole(Bytes),
    /// It is long or still being made.
    Once(Option<Body>),
}

impl Replay {
    /// Takes what is there without waiting for more.
    pub(crate) fn new(mut body: Body) -> Self {
        let (mut kept, mut frames) = (0, VecDeque::new());
        while kept <= MAX_KEPT {
            match body.frame().now_or_never() {
                Some(None) => return Self::Whole(join(frames)),
                Some(Some(Ok(frame))) => {
                    kept += frame.data_ref().map_or(0, Bytes::len);
                    let is_data = frame.is_data();
                    frames.push_back(Ok(frame));
                    if !is_data {
                        break;
                    }
                }
                Some(Some(Err(status))) => {
                    frames.push_back(Err(status));
                    break;
                }
                None => break,
            }
        }
        Self::Once(Some(Body::new(Chained {
            first: frames,
            rest: body,
        })))
    }

    /// The body for the next attempt; `None` when there is none to be had.
    pub(crate) fn next(&mut self) -> Option<Body> {
        match self {
            Self::Whole(bytes) => Some(Body::new(Full::new(bytes.clone()))),
            Self::Once(body) => body.take(),
        }
    }

    pub(crate) const fn can_repeat(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

fn join(mut frames: VecDeque<Result<Frame<Bytes>, Status>>) -> Bytes {
    let mut data = || frames.pop_front()?.ok()?.into_data().ok();
    let Some(first) = data() else {
        return Bytes::new();
    };
    let Some(second) = data() else { return first };
    let mut all = BytesMut::from(&first[..]);
    all.extend_from_slice(&second);
    while let Some(more) = data() {
        all.extend_from_slice(&more);
    }
    all.freeze()
}

/// Frames that were read already, and then the rest.
struct Chained {
    first: VecDeque<Result<Frame<Bytes>, Status>>,
    rest: Body,
}

impl http_body::Body for Chained {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }
}
