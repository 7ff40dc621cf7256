//! A prompt as it arrived, from unbelieved bytes to something that may be shown and then answered.

use protocol::display::Line;
use protocol::messages::{Prompt, PromptKind};
use protocol::text::{self, Kind, TextError};
use protocol::{Jws, VERSION};

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
}

/// A verified prompt together with the bytes it came in: both are needed to answer it.
#[derive(Debug, Clone)]
pub struct OpenPrompt {
    message: Jws,
    content: Prompt,
}

/// Verifies a prompt: signed by a listed key, for this phone and enrolment, of this version, not over yet.
pub fn open(account: &AccountState, message: Jws, now: i64) -> Result<OpenPrompt, Distrust> {
    let prompt = open_whenever(account, message, now)?;
    if prompt.content.exp <= now { Err(Distrust::Expired) } else { Ok(prompt) }
}

/// The same for a prompt that may be over: what was approved can still be disputed.
pub fn open_whenever(account: &AccountState, message: Jws, now: i64) -> Result<OpenPrompt, Distrust> {
    let content: Prompt = account.trust.open(&message, now)?;
    if content.v != VERSION {
        return Err(Distrust::Version);
    }
    if content.iss != account.trust.issuer() {
        return Err(Distrust::Issuer);
    }
    if !account.is_addressed_by(&content.aud) || content.enr != account.enr {
        return Err(Distrust::Audience);
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
        if self.content.display.is_empty() {
            return Err(Unshowable::Hidden { part: "whole request" });
        }
        // What the server itself asks has no client to hide behind.
        if self.content.kind != PromptKind::Ciba {
            return Ok(());
        }
        let shown = |text: &str| self.content.display.iter().any(|line| line.value == text);
        if !shown(&self.content.client.name) {
            return Err(Unshowable::Hidden { part: "client name" });
        }
        match &self.content.binding_message {
            Some(message) if !shown(message) => Err(Unshowable::Hidden { part: "binding message" }),
            _ => self.check_details(),
        }
    }

    /// How the details are written only their server knows, but none of them can be approved without a line of its own.
    fn check_details(&self) -> Result<(), Unshowable> {
        let asked = &self.content;
        let is_other = |line: &&Line| {
            line.value == asked.client.name
                || asked.binding_message.as_ref() == Some(&line.value)
                || asked.scope.contains(&line.value)
        };
        let others = asked.display.iter().filter(is_other).count();
        if asked.display.len() - others < asked.authorization_details.len() {
            return Err(Unshowable::Hidden { part: "authorization details" });
        }
        Ok(())
    }
}

fn check(part: &'static str, kind: Kind, text: &str) -> Result<(), Unshowable> {
    text::check(kind, text).map_err(|rule| Unshowable::Text { part, rule })
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_sound_prompt_opens_and_may_be_shown() {
        let prompt = opened(|_| ()).unwrap().showable().unwrap();
        assert_eq!(prompt.content().jti, PromptId::from_bytes([0x55; 16]));
        assert_eq!(prompt.lines().len(), 2);
    }

    #[test]
    fn details_without_lines_of_their_own_are_not_rendered() {
        let detail = || serde_json::json!({ "type": "payment", "to": "Merchant A" });
        let hidden = Err(Unshowable::Hidden { part: "authorization details" });
        assert_eq!(
            shown(|prompt| prompt.authorization_details = vec![serde_json::json!({ "type": "payment" })]),
            hidden
        );
        let mut prompt = opened(|_| ()).expect("sound");
        prompt.content.authorization_details = vec![detail(), detail()];
        prompt.content.display.push(Line::new("What", "Payment"));
        assert!(prompt.clone().showable().is_err(), "two details, one line");
        prompt.content.display.push(Line::new("To", "Merchant A"));
        assert!(prompt.showable().is_ok());
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
        let op = Op::new();
        let account = account(&op);
        assert!(open_whenever(&account, op.prompt(&account, |prompt| prompt.exp = NOW), NOW).is_ok());
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
        for kind in [PromptKind::Ciba, PromptKind::AddDevice, PromptKind::Test] {
            let prompt = crate::testing::prompt(&account(&Op::new()), |prompt| {
                prompt.kind = kind;
                prompt.display.clear();
            });
            let op = Op::new();
            let opened = open(&account(&op), op.sign(&prompt), NOW).unwrap();
            assert_eq!(opened.showable().map(|_| ()), Err(Unshowable::Hidden { part: "whole request" }));
        }
        let without_message = |prompt: &mut Prompt| {
            prompt.binding_message = None;
            prompt.display.pop();
        };
        assert_eq!(shown(without_message), Ok(()));
    }
}
