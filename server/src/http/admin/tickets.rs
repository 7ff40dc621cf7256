//! Tickets by which users enrol phones, for the operator's page that shows them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::domain::names::{Subject, TicketKey};
use crate::flow::administer;
use crate::flow::provider::Provider;
use crate::http::segment::Segment;
use crate::http::{error, tickets};

/// `POST /users/{subject}/tickets`: see [`tickets::made`].
pub(super) async fn create_ticket(
    State(provider): State<Arc<Provider>>,
    Segment(subject): Segment,
    headers: HeaderMap,
) -> Response {
    match administer::create_ticket(&provider, &Subject::new(subject)).await {
        Ok(ticket) => tickets::made(&ticket, &format!("/admin/v1/realms/{}/tickets", provider.id()), &headers),
        Err(reason) => reason.into_response(),
    }
}

/// `GET /tickets/{id}`: see [`tickets::shown`].
pub(super) async fn ticket(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let Ok(key) = id.parse::<TicketKey>() else {
        return tickets::unknown();
    };
    match administer::ticket(&provider, &key).await {
        Ok(Some(found)) => tickets::shown(&found),
        Ok(None) => tickets::unknown(),
        Err(reason) => error::unavailable(&reason),
    }
}
