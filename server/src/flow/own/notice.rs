//! What becomes of one phone is announced to all the user's others at once, each time with *not me* for an answer
//! (`DEVICE_PROTOCOL` "Enrolment" 6).

use super::{Asking, ask, lines_of, others};
use crate::domain::device::Device;
use crate::domain::prompt::About;
use crate::domain::time::Timestamp;
use crate::flow::Unavailable;
use crate::flow::provider::Provider;
use crate::store::Change;

/// For how many seconds a notice waits on the other phones: whoever is away for a week learns of it all the same.
const NOTICE_LIFETIME: i64 = 7 * 86_400;

/// What became of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) enum News {
    /// It joined.
    Enrolled,
    /// It changed its keys.
    Rotated,
}

/// Adds the notices to the change that makes the news; gives the phones to wake afterwards. After a recovery there is no
/// other phone left to tell; the operator sees it in the audit trail.
pub(in crate::flow) async fn announce(
    provider: &Provider,
    change: Change,
    about: &Device,
    news: News,
    now: Timestamp,
) -> Result<(Change, Vec<Device>), Unavailable> {
    let phones = others(provider, &about.subject, &about.id).await?;
    let label = match news {
        News::Enrolled => "New phone",
        News::Rotated => "New keys on",
    };
    let asking = Asking {
        about: About::Notice { device: about.id },
        lines: lines_of(label, about),
        expires_at: now.plus_seconds(NOTICE_LIFETIME),
        phones: &phones,
    };
    let change = ask(provider, change, &asking, now)?;
    Ok((change, phones))
}
