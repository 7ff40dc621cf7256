//! Tickets by which users enrol phones, for the page that shows them: as link or picture, and what has become of one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::messages::Ticket;
use serde_json::{Value, json};

use super::{created, found, qr};
use crate::domain::device::{Confirmation, Enrolment, EnrolmentProgress, EnrolmentTicket, TicketState};
use crate::domain::names::{Subject, TicketKey};
use crate::flow::administer::{self, Shown};
use crate::flow::provider::Provider;
use crate::http::error;
use crate::http::segment::Segment;

/// In which form a ticket is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Link,
    Svg,
    Png,
}

impl Form {
    /// The first one named that there is; whoever names none gets the link.
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut named = accept.flat_map(|value| value.split(',')).filter_map(|range| {
            match range.split(';').next().unwrap_or_default().trim() {
                "image/svg+xml" => Some(Self::Svg),
                "image/png" => Some(Self::Png),
                "application/json" => Some(Self::Link),
                _ => None,
            }
        });
        named.next().unwrap_or(Self::Link)
    }
}

/// `POST /users/{subject}/tickets`: 201 with the ticket's link, which holds a secret, or with a QR code of it where
/// `Accept` names `image/svg+xml` or `image/png`. `Location` is where [`ticket`] tells what becomes of it.
pub(super) async fn create_ticket(
    State(provider): State<Arc<Provider>>,
    Segment(subject): Segment,
    headers: HeaderMap,
) -> Response {
    let ticket = match administer::create_ticket(&provider, &Subject::new(subject)).await {
        Ok(ticket) => ticket,
        Err(reason) => return reason.into_response(),
    };
    let id = TicketKey::of(&ticket.code.to_string());
    let mut response = rendered(&ticket, &id, Form::of(&headers));
    let location = format!("/admin/v1/realms/{}/tickets/{id}", provider.id());
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn rendered(ticket: &Ticket, id: &TicketKey, form: Form) -> Response {
    let uri = ticket.to_string();
    let picture = |kind: &'static str, bytes: Vec<u8>| {
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
        (StatusCode::CREATED, kind, error::no_store(), bytes).into_response()
    };
    match (form, qr::encode(&uri)) {
        (Form::Svg, Some(code)) => picture("image/svg+xml", qr::svg(&code).into_bytes()),
        (Form::Png, Some(code)) => match qr::png(&code) {
            Ok(png) => picture("image/png", png),
            // Written to memory, which refuses nothing.
            Err(_) => error::oauth(StatusCode::NOT_ACCEPTABLE, "invalid_request", "no bitmap can be made"),
        },
        // An issuer of more than 2,000 characters.
        (Form::Svg | Form::Png, None) => {
            error::oauth(StatusCode::NOT_ACCEPTABLE, "invalid_request", "the ticket is too long for a QR code")
        }
        (Form::Link, _) => created(json!({ "id": id, "ticket": uri, "uri": uri, "expires_at": ticket.expires_at })),
    }
}

/// `GET /tickets/{id}`: 200 with `state`, one of `fresh`, `begun`, `awaits_digits`, `awaits_phone`, `enrolled` and
/// `cancelled`; from `begun` on with the `enrolment` to confirm; once the phone has introduced itself with its `device`
/// {id, name, model}, which the page shows beside the field for the digits.
pub(super) async fn ticket(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_ticket", "there is no such ticket");
    let Ok(key) = id.parse::<TicketKey>() else {
        return unknown();
    };
    match administer::ticket(&provider, &key).await {
        Ok(Some(Shown { ticket, enrolment })) => {
            let state = state(&ticket, enrolment.as_ref());
            let finished = enrolment.as_ref().and_then(|enrolment| enrolment.finished.as_ref());
            let device = finished.map_or(Value::Null, |finished| {
                let info = &finished.device.info;
                json!({ "id": finished.device.id, "name": info.name, "model": info.model })
            });
            found(json!({
                "state": state,
                "subject": ticket.subject,
                "expires_at": ticket.expires_at.unix_seconds(),
                "enrolment": enrolment.as_ref().map(|enrolment| enrolment.id),
                "device": device,
            }))
        }
        Ok(None) => unknown(),
        Err(reason) => error::unavailable(&reason),
    }
}

fn state(ticket: &EnrolmentTicket, enrolment: Option<&Enrolment>) -> &'static str {
    match (&ticket.state, enrolment.map(|enrolment| (enrolment.progress, enrolment.confirmed_by))) {
        (TicketState::Fresh, _) => "fresh",
        (TicketState::Begun { .. }, Some((EnrolmentProgress::Offered, _))) => "begun",
        (TicketState::Begun { .. }, Some((EnrolmentProgress::Unconfirmed, Some(Confirmation::Digits)))) => {
            "awaits_phone"
        }
        (TicketState::Begun { .. }, Some((EnrolmentProgress::Unconfirmed, _))) => "awaits_digits",
        (TicketState::Begun { .. }, Some((EnrolmentProgress::Active, _))) => "enrolled",
        (TicketState::Begun { .. }, Some((EnrolmentProgress::Cancelled, _)) | None) | (TicketState::Cancelled, _) => {
            "cancelled"
        }
    }
}
