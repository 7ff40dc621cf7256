//! Clients that the user wants to hear nothing of, as values (`DEVICE_PROTOCOL` "Limits").

use protocol::ids::KeyRef;
use protocol::jws::Unsigned;
use protocol::messages::{Blocks, Unblock};
use protocol::text::{self, Kind};
use protocol::{Jws, KeyRole, VERSION};

use crate::app::BlockedClient;
use crate::state::AccountState;
use crate::trust::Distrust;

/// Reads the server's word on what is blocked: signed by a listed key, for this phone and this enrolment.
pub fn check(account: &AccountState, message: &Jws, now: i64) -> Result<Vec<BlockedClient>, Distrust> {
    let said: Blocks = account.trust.open(message, now)?;
    account.check_addressed(&said.iss, &said.aud, &said.enr, said.v)?;
    let blocked = |block: protocol::messages::Block| {
        // Users lift a block by the name they see: one that could look like another is not shown.
        let fit = text::check(Kind::ClientName, &block.name).is_ok();
        let name = if fit { block.name } else { block.client.clone() };
        BlockedClient { name, client: block.client, since: block.since, until: block.until }
    };
    Ok(said.blocks.into_iter().map(blocked).collect())
}

/// The message that lifts a block, for the `verified` key to sign.
#[must_use]
pub fn unblock(account: &AccountState, client: &str, now: i64) -> Unsigned {
    let message = Unblock {
        iss: account.device,
        aud: account.trust.issuer().to_owned(),
        client: client.to_owned(),
        iat: now,
        v: VERSION,
    };
    Unsigned::new(KeyRef { device: account.device, role: KeyRole::Verified }, &message)
}

#[cfg(test)]
mod tests {
    use protocol::messages::Block;

    use super::*;
    use crate::testing::{NOW, Op, account};

    #[test]
    fn a_name_that_cannot_be_shown_gives_way_to_the_clients_id() {
        let op = Op::new();
        let account = account(&op);
        let block = |name: &str| Block { client: "shop".into(), name: name.into(), since: NOW, until: Some(NOW + 900) };
        let message = op.sign(&Blocks {
            iss: account.trust.issuer().to_owned(),
            aud: account.keys.device.thumbprint(),
            enr: account.enr,
            blocks: vec![block("The shop"), block("The\u{202e}shop")],
            now: NOW,
            v: VERSION,
        });
        let names = check(&account, &message, NOW).map(|blocked| blocked.into_iter().map(|one| one.name).collect());
        assert_eq!(names, Ok(vec!["The shop".to_owned(), "shop".to_owned()]));
    }
}
