//! Names of clients that look alike (device protocol, "Who asks"): users tell clients apart by their names alone, so
//! none may be called what looks like another one of its realm.

use unicode_security::confusable_detection::skeleton;

use super::super::Unavailable;
use super::super::own::OURSELVES;
use super::super::provider::Provider;
use super::{BadMember, Reason};
use crate::domain::client::Client;
use crate::domain::realm::Realm;
use crate::store::{Change, Versioned};

/// What a name looks like (UTS #39 §4), whatever its case and its spaces, since neither tells two names apart at a
/// glance. Twice, for neither order of folding finds all: `PayPaI` looks like `PayPal` as it is written, and `LIMITED`
/// like `Limited` only in small letters.
fn likeness(name: &str) -> [String; 2] {
    let folded = |seen: String| -> String {
        let seen: String = skeleton(&seen.to_lowercase()).collect();
        skeleton(&seen.to_lowercase()).filter(|c| !c.is_whitespace()).collect()
    };
    [folded(skeleton(name).collect()), folded(name.to_lowercase())]
}

fn look_alike(one: &[String; 2], other: &[String; 2]) -> bool {
    one.iter().zip(other).any(|(one, other)| one == other)
}

/// The realm, at the version that a name was found free at.
pub(super) struct Free(Option<Versioned<Realm>>);

impl Free {
    /// Refuses a client whose name looks like that of another.
    pub(super) async fn judge(provider: &Provider, client: &Client) -> Result<Self, Reason> {
        let realms = provider.store.realms().await.map_err(Unavailable::from)?;
        let ours = likeness(&client.name);
        if look_alike(&likeness(OURSELVES), &ours) {
            let rule = "looks like what prompts of the provider's own are headed with: users could not tell them apart";
            return Err(BadMember::new("client_name", rule).into());
        }
        let others = provider.store.clients(provider.id()).await.map_err(Unavailable::from)?;
        let others = others.iter().map(|other| &other.record).filter(|other| !other.removed && other.id != client.id);
        for other in others {
            if look_alike(&likeness(&other.name), &ours) {
                // RFC 6749 §5.2: a description has neither quotation marks nor backslashes.
                let id: String = other.id.as_str().chars().filter(|c| !matches!(c, '"' | '\\')).collect();
                let rule = format!("looks like that of the client {id}: users could not tell them apart");
                return Err(BadMember::new("client_name", rule).into());
            }
        }
        Ok(Self(realms.into_iter().find(|realm| realm.record.id == *provider.id())))
    }

    /// Takes the name: writing the realm's record anew makes another who has judged a like name meanwhile judge again.
    pub(super) fn taken_by(self, change: Change) -> Change {
        match self.0 {
            Some(Versioned { version, record }) => change.replace(version, record),
            None => change,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{likeness, look_alike};

    fn alike(one: &str, other: &str) -> bool {
        look_alike(&likeness(one), &likeness(other))
    }

    #[test]
    fn names_that_look_alike_are_alike() {
        let cyrillic = "\u{415}\u{445}\u{430}m\u{440}l\u{435} \u{412}\u{430}nk";
        for other in ["EXAMPLE BANK", "Examp1e Bank", "ExampIe Bank", cyrillic, "Example  Bank", "ExampleBank"] {
            assert!(alike("Example Bank", other), "{other}");
        }
        assert!(alike("Bank Limited", "BANK LIMITED"));
        assert!(alike("Modern Shop", "Modem Shop"), "rn and m");
        assert!(alike("Shop 0", "Shop O"));
    }

    #[test]
    fn other_names_are_not() {
        for other in ["Example Bunk", "Example Bank 2", "Bank Example", "Ex\u{e4}mple Bank", "Example"] {
            assert!(!alike("Example Bank", other), "{other}");
        }
    }
}
