//! The end of an account by the server's word. Nothing but this, and the user, takes keys and state away: a page in between
//! that says "you are unenrolled" must change nothing.

use protocol::Jws;
use protocol::messages::Revocation;

use crate::state::AccountState;
use crate::trust::Distrust;

/// Verifies a revocation: signed by a listed key, of this version, for this phone and this enrolment.
pub fn check(account: &AccountState, message: &Jws, now: i64) -> Result<Revocation, Distrust> {
    let said: Revocation = account.trust.open(message, now)?;
    account.check_addressed(&said.iss, &said.aud, &said.enr, said.v)?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use protocol::EnrolmentId;
    use protocol::messages::RevocationReason;

    use super::*;
    use crate::testing::{NOW, Op, account, key, other_digest};

    #[test]
    fn only_the_servers_word_about_this_enrolment_ends_it() {
        let op = Op::new();
        let account = account(&op);
        let judge =
            |bend: fn(&mut Revocation)| check(&account, &op.revocation(&account, bend), NOW).map(|said| said.reason);
        assert_eq!(judge(|_| ()), Ok(RevocationReason::Operator));
        assert_eq!(judge(|said| said.enr = EnrolmentId::from_bytes([1; 16])), Err(Distrust::Audience));
        assert_eq!(judge(|said| said.aud = other_digest()), Err(Distrust::Audience));
        assert_eq!(judge(|said| said.iss = "https://other.example".into()), Err(Distrust::Issuer));
        assert_eq!(judge(|said| said.v = 2), Err(Distrust::Version));
        let impostor = Op { root: key(77), signing: key(78) };
        let forged = impostor.revocation(&account, |_| ());
        assert_eq!(check(&account, &forged, NOW).map(|_| ()), Err(Distrust::UnknownKey));
    }
}
