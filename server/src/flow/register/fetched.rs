//! What a registration makes us fetch: the list under `sector_identifier_uri` and the picture under `logo_uri`, both by the
//! client that keeps strangers' URLs off this network. Before anything is stored, and with no lock held.

use tracing::info;

use super::members::BadMember;
use super::{Reason, logo, sector};
use crate::domain::client::Client;
use crate::domain::names::ClientId;
use crate::domain::registration::Logo;
use crate::flow::Unavailable;
use crate::flow::provider::Provider;
use crate::outbound::client::Reply;
use crate::outbound::endpoint::Endpoint;
use crate::store::{Change, Versioned};

/// The client with what was fetched for it, and its picture, if it has one.
pub(super) struct Fetched {
    pub(super) client: Client,
    pub(super) logo: Option<Logo>,
}

/// Fetches what a judged client names.
pub(super) async fn fetch(provider: &Provider, client: Client) -> Result<Fetched, BadMember> {
    if let Some(uri) = &client.sector_identifier_uri {
        const NAME: &str = "sector_identifier_uri";
        let reply = reached(provider, NAME, uri).await?;
        let document = reply.body.whole().filter(|_| reply.status == 200);
        sector::lists(document.ok_or_else(|| BadMember::new(NAME, "must answer 200 with at most 64 KiB"))?, &client)?;
    }
    let logo = match &client.logo_uri {
        Some(uri) => Some(logo::read(&client, &reached(provider, "logo_uri", uri).await?)?),
        None => None,
    };
    Ok(Fetched { client: Client { logo: logo.as_ref().map(Logo::digest), ..client }, logo })
}

/// Whatever went wrong, the answer is one: it must not tell what stands in our network.
async fn reached(provider: &Provider, member: &'static str, uri: &str) -> Result<Reply, BadMember> {
    let endpoint = Endpoint::foreign(uri).map_err(|why| BadMember::new(member, why.to_string()))?;
    provider.client().get(&endpoint).await.map_err(|why| {
        info!(member, %why, "nothing could be fetched for a registration");
        BadMember::new(member, "must be within reach of this server")
    })
}

/// Writes a client's picture, or lets go of the one it had.
pub(super) async fn keeping(
    provider: &Provider,
    change: Change,
    client: &ClientId,
    logo: Option<&Logo>,
) -> Result<Change, Reason> {
    let before = provider.store.logo(provider.id(), client).await.map_err(Unavailable::from)?;
    Ok(match (before, logo) {
        (None, None) => change,
        (None, Some(logo)) => change.create(logo.clone()),
        (Some(Versioned { version, record }), Some(logo)) if record != *logo => change.replace(version, logo.clone()),
        (Some(Versioned { version, record }), None) if record.forget_at.is_none() => {
            change.replace(version, record.ending(provider.now()))
        }
        (Some(_), _) => change,
    })
}
