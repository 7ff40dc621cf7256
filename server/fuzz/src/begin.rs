//! Authentication requests.

use std::collections::BTreeSet;

use protocol::json;
use serde_json::Value;

use crate::domain::hint::{Designation, Hint};
use crate::domain::names::ClientId;
use crate::form::Form;

#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/flow/begin/parameters.rs"]
mod parameters;

use parameters::{Flaw, Parameters, Sent, check_notification_token};

/// The parameters of a request, as the claims of a request object or as a form: what is read keeps every bound, whichever
/// way it came.
pub fn request(bytes: &[u8]) {
    let Some(Ok(sent)) = sent(bytes) else { return };
    assert!(!sent.has("request"));
    let Ok(read) = Parameters::read(&sent) else { return };
    let scopes: BTreeSet<&String> = read.scope.iter().collect();
    assert!((1..=32).contains(&read.scope.len()) && scopes.len() == read.scope.len());
    let hints = ["login_hint", "login_hint_token", "id_token_hint"];
    assert_eq!(hints.into_iter().filter(|name| sent.has(name)).count(), 1);
    assert!(read.requested_expiry.is_none_or(|seconds| seconds > 0));
    assert!(read.acr_values.iter().all(|value| !value.is_empty() && !value.contains(' ')));
    let resources = read.resources.unwrap_or_default();
    assert_eq!(resources.iter().collect::<BTreeSet<_>>().len(), resources.len());
    for text in [&read.binding_message, &read.user_code.map(|code| code.reveal().to_owned())].into_iter().flatten() {
        assert!(!text.is_empty() && !text.contains('\0'));
    }
    if let Some(token) = read.notification_token
        && check_notification_token(token.reveal()).is_ok()
    {
        // It becomes a header.
        assert!(token.reveal().len() <= 1024 && token.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Hint::Login(hint) = read.hint {
        designate(&hint);
    }
}

/// A request object is JSON, and a form that begins like it is none that anybody sends.
fn sent(bytes: &[u8]) -> Option<Result<Sent, Flaw>> {
    if bytes.starts_with(b"{") {
        let members = json::from_slice(bytes).ok()?;
        return Some(Sent::in_request_object(members, &ClientId::new("rp-1")));
    }
    let form = Form::parse(bytes).ok()?;
    Some(Ok(Sent::in_form(form.without(&["request"]), form.resources())))
}

/// Nobody of another issuer is taken for somebody here.
fn designate(hint: &str) {
    const OURS: &str = "https://op.example";
    match Designation::of_login_hint(hint, OURS) {
        Ok(Designation::Subject(_)) => {
            let object: Value = serde_json::from_str(hint).expect("it was read");
            assert!(object["format"] == "opaque" || object["iss"] == OURS);
        }
        Ok(Designation::Named(_)) => assert!(!hint.trim_start().starts_with('{')),
        Ok(Designation::Called(..) | Designation::Foreign) | Err(_) => {}
    }
}
