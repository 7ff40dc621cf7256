//! Phones, and the enrolments that wait for digits.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::messages::RevocationReason;
use protocol::{DeviceId, EnrolmentId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{found, read};
use crate::domain::device::{Device, DeviceStatus};
use crate::domain::names::Subject;
use crate::flow::confirm::Confirmed;
use crate::flow::provider::Provider;
use crate::flow::{administer, confirm, enrol, maintain};
use crate::http::error;
use crate::http::segment::Segment;

/// `GET /users/{subject}/devices`
pub(super) async fn devices(State(provider): State<Arc<Provider>>, Segment(subject): Segment) -> Response {
    match administer::devices(&provider, &Subject::new(subject)).await {
        Ok(devices) => found(json!({ "devices": devices.iter().map(device_json).collect::<Vec<_>>() })),
        Err(reason) => reason.into_response(),
    }
}

fn device_json(device: &Device) -> Value {
    let (status, reason) = match device.status {
        DeviceStatus::Active => ("active", None),
        DeviceStatus::Revoked { reason, .. } => ("revoked", Some(reason)),
    };
    json!({
        "id": device.id,
        "enrolment": device.enrolment,
        "name": device.info.name,
        "model": device.info.model,
        "os": device.info.os,
        "level": device.level,
        "verified_level": device.verified_level,
        "attestation": device.attestation,
        "has_push_target": device.push != protocol::messages::PushTarget::None,
        "enrolled_at": device.enrolled_at.unix_seconds(),
        "status": status,
        "reason": reason,
    })
}

/// `POST /devices/{id}/revoke`: 204, also when it was revoked before.
pub(super) async fn revoke(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_device", "there is no such device");
    let Ok(id) = id.parse::<DeviceId>() else {
        return unknown();
    };
    match maintain::revoke(&provider, &id, RevocationReason::Operator).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(maintain::Reason::Unavailable(reason)) => error::unavailable(&reason),
        Err(
            maintain::Reason::UnknownDevice
            | maintain::Reason::InvalidName(_)
            | maintain::Reason::InvalidTarget
            | maintain::Reason::ProofReplayed,
        ) => unknown(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    digits: String,
}

/// `POST /enrolments/{id}/confirm` `{"digits": "123456"}`: 200 with the device, or 403 when they are wrong, which ends
/// the enrolment.
pub(super) async fn confirm_enrolment(
    State(provider): State<Arc<Provider>>,
    Segment(id): Segment,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_enrolment", "no enrolment awaits digits here");
    let Ok(id) = id.parse::<EnrolmentId>() else {
        return unknown();
    };
    let digits = match read::<Digits>(&headers, body).await {
        Ok(request) => request.digits,
        Err(refusal) => return refusal,
    };
    match confirm::confirm(&provider, &id, &digits).await {
        Ok(Confirmed::Active(device)) => found(json!({ "device": device })),
        Ok(Confirmed::Rejected) => {
            error::oauth(StatusCode::FORBIDDEN, "wrong_digits", "the digits are wrong; the enrolment is cancelled")
        }
        Err(enrol::Reason::Unavailable(reason)) => error::unavailable(&reason),
        Err(enrol::Reason::Cancelled) => {
            error::oauth(StatusCode::GONE, "enrolment_cancelled", "the enrolment was cancelled")
        }
        Err(_) => unknown(),
    }
}
