//! A person with an account.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::Subject;
use super::policy::LoginHint;
use super::secret::Secret;

/// Whether a user may sign in at all. Checked at accept, notify, answer, redeem and refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// Yes.
    Active,
    /// Not for now.
    Locked,
    /// No more.
    Disabled,
}

/// What is stored of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// `sub`.
    pub subject: Subject,
    /// The name the user signs in with.
    pub username: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Telephone number, E.164.
    pub phone: Option<String>,
    /// The secret of CIBA §7.1.2, where one is set.
    pub user_code: Option<UserCodeHash>,
    /// May the user sign in?
    pub status: UserStatus,
}

impl User {
    /// Every identifier under which a `login_hint` may name this user, in canonical form. Unique within a realm.
    #[must_use]
    pub fn identifiers(&self) -> Vec<Identifier> {
        [Some(self.subject.as_str()), Some(&self.username), self.email.as_deref(), self.phone.as_deref()]
            .into_iter()
            .flatten()
            .map(Identifier::of)
            .collect()
    }

    /// What the user is called in one way, in canonical form.
    #[must_use]
    pub fn called(&self, way: LoginHint) -> Option<Identifier> {
        let name = match way {
            LoginHint::Sub => Some(self.subject.as_str()),
            LoginHint::Username => Some(&*self.username),
            LoginHint::Email => self.email.as_deref(),
            LoginHint::Phone => self.phone.as_deref(),
        };
        name.map(Identifier::of)
    }
}

/// No user code has more bytes.
pub const LONGEST_USER_CODE: usize = 64;

/// An argon2id hash of a user code, in PHC form. People choose these codes, so hashing them is slow on purpose: make one
/// off the async threads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserCodeHash(String);

impl UserCodeHash {
    /// Hashes a code with a random salt. `None` if it is empty or longer than 64 bytes.
    #[must_use]
    pub fn of(code: &Secret, salt: [u8; 16]) -> Option<Self> {
        use argon2::PasswordHasher as _;
        let code = code.reveal();
        if code.is_empty() || code.len() > LONGEST_USER_CODE {
            return None;
        }
        let hash = argon2::Argon2::default().hash_password_with_salt(code.as_bytes(), &salt).ok()?;
        Some(Self(hash.to_string()))
    }

    /// Whether this is the code. Takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn matches(&self, code: &Secret) -> bool {
        use argon2::PasswordVerifier as _;
        let code = code.reveal();
        code.len() <= LONGEST_USER_CODE && argon2::Argon2::default().verify_password(code.as_bytes(), &*self.0).is_ok()
    }
}

impl fmt::Debug for UserCodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A user's identifier in canonical form: lower case, and a telephone number without its punctuation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identifier(String);

impl Identifier {
    /// Canonical form of what a client or an administrator wrote.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let is_number = text.starts_with('+') && text[1..].chars().all(|c| c.is_ascii_digit() || " -()./".contains(c));
        Self(if is_number {
            text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
        } else {
            text.to_lowercase()
        })
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_matches_itself_only() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let hash = UserCodeHash::of(&secret("675325"), [1; 16]).expect("a hash");
        assert!(hash.matches(&secret("675325")));
        for wrong in ["", "67532", "6753250", "675326", &"6".repeat(LONGEST_USER_CODE + 1)] {
            assert!(!hash.matches(&secret(wrong)), "{wrong}");
        }
        assert!(!UserCodeHash("no hash".to_owned()).matches(&secret("675325")));
    }
}
