//! Initial access tokens (RFC 7591 §3): an operator's leave to register so many clients until then.

use tracing::info;

use crate::domain::audit::What;
use crate::domain::names::RegistrationKey;
use crate::domain::registration::RegistrationToken;
use crate::domain::secret::Secret;
use crate::flow::Unavailable;
use crate::flow::provider::{Provider, Recorded as _};
use crate::flow::retry::{Attempt, until_decided};
use crate::store::page::{Entry, Kept};
use crate::store::{Record, Versioned};

/// A token may be good for so many clients.
pub const MOST_USES: u32 = 10_000;

/// And for so many seconds at the least and at the most.
pub const LIFETIMES: std::ops::RangeInclusive<u32> = 60..=31_536_000;

/// Records that are read at once.
const PAGE: usize = 500;

/// Makes a token; its text is told this once.
pub async fn create(provider: &Provider, uses: u32, lifetime: u32) -> Result<(Secret, RegistrationToken), Unavailable> {
    let (secret, now) = (Secret::new(provider.random().token()), provider.now());
    let token = RegistrationToken {
        key: RegistrationKey::of(secret.reveal()),
        created_at: now,
        expires_at: now.plus_seconds(lifetime.into()),
        uses_left: uses,
    };
    let created = What::RegistrationTokenCreated { token: token.key, uses };
    let change = provider.change().create(token.clone()).recording(provider, now, created);
    provider.store.commit(change).await?;
    info!(token = %token.key, uses, "registration token created");
    Ok((secret, token))
}

/// All that are still good, those first that end first.
pub async fn all(provider: &Provider) -> Result<Vec<RegistrationToken>, Unavailable> {
    let (mut tokens, mut after, now) = (Vec::new(), None, provider.now());
    loop {
        let page = provider.store.page(provider.id(), Kept::RegistrationToken, after.as_ref(), PAGE).await?;
        tokens.extend(page.entries.into_iter().filter_map(|entry| match entry {
            Entry::Record(Versioned { record: Record::RegistrationToken(token), .. }) => Some(token),
            _ => None,
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    tokens.retain(|token| token.is_good(now));
    tokens.sort_by_key(|token| (token.expires_at, token.key));
    Ok(tokens)
}

/// Ends a token; whether there was one that was good.
pub async fn revoke(provider: &Provider, key: &RegistrationKey) -> Result<bool, Unavailable> {
    let revoked = until_decided(|| async {
        let found = provider.store.registration_token(provider.id(), key).await?;
        let now = provider.now();
        let Some(Versioned { version, record }) = found.filter(|found| found.record.is_good(now)) else {
            return Ok::<_, Unavailable>(Attempt::Done(false));
        };
        let over = RegistrationToken { uses_left: 0, ..record };
        let revoked = What::RegistrationTokenRevoked { token: *key };
        let change = provider.change().replace(version, over).recording(provider, now, revoked);
        Ok(Attempt::after(provider.store.commit(change).await, true))
    });
    revoked.await
}
