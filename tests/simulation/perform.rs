//! How an act is done, and what is heard of it.

use std::sync::Arc;

use device_core::{ApprovalRequest, DenyReason, DeviceError, Outcome};
use protocol::messages::{Answer, DenyReason as WireReason};
use protocol::{Digest, KeyRole};
use server::domain::user::UserStatus;
use server::flow::sweep;
use simulator::forger::Forger;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::wire::Answer as Reply;
use tests::a_request;

use crate::act::{Act, Delivery, Heard};
use crate::events::{Forgery, Standing, Word};
use crate::stage::{Brought, Stage, TOKEN, USERS, listed};

type Came = (Heard, Brought);

/// Does it, as far as others may do something at the same time.
pub(crate) async fn perform(stage: &Stage, act: &Act) -> Came {
    match *act {
        Act::Ask { user, client, delivery, life } => ask(stage, user, client, delivery, life).await,
        Act::Look { phone } => look(stage, phone).await,
        Act::PushArrives { push } => push_arrives(stage, push).await,
        Act::Answer { phone, request, word } => just(answer(stage, phone, request, word).await),
        Act::Forge { phone, request, how } => just(forge(stage, phone, request, how).await.unwrap_or(Heard::NotTaken)),
        Act::Collect { client, request } => {
            let reply = stage.clients[client].poll(&stage.requests[request].auth_req_id).await.expect("an answer");
            tokens(request, None, &reply)
        }
        Act::Cancel { request } => just(cancel(stage, request).await),
        Act::Deliver => {
            stage.world.deliver().await;
            just(Heard::Done)
        }
        Act::Refresh { request, position } => {
            let asked = &stage.requests[request];
            let reply = stage.clients[asked.client].refresh(&asked.refresh[position]).await.expect("an answer");
            tokens(request, Some(position), &reply)
        }
        Act::Use { request, token } => just(is_good(stage, request, token).await),
        Act::EndAccess { request, token } => {
            let asked = &stage.requests[request];
            just(end(&stage.clients[asked.client], &asked.access[token]).await)
        }
        Act::EndRefresh { request } => {
            let asked = &stage.requests[request];
            just(end(&stage.clients[asked.client], asked.refresh.last().expect("it holds one")).await)
        }
        Act::Enrol { user, pushes } => match stage.enrol(user, pushes).await {
            Some(handset) => (Heard::Done, Brought::Phone(Box::new(handset))),
            None => just(Heard::NotTaken),
        },
        Act::Leave { phone } => {
            leave(&stage.phones[phone].phone).await;
            just(Heard::Done)
        }
        Act::Revoke { phone } => {
            stage.world.admin().revoke(&stage.phones[phone].id).await.expect("revoked");
            just(Heard::Done)
        }
        Act::Stand { user, standing } => {
            let status = match standing {
                Standing::Active => UserStatus::Active,
                Standing::Locked => UserStatus::Locked,
                Standing::Disabled => UserStatus::Disabled,
            };
            stage.world.set_status(USERS[user], status).await;
            just(Heard::Done)
        }
        Act::Endpoint { client, mood } => {
            stage.behave(client, mood);
            just(Heard::Done)
        }
        Act::Channel { mood } => {
            stage.channel.behave(mood);
            just(Heard::Done)
        }
        Act::Pass { seconds } => {
            stage.world.advance(seconds);
            just(Heard::Done)
        }
        Act::Sweep => {
            sweep::sweep(stage.world.provider()).await.expect("the store is swept");
            just(Heard::Done)
        }
        Act::RestartPhone { .. } | Act::Restart => just(Heard::Done),
    }
}

fn just(heard: Heard) -> Came {
    (heard, Brought::Nothing)
}

async fn ask(stage: &Stage, user: usize, client: usize, delivery: Delivery, life: i64) -> Came {
    let life = u32::try_from(life).expect("lives are short");
    let mut request = a_request().about(USERS[user]).expiring_in(life);
    if delivery != Delivery::Poll {
        request = request.told_by(TOKEN);
    }
    let reply = request.sent(&stage.clients[client]).await;
    match (reply.in_short().as_str(), reply.json()["auth_req_id"].as_str()) {
        ("200", Some(auth_req_id)) => {
            (Heard::Accepted, Brought::Request { client, auth_req_id: auth_req_id.to_owned() })
        }
        ("403 access_denied", None) => just(Heard::Refused),
        _ => just(Heard::Nonsense(reply.in_short())),
    }
}

async fn look(stage: &Stage, phone: usize) -> Came {
    match stage.phones[phone].phone.pending().await {
        Ok(prompts) => {
            let prompts = stage.known(prompts);
            (Heard::Listed(listed(&prompts)), Brought::Prompts { phone, prompts })
        }
        Err(_) => just(Heard::NotTaken),
    }
}

/// A push is a hint, so nothing is expected of it: a sealed one shows its prompt, any other what awaits an answer.
async fn push_arrives(stage: &Stage, push: usize) -> Came {
    let (phone, data) = stage.push(push);
    let prompts = stage.phones[phone].phone.open_push(&data).await.unwrap_or_default();
    (Heard::Done, Brought::Prompts { phone, prompts: stage.known(prompts) })
}

async fn answer(stage: &Stage, phone: usize, request: usize, word: Word) -> Heard {
    let handset = &stage.phones[phone];
    let prompt = handset.prompt(request).expect("it has seen the prompt");
    let said = match word {
        Word::Approve => handset.phone.approve(prompt).await,
        Word::DenyNotMe => handset.phone.deny(prompt, DenyReason::NotMe).await,
        Word::DenyWrongDetails => handset.phone.deny(prompt, DenyReason::WrongDetails).await,
        Word::DenyCancelled => handset.phone.deny(prompt, DenyReason::Cancelled).await,
    };
    match said {
        Ok(Outcome::Approved) => Heard::Approved,
        Ok(Outcome::Denied) => Heard::Denied,
        Ok(Outcome::Disputed) => Heard::Disputed,
        Err(error @ (DeviceError::NotUnderstood { .. } | DeviceError::Untrusted { .. })) => {
            Heard::Nonsense(error.to_string())
        }
        Err(_) => Heard::NotTaken,
    }
}

async fn forge(stage: &Stage, phone: usize, request: usize, how: Forgery) -> Result<Heard, DeviceError> {
    let forger = Forger::of(&stage.phones[phone].phone).await?;
    let Some(prompt) = stage.seen_by(phone, request, how) else { return Ok(Heard::NotTaken) };
    let (word, role) = match how {
        Forgery::WeakKey => (Answer::Approve, KeyRole::Device),
        Forgery::WrongKeyToDeny => (Answer::Deny, KeyRole::Verified),
        Forgery::OthersPrompt | Forgery::OtherText | Forgery::Cloned => (Answer::Approve, KeyRole::Verified),
    };
    let mut decision = forger.decision(prompt.prompt().message(), word)?;
    match how {
        Forgery::WeakKey | Forgery::OthersPrompt => {}
        Forgery::WrongKeyToDeny => decision.reason = Some(WireReason::NotMe),
        Forgery::OtherText => decision.dh = Digest::of(b"other lines"),
        Forgery::Cloned => decision.ctr = forger.account().counter,
    }
    let signed = forger.sign(role, &decision).await?;
    let reply = forger.send(&decision.prompt, signed).await?;
    Ok(if reply.status == 200 { Heard::Taken } else { Heard::NotTaken })
}

fn tokens(request: usize, refreshed: Option<usize>, reply: &Reply) -> Came {
    let heard = match reply.in_short().as_str() {
        "200" => return (Heard::Tokens, Brought::Tokens { request, tokens: reply.json(), refreshed }),
        "400 authorization_pending" | "400 slow_down" | "400 invalid_request" => Heard::Pending,
        "400 access_denied" => Heard::Denied,
        "400 expired_token" => Heard::Expired,
        "400 invalid_grant" => Heard::Gone,
        "400 unauthorized_client" => Heard::NotForIt,
        other => Heard::Nonsense(other.to_owned()),
    };
    just(heard)
}

async fn cancel(stage: &Stage, request: usize) -> Heard {
    let asked = &stage.requests[request];
    let reply = stage.clients[asked.client].cancel(&asked.auth_req_id).await.expect("an answer");
    match (reply.status.as_u16(), reply.error().as_deref()) {
        (200 | 204, _) => Heard::Done,
        (400, Some("invalid_grant")) => Heard::Gone,
        (400 | 409, Some(_)) => Heard::NotTaken,
        _ => Heard::Nonsense(reply.in_short()),
    }
}

async fn is_good(stage: &Stage, request: usize, token: usize) -> Heard {
    let asked = &stage.requests[request];
    let reply = stage.clients[asked.client].userinfo(&asked.access[token]).await.expect("an answer");
    match reply.status.as_u16() {
        200 => Heard::Active,
        401 => Heard::Inactive,
        _ => Heard::Nonsense(reply.in_short()),
    }
}

async fn end(client: &RelyingParty, token: &str) -> Heard {
    let reply = client.revoke(token).await.expect("an answer");
    if reply.status.as_u16() == 200 { Heard::Done } else { Heard::Nonsense(reply.in_short()) }
}

/// Whether it hears of its success or not, the phone forgets the account.
async fn leave(phone: &Phone) {
    if let Ok(account) = phone.account() {
        let _ = phone.core().forget(account).await;
    }
}

impl Stage {
    /// The prompt that a forger has: the phone's own copy, or another one's.
    pub(crate) fn seen_by(&self, phone: usize, request: usize, how: Forgery) -> Option<&Arc<ApprovalRequest>> {
        match how {
            Forgery::OthersPrompt => {
                let mut others = self.phones.iter().enumerate().filter(|(other, _)| *other != phone);
                others.find_map(|(_, handset)| handset.prompt(request))
            }
            Forgery::Cloned if !self.phones[phone].answered => None,
            Forgery::WeakKey | Forgery::WrongKeyToDeny | Forgery::OtherText | Forgery::Cloned => {
                self.phones[phone].prompt(request)
            }
        }
    }
}
