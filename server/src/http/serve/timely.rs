//! A request body that must have come by a deadline: a peer who sends one byte a minute would otherwise hold a
//! connection and a handler for ever. It also tells whether it was read to its end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;

pub(super) struct Timely {
    incoming: Incoming,
    within: Duration,
    /// Started when the body first keeps us waiting: nearly all have come with their head and need no timer.
    deadline: Option<Pin<Box<Sleep>>>,
    read: Read,
}

/// Whether a body was read to its end.
#[derive(Clone)]
pub(super) struct Read(Arc<AtomicBool>);

impl Read {
    pub(super) fn to_its_end(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Timely {
    pub(super) fn new(incoming: Incoming, within: Duration) -> Self {
        let read = Read(Arc::new(AtomicBool::new(incoming.is_end_stream())));
        Self { incoming, within, deadline: None, read }
    }

    pub(super) fn read(&self) -> Read {
        self.read.clone()
    }
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            if frame.is_none() || self.incoming.is_end_stream() {
                self.read.0.store(true, Ordering::Relaxed);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let within = self.within;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        deadline.as_mut().poll(cx).map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
