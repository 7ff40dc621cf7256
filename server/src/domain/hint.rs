//! How a client names the user it asks about: exactly one of three hints (CIBA §7.1).
//!
//! A `login_hint` is a name in plain text, or a subject identifier (RFC 9493) as a JSON object: `iss_sub` with our issuer,
//! `opaque`, `email` or `phone_number`. A signed hint token carries a subject identifier too.

use protocol::json;
use serde_json::{Map, Value};

use super::names::Subject;
use super::policy::LoginHint;
use super::user::{Identifier, User};

/// A hint as it came. It says who somebody is, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Hint {
    /// `login_hint`
    Login(String),
    /// `login_hint_token`
    LoginToken(String),
    /// `id_token_hint`
    IdToken(String),
}

/// Whom a hint means.
#[derive(Clone, PartialEq, Eq)]
pub enum Designation {
    /// This subject, exactly as spelled.
    Subject(Subject),
    /// Whoever is called this, in any of the ways a realm takes.
    Named(Identifier),
    /// Whoever is called this, in this way.
    Called(LoginHint, Identifier),
    /// A user of another issuer: nobody here.
    Foreign,
}

/// A hint that cannot be read; says which rule it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub &'static str);

impl Designation {
    /// Reads a `login_hint`.
    pub fn of_login_hint(text: &str, issuer: &str) -> Result<Self, Unreadable> {
        if !text.trim_start().starts_with('{') {
            return Ok(Self::Named(Identifier::of(text)));
        }
        let object =
            json::from_slice(text.as_bytes()).map_err(|_| Unreadable("is not the JSON object it begins as"))?;
        Self::of_subject_identifier(&object, issuer)
    }

    /// Reads a subject identifier (RFC 9493 §3.2); members that its format does not have are passed over.
    pub fn of_subject_identifier(object: &Map<String, Value>, issuer: &str) -> Result<Self, Unreadable> {
        let member = |name: &str| {
            let text = object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty() && !text.contains('\0'));
            text.ok_or(Unreadable("lacks a member of its format, or it is no string"))
        };
        let called = |kind, text: &str| Self::Called(kind, Identifier::of(text));
        match member("format")? {
            "iss_sub" if member("iss")? == issuer => Ok(Self::Subject(Subject::new(member("sub")?))),
            "iss_sub" => member("sub").map(|_| Self::Foreign),
            "opaque" => Ok(Self::Subject(Subject::new(member("id")?))),
            "email" => Ok(called(LoginHint::Email, member("email")?)),
            "phone_number" => Ok(called(LoginHint::Phone, member("phone_number")?)),
            _ => Err(Unreadable("has another format than iss_sub, opaque, email and phone_number")),
        }
    }

    /// The same, where a subject stands for whom `meant` says: nobody, if it knows none.
    #[must_use]
    pub fn by(self, meant: impl FnOnce(&str) -> Option<Subject>) -> Self {
        match self {
            Self::Subject(sub) => meant(sub.as_str()).map_or(Self::Foreign, Self::Subject),
            other => other,
        }
    }

    /// Whether it means this user, where users may be named in these ways only.
    #[must_use]
    pub fn means(&self, user: &User, ways: &[LoginHint]) -> bool {
        let is_called = |way: LoginHint, name| ways.contains(&way) && user.called(way).as_ref() == Some(name);
        match self {
            Self::Subject(subject) => ways.contains(&LoginHint::Sub) && user.subject == *subject,
            Self::Named(name) => ways.iter().any(|way| is_called(*way, name)),
            Self::Called(way, name) => is_called(*way, name),
            Self::Foreign => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::UserStatus;

    const ISSUER: &str = "https://op.example";

    fn alice() -> User {
        User {
            subject: Subject::new("S-1001"),
            username: "alice".to_owned(),
            email: Some("alice@example.com".to_owned()),
            phone: Some("+49 30 1001".to_owned()),
            user_code: None,
            status: UserStatus::Active,
        }
    }

    fn means_alice(hint: &str, ways: &[LoginHint]) -> bool {
        Designation::of_login_hint(hint, ISSUER).expect("it can be read").means(&alice(), ways)
    }

    #[test]
    fn a_plain_hint_is_taken_in_the_ways_of_the_realm_and_in_no_other() {
        let table = [
            ("s-1001", LoginHint::Sub),
            ("Alice", LoginHint::Username),
            ("ALICE@example.com", LoginHint::Email),
            ("+49-30-1001", LoginHint::Phone),
        ];
        for (hint, way) in table {
            assert!(means_alice(hint, &LoginHint::ALL) && means_alice(hint, &[way]), "{hint}");
            let others: Vec<_> = LoginHint::ALL.into_iter().filter(|other| *other != way).collect();
            assert!(!means_alice(hint, &others), "{hint}");
        }
    }

    #[test]
    fn a_subject_identifier_is_taken_in_its_own_way_only() {
        let table = [
            (r#"{"format":"iss_sub","iss":"https://op.example","sub":"S-1001"}"#, LoginHint::Sub),
            (r#" {"sub":"S-1001","iss":"https://op.example","format":"iss_sub","more":1}"#, LoginHint::Sub),
            (r#"{"format":"opaque","id":"S-1001"}"#, LoginHint::Sub),
            (r#"{"format":"email","email":"Alice@Example.com"}"#, LoginHint::Email),
            (r#"{"format":"phone_number","phone_number":"+49301001"}"#, LoginHint::Phone),
        ];
        for (hint, way) in table {
            assert!(means_alice(hint, &[way]), "{hint}");
            let others: Vec<_> = LoginHint::ALL.into_iter().filter(|other| *other != way).collect();
            assert!(!means_alice(hint, &others), "{hint}");
        }
    }

    #[test]
    fn a_subject_identifier_means_nobody_else() {
        let table = [
            r#"{"format":"iss_sub","iss":"https://other.example","sub":"S-1001"}"#,
            r#"{"format":"iss_sub","iss":"https://op.example/","sub":"S-1001"}"#,
            r#"{"format":"iss_sub","iss":"https://op.example","sub":"s-1001"}"#,
            r#"{"format":"opaque","id":"alice"}"#,
            r#"{"format":"email","email":"alice"}"#,
            r#"{"format":"phone_number","phone_number":"alice@example.com"}"#,
        ];
        for hint in table {
            assert!(!means_alice(hint, &LoginHint::ALL), "{hint}");
        }
    }

    #[test]
    fn what_begins_as_json_and_is_no_subject_identifier_cannot_be_read() {
        let table = [
            "{",
            "{}",
            "{alice}",
            r#"{"format":"iss_sub"}"#,
            r#"{"format":"iss_sub","iss":"https://op.example"}"#,
            r#"{"format":"iss_sub","iss":"https://other.example"}"#,
            r#"{"format":"iss_sub","iss":"https://op.example","sub":1001}"#,
            r#"{"format":"iss_sub","iss":"https://op.example","sub":""}"#,
            r#"{"format":"opaque","id":"S-1001","id":"1002"}"#,
            r#"{"format":"opaque","id":"S-1001"} x"#,
            r#"{"format":"opaque","id":"\u0000"}"#,
            r#"{"format":"aliases","identifiers":[]}"#,
            r#"{"format":["email"],"email":"alice@example.com"}"#,
        ];
        for hint in table {
            assert!(Designation::of_login_hint(hint, ISSUER).is_err(), "{hint}");
        }
    }
}
