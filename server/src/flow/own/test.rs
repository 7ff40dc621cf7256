//! A prompt that shows whether pushes arrive, asked for by an operator or by the phone itself. Its answer decides nothing.

use protocol::DeviceId;
use protocol::display::Line;

use super::{Asking, ask, wake};
use crate::domain::audit::What;
use crate::domain::device::Device;
use crate::domain::prompt::About;
use crate::flow::Unavailable;
use crate::flow::maintain;
use crate::flow::prove::Proven;
use crate::flow::provider::{Provider, Recorded as _};
use crate::store::CommitError;

/// For how many seconds a test may be answered.
const TEST_LIFETIME: i64 = 300;

/// A phone has no more tests than this waiting at once.
const MOST_TESTS: usize = 3;

/// Why there is no test.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No such phone, or it was revoked.
    #[error("no such active device")]
    UnknownDevice,
    /// [`MOST_TESTS`] wait already.
    #[error("enough tests are waiting")]
    TooMany,
    /// The proof was used before, by a call to another process.
    #[error("the proof was used before")]
    ProofReplayed,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<Reason> for maintain::Reason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::UnknownDevice => Self::UnknownDevice,
            Reason::TooMany => Self::TooManyTests,
            Reason::ProofReplayed => Self::ProofReplayed,
            Reason::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// Sends a test to one phone; `proven`, where it asks itself.
pub async fn test(provider: &Provider, id: &DeviceId, proven: Option<&Proven>) -> Result<(), Reason> {
    let now = provider.now();
    let device = provider.store.device(provider.id(), id).await.map_err(Unavailable::from)?;
    let device = device.map(|found| found.record).filter(Device::is_active).ok_or(Reason::UnknownDevice)?;
    let waiting = provider.store.unanswered(provider.id(), id).await.map_err(Unavailable::from)?;
    if waiting.iter().filter(|prompt| prompt.about == About::Test && now < prompt.expires_at).count() >= MOST_TESTS {
        return Err(Reason::TooMany);
    }
    let phones = [device];
    let asking = Asking {
        about: About::Test,
        lines: vec![Line::new("Message", "This is a test. Nothing depends on your answer.")],
        expires_at: now.plus_seconds(TEST_LIFETIME),
        phones: &phones,
    };
    let change = provider.change().recording(provider, now, What::TestSent { device: *id });
    let change = ask(provider, change, &asking, now)?;
    let change = proven.map_or_else(|| change.clone(), |proven| proven.marking(change.clone(), now));
    match provider.store.commit(change).await {
        Ok(()) => {}
        Err(CommitError::Replayed(..)) => return Err(Reason::ProofReplayed),
        Err(error) => return Err(Unavailable::from(error).into()),
    }
    wake(provider, &phones);
    Ok(())
}
