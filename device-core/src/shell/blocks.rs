//! Clients that the user wants to hear nothing of.

use protocol::KeyRole;
use protocol::endpoints::{self, BlockRequest, SignedReply, SignedRequest};

use super::DeviceCore;
use crate::app::{BlockPeriod, BlockedClient};
use crate::blocks;
use crate::error::DeviceError;
use crate::exchange::{self, Call};
use crate::ports::SigningReason;

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Keeps a client from asking this user, on all their phones. Offer it after a denial with
    /// [`crate::DenyReason::NotMe`]; `client` is [`super::ApprovalRequest::client_id`]. It asks nothing of the user, and
    /// doing it again says anew for how long.
    pub async fn block_client(&self, account: String, client: String, lasts: BlockPeriod) -> Result<(), DeviceError> {
        let account = self.active(&account).await?;
        let request = BlockRequest { client, lasts: lasts.into() };
        let call = Call::to(account.trust.issuer(), endpoints::BLOCK).with(&request);
        self.proven(&account, &call).await.map(|_| ())
    }

    /// What is blocked now, on whichever phone it was, oldest first.
    pub async fn blocked_clients(&self, account: String) -> Result<Vec<BlockedClient>, DeviceError> {
        let account = self.active(&account).await?;
        let call = Call::to(account.trust.issuer(), endpoints::BLOCKS);
        let reply: SignedReply = exchange::parse(200, &self.proven(&account, &call).await?)?;
        self.believe(&account, |account, now| blocks::check(account, &reply.message, now)).await
    }

    /// Lets a client ask again; the platform verifies the user. Where nothing is blocked, nothing changes.
    pub async fn unblock_client(&self, account: String, client: String) -> Result<(), DeviceError> {
        let account = self.active(&account).await?;
        // The server takes it within five minutes by its own clock.
        self.learn_time(&account).await?;
        let unsigned = blocks::unblock(&account, &client, self.now(account.trust.issuer())?);
        let key = account.key(KeyRole::Verified);
        let signature = self.sign(&key, unsigned.signing_input(), SigningReason::Unblock { client }).await?;
        let message = unsigned.attach(&signature);
        let call = Call::to(account.trust.issuer(), endpoints::UNBLOCK).with(&SignedRequest { message });
        self.proven(&account, &call).await.map(|_| ())
    }
}
