//! Asks all of a user's phones: one prompt copy for each, signed once, and a push where there is somewhere to push to.

use protocol::display::Line;
use protocol::messages::{Logo, Match, MatchMode, Prompt, PromptClient, PromptKind, PushTarget, UserVerification};
use protocol::{DeviceId, Digest, EnrolmentId, KeyRole, Nonce, PromptId, RoutingId};

use super::{Asked, Port, Question, StartError};
use crate::domain::authentication_request::MATCH_DIGITS;
use crate::domain::client::Client;
use crate::domain::context::{Context, Reached};
use crate::domain::device::Device;
use crate::domain::message::{Content, Message, MessageId};
use crate::domain::prompt::{About, StoredPrompt, nobodys_phone};
use crate::domain::resource;
use crate::domain::time::Timestamp;

/// Makes the prompts for a request.
pub async fn start(port: &Port<'_>, question: &Question<'_>, now: Timestamp) -> Result<Asked, StartError> {
    let devices = port.store.devices_of(port.realm, &question.request.subject).await?;
    let active: Vec<_> = devices.iter().map(|device| &device.record).filter(|device| device.is_active()).collect();
    let wanted = Wanted::of(question, &active, port.trust_claimed_uv);
    let mut asked = Asked::default();
    for device in active {
        let prompt = prompt(port, question, wanted, &Addressee::of(device), now)?;
        if port.pushes && device.push != PushTarget::None {
            asked.messages.push(push(port, &prompt, now));
        }
        asked.prompts.push(prompt);
    }
    if asked.prompts.is_empty() { Err(StartError::NoDevice) } else { Ok(asked) }
}

/// The question as it waits for a phone that enrols in time.
pub fn waiting(port: &Port<'_>, question: &Question<'_>, now: Timestamp) -> Result<StoredPrompt, StartError> {
    let subject = &question.request.subject;
    let nobody = Addressee {
        device: nobodys_phone(subject),
        key: Digest::labelled("assent-nobodys-key", &[subject.as_str().as_bytes()]),
        enrolment: EnrolmentId::from_bytes([0; 16]),
    };
    let prompt = prompt(port, question, Wanted::of(question, &[], port.trust_claimed_uv), &nobody, now)?;
    Ok(StoredPrompt { req: Some(question.req), ..prompt })
}

/// A copy for a phone that was not there when the question was asked.
pub fn copy(
    port: &Port<'_>,
    question: &Question<'_>,
    device: &Device,
    now: Timestamp,
) -> Result<StoredPrompt, StartError> {
    let wanted = Wanted::of(question, &[device], port.trust_claimed_uv);
    prompt(port, question, wanted, &Addressee::of(device), now)
}

/// Whom a copy is for.
struct Addressee {
    device: DeviceId,
    key: Digest,
    enrolment: EnrolmentId,
}

impl Addressee {
    fn of(device: &Device) -> Self {
        Self { device: device.id, key: device.device_key.thumbprint(), enrolment: device.enrolment }
    }
}

/// What an approval must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    acr: Option<Context>,
    user_verification: UserVerification,
}

impl Wanted {
    /// The first requested class that one of the phones can reach, and with it the client's screen where a code is typed. It
    /// may ask for more than the client's registration does, never for less.
    fn of(question: &Question<'_>, devices: &[&Device], trust_claimed_uv: bool) -> Self {
        let (role, at) = (KeyRole::Verified, question.request.created_at);
        let reachable = devices
            .iter()
            .map(|device| Reached::by(role, device.level_of(role), trust_claimed_uv).unless(device.is_limited(at)));
        let matched = question.request.match_code.is_some();
        let best = reachable.max().map(|reached| Context { reached, matched });
        let acr = best.and_then(|best| best.satisfies_first_of(&question.request.acr_values));
        let user_verification = match acr.map(|acr| acr.reached) {
            Some(Reached::Uv | Reached::UvHardware) => UserVerification::Required,
            Some(Reached::Presence) | None => question.client.user_verification,
        };
        Self { acr, user_verification }
    }
}

fn prompt(
    port: &Port<'_>,
    question: &Question<'_>,
    wanted: Wanted,
    addressee: &Addressee,
    now: Timestamp,
) -> Result<StoredPrompt, StartError> {
    let request = question.request;
    let expires_at = answer_until(request.created_at, request.expires_at, request.interval);
    let message = Prompt {
        iss: port.issuer.to_owned(),
        aud: addressee.key,
        enr: addressee.enrolment,
        jti: PromptId::from_bytes(port.random.array()),
        kind: PromptKind::Ciba,
        nonce: Nonce::from_bytes(port.random.array()),
        iat: now.unix_seconds(),
        exp: expires_at.unix_seconds(),
        v: protocol::VERSION,
        req: question.req,
        client: PromptClient {
            id: question.client.id.to_string(),
            name: question.client.name.clone(),
            verified: question.client.verified,
            logo: logo(question.client),
        },
        binding_message: request.binding_message.clone(),
        scope: request.scope.clone(),
        resource: request.resources.clone(),
        authorization_details: request.details.as_ref().map(|asked| asked.details.clone()).unwrap_or_default(),
        display: display(question),
        acr: wanted.acr.map(|acr| acr.name().to_owned()),
        uv: wanted.user_verification,
        match_code: match request.match_code {
            Some(_) => Match { mode: MatchMode::Enter, length: MATCH_DIGITS },
            None => Match::NONE,
        },
        context: Vec::new(),
        lang: request.details.as_ref().map_or_else(|| "en".to_owned(), |asked| asked.language.clone()),
    };
    let jws = port.keys.sign_device(&message).map_err(|_| StartError::Keys)?;
    Ok(StoredPrompt {
        id: message.jti,
        device: addressee.device,
        request: request.key,
        about: About::Request,
        nonce: message.nonce,
        display: message.display_digest(),
        user_verification: message.uv,
        jws,
        expires_at,
        answer: None,
        approval: None,
        req: None,
    })
}

/// Where the phone gets the client's logo, below the issuer. Nobody has looked at that of a client which is not confirmed.
fn logo(client: &Client) -> Option<Logo> {
    let sha256 = client.logo.filter(|_| client.verified)?;
    Some(Logo { path: format!("/clients/{}/logo/{sha256}", escaped(client.id.as_str())), sha256 })
}

/// An id as one segment of a path (RFC 3986 §3.3).
fn escaped(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    id.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// All that must be shown, in order.
fn display(question: &Question<'_>) -> Vec<Line> {
    let mut lines = vec![Line::new("Who asks", &question.client.name)];
    if !question.client.verified {
        lines.push(Line::new("Name", "unverified"));
    }
    lines.extend(question.request.binding_message.as_ref().map(|message| Line::new("Message", message)));
    lines.extend(question.request.details.iter().flat_map(|asked| asked.lines.clone()));
    let extra = question.request.scope.iter().filter(|scope| *scope != "openid");
    // A line each, because together they may be longer than a line is.
    lines.extend(extra.map(|scope| Line::new("Access to", scope)));
    lines.extend(question.request.resources.iter().map(|uri| Line::new("For use at", resource::shown(uri))));
    lines
}

/// A phone may answer until min(2 × interval + 2 s, a quarter of the life) before the end, so that the client can still
/// collect the approval. Rounded down to whole seconds, as the prompt says it.
fn answer_until(created_at: Timestamp, expires_at: Timestamp, interval: u32) -> Timestamp {
    let life = expires_at.unix_millis() - created_at.unix_millis();
    let margin = (2 * i64::from(interval) * 1000 + 2000).min(life / 4);
    Timestamp::from_unix_seconds(expires_at.plus_millis(-margin).unix_seconds())
}

fn push(port: &Port<'_>, prompt: &StoredPrompt, now: Timestamp) -> Message {
    Message {
        id: MessageId::from_bytes(port.random.array()),
        content: Content::Push {
            device: prompt.device,
            prompt: prompt.id,
            rid: RoutingId::of(&prompt.id),
            also: Vec::new(),
        },
        request: prompt.request,
        attempts: 0,
        due_at: now,
        give_up_at: prompt.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn the_answer_ends_two_polls_and_two_seconds_before_the_request() {
        assert_eq!(answer_until(seconds(0), seconds(120), 5), seconds(108));
    }

    #[test]
    fn a_short_request_keeps_three_quarters_of_its_life_for_the_answer() {
        assert_eq!(answer_until(seconds(0), seconds(10), 5), seconds(7));
    }
}
