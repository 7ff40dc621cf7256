//! Everything that a phone catches up with when its app starts, comes to the front, or finds a network again.

use std::collections::HashSet;
use std::sync::Arc;

use protocol::Jws;
use protocol::endpoints::{self, Configuration, PromptsReply, SelfReply};
use protocol::messages::{EnrolmentState as Standing, PushTarget as WirePushTarget};

use super::alone::Alone;
use super::{ApprovalRequest, DeviceCore};
use crate::app::{EnrolmentState, Policy, PushTarget};
use crate::decision::Signed;
use crate::error::DeviceError;
use crate::exchange::{self, Call};
use crate::notice::{DENIALS, Denial, Denials};
use crate::state::{AccountState, KeptDecision, KnownPolicy, Progress};
use crate::time::Reading;
use crate::{enrolment, prompt};

/// A distance of the clocks that has grown by no more than this is not worth storing, in seconds.
const CLOCK_TOLERANCE: i64 = 5;

/// How one account fared.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Synced {
    /// The account, as in `accounts()`.
    pub account: String,
    /// Where its enrolment stands now.
    pub state: EnrolmentState,
    /// What its realm asks of phones now, as far as it has been heard.
    pub policy: Option<Policy>,
    /// What awaits the user.
    pub requests: Vec<Arc<ApprovalRequest>>,
    /// How many answers, given before, the server has taken or refused now.
    pub concluded: u32,
    /// What failed first. All that could be done without it was done; the next `sync` does the rest.
    pub failure: Option<Failure>,
}

/// An error as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Failure {
    /// [`DeviceError::code`].
    pub code: String,
    /// For the log.
    pub detail: String,
}

impl From<&DeviceError> for Failure {
    fn from(error: &DeviceError) -> Self {
        Self { code: error.code().to_owned(), detail: error.to_string() }
    }
}

/// What has been done so far for one account.
#[derive(Default)]
struct Done {
    requests: Vec<Arc<ApprovalRequest>>,
    concluded: u32,
    failure: Option<DeviceError>,
}

impl Done {
    fn failed(&mut self, error: DeviceError) {
        self.failure.get_or_insert(error);
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl DeviceCore {
    /// Catches up: server keys, answers that were signed and not concluded, denials from notifications, the realm's policy,
    /// the push target where the platform's is given, what awaits the user, and whether the phone is still enrolled. Call it on start, in
    /// the foreground and when the network comes back; calling it again changes nothing.
    pub async fn sync(&self, push: Option<PushTarget>) -> Result<Vec<Synced>, DeviceError> {
        let _one_at_a_time = self.syncing.lock().await;
        let push = push.map(WirePushTarget::from);
        // What the vault does not destroy now is tried again, and is no reason to leave out the rest.
        let _ = self.clear_replaced().await;
        let (mut synced, mut silent) = (Vec::new(), HashSet::new());
        for account in self.all_accounts().await? {
            let mut done = Done::default();
            if silent.contains(account.trust.issuer()) {
                done.failed(DeviceError::Unreachable { detail: "its server did not answer just now".to_owned() });
            } else {
                self.catch_up(&account, push.as_ref(), &mut done).await;
            }
            if matches!(done.failure, Some(DeviceError::Unreachable { .. })) {
                silent.insert(account.trust.issuer().to_owned());
            }
            synced.push(self.report(&account, done).await?);
        }
        Ok(synced)
    }
}

impl DeviceCore {
    async fn report(&self, account: &AccountState, done: Done) -> Result<Synced, DeviceError> {
        let id = account.enr.to_string();
        let account = self.account(&id).await.ok();
        let state = account.as_ref().map_or(EnrolmentState::Cancelled, |account| account.standing.into());
        let policy = account.and_then(|account| account.policy).map(|known| known.policy.into());
        let failure = done.failure.as_ref().map(Failure::from);
        Ok(Synced { account: id, state, policy, requests: done.requests, concluded: done.concluded, failure })
    }

    async fn catch_up(&self, account: &AccountState, push: Option<&WirePushTarget>, done: &mut Done) {
        let account = match self.brought_up(account).await {
            Ok(account) if account.standing == Standing::Active => account,
            Ok(_) => return,
            // Without the server nothing below can be done.
            Err(error) => return done.failed(error),
        };
        let account = match self.end_rotation(account).await {
            Ok(account) => account,
            Err(error) => return done.failed(error),
        };
        self.send_what_is_unheard(&account, done).await;
        self.send_what_was_handed_over(&account, done).await;
        if let Err(error) = self.compare_records(&account, push).await {
            done.failed(error);
        }
        match self.list_pending(&account).await {
            Ok((requests, bad)) => {
                done.requests = requests;
                for error in bad {
                    done.failed(error);
                }
            }
            Err(error) => done.failed(error),
        }
    }

    /// Server keys, the clock's distance, and for one that waits for its digits whether it still does.
    async fn brought_up(&self, account: &AccountState) -> Result<AccountState, DeviceError> {
        match account.standing {
            Standing::Revoked | Standing::Cancelled => return Ok(account.clone()),
            Standing::Unconfirmed => return self.refresh_standing(&account.enr.to_string()).await,
            Standing::Active => {}
        }
        let issuer = account.trust.issuer();
        let body = self.unproven(issuer, &Call::to(issuer, endpoints::CONFIGURATION)).await?;
        let configuration: Configuration = exchange::parse(200, &body)?;
        let wall = Reading::take(&*self.ports.clock)?.unix.div_euclid(1_000);
        let ahead = configuration.now.saturating_sub(wall);
        let mut next = account.clone();
        let Configuration { root, successions, keys, .. } = &configuration;
        next.trust.follow(root, successions, keys)?;
        if (ahead.saturating_sub(next.clock_ahead)).saturating_abs() > CLOCK_TOLERANCE {
            next.clock_ahead = ahead;
        }
        if next == *account {
            return Ok(next);
        }
        self.change(|state| {
            let account = state.account_mut(&next.enr)?;
            account.trust.follow(root, successions, keys)?;
            account.clock_ahead = next.clock_ahead;
            Ok(account.clone())
        })
        .await
    }

    async fn send_what_is_unheard(&self, account: &AccountState, done: &mut Done) {
        // The user may have answered while the server was asked for its keys.
        let account = match self.account(&account.enr.to_string()).await {
            Ok(account) => account,
            Err(error) => return done.failed(error),
        };
        for kept in account.unheard() {
            // Somebody is at it.
            let Ok(answering) = self.around.answering(kept.prompt) else { continue };
            // Or was, since this account was read: a denial takes the place of an approval that nobody has heard.
            let account = match self.account(&account.enr.to_string()).await {
                Ok(account) => account,
                Err(error) => return done.failed(error),
            };
            let still = account.unheard().find(|now| now.jti == kept.jti);
            let Some(KeptDecision { progress: Progress::Unheard(message), .. }) = still else { continue };
            let decision = Signed { prompt: kept.prompt, jti: kept.jti, message: message.clone() };
            match self.carry(&account, &decision).await {
                Ok(_) => answering.settled(),
                // The server has judged it: there is nothing left to send.
                Err(error) if error.is_final() => answering.settled(),
                Err(error) => {
                    done.failed(error);
                    continue;
                }
            }
            done.concluded += 1;
        }
    }

    async fn send_what_was_handed_over(&self, account: &AccountState, done: &mut Done) {
        let denials = match self.handed_over().await {
            Ok(denials) => denials,
            Err(error) => return done.failed(error),
        };
        for denial in denials {
            let opened = self
                .believe(account, |account, now| prompt::open_whenever(account, denial.message.clone(), now))
                .await
                .and_then(|opened| self.as_request(account, opened));
            let answered = match opened {
                Ok(request) => self.deny(request, denial.reason.into()).await.map(|_| ()),
                // Another account's: it is tried with that one.
                Err(DeviceError::Untrusted { .. }) => continue,
                Err(error) => Err(error),
            };
            match answered {
                Err(error) if !error.is_final() => done.failed(error),
                _ => match self.forget_denial(&denial).await {
                    Ok(()) => done.concluded += 1,
                    Err(error) => done.failed(error),
                },
            }
        }
    }

    async fn handed_over(&self) -> Result<Vec<Denial>, DeviceError> {
        let document = self.ports.store.load(DENIALS.to_owned()).await?;
        Ok(Denials::decode(document.as_deref())?.denials)
    }

    /// Under the lock, for the extension may be adding another one.
    async fn forget_denial(&self, denial: &Denial) -> Result<(), DeviceError> {
        let _state = self.state.lock().await;
        let _alone = Alone::among_processes(self.ports.lock.as_ref()).await?;
        let mut denials = Denials::decode(self.ports.store.load(DENIALS.to_owned()).await?.as_deref())?;
        denials.denials.retain(|kept| kept.prompt != denial.prompt);
        if denials.denials.is_empty() {
            return Ok(self.ports.store.delete(DENIALS.to_owned()).await?);
        }
        Ok(self.ports.store.save(DENIALS.to_owned(), denials.encode()).await?)
    }

    /// Tells the server only what it does not know: it forgets a push target that the push service calls gone. Takes in
    /// what the realm asks of its phones.
    async fn compare_records(&self, account: &AccountState, push: Option<&WirePushTarget>) -> Result<(), DeviceError> {
        let body = self.proven(account, &Call::to(account.trust.issuer(), endpoints::SELF)).await?;
        let known: SelfReply = exchange::parse(200, &body)?;
        if let Some(push) = push.filter(|push| **push != known.push) {
            let call = Call::to(account.trust.issuer(), endpoints::PUSH).with(push);
            self.proven(account, &call).await?;
        }
        self.take_policy(account, &known.standing).await
    }

    /// Only the server's signed word counts, and none that is older than one heard before.
    async fn take_policy(&self, account: &AccountState, standing: &Jws) -> Result<(), DeviceError> {
        let said = self.believe(account, |account, now| enrolment::standing(account, standing, now)).await?;
        let Some(policy) = said.policy else { return Ok(()) };
        let known = account.policy.as_ref();
        if known.is_some_and(|known| known.policy == policy || said.now < known.at) {
            return Ok(());
        }
        self.change(|state| {
            state.account_mut(&account.enr)?.policy = Some(KnownPolicy { policy: policy.clone(), at: said.now });
            Ok(())
        })
        .await
    }

    /// What may be shown of what awaits the user, and what is wrong with the rest.
    pub(super) async fn list_pending(
        &self,
        account: &AccountState,
    ) -> Result<(Vec<Arc<ApprovalRequest>>, Vec<DeviceError>), DeviceError> {
        let call = Call::to(account.trust.issuer(), endpoints::PROMPTS);
        let reply: PromptsReply = exchange::parse(200, &self.proven(account, &call).await?)?;
        Ok(self.open_all(account, reply.prompts).await)
    }
}
