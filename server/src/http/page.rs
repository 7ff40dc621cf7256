//! The pages that people see: no script, no style, nothing loaded, kept, framed or guessed at.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A whole page. `inside` is HTML already.
pub(super) fn document(title: &str, head: &str, inside: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n{head}<title>{title}</title>\n</head>\n<body>\n\
         <h1>{title}</h1>\n{inside}</body>\n</html>\n"
    )
}

/// The headers of a page whose forms may be sent `form_action`.
pub(super) const fn headers(form_action: FormAction) -> [(HeaderName, &'static str); 6] {
    let (policy, referrer) = match form_action {
        FormAction::None => {
            ("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", "no-referrer")
        }
        // Under `no-referrer` browsers say of a form that it comes from `null` (Fetch, "append a request `Origin` header").
        FormAction::Here => {
            ("default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", "same-origin")
        }
    };
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, referrer),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ]
}

/// Where the forms of a page may go.
#[derive(Debug, Clone, Copy)]
pub(super) enum FormAction {
    /// It has none.
    None,
    /// To us.
    Here,
}

/// A page that was rendered.
pub(super) fn shown(status: StatusCode, form_action: FormAction, document: String) -> Response {
    (status, headers(form_action), document).into_response()
}

/// As text within HTML, or as the value of an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
