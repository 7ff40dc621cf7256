//! What a new phone's evidence is worth under the realm's policy (`DEVICE_PROTOCOL` "Enrolment" 5).

use protocol::Typ;
use protocol::evidence::client_data_hash;
use protocol::jws::{General, Unverified};
use protocol::messages::{Attestation as Wanted, EvidenceFormat, Finish, KeyLevel, Offer};
use tracing::{info, warn};

use super::enrol::Reason;
use super::provider::Provider;
use crate::attestation::{Expectations, Verdict, about};
use crate::domain::attestation::{Attestation, Flaw};
use crate::domain::audit::What;
use crate::domain::device::Enrolment;
use crate::domain::time::Timestamp;

/// What a phone's keys are worth, and what to keep of how that is known.
pub(super) struct Worth {
    pub(super) level: KeyLevel,
    pub(super) verified_level: KeyLevel,
    pub(super) attestation: Option<Attestation>,
    /// For the audit trail; nothing where no evidence came and none was needed.
    pub(super) what: Option<What>,
}

/// The phone does not join, and this is what is said of it.
pub(super) struct Refused {
    pub(super) what: What,
    pub(super) reason: Reason,
}

impl Worth {
    /// Nothing but the phone's own word.
    const CLAIMED: Self =
        Self { level: KeyLevel::Claimed, verified_level: KeyLevel::Claimed, attestation: None, what: None };
}

/// Judges the evidence of a finish message whose signatures hold. Under `record` no flaw refuses; under `require` any does,
/// also one of the `verified` key alone.
pub(super) fn judge(
    provider: &Provider,
    enrolment: &Enrolment,
    message: &General,
    finish: &Finish,
    now: Timestamp,
) -> Result<Result<Worth, Refused>, Reason> {
    let evidence = &finish.evidence;
    let is_required = match provider.policy().attestation {
        Wanted::None => return Ok(Ok(Worth::CLAIMED)),
        Wanted::Record => false,
        Wanted::Require => true,
    };
    if evidence.fmt == EvidenceFormat::None && !is_required {
        return Ok(Ok(Worth::CLAIMED));
    }
    let verdict = provider.attestation().verify(evidence, &expectations(enrolment, message, finish, now)?);
    let flaw = verdict.as_ref().map_or_else(|flaw| Some(*flaw), |verdict| verdict.attestation.failed);
    if let Some(flaw) = flaw {
        warn!(enrolment = %enrolment.id, "attestation failed: {flaw}");
    }
    Ok(match (verdict, flaw) {
        (_, Some(flaw)) if is_required => Err(refused(enrolment, evidence.fmt, flaw)),
        (Ok(verdict), flaw) => Ok(proven(enrolment, verdict, flaw)),
        (Err(flaw), _) => {
            let attestation = Some(Attestation { failed: Some(flaw), ..about(evidence) });
            Ok(Worth { attestation, what: Some(failed(enrolment, evidence.fmt, flaw)), ..Worth::CLAIMED })
        }
    })
}

fn expectations<'f>(
    enrolment: &Enrolment,
    message: &General,
    finish: &'f Finish,
    now: Timestamp,
) -> Result<Expectations<'f>, Reason> {
    let offer = offer(enrolment)?;
    Ok(Expectations {
        offer: enrolment.offer.digest(),
        ticket: offer.th,
        device: &finish.device,
        verified: &finish.verified,
        // What was asked of the phone, not what it says that it did.
        kind: offer.policy.verified,
        client_data: client_data_hash(&message.payload_bytes()?, &finish.evidence.data),
        now,
    })
}

/// It is our own, stored as it was signed.
fn offer(enrolment: &Enrolment) -> Result<Offer, Reason> {
    Ok(Unverified::parse(enrolment.offer.as_str(), Typ::Offer)?.claimed()?)
}

fn proven(enrolment: &Enrolment, verdict: Verdict, flaw: Option<Flaw>) -> Worth {
    let Verdict { level, verified_level, attestation } = verdict;
    let format = attestation.format;
    info!(enrolment = %enrolment.id, ?format, ?level, ?verified_level, "attestation verified");
    let what = match flaw {
        Some(flaw) => failed(enrolment, format, flaw),
        None => What::AttestationVerified {
            subject: enrolment.subject.clone(),
            enrolment: enrolment.id,
            format,
            level,
            verified_level,
        },
    };
    Worth { level, verified_level, attestation: Some(attestation), what: Some(what) }
}

fn refused(enrolment: &Enrolment, format: EvidenceFormat, flaw: Flaw) -> Refused {
    let reason = match flaw {
        Flaw::NoEvidence => Reason::AttestationRequired,
        flaw => Reason::AttestationFailed(flaw),
    };
    Refused { what: failed(enrolment, format, flaw), reason }
}

fn failed(enrolment: &Enrolment, format: EvidenceFormat, check: Flaw) -> What {
    What::AttestationFailed { subject: enrolment.subject.clone(), enrolment: enrolment.id, format, check }
}
