//! Names of clients that look alike (device protocol, "Who asks"): users tell clients apart by their names alone, so
//! none may be called what looks like another one of its realm.

use super::super::Unavailable;
use super::super::own::OURSELVES;
use super::super::provider::Provider;
use super::{BadMember, Reason};
use crate::domain::client::Client;
use crate::domain::likeness::{likeness, look_alike};
use crate::domain::realm::Realm;
use crate::store::{Change, Versioned};

/// The realm, at the version that a name was found free at.
pub(super) struct Free {
    realm: Option<Versioned<Realm>>,
    registered: usize,
}

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
        let others: Vec<&Client> =
            others.iter().map(|other| &other.record).filter(|other| !other.removed && other.id != client.id).collect();
        for other in &others {
            if look_alike(&likeness(&other.name), &ours) {
                // RFC 6749 §5.2: a description has neither quotation marks nor backslashes.
                let id: String = other.id.as_str().chars().filter(|c| !matches!(c, '"' | '\\')).collect();
                let rule = format!("looks like that of the client {id}: users could not tell them apart");
                return Err(BadMember::new("client_name", rule).into());
            }
        }
        Ok(Self {
            realm: realms.into_iter().find(|realm| realm.record.id == *provider.id()),
            registered: others.iter().filter(|other| other.registration.is_some()).count(),
        })
    }

    /// How many other clients registered themselves.
    pub(super) const fn registered_themselves(&self) -> usize {
        self.registered
    }

    /// Takes the name: writing the realm's record anew makes another who has judged a like name meanwhile judge again.
    pub(super) fn taken_by(self, change: Change) -> Change {
        match self.realm {
            Some(Versioned { version, record }) => change.replace(version, record),
            None => change,
        }
    }
}
