//! What an app shows of a request: one value for one screen, with nothing left for the app to work out.

use protocol::display::Line;
use protocol::messages::{MatchMode, Prompt, PromptKind, UserVerification};

use crate::decision;

/// With fewer seconds left than this, the user is told so.
const SOON_SECONDS: i64 = 30;

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

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum RequestKind {
    /// A client asks whether this is the user, and whether they agree.
    Authentication,
    /// Another phone wants to join the account.
    AddDevice,
    /// A phone of the account wants new keys in place of its own.
    Rotate,
    /// Something changed on the account; a denial says that it was not the user.
    Notice,
    /// Shows that pushes arrive; nothing hangs on the answer.
    Test,
}

impl From<PromptKind> for RequestKind {
    fn from(kind: PromptKind) -> Self {
        match kind {
            PromptKind::Ciba => Self::Authentication,
            PromptKind::AddDevice => Self::AddDevice,
            PromptKind::Rotate => Self::Rotate,
            PromptKind::Notice => Self::Notice,
            PromptKind::Test => Self::Test,
        }
    }
}

/// What the user must be warned of, before the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Warning {
    /// Nobody has confirmed that the client is who its name says.
    UnverifiedClient,
    /// The same client has asked this user for something else at the same time: show them together, and let the user pick
    /// by the text or code that the other screen shows.
    Conflict {
        /// How many others wait.
        others: u32,
    },
    /// Little time is left.
    ExpiringSoon {
        /// How much.
        seconds: u32,
    },
    /// It is too late to approve. A denial is still heard: it takes back, or disputes, what was approved before.
    Expired,
}

/// What the user types before approving: digits that the other screen shows and this phone never learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MatchCode {
    /// How many digits.
    pub digits: u32,
}

/// One screen. All [`Display::lines`] must be shown, in order and never cut short, and all [`Display::warnings`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Display {
    /// What is asked for; the app says it in its own words.
    pub kind: RequestKind,
    /// Heading: the name of who asks.
    pub title: String,
    /// The account that is asked, as the server masks it.
    pub account: String,
    /// The text that the other screen shows as well; it is among the lines too.
    pub message: Option<String>,
    /// All that must be shown, or the part of it that was taken. What is signed covers exactly these.
    pub lines: Vec<DisplayLine>,
    /// How many lines there are in all.
    pub all_lines: u32,
    /// What the client says of its own, to be shown as its words and not as ours.
    pub context: Vec<DisplayLine>,
    /// What the user must be warned of.
    pub warnings: Vec<Warning>,
    /// The digits to be typed before approving.
    pub match_code: Option<MatchCode>,
    /// Whether approving makes the platform verify the user.
    pub verifies_user: bool,
    /// Language of the lines (BCP 47).
    pub language: String,
    /// Until when an answer is accepted, in seconds since 1970 by the server's clock.
    pub expires_at: i64,
}

/// What the prompt itself does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// The account as the server masks it.
    pub account: &'a str,
    /// Other requests of the same client that wait.
    pub others: u32,
    /// By the server's clock, as well as it is known.
    pub now: i64,
}

impl Display {
    /// The screen for a prompt that may be shown, with the lines of `part`.
    #[must_use]
    pub fn of(asked: &Prompt, part: &[Line], circumstances: Circumstances<'_>) -> Self {
        Self {
            kind: asked.kind.into(),
            title: asked.client.name.clone(),
            account: circumstances.account.to_owned(),
            message: asked.binding_message.clone(),
            lines: part.iter().map(DisplayLine::from).collect(),
            all_lines: u32::try_from(asked.display.len()).unwrap_or(u32::MAX),
            context: asked.context.iter().map(DisplayLine::from).collect(),
            warnings: warnings(asked, circumstances),
            match_code: match_code(asked),
            verifies_user: verifies_user(asked),
            language: asked.lang.clone(),
            expires_at: asked.exp,
        }
    }
}

fn warnings(asked: &Prompt, circumstances: Circumstances<'_>) -> Vec<Warning> {
    let left = asked.exp.saturating_sub(circumstances.now);
    let unverified = (!asked.client.verified).then_some(Warning::UnverifiedClient);
    let conflict = (circumstances.others > 0).then_some(Warning::Conflict { others: circumstances.others });
    let time = match u32::try_from(left) {
        Err(_) | Ok(0) => Some(Warning::Expired),
        Ok(seconds) => (left < SOON_SECONDS).then_some(Warning::ExpiringSoon { seconds }),
    };
    // More seconds than a u32 holds are no reason to warn.
    let time = time.filter(|_| left <= i64::from(u32::MAX));
    [unverified, conflict, time].into_iter().flatten().collect()
}

/// The digits asked for.
#[must_use]
pub fn match_code(asked: &Prompt) -> Option<MatchCode> {
    let is_asked = asked.match_code.mode == MatchMode::Enter;
    is_asked.then(|| MatchCode { digits: u32::from(asked.match_code.length) })
}

/// Whether an approval makes the platform verify the user.
#[must_use]
pub fn verifies_user(asked: &Prompt) -> bool {
    decision::verification(asked) != UserVerification::None
}

#[cfg(test)]
mod tests {
    use protocol::messages::Match;

    use super::*;
    use crate::testing::{NOW, Op, account, prompt};

    fn shown(others: u32, now: i64, bend: fn(&mut Prompt)) -> Display {
        let asked = prompt(&account(&Op::new()), bend);
        Display::of(&asked, &asked.display, Circumstances { account: "a•••a", others, now })
    }

    #[test]
    fn an_ordinary_request_warns_of_nothing() {
        let display = shown(0, NOW, |_| ());
        assert_eq!((display.title.as_str(), display.account.as_str()), ("Example Bank", "a•••a"));
        assert_eq!(display.message.as_deref(), Some("Pay 20 EUR"));
        assert_eq!((display.lines.len(), display.all_lines), (2, 2));
        assert_eq!((display.warnings, display.match_code), (Vec::new(), None));
        assert!(display.verifies_user);
    }

    #[test]
    fn the_user_is_warned_of_who_asks_of_other_requests_and_of_time() {
        assert_eq!(shown(0, NOW, |asked| asked.client.verified = false).warnings, [Warning::UnverifiedClient]);
        assert_eq!(shown(2, NOW, |_| ()).warnings, [Warning::Conflict { others: 2 }]);
        assert_eq!(shown(0, NOW + 70, |_| ()).warnings, []);
        assert_eq!(shown(0, NOW + 71, |_| ()).warnings, [Warning::ExpiringSoon { seconds: 29 }]);
        assert_eq!(shown(0, NOW + 100, |_| ()).warnings, [Warning::Expired]);
        assert_eq!(shown(0, NOW + 5_000, |_| ()).warnings, [Warning::Expired]);
        assert_eq!(shown(0, NOW, |asked| asked.exp = i64::MAX).warnings, []);
        let all = shown(1, NOW + 99, |asked| asked.client.verified = false).warnings;
        let expected =
            [Warning::UnverifiedClient, Warning::Conflict { others: 1 }, Warning::ExpiringSoon { seconds: 1 }];
        assert_eq!(all, expected);
    }

    #[test]
    fn digits_are_asked_for_where_the_prompt_asks() {
        let asking = shown(0, NOW, |asked| asked.match_code = Match { mode: MatchMode::Enter, length: 2 });
        assert_eq!(asking.match_code, Some(MatchCode { digits: 2 }));
    }

    #[test]
    fn a_phone_is_never_added_without_verifying_the_user() {
        let lax = |asked: &mut Prompt| asked.uv = UserVerification::None;
        assert!(!shown(0, NOW, lax).verifies_user);
        let adding = shown(0, NOW, |asked| {
            asked.uv = UserVerification::None;
            asked.kind = PromptKind::AddDevice;
        });
        assert_eq!((adding.kind, adding.verifies_user), (RequestKind::AddDevice, true));
    }
}
