//! The pages on which a user adds a phone by themselves, after they signed in at the realm's login (docs/operators.md
//! "Phones that users add themselves"). They need no script: while something is awaited, the browser asks again.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use url::form_urlencoded::parse;

use super::page::{FormAction, document, escaped, shown};
use super::tickets::Progress;
use super::{body, only, path_of, qr};
use crate::flow::administer::Shown;
use crate::flow::first_party;
use crate::flow::provider::Provider;
use crate::flow::sign_in::{self, ATTEMPT_LIFETIME, Reason, Returned, SESSION_LIFETIME, Session};

/// Where a link of a ticket leads where no app takes it, and where a user begins who has none yet.
const HOME: &str = "/enrol";
const SIGN_IN: &str = "/enrol/sign-in";
const PHONE: &str = "/enrol/phone";

const TITLE: &str = "Add a phone";

/// Cookies of this page. A browser takes the prefix only over TLS, without a domain and for the whole host, so that no
/// neighbour can plant one (RFC 6265bis §4.1.3.2).
const ATTEMPT: &str = "assent-sign-in";
const SESSION: &str = "assent-enrolment";

/// The routes, whether or not the realm has a login: without one the first page says what a ticket's link is for.
pub(super) fn routes() -> Router<Arc<Provider>> {
    Router::new()
        .route(HOME, only(get(home)))
        .route(SIGN_IN, only(get(begin)))
        .route(sign_in::CALLBACK, only(get(callback)))
        .route(PHONE, only(get(phone).post(digits)))
}

/// `GET /enrol`. The ticket of a link is in its fragment, which no browser sends.
async fn home(State(provider): State<Arc<Provider>>) -> Response {
    let mut inside =
        "<p>If a link or a picture has led you here: open it in the app, on the phone that you want to add. \
                      Nothing can be added on this page.</p>\n"
            .to_owned();
    if provider.sign_in().is_some() {
        let _ = writeln!(inside, "<p><a href=\"{}\">Sign in to add a phone</a></p>", at(&provider, SIGN_IN));
    }
    shown(StatusCode::OK, FormAction::None, document(TITLE, "", &inside))
}

/// `GET /enrol/sign-in`; with `?again=1` as the realm wants it of who has no phone left.
async fn begin(State(provider): State<Arc<Provider>>, uri: Uri) -> Response {
    match sign_in::begin(&provider, uri.query() == Some("again=1")).await {
        Ok(begun) => to(&begun.url, [cookie(&provider, ATTEMPT, &begun.attempt, ATTEMPT_LIFETIME)]),
        Err(reason) => refused(&provider, &reason),
    }
}

/// `GET /enrol/callback`
async fn callback(State(provider): State<Arc<Provider>>, uri: Uri, headers: HeaderMap) -> Response {
    let query: Vec<_> = parse(uri.query().unwrap_or_default().as_bytes()).collect();
    // RFC 6749 §3.1: none twice.
    let one = |name: &str| {
        let mut values = query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_ref());
        values.next().filter(|_| values.next().is_none())
    };
    let returned = Returned { state: one("state"), code: one("code"), error: one("error"), iss: one("iss") };
    let attempt = brought(&provider, &headers, ATTEMPT);
    match sign_in::complete(&provider, attempt, &returned).await {
        // Away from the URL that holds the code.
        Ok(session) => to(
            &at(&provider, PHONE),
            [cookie(&provider, SESSION, &session, SESSION_LIFETIME), cookie(&provider, ATTEMPT, "", 0)],
        ),
        Err(reason) => refused(&provider, &reason),
    }
}

/// `GET /enrol/phone`
async fn phone(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    match sign_in::session(&provider, brought(&provider, &headers, SESSION)).await {
        Ok((session, found)) => ticket(&provider, &session, found.as_ref()),
        Err(reason) => refused(&provider, &reason),
    }
}

/// `POST /enrol/phone`, with `digits`. What they came to is on the page that follows.
async fn digits(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let (parts, body) = call.into_parts();
    if !is_from_here(&provider, &parts.headers) {
        return refused(&provider, &Reason::Stranger);
    }
    let Ok(form) = body::read(&parts.headers, body, "application/x-www-form-urlencoded").await else {
        return refused(&provider, &Reason::Stranger);
    };
    let session = sign_in::session(&provider, brought(&provider, &parts.headers, SESSION)).await;
    let typed = parse(&form).find(|(name, _)| name == "digits").map(|(_, digits)| digits.into_owned());
    // People write them in groups.
    let typed: String = typed.unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let typed = match session {
        Ok((session, _)) => sign_in::type_digits(&provider, &session, &typed).await,
        Err(reason) => Err(reason),
    };
    match typed {
        // That nothing awaits digits any more is what the page says, too.
        Ok(_) | Err(Reason::NoTicket(first_party::Reason::Confirm(_) | first_party::Reason::UnknownTicket)) => {
            to(&at(&provider, PHONE), [])
        }
        Err(reason) => refused(&provider, &reason),
    }
}

/// The page of a ticket, as far as it has come.
fn ticket(provider: &Provider, session: &Session, found: Option<&Shown>) -> Response {
    let progress = found.map_or(Progress::Cancelled, Shown::progress);
    let now = provider.now();
    let is_over = found.is_none_or(|found| progress == Progress::Fresh && now >= found.ticket.expires_at);
    let (inside, waits) = match progress {
        _ if is_over => (format!("<p>The time of this ticket is over.</p>\n{}", again(provider)), false),
        Progress::Fresh => (fresh(session), true),
        Progress::Begun => ("<p>A phone has read the ticket.</p>\n".to_owned(), true),
        Progress::AwaitsDigits => (digits_form(provider, found), false),
        Progress::AwaitsPhone => ("<p>Now approve the new phone on one that you have already.</p>\n".to_owned(), true),
        Progress::Enrolled => ("<p>Done: the phone is added.</p>\n".to_owned(), false),
        Progress::Cancelled => {
            let why = "<p>No phone was added: the digits were wrong, somebody else used the ticket, or its time is over. \
                       If you did not do that, tell us.</p>\n";
            (format!("{why}{}", again(provider)), false)
        }
    };
    let refresh = if waits { "<meta http-equiv=\"refresh\" content=\"3\">\n" } else { "" };
    shown(StatusCode::OK, FormAction::Here, document(TITLE, refresh, &inside))
}

fn fresh(session: &Session) -> String {
    let picture = qr::encode(&session.ticket).map(|code| qr::svg(&code)).unwrap_or_default();
    let link = escaped(&session.ticket);
    format!(
        "<p>Read this with the app on the phone that you want to add. Show it to nobody.</p>\n\
         <div>{picture}</div>\n<p><a href=\"{link}\" rel=\"noreferrer\">This is the phone</a></p>\n"
    )
}

fn digits_form(provider: &Provider, found: Option<&Shown>) -> String {
    let finished = found.and_then(|found| found.enrolment.as_ref()?.finished.as_ref());
    let (name, model) = finished.map_or(("", ""), |finished| {
        let info = &finished.device.info;
        (info.name.as_str(), info.model.as_str())
    });
    let (name, model, action) = (escaped(name), escaped(model), at(provider, PHONE));
    format!(
        "<p>A phone wants to be added: <strong>{name}</strong> {model}</p>\n\
         <p>Type the six digits that it shows. If it is not yours, close this page.</p>\n\
         <form method=\"post\" action=\"{action}\">\n\
         <label>Digits <input name=\"digits\" inputmode=\"numeric\" autocomplete=\"off\" maxlength=\"12\" required autofocus></label>\n\
         <button>Add this phone</button>\n</form>\n"
    )
}

fn again(provider: &Provider) -> String {
    format!("<p><a href=\"{}\">Sign in again</a></p>\n", at(provider, SIGN_IN))
}

/// What a person is told who comes no further. What is wrong with the login is for the log.
fn refused(provider: &Provider, reason: &Reason) -> Response {
    use first_party::Reason as No;
    let (status, text) = match reason {
        Reason::NotOffered => (StatusCode::NOT_FOUND, "Phones are not added here."),
        Reason::Stranger => (StatusCode::BAD_REQUEST, "Too much time has passed, or your browser keeps no cookies."),
        Reason::Refused(_) => (StatusCode::FORBIDDEN, "You were not signed in."),
        Reason::Unbelieved(_) => (StatusCode::BAD_GATEWAY, "What the login said could not be checked."),
        Reason::Unreachable(_) => (StatusCode::BAD_GATEWAY, "The login does not answer. Try again later."),
        Reason::NoTicket(No::UnknownUser) => (StatusCode::FORBIDDEN, "This account has no phones here, or is locked."),
        Reason::NoTicket(No::TooManyDevices) => {
            (StatusCode::CONFLICT, "Your account has as many phones as it may have.")
        }
        Reason::NoTicket(No::SignInAgain { acr }) if !acr.is_empty() => {
            let inside = format!(
                "<p>You have no phone left, so you must show more clearly who you are.</p>\n\
                 <p><a href=\"{}?again=1\">Sign in again</a></p>\n",
                at(provider, SIGN_IN)
            );
            return shown(StatusCode::FORBIDDEN, FormAction::None, document(TITLE, "", &inside));
        }
        Reason::NoTicket(No::SignInAgain { .. }) => (StatusCode::FORBIDDEN, "You signed in too long ago."),
        Reason::NoTicket(_) | Reason::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Nothing was done. Try again in a moment.")
        }
    };
    let again = if matches!(reason, Reason::NotOffered) { String::new() } else { again(provider) };
    shown(status, FormAction::None, document(TITLE, "", &format!("<p>{text}</p>\n{again}")))
}

/// Below the issuer, as links on the same host have it.
fn at(provider: &Provider, path: &str) -> String {
    format!("{}{path}", path_of(provider.issuer()))
}

fn to(url: &str, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else { return StatusCode::BAD_GATEWAY.into_response() };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `Lax`, because the login sends the browser here from another site. Its forms are sent from here only.
fn cookie(provider: &Provider, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let name = named(provider, name);
    let secure = if is_secure(provider) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}

fn named(provider: &Provider, name: &str) -> String {
    if is_secure(provider) { format!("__Host-{name}") } else { name.to_owned() }
}

fn is_secure(provider: &Provider) -> bool {
    provider.issuer().starts_with("https:")
}

fn brought<'a>(provider: &Provider, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let name = named(provider, name);
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    pairs.flat_map(|line| line.split(';')).find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

/// Browsers say where a form is sent from.
fn is_from_here(provider: &Provider, headers: &HeaderMap) -> bool {
    let issuer = provider.issuer();
    let origin = issuer.strip_suffix(path_of(issuer)).unwrap_or(issuer);
    headers.get(header::ORIGIN).is_none_or(|said| said.as_bytes() == origin.as_bytes())
}
