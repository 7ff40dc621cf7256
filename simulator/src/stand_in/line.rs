//! The connection that a request came in on, so that a handler can hang up without an answer.

use std::{
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::Arc,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::net::TcpListener;

/// A second handle on the socket.
#[derive(Clone, Default)]
pub(super) struct Line(Option<Arc<TcpStream>>);

impl Connected<IncomingStream<'_, TcpListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        let duplicate = stream.io().as_fd().try_clone_to_owned();
        Self(duplicate.ok().map(|socket| Arc::new(TcpStream::from(socket))))
    }
}

impl Line {
    /// Closes both directions at once. A peer that is already gone is as good.
    pub(super) fn hang_up(&self) {
        if let Some(socket) = &self.0 {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
