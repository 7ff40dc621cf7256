//! The backchannel authentication request (CIBA §7.1) and its acknowledgement (§7.3).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::{authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::flow::begin::{self, Sent};
use crate::flow::provider::Provider;

/// What authenticates the client. Beside a signed request, nothing else may stand in the form (CIBA §7.1.1).
const OF_THE_CLIENT: [&str; 4] = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// `POST /backchannel/authenticate`
pub(in crate::http) async fn backchannel_authenticate(
    State(provider): State<Arc<Provider>>,
    call: Request,
) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::BackchannelAuthentication, call).await?;
        let sent = Sent::in_form(form.without(&OF_THE_CLIENT), form.resources());
        let begun = begin::begin(&provider, &caller, sent).await.map_err(IntoResponse::into_response)?;
        let mut reply = Map::new();
        reply.insert("auth_req_id".into(), begun.auth_req_id.into());
        reply.insert("expires_in".into(), begun.expires_in.into());
        if let Some(interval) = begun.interval {
            reply.insert("interval".into(), interval.into());
        }
        if let Some(code) = begun.match_code {
            reply.insert("match_code".into(), code.reveal().into());
        }
        Ok::<_, Response>(reply)
    };
    rendered(answer.await)
}
