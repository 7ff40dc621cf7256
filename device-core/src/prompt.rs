//! A prompt as it arrived, from unbelieved bytes to something that may be shown and then answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;
use protocol::display::Line;
use protocol::messages::{MatchMode, Prompt, PromptKind, UserVerification};
use protocol::text::{self, Kind, TextError};
use protocol::{EnrolmentId, Jws, VERSION};

use crate::error::DeviceError;
use crate::state::AccountState;
use crate::trust::Distrust;

/// Why a prompt that the server did sign is still not rendered. Refusing beats repairing: what is shown must be what is
/// signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unshowable {
    /// A text breaks the rules of [`protocol::text`].
    #[error("{part}: {rule}")]
    Text {
        /// Which text.
        part: &'static str,
        /// The rule.
        rule: TextError,
    },
    /// The display lines leave out something that the user must see.
    #[error("the display lines leave out the {part}")]
    Hidden {
        /// What is left out.
        part: &'static str,
    },
    /// The server asks for something that this version cannot show.
    #[error("prompts of this kind are not known")]
    Kind,
}

/// A verified prompt together with the bytes it came in: both are needed to answer it.
#[derive(Debug, Clone)]
pub struct OpenPrompt {
    message: Jws,
    content: Prompt,
}

/// Verifies a prompt: signed by a listed key, for this phone and enrolment, of this version, not over yet.
pub fn open(account: &AccountState, message: Jws, now: i64) -> Result<OpenPrompt, Distrust> {
    let content: Prompt = account.trust.open(&message, now)?;
    if content.v != VERSION {
        return Err(Distrust::Version);
    }
    if content.iss != account.trust.issuer() {
        return Err(Distrust::Issuer);
    }
    if content.aud != account.keys.device.thumbprint() || content.enr != account.enr {
        return Err(Distrust::Audience);
    }
    if content.exp <= now {
        return Err(Distrust::Expired);
    }
    Ok(OpenPrompt { message, content })
}

impl OpenPrompt {
    /// What the server asks.
    #[must_use]
    pub const fn content(&self) -> &Prompt {
        &self.content
    }

    /// The bytes exactly as received.
    #[must_use]
    pub const fn message(&self) -> &Jws {
        &self.message
    }

    /// All lines that must be shown, in order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.content.display
    }

    /// Judges every text, and that the lines to be shown hold at least client name and binding message.
    pub fn showable(self) -> Result<Self, Unshowable> {
        if self.content.kind != PromptKind::Ciba {
            return Err(Unshowable::Kind);
        }
        self.check_texts()?;
        self.check_completeness()?;
        Ok(self)
    }

    fn check_texts(&self) -> Result<(), Unshowable> {
        let asked = &self.content;
        check("client name", Kind::ClientName, &asked.client.name)?;
        if let Some(message) = &asked.binding_message {
            check("binding message", Kind::BindingMessage, message)?;
        }
        for line in &asked.display {
            check("display label", Kind::DetailValue, &line.label)?;
            check("display value", Kind::DetailValue, &line.value)?;
        }
        for line in &asked.context {
            check("context label", Kind::Context, &line.label)?;
            check("context value", Kind::Context, &line.value)?;
        }
        Ok(())
    }

    fn check_completeness(&self) -> Result<(), Unshowable> {
        let shown = |text: &str| self.content.display.iter().any(|line| line.value == text);
        if !shown(&self.content.client.name) {
            return Err(Unshowable::Hidden { part: "client name" });
        }
        match &self.content.binding_message {
            Some(message) if !shown(message) => Err(Unshowable::Hidden { part: "binding message" }),
            _ => Ok(()),
        }
    }
}

fn check(part: &'static str, kind: Kind, text: &str) -> Result<(), Unshowable> {
    text::check(kind, text).map_err(|rule| Unshowable::Text { part, rule })
}

/// One line that the app must show.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DisplayLine {
    /// What the value is.
    pub label: String,
    /// The text. Never cut it short.
    pub value: String,
}

impl From<&Line> for DisplayLine {
    fn from(line: &Line) -> Self {
        Self { label: line.label.clone(), value: line.value.clone() }
    }
}

/// A request that awaits the user. Show every line of [`ApprovalRequest::display`], then pass the same object to
/// `approve` or `deny`: what is signed is what was handed out here.
#[derive(Debug)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct ApprovalRequest {
    prompt: OpenPrompt,
    display_taken: AtomicBool,
    match_code: Mutex<Option<String>>,
    answering: AsyncMutex<()>,
}

impl ApprovalRequest {
    /// Wraps a prompt that may be shown.
    #[must_use]
    pub(crate) fn new(prompt: OpenPrompt) -> Self {
        Self {
            prompt,
            display_taken: AtomicBool::new(false),
            match_code: Mutex::new(None),
            answering: AsyncMutex::new(()),
        }
    }

    /// The prompt as verified.
    #[must_use]
    pub const fn prompt(&self) -> &OpenPrompt {
        &self.prompt
    }

    /// Which enrolment is asked.
    #[must_use]
    pub(crate) const fn enr(&self) -> &EnrolmentId {
        &self.prompt.content.enr
    }

    /// Held while an answer is signed and sent.
    pub(crate) const fn answering(&self) -> &AsyncMutex<()> {
        &self.answering
    }

    /// What approving still lacks; the typed digits, where they are asked.
    pub(crate) fn ready_to_approve(&self) -> Result<Option<String>, DeviceError> {
        if !self.display_taken.load(Ordering::Acquire) {
            return Err(DeviceError::DisplayNotTaken);
        }
        let code = self.match_code.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.match_code_length() {
            Some(_) if code.is_none() => Err(DeviceError::MatchCodeNeeded),
            _ => Ok(code),
        }
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl ApprovalRequest {
    /// The prompt's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.prompt.content.jti.to_string()
    }

    /// The account that is asked, as in `accounts()`.
    #[must_use]
    pub fn account(&self) -> String {
        self.prompt.content.enr.to_string()
    }

    /// Name of the client that asks.
    #[must_use]
    pub fn client_name(&self) -> String {
        self.prompt.content.client.name.clone()
    }

    /// Whether an operator has confirmed that name; if not, the app must say so.
    #[must_use]
    pub fn client_verified(&self) -> bool {
        self.prompt.content.client.verified
    }

    /// The text that the other screen shows as well.
    #[must_use]
    pub fn binding_message(&self) -> Option<String> {
        self.prompt.content.binding_message.clone()
    }

    /// All that must be shown, in order. Approving before this was called is refused.
    #[must_use]
    pub fn display(&self) -> Vec<DisplayLine> {
        self.display_taken.store(true, Ordering::Release);
        self.prompt.lines().iter().map(DisplayLine::from).collect()
    }

    /// What the client says of its own, to be shown as its words and not as ours.
    #[must_use]
    pub fn context(&self) -> Vec<DisplayLine> {
        self.prompt.content.context.iter().map(DisplayLine::from).collect()
    }

    /// Language of the labels (BCP 47).
    #[must_use]
    pub fn language(&self) -> String {
        self.prompt.content.lang.clone()
    }

    /// Until when an answer is accepted, in seconds since 1970 by the server's clock.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.prompt.content.exp
    }

    /// Whether approving makes the platform verify the user.
    #[must_use]
    pub fn verifies_user(&self) -> bool {
        self.prompt.content.uv != UserVerification::None
    }

    /// How many digits of the other screen the user must type; `None` where none are asked.
    #[must_use]
    pub fn match_code_length(&self) -> Option<u32> {
        let asked = self.prompt.content.match_code;
        (asked.mode == MatchMode::Enter).then(|| u32::from(asked.length))
    }

    /// Takes what the user typed. The phone never knows the right code: a wrong one, once sent, denies the request.
    pub fn enter_match_code(&self, code: String) -> Result<(), DeviceError> {
        let is_code = |length: u32| code.len() == length as usize && code.bytes().all(|byte| byte.is_ascii_digit());
        if !self.match_code_length().is_some_and(is_code) {
            return Err(DeviceError::MatchCodeNeeded);
        }
        *self.match_code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::Match;
    use protocol::{EnrolmentId, PromptId};

    use super::*;
    use crate::testing::{NOW, Op, account, key, other_digest};

    fn opened(bend: fn(&mut Prompt)) -> Result<OpenPrompt, Distrust> {
        let op = Op::new();
        let account = account(&op);
        open(&account, op.prompt(&account, bend), NOW)
    }

    fn shown(bend: fn(&mut Prompt)) -> Result<(), Unshowable> {
        opened(bend).expect("only its text is wrong").showable().map(|_| ())
    }

    fn request(bend: fn(&mut Prompt)) -> ApprovalRequest {
        ApprovalRequest::new(opened(bend).unwrap().showable().unwrap())
    }

    #[test]
    fn a_sound_prompt_opens_and_may_be_shown() {
        let prompt = opened(|_| ()).unwrap().showable().unwrap();
        assert_eq!(prompt.content().jti, PromptId::from_bytes([0x55; 16]));
        assert_eq!(prompt.lines().len(), 2);
    }

    #[test]
    fn a_prompt_for_another_phone_or_enrolment_is_refused() {
        assert_eq!(opened(|prompt| prompt.aud = other_digest()).map(|_| ()), Err(Distrust::Audience));
        assert_eq!(opened(|prompt| prompt.enr = EnrolmentId::from_bytes([1; 16])).map(|_| ()), Err(Distrust::Audience));
    }

    #[test]
    fn a_prompt_of_another_issuer_or_version_is_refused() {
        assert_eq!(opened(|prompt| prompt.iss = "https://other.example".into()).map(|_| ()), Err(Distrust::Issuer));
        assert_eq!(opened(|prompt| prompt.v = 2).map(|_| ()), Err(Distrust::Version));
    }

    #[test]
    fn a_prompt_ends_at_its_expiry() {
        assert!(opened(|prompt| prompt.exp = NOW + 1).is_ok());
        assert_eq!(opened(|prompt| prompt.exp = NOW).map(|_| ()), Err(Distrust::Expired));
    }

    #[test]
    fn a_prompt_by_an_impostor_is_refused() {
        let op = Op::new();
        let account = account(&op);
        let impostor = Op { root: key(77), signing: key(78) };
        assert_eq!(open(&account, impostor.prompt(&account, |_| ()), NOW).map(|_| ()), Err(Distrust::UnknownKey));
    }

    #[test]
    fn text_that_reorders_or_hides_itself_is_not_rendered() {
        let refused = |bend: fn(&mut Prompt)| match shown(bend) {
            Err(Unshowable::Text { part, rule }) => (part, rule),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            refused(|prompt| prompt.client.name = "Bank\u{202e}".into()),
            ("client name", TextError::BidiControl)
        );
        assert_eq!(
            refused(|prompt| prompt.binding_message = Some("Pay\u{200b}20".into())),
            ("binding message", TextError::Invisible)
        );
        assert_eq!(refused(|prompt| prompt.display[1].value = "a\nb".into()), ("display value", TextError::LineBreak));
        assert_eq!(refused(|prompt| prompt.display[1].label = String::new()), ("display label", TextError::Blank));
        assert_eq!(
            refused(|prompt| prompt.context.push(Line::new("Says", "<b>x</b>"))),
            ("context value", TextError::Markup)
        );
    }

    #[test]
    fn display_lines_without_client_name_or_message_are_not_rendered() {
        assert_eq!(
            shown(|prompt| prompt.display[0].value = "Somebody".into()),
            Err(Unshowable::Hidden { part: "client name" })
        );
        assert_eq!(
            shown(|prompt| {
                prompt.display.pop();
            }),
            Err(Unshowable::Hidden { part: "binding message" })
        );
        assert_eq!(shown(|prompt| prompt.display.clear()), Err(Unshowable::Hidden { part: "client name" }));
        let without_message = |prompt: &mut Prompt| {
            prompt.binding_message = None;
            prompt.display.pop();
        };
        assert_eq!(shown(without_message), Ok(()));
    }

    #[test]
    fn a_kind_that_this_version_cannot_show_is_not_rendered() {
        assert_eq!(shown(|prompt| prompt.kind = PromptKind::AddDevice), Err(Unshowable::Kind));
    }

    #[test]
    fn approving_needs_the_display_to_have_been_taken() {
        let request = request(|_| ());
        assert_eq!(request.ready_to_approve(), Err(DeviceError::DisplayNotTaken));
        assert_eq!(request.display()[1].value, "Pay 20 EUR");
        assert_eq!(request.ready_to_approve(), Ok(None));
    }

    #[test]
    fn a_match_code_is_needed_where_it_is_asked_and_only_there() {
        let asking = request(|prompt| prompt.match_code = Match { mode: MatchMode::Enter, length: 2 });
        let _lines = asking.display();
        assert_eq!(asking.match_code_length(), Some(2));
        assert_eq!(asking.ready_to_approve(), Err(DeviceError::MatchCodeNeeded));
        for wrong in ["", "1", "123", "1a", "٣٤"] {
            assert_eq!(asking.enter_match_code(wrong.into()), Err(DeviceError::MatchCodeNeeded));
        }
        assert_eq!(asking.enter_match_code("42".into()), Ok(()));
        assert_eq!(asking.ready_to_approve(), Ok(Some("42".into())));
        assert_eq!(request(|_| ()).enter_match_code("42".into()), Err(DeviceError::MatchCodeNeeded));
    }
}
