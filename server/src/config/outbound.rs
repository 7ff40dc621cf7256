//! `[outbound]`: what calls to other servers may reach, and whom they believe.

use std::collections::BTreeMap;
use std::path::Path;

use super::read::Section;
use crate::domain::names::RealmId;
use crate::outbound::client::Reach;
use crate::outbound::networks::Networks;
use crate::outbound::roots::Roots;

const NETWORKS: &str = "allowed_networks";
const ROOTS: &str = "extra_roots";

/// What was set.
#[derive(Clone, Debug, Default)]
pub struct OutboundSettings {
    /// For the whole deployment.
    pub reach: Reach,
    /// In place of the deployment's networks, for realms that have their own.
    pub of_realms: BTreeMap<RealmId, Networks>,
}

impl OutboundSettings {
    /// Where strangers' URLs of a realm may lead.
    #[must_use]
    pub fn networks(&self, realm: &RealmId) -> &Networks {
        self.of_realms.get(realm).unwrap_or(&self.reach.networks)
    }

    /// What the calls of one realm may reach, if that is not what the deployment's may.
    #[must_use]
    pub fn of_its_own(&self, realm: &RealmId) -> Option<Reach> {
        let networks = self.of_realms.get(realm)?.clone();
        Some(Reach { networks, roots: self.reach.roots.clone() })
    }
}

/// What holds for the whole deployment; what is wrong is noted.
pub(super) fn outbound(mut section: Section, base: &Path) -> OutboundSettings {
    let reach = Reach { networks: networks(&mut section), roots: roots(&mut section, base) };
    OutboundSettings { reach, of_realms: BTreeMap::new() }
}

/// The networks of a realm, if it has its own. An empty list closes what the deployment opened.
pub(super) fn of_realm(mut section: Section) -> Option<Networks> {
    section.has(NETWORKS).then(|| networks(&mut section))
}

fn networks(section: &mut Section) -> Networks {
    let mut networks = Networks::default();
    for text in section.texts(NETWORKS) {
        if let Err(why) = networks.open(&text) {
            section.complain(NETWORKS, format_args!("{text:?} {why}"));
        }
    }
    networks
}

fn roots(section: &mut Section, base: &Path) -> Roots {
    let mut roots = Roots::default();
    for file in section.texts(ROOTS) {
        let path = base.join(file);
        let added = match std::fs::read(&path) {
            Ok(pem) => roots.add_pem(&pem).map_err(|why| why.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = added {
            section.complain(ROOTS, format_args!("{}: {why}", path.display()));
        }
    }
    roots
}
