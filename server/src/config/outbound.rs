//! `[outbound]`: what calls to other servers may reach, and whom they believe.

use std::path::Path;

use super::read::Section;
use crate::outbound::client::Reach;
use crate::outbound::networks::Networks;
use crate::outbound::roots::Roots;

/// What was set; what is wrong is noted.
pub(super) fn outbound(mut section: Section, base: &Path) -> Reach {
    Reach { networks: networks(&mut section), roots: roots(&mut section, base) }
}

fn networks(section: &mut Section) -> Networks {
    const NAME: &str = "allowed_networks";
    let mut networks = Networks::default();
    for text in section.texts(NAME) {
        if let Err(why) = networks.open(&text) {
            section.complain(NAME, format_args!("{text:?} {why}"));
        }
    }
    networks
}

fn roots(section: &mut Section, base: &Path) -> Roots {
    const NAME: &str = "extra_roots";
    let mut roots = Roots::default();
    for file in section.texts(NAME) {
        let path = base.join(file);
        let added = match std::fs::read(&path) {
            Ok(pem) => roots.add_pem(&pem).map_err(|why| why.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = added {
            section.complain(NAME, format_args!("{}: {why}", path.display()));
        }
    }
    roots
}
