//! `application/x-www-form-urlencoded` parameters, strictly: valid UTF-8, no parameter twice (RFC 6749 §3.1) but
//! `resource` (RFC 8707 §2), at most 64 of them. An empty value counts as absent (RFC 6749 §3.1).

use std::borrow::Cow;
use std::collections::HashMap;

/// More parameters than this are refused.
const MOST_PARAMETERS: usize = 64;

/// The body is no form, or names a parameter twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadForm;

/// The one parameter that may stand in a form more than once (RFC 8707 §2).
const RESOURCE: &str = "resource";

/// Parameters by name.
#[derive(Default)]
pub(super) struct Form {
    once: HashMap<String, String>,
    resources: Vec<String>,
}

impl Form {
    /// Parses a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, BadForm> {
        let text = std::str::from_utf8(body).map_err(|_| BadForm)?;
        let mut form = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if form.once.len() + form.resources.len() >= MOST_PARAMETERS {
                return Err(BadForm);
            }
            if name == RESOURCE {
                form.resources.extend(Some(value).filter(|value| !value.is_empty()));
            } else if form.once.insert(name, value).is_some() {
                return Err(BadForm);
            }
        }
        Ok(form)
    }

    /// A parameter's value, unless it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.once.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `resource`, each that is not empty.
    pub(super) fn resources(&self) -> &[String] {
        &self.resources
    }

    /// All but those of these names, and `resource`.
    pub(super) fn without<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.once.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(|(name, _)| !names.contains(name))
    }
}

/// Decodes `+` and percent escapes; a stray `%` or bytes that are no UTF-8 are refused. No value holds NUL.
pub(super) fn decode(text: &str) -> Result<String, BadForm> {
    let plus: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    if !plus.contains('%') {
        return if plus.contains('\0') { Err(BadForm) } else { Ok(plus.into_owned()) };
    }
    let mut bytes = Vec::with_capacity(plus.len());
    let mut rest = plus.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        bytes.push(if byte == b'%' { hex(rest.next())? << 4 | hex(rest.next())? } else { byte });
    }
    let decoded = String::from_utf8(bytes).map_err(|_| BadForm)?;
    if decoded.contains('\0') { Err(BadForm) } else { Ok(decoded) }
}

fn hex(digit: Option<&u8>) -> Result<u8, BadForm> {
    let digit = char::from(*digit.ok_or(BadForm)?).to_digit(16).ok_or(BadForm)?;
    u8::try_from(digit).map_err(|_| BadForm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let form = Form::parse(b"scope=openid+profile&binding_message=caf%C3%A9").expect("a form");
        assert_eq!(form.get("scope"), Some("openid profile"));
        assert_eq!(form.get("binding_message"), Some("café"));
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let form = Form::parse(b"request=").expect("a form");
        assert!(form.get("request").is_none());
    }

    #[test]
    fn some_parameters_can_be_left_out() {
        let form = Form::parse(b"client_id=shop&scope=openid").expect("a form");
        assert_eq!(form.without(&["client_id"]).collect::<Vec<_>>(), [("scope", "openid")]);
    }

    #[test]
    fn bad_forms_are_refused() {
        let bodies: [&[u8]; 8] = [b"a=1&a=2", b"a=1&%61=2", b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"a=\xff", b"a=%00"];
        for body in bodies {
            assert!(Form::parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        let many = (0..65).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Form::parse(many.as_bytes()).is_err());
    }
}
