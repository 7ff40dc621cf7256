//! A stand-in for whatever a relying party publishes: listens on a loopback port and serves what a test puts there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Somebody's files, on a loopback port, until it is dropped.
pub struct FileStandIn {
    shelf: Arc<Mutex<Shelf>>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<String, (StatusCode, HeaderMap, Vec<u8>)>,
    fetched: usize,
}

impl FileStandIn {
    /// Starts it, with nothing there yet.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub async fn start() -> Self {
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = Arc::clone(&shelf);
        let router = Router::new().fallback(async move |uri: Uri| fetched(&served, uri.path()));
        let listening = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { shelf, address, listening }
    }

    /// Where a path is found.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Puts a file of this media type there; its URL.
    ///
    /// # Panics
    ///
    /// If the media type cannot stand in a header.
    pub fn put(&self, path: &str, media_type: &str, file: impl Into<Vec<u8>>) -> String {
        let media_type = HeaderValue::from_str(media_type).expect("a media type");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, media_type)]);
        self.shelf().files.insert(path.to_owned(), (StatusCode::OK, headers, file.into()));
        self.url(path)
    }

    /// Sends whoever asks for a path elsewhere; its URL.
    ///
    /// # Panics
    ///
    /// If the target cannot stand in a header.
    #[must_use]
    pub fn redirect(&self, path: &str, target: &str) -> String {
        let target = HeaderValue::from_str(target).expect("a URL");
        let headers = HeaderMap::from_iter([(header::LOCATION, target)]);
        self.shelf().files.insert(path.to_owned(), (StatusCode::FOUND, headers, Vec::new()));
        self.url(path)
    }

    /// How often anything was asked for.
    #[must_use]
    pub fn fetched(&self) -> usize {
        self.shelf().fetched
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fetched(shelf: &Mutex<Shelf>, path: &str) -> Response {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.fetched += 1;
    shelf.files.get(path).cloned().map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

impl Drop for FileStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
