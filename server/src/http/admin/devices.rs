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
use crate::domain::time::Timestamp;
use crate::flow::provider::Provider;
use crate::flow::{administer, confirm, maintain, own, rotate};
use crate::http::segment::Segment;
use crate::http::{error, tickets};

/// `GET /users/{subject}/devices`
pub(super) async fn devices(State(provider): State<Arc<Provider>>, Segment(subject): Segment) -> Response {
    match administer::devices(&provider, &Subject::new(subject)).await {
        Ok(devices) => found(
            json!({ "devices": devices.iter().map(|device| device_json(device, provider.now())).collect::<Vec<_>>() }),
        ),
        Err(reason) => reason.into_response(),
    }
}

fn device_json(device: &Device, now: Timestamp) -> Value {
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
        "limited_until": device.limited_until.map(Timestamp::unix_seconds),
        "proposes_keys": device.proposed.as_ref().is_some_and(|proposed| device.proposes(&proposed.hash, now)),
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
            | maintain::Reason::TooManyTests
            | maintain::Reason::ProofReplayed,
        ) => unknown(),
    }
}

/// `POST /devices/{id}/test`: 204; the phone gets a prompt whose answer decides nothing.
pub(super) async fn test(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_device", "there is no such active device");
    let Ok(id) = id.parse::<DeviceId>() else {
        return unknown();
    };
    match own::test(&provider, &id, None).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(own::TestReason::Unavailable(reason)) => error::unavailable(&reason),
        Err(own::TestReason::TooMany) => {
            error::oauth(StatusCode::TOO_MANY_REQUESTS, "too_many_tests", "enough tests wait on this device")
        }
        Err(own::TestReason::UnknownDevice | own::TestReason::ProofReplayed) => unknown(),
    }
}

/// `POST /devices/{id}/rotation/agree`: 204; the keys that the phone proposes hold from now on. For the page on which its
/// user has just signed in.
pub(super) async fn agree_to_rotation(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_rotation", "this device proposes no keys");
    let Ok(id) = id.parse::<DeviceId>() else {
        return unknown();
    };
    match rotate::agree(&provider, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rotate::Reason::Unavailable(reason)) => error::unavailable(&reason),
        Err(_) => unknown(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    digits: String,
}

/// `POST /enrolments/{id}/confirm` `{"digits": "123456"}`: 200 with the device, 202 when another phone must approve
/// as well, or 403 when they are wrong, which ends the enrolment.
pub(super) async fn confirm_enrolment(
    State(provider): State<Arc<Provider>>,
    Segment(id): Segment,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(id) = id.parse::<EnrolmentId>() else {
        return tickets::nothing_awaited();
    };
    match read::<Digits>(&headers, body).await {
        Ok(request) => tickets::typed(confirm::confirm(&provider, &id, &request.digits).await),
        Err(refusal) => refusal,
    }
}
