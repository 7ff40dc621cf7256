//! What the user was shown and signed, with the OP's word on it (device protocol, "Receipt"): for clients that keep
//! evidence of approvals.

use protocol::messages::{KeyLevel, Receipt};
use protocol::receipt::Approval as Bundle;
use protocol::{Digest, Jws};
use tracing::warn;

use super::super::Unavailable;
use super::super::provider::Provider;
use super::super::subjects;
use crate::domain::authentication_request::{Approval, AuthenticationRequest};
use crate::domain::client::Client;
use crate::domain::prompt::StoredPrompt;
use crate::domain::time::Timestamp;

/// The receipt of an approval, if its client wants one.
pub(in crate::flow) async fn receipt(
    provider: &Provider,
    client: &Client,
    (request, approval): (&AuthenticationRequest, &Approval),
    req: Digest,
    now: Timestamp,
) -> Result<Option<Bundle>, Unavailable> {
    // Of a client that became pairwise, or of a realm that has thought better of it.
    let withheld = client.sector.is_some() && !provider.policy().pairwise_receipts;
    if !client.approval_receipt || withheld {
        return Ok(None);
    }
    let (store, realm) = (&provider.store, provider.id());
    let copy = request.prompts.iter().find(|(device, _)| *device == approval.device);
    let prompt = match copy {
        Some((_, id)) => store.prompt(realm, id).await?.map(|found| found.record),
        None => None,
    };
    let device = store.device(realm, &approval.device).await?.map(|found| found.record);
    let (Some(prompt), Some(device), Some(key)) = (prompt, device, approval.key) else {
        // Approved before this server kept what a receipt is made of.
        warn!(request = %request.key, "there is no receipt: not all of it was kept");
        return Ok(None);
    };
    let Some(decision) = signed_decision(&prompt, approval) else {
        warn!(request = %request.key, "there is no receipt: the decision was not kept");
        return Ok(None);
    };
    let receipt = Receipt {
        iss: provider.issuer().to_owned(),
        aud: client.id.to_string(),
        sub: subjects::told(provider, client, &request.subject)?.to_string(),
        req,
        prompt: prompt.jws.digest(),
        decision: decision.digest(),
        received_at: approval.at.unix_seconds(),
        key,
        level: if approval.limited { KeyLevel::Claimed } else { approval.level },
        // What was said of keys that have been replaced says nothing of this one.
        evidence: device.attestation.filter(|_| approval.level != KeyLevel::Claimed).map(|kept| kept.evidence),
        enrolment: device.transcript,
        iat: now.unix_seconds(),
        v: protocol::VERSION,
    };
    let receipt = provider.keys.sign_device(&receipt)?;
    Ok(Some(Bundle { prompt: prompt.jws, decision, receipt }))
}

/// The very decision that the approval rests on, which a later word of the same phone does not replace.
fn signed_decision(prompt: &StoredPrompt, approval: &Approval) -> Option<Jws> {
    let mut answers = prompt.answer.iter().chain(&prompt.approval);
    answers.find(|answer| answer.jws.digest() == approval.decision).map(|answer| answer.jws.clone())
}
