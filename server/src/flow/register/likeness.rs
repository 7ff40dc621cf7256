//! Names of clients that look alike (device protocol, "Who asks"): users tell clients apart by their names alone, so
//! none may be called what looks like another one of its realm.

use super::super::Unavailable;
use super::super::own::OURSELVES;
use super::super::provider::Provider;
use super::{BadMember, Reason};
use crate::domain::client::Client;
use crate::domain::likeness::{likeness, look_alike};
use crate::domain::names::ClientId;
use crate::domain::realm::Realm;
use crate::store::{Change, Versioned};

/// Who is told why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    /// Somebody who knows all clients of the realm.
    Operator,
    /// Somebody who learns nothing of other clients.
    Stranger,
}

/// The realm, at the version that a name was found free at.
pub(super) struct Free {
    realm: Option<Versioned<Realm>>,
    registered: usize,
}

impl Free {
    /// Refuses a client whose name looks like that of another, unless somebody vouched that both are the same software.
    pub(super) async fn judge(provider: &Provider, client: &Client, towards: Towards) -> Result<Self, Reason> {
        let realms = provider.store.realms().await.map_err(Unavailable::from)?;
        let ours = likeness(&client.name);
        if look_alike(&likeness(OURSELVES), &ours) {
            let rule = "looks like what prompts of the provider's own are headed with: users could not tell them apart";
            return Err(BadMember::new("client_name", rule).into());
        }
        let others = provider.store.clients(provider.id()).await.map_err(Unavailable::from)?;
        let others = others.iter().map(|other| &other.record).filter(|other| other.id != client.id);
        let (gone, others): (Vec<&Client>, Vec<&Client>) = others.partition(|other| other.removed);
        let same_software = |other: &Client| client.software().is_some() && client.software() == other.software();
        let alike = others.iter().find(|other| look_alike(&likeness(&other.name), &ours) && !same_software(other));
        if let Some(other) = alike {
            return Err(BadMember::new("client_name", rule(&other.id, towards)).into());
        }
        Ok(Self {
            realm: realms.into_iter().find(|realm| realm.record.id == *provider.id()),
            registered: others.iter().chain(&gone).filter(|other| other.registered_itself()).count(),
        })
    }

    /// How many other clients registered themselves, with those that are removed and not forgotten.
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

fn rule(other: &ClientId, towards: Towards) -> String {
    let whose = match towards {
        // RFC 6749 §5.2: a description has neither quotation marks nor backslashes.
        Towards::Operator => format!("the client {}", other.as_str().replace(['"', '\\'], "")),
        Towards::Stranger => "another client".to_owned(),
    };
    format!("looks like that of {whose}: users could not tell them apart")
}
