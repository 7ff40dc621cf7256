//! What the server told the world was done, read from the responses it sent, and whether a store holds it.

use std::collections::HashMap;
use std::rc::Rc;

use protocol::messages::{DecisionResult, Enrolment, Message};
use protocol::{Jws, PromptId, base64url, json};
use serde_json::Value;
use server::domain::audit::What;
use server::domain::authentication_request::{AuthenticationRequest, State};
use server::domain::names::{ClientId, RealmId, RequestKey, Subject, TicketKey, TokenKey};
use server::store::Store;
use server::store::embedded::EmbeddedStore;

use super::recording::{Action, Moment, Step};

/// A response that acknowledges a change.
#[derive(Debug)]
pub(crate) struct Acknowledgement {
    /// When its first byte was about to be sent.
    pub(crate) at: Moment,
    pub(crate) change: Change,
}

/// What it acknowledges.
#[derive(Debug)]
pub(crate) enum Change {
    Begun { request: RequestKey },
    Decided { prompt: PromptId, result: Jws },
    Redeemed { token: TokenKey },
    UserCreated { subject: Subject },
    ClientCreated { client: ClientId },
    TicketCreated { ticket: TicketKey },
    Enrolled { enrolment: protocol::EnrolmentId },
}

impl Change {
    /// Bytes that its commit wrote and no earlier one did.
    pub(crate) fn trace(&self) -> String {
        match self {
            Self::Begun { request } => request.to_string(),
            // The signature: the store keeps results as they were sent.
            Self::Decided { result, .. } => result.as_str().rsplit('.').next().unwrap_or_default().to_owned(),
            Self::Redeemed { token } => token.to_string(),
            Self::UserCreated { subject } => format!("\"user-{subject}\""),
            Self::ClientCreated { client } => format!("\"Client {client}\""),
            Self::TicketCreated { ticket } => ticket.to_string(),
            Self::Enrolled { enrolment } => enrolment.to_string(),
        }
    }
}

/// All acknowledgements of a run, in the order of their sending.
pub(crate) fn all(steps: &[Step]) -> Vec<Acknowledgement> {
    let mut sockets: HashMap<&str, (Moment, Vec<u8>)> = HashMap::new();
    let mut found = Vec::new();
    for step in steps {
        let Action::Send { socket, bytes } = &step.action else { continue };
        let (at, sent) = sockets.entry(socket).or_insert_with(|| (step.began, Vec::new()));
        if sent.is_empty() {
            *at = step.began;
        }
        sent.extend_from_slice(bytes);
        if let Some((status, body)) = whole_response(sent) {
            found.extend(change(status, body).map(|change| Acknowledgement { at: *at, change }));
            sent.clear();
        }
    }
    found.sort_by_key(|acknowledgement| acknowledgement.at);
    found
}

/// Status and body, if all of the response is there.
fn whole_response(sent: &[u8]) -> Option<(u16, &[u8])> {
    let end = sent.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&sent[..end]).ok()?.to_ascii_lowercase();
    let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
    let body = &sent[end..];
    (body.len() == length).then_some((status, body))
}

fn change(status: u16, body: &[u8]) -> Option<Change> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |member: &str| body[member].as_str();
    if status == 201 {
        return if let Some(ticket) = text("ticket") {
            let ticket: protocol::messages::Ticket = ticket.parse().expect("a ticket");
            Some(Change::TicketCreated { ticket: TicketKey::of(&ticket.code.to_string()) })
        } else if let Some(client) = text("client_id") {
            Some(Change::ClientCreated { client: ClientId::new(client) })
        } else {
            text("subject").map(|subject| Change::UserCreated { subject: Subject::new(subject) })
        };
    }
    if status != 200 {
        return None;
    }
    if let Some(request) = text("auth_req_id") {
        return Some(Change::Begun { request: RequestKey::of(request) });
    }
    if let Some(token) = text("access_token") {
        return Some(Change::Redeemed { token: TokenKey::of(token) });
    }
    let message = Jws::from_text(text("message")?.to_owned());
    if let Some(result) = payload::<DecisionResult>(&message) {
        return Some(Change::Decided { prompt: result.prompt, result: message });
    }
    payload::<Enrolment>(&message).map(|enrolment| Change::Enrolled { enrolment: enrolment.enr })
}

/// The payload of one kind of message; its signature is the phone's business.
fn payload<M: Message>(message: &Jws) -> Option<M> {
    let mut parts = message.as_str().split('.').map(base64url::decode);
    let header: Value = json::from_slice(&parts.next()?.ok()?).ok()?;
    if header["typ"] != M::TYP.as_str() {
        return None;
    }
    json::from_slice(&parts.next()?.ok()?).ok()
}

/// The acknowledgements that no sync stands before: each must come after the end of a sync of the store's file that
/// began after the end of a write that holds what is acknowledged.
pub(crate) fn without_sync<'a>(
    acknowledgements: &'a [Acknowledgement],
    steps: &[Step],
    file: &str,
) -> Vec<&'a Acknowledgement> {
    let mut writes: Vec<(Moment, Rc<[u8]>)> = Vec::new();
    let mut syncs: Vec<(Moment, Moment)> = Vec::new();
    for step in steps {
        match &step.action {
            Action::Write { path, bytes, .. } if path == file => writes.push((step.ended, bytes.clone())),
            Action::Sync { path } if path == file => syncs.push((step.began, step.ended)),
            _ => {}
        }
    }
    let is_synced = |acknowledgement: &&Acknowledgement| {
        let before = syncs.iter().filter(|(_, ended)| *ended < acknowledgement.at);
        let Some(reached) = before.map(|(began, _)| *began).max() else { return false };
        let trace = acknowledgement.change.trace();
        writes.iter().rev().filter(|(ended, _)| *ended < reached).any(|(_, bytes)| holds(bytes, trace.as_bytes()))
    };
    acknowledgements.iter().filter(|acknowledgement| !is_synced(acknowledgement)).collect()
}

fn holds(bytes: &[u8], trace: &[u8]) -> bool {
    // Few bytes are the first one of a trace, which makes this fast enough for a build without optimisation.
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == trace[0]) {
        if rest[at..].starts_with(trace) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// What is wrong with a store in which all of these changes must be found, and every commit as a whole or not at all.
pub(crate) async fn judge(store: &EmbeddedStore, held: &[Acknowledgement]) -> Vec<String> {
    let realm = match store.realms().await.as_deref() {
        Ok([realm]) => realm.record.id.clone(),
        Ok([]) if held.is_empty() => return Vec::new(),
        other => return vec![format!("the realm is not there: {other:?}")],
    };
    let mut wrong = Vec::new();
    for Acknowledgement { at, change } in held {
        if let Err(what) = is_held(store, &realm, change).await {
            wrong.push(format!("acknowledged at {at} and lost: {change:?}: {what}"));
        }
    }
    wrong.extend(torn(store, &realm).await.err());
    wrong
}

async fn is_held(store: &EmbeddedStore, realm: &RealmId, change: &Change) -> Result<(), String> {
    let found = match change {
        Change::Begun { request } => found(store.request(realm, request).await)?.is_some(),
        Change::Decided { prompt, result } => {
            let prompt = found(store.prompt(realm, prompt).await)?;
            prompt.and_then(|prompt| prompt.record.answer).is_some_and(|answer| answer.result == *result)
        }
        Change::Redeemed { token } => match found(store.grant(realm, token).await)? {
            Some(grant) => matches!(request(store, realm, &grant.record.request).await?.state, State::Redeemed { .. }),
            None => false,
        },
        Change::UserCreated { subject } => found(store.user(realm, subject).await)?.is_some(),
        Change::ClientCreated { client } => found(store.client(realm, client).await)?.is_some(),
        Change::TicketCreated { ticket } => found(store.ticket(realm, ticket).await)?.is_some(),
        Change::Enrolled { enrolment } => match found(store.enrolment(realm, enrolment).await)? {
            Some(enrolment) => enrolment.record.finished.is_some(),
            None => false,
        },
    };
    if found { Ok(()) } else { Err("it is not there".to_owned()) }
}

fn found<T>(read: Result<T, server::store::StoreError>) -> Result<T, String> {
    read.map_err(|error| error.to_string())
}

async fn request(store: &EmbeddedStore, realm: &RealmId, key: &RequestKey) -> Result<AuthenticationRequest, String> {
    let found = found(store.request(realm, key).await)?;
    found.map(|found| found.record).ok_or_else(|| format!("request {key} is not there"))
}

/// Every event of the audit trail stands in the commit of the change it tells of, so the one is there if the other is.
async fn torn(store: &EmbeddedStore, realm: &RealmId) -> Result<(), String> {
    let mut told: HashMap<RequestKey, Told> = HashMap::new();
    for event in found(store.audit(realm, usize::MAX).await)? {
        match event.what {
            What::RequestAccepted { request, .. } => told.entry(request).or_default().accepted += 1,
            What::RequestDecided { request, .. } => told.entry(request).or_default().decided += 1,
            What::RequestRedeemed { request, .. } => told.entry(request).or_default().redeemed += 1,
            _ => {}
        }
    }
    for (key, told) in told {
        let request = request(store, realm, &key).await?;
        let expected = match request.state {
            State::Pending => (1, 0, 0),
            State::Approved { .. } | State::Denied { .. } => (1, 1, 0),
            State::Redeemed { .. } => (1, 1, 1),
            State::Cancelled { .. } | State::Failed { .. } => return Err(format!("{key} was never withdrawn")),
        };
        if (told.accepted, told.decided, told.redeemed) != expected {
            return Err(format!("torn: {key} is {:?}, and the audit trail tells {told:?}", request.state));
        }
        for (_, id) in &request.prompts {
            let prompt = found(store.prompt(realm, id).await)?.ok_or_else(|| format!("torn: {key} has no prompt"))?;
            if prompt.record.answer.is_some() != (told.decided == 1) {
                return Err(format!("torn: the answer to {key} is there without the decision, or the other way"));
            }
        }
    }
    Ok(())
}

/// What the audit trail tells of one request.
#[derive(Debug, Default)]
struct Told {
    accepted: usize,
    decided: usize,
    redeemed: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/s/db";

    /// How many acknowledgements come too early when write, sync and response happen at these moments.
    fn early(written: (Moment, Moment), synced: (Moment, Moment), at: Moment) -> usize {
        let bytes = Rc::from(&b"..\"Client shop\".."[..]);
        let write = Action::Write { path: FILE.to_owned(), at: 0, bytes };
        let sync = Action::Sync { path: FILE.to_owned() };
        let steps = [(written, write), (synced, sync)].map(|((began, ended), action)| Step { began, ended, action });
        let change = Change::ClientCreated { client: ClientId::new("shop") };
        without_sync(&[Acknowledgement { at, change }], &steps, FILE).len()
    }

    #[test]
    fn a_response_may_follow_only_a_sync_that_followed_the_write() {
        assert_eq!(early((1, 2), (3, 4), 5), 0);
        assert_eq!(early((1, 2), (4, 6), 5), 1, "sent before the sync was over");
        assert_eq!(early((1, 4), (3, 5), 6), 1, "synced before the write was over");
        assert_eq!(early((4, 5), (1, 2), 6), 1, "synced before it was written");
    }

    #[test]
    fn responses_are_read_from_pieces_and_told_apart() {
        let sent = |moment, text: &str| Step {
            began: moment,
            ended: moment,
            action: Action::Send { socket: "socket:[1]".to_owned(), bytes: Rc::from(text.as_bytes()) },
        };
        let steps = [
            sent(1, "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n"),
            sent(2, "{\"auth_req_id\":\"abc\"}"),
            sent(3, "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"),
            sent(4, "HTTP/1.1 201 Created\r\ncontent-length: 18\r\n\r\n{\"subject\":\"1001\"}"),
        ];
        let found: Vec<_> = all(&steps).into_iter().map(|found| (found.at, found.change.trace())).collect();
        assert_eq!(found, [(1, RequestKey::of("abc").to_string()), (4, "\"user-1001\"".to_owned())]);
    }
}
