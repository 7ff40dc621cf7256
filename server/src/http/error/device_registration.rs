//! What is told where a client names a phone's push token: the codes that Gluu has for it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{invalid_request, oauth, unavailable};
use crate::flow::replace_push_token;

impl IntoResponse for replace_push_token::Reason {
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::UnauthorizedClient => oauth(bad, "unauthorized_client", "this client may not register push tokens"),
            Self::UnknownUser => oauth(bad, "unknown_user_id", "the hint names no user to this client"),
            Self::InvalidToken => invalid_request("this is no registration token"),
            // One text for both: the client need not know what phones a user has, or that an account is locked.
            Self::UserNotActive | Self::NoSuchPhone => {
                let text = "the user has no single phone whose push token could be replaced";
                oauth(StatusCode::FORBIDDEN, "access_denied", text)
            }
            Self::Replayed(replayed) => replayed.into_response(),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}
