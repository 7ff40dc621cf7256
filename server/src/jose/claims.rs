//! What a JWT says (RFC 7519 §4.1), and the rules by which it is judged.

use serde_json::{Map, Value};

use crate::domain::time::Timestamp;

/// Seconds by which others' clocks may differ from ours.
pub const SKEW: i64 = 60;

/// 9999-12-31T23:59:59Z. A date beyond is a mistake or an attempt.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The claims of a JWT.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// Why claims are not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// A claim that must be there is not.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim is not of its type, or out of its range.
    #[error("the claim {0} is malformed")]
    Malformed(&'static str),
    /// A claim is about something else.
    #[error("the claim {0} is that of another call")]
    Other(&'static str),
    /// It was made too long ago.
    #[error("{0} is too long ago")]
    Stale(&'static str),
    /// `iss` is somebody else.
    #[error("iss is another than expected")]
    Issuer,
    /// `sub` is somebody else.
    #[error("sub is another than expected")]
    Subject,
    /// It is meant for others, or for others too.
    #[error("aud is not us")]
    Audience,
    /// `exp` is past.
    #[error("exp is past")]
    Expired,
    /// `nbf` or `iat` is still to come.
    #[error("{0} is still to come")]
    Early(&'static str),
    /// It lives longer than is wanted here.
    #[error("the time from {0} to exp is too long")]
    LivesTooLong(&'static str),
}

/// Whom a JWT must be meant for.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    /// Every member of `aud` is one of these: who else sees it could use it with us.
    OnlyOf(&'a [&'a str]),
    /// One member of `aud` is this.
    Includes(&'a str),
}

/// What is wanted of a JWT. `exp` is always wanted, and within [`SKEW`] no date is held against it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`, where it matters.
    pub subject: Option<&'a str>,
    /// `aud`
    pub audience: Audience<'a>,
    /// Claims that must be there beside those.
    pub required: &'a [&'static str],
    /// Seconds from `nbf`, else `iat`, else now, to `exp`.
    pub longest: i64,
}

impl Claims {
    /// Takes the members.
    #[must_use]
    pub const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// All of them.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Gives all of them away.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// A claim that is a text.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, ClaimsError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ClaimsError::Malformed(name)),
        }
    }

    /// A claim that is a `NumericDate` (RFC 7519 §2): seconds since the epoch, perhaps with a fraction.
    pub fn date(&self, name: &'static str) -> Result<Option<Timestamp>, ClaimsError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds));
        let seconds = seconds.ok_or(ClaimsError::Malformed(name))?;
        #[expect(clippy::cast_possible_truncation, reason = "the range above leaves room for milliseconds")]
        let millis = (seconds * 1_000.0).floor() as i64;
        Ok(Some(Timestamp::from_unix_millis(millis)))
    }

    /// `iss`
    pub fn iss(&self) -> Result<Option<&str>, ClaimsError> {
        self.text("iss")
    }

    /// `sub`
    pub fn sub(&self) -> Result<Option<&str>, ClaimsError> {
        self.text("sub")
    }

    /// `aud`, whether it is one text or a list of some; never an empty list.
    pub fn aud(&self) -> Result<Option<Vec<&str>>, ClaimsError> {
        const MALFORMED: ClaimsError = ClaimsError::Malformed("aud");
        match self.0.get("aud") {
            None => Ok(None),
            Some(Value::String(one)) => Ok(Some(vec![one])),
            Some(Value::Array(some)) if !some.is_empty() => {
                some.iter().map(Value::as_str).collect::<Option<_>>().map(Some).ok_or(MALFORMED)
            }
            Some(_) => Err(MALFORMED),
        }
    }

    /// `exp`
    pub fn exp(&self) -> Result<Option<Timestamp>, ClaimsError> {
        self.date("exp")
    }

    /// `nbf`
    pub fn nbf(&self) -> Result<Option<Timestamp>, ClaimsError> {
        self.date("nbf")
    }

    /// `iat`
    pub fn iat(&self) -> Result<Option<Timestamp>, ClaimsError> {
        self.date("iat")
    }

    /// `jti`, never empty.
    pub fn jti(&self) -> Result<Option<&str>, ClaimsError> {
        match self.text("jti")? {
            Some("") => Err(ClaimsError::Malformed("jti")),
            jti => Ok(jti),
        }
    }

    /// Judges them. Gives the time until which the same JWT could come again: a `jti` must be remembered until then.
    pub fn check(&self, rules: &Rules<'_>, now: Timestamp) -> Result<Timestamp, ClaimsError> {
        if let Some(missing) = rules.required.iter().find(|name| !self.0.contains_key(**name)) {
            return Err(ClaimsError::Missing(missing));
        }
        self.jti()?;
        self.check_parties(rules)?;
        self.check_dates(rules.longest, now)
    }

    fn check_parties(&self, rules: &Rules<'_>) -> Result<(), ClaimsError> {
        if self.iss()?.ok_or(ClaimsError::Missing("iss"))? != rules.issuer {
            return Err(ClaimsError::Issuer);
        }
        let sub = self.sub()?;
        if let Some(subject) = rules.subject
            && sub.ok_or(ClaimsError::Missing("sub"))? != subject
        {
            return Err(ClaimsError::Subject);
        }
        let aud = self.aud()?.ok_or(ClaimsError::Missing("aud"))?;
        let meant = match rules.audience {
            Audience::OnlyOf(ours) => aud.iter().all(|aud| ours.contains(aud)),
            Audience::Includes(us) => aud.contains(&us),
        };
        if meant { Ok(()) } else { Err(ClaimsError::Audience) }
    }

    fn check_dates(&self, longest: i64, now: Timestamp) -> Result<Timestamp, ClaimsError> {
        let (nbf, iat) = (self.nbf()?, self.iat()?);
        let exp = self.exp()?.ok_or(ClaimsError::Missing("exp"))?;
        let forgotten = exp.plus_seconds(SKEW);
        if now >= forgotten {
            return Err(ClaimsError::Expired);
        }
        let ahead = |date: Option<Timestamp>| date.is_some_and(|date| date > now.plus_seconds(SKEW));
        for (name, date) in [("nbf", nbf), ("iat", iat)] {
            if ahead(date) {
                return Err(ClaimsError::Early(name));
            }
        }
        let starts = [("nbf", nbf), ("iat", iat), ("now", Some(now.plus_seconds(SKEW)))];
        let (name, start) = starts.into_iter().find_map(|(name, at)| Some((name, at?))).expect("now is always known");
        if exp > start.plus_seconds(longest) {
            return Err(ClaimsError::LivesTooLong(name));
        }
        Ok(forgotten)
    }
}

/// Claims tell of people.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claims({})", self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}
