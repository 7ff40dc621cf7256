//! User codes (CIBA §7.1.2): a secret of the user that lets a client have a prompt sent at all. A wrong one sends none.
//!
//! A client that registered `backchannel_user_code_parameter` must send one for every user, so that what is missing tells
//! nothing of the user; no other client is asked for one. People choose these codes: guesses are counted before anything
//! is hashed, and hashing has threads of its own, a bounded number of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tracing::warn;

use super::super::Unavailable;
use super::super::provider::Provider;
use super::Reason;
use super::person::Person;
use crate::domain::attention::Counted;
use crate::domain::client::Client;
use crate::domain::names::Subject;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::user::UserCodeHash;

/// Wrong codes that one client may send for one user within [`WINDOW`].
const MOST_OF_CLIENT: usize = 5;

/// Wrong codes that all clients together may send for one user. More than a client's, so that none locks out the others.
const MOST_OF_ALL: usize = 20;

/// Seconds.
const WINDOW: i64 = 900;

/// Codes hashed at the same time: each takes a core for tens of milliseconds, and 19 MiB.
const HASHING: usize = 2;

/// Codes that may wait for that, or be hashed; the next is told to come again.
const WAITING: usize = 64;

/// More counts than this are not kept. So many cannot be hashed within [`WINDOW`].
const MOST_COUNTS: usize = 200_000;

/// What stands in for the code of a user who has none, so that time does not tell.
static NOBODYS: LazyLock<Option<UserCodeHash>> =
    LazyLock::new(|| UserCodeHash::of(&Secret::new("nobody's".to_owned()), [0; 16]));

/// Whether this client must send a code.
pub(super) fn is_demanded(provider: &Provider, client: &Client) -> bool {
    provider.policy().user_code && client.user_code
}

/// Judges a code that was demanded.
pub(super) async fn check(provider: &Provider, client: &Client, person: &Person, code: Secret) -> Result<(), Reason> {
    let now = provider.now();
    let (codes, counted) = (&provider.user_codes, Counted::of(client));
    if !codes.count(&counted, &person.subject, now) {
        warn!(client = %client.id, subject = %person.subject, "too many wrong user codes: this one is not looked at");
        return Err(Reason::InvalidUserCode);
    }
    let judged = codes.matches(person.user_code.clone(), code).await;
    if judged != Ok(false) {
        codes.uncount(&counted, &person.subject, now);
    }
    if judged? {
        return Ok(());
    }
    warn!(client = %client.id, subject = %person.subject, "a wrong user code");
    Err(Reason::InvalidUserCode)
}

/// The user, and the client where it is its own count.
type Count = (Subject, Option<Counted>);

/// Wrong codes of the last minutes, and the threads that judge codes.
pub(in crate::flow) struct UserCodes {
    wrong: Mutex<HashMap<Count, VecDeque<Timestamp>>>,
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for UserCodes {
    fn default() -> Self {
        let (hashing, waiting) = (Arc::new(Semaphore::new(HASHING)), Arc::new(Semaphore::new(WAITING)));
        Self { wrong: Mutex::default(), hashing, waiting }
    }
}

impl UserCodes {
    /// Counts a code as wrong before it is looked at, so that guesses at the same time are counted too. `false`: enough.
    fn count(&self, client: &Counted, user: &Subject, now: Timestamp) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts(client, user);
        for (count, most) in &counts {
            let times = wrong.get_mut(count);
            let recent = times.map_or(0, |times| {
                times.retain(|at| is_recent(*at, now));
                times.len()
            });
            if recent >= *most {
                return false;
            }
        }
        if wrong.len() >= MOST_COUNTS {
            return false;
        }
        for (count, _) in counts {
            wrong.entry(count).or_default().push_back(now);
        }
        true
    }

    /// It was right after all.
    fn uncount(&self, client: &Counted, user: &Subject, at: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        for (count, _) in counts(client, user) {
            if let Some(times) = wrong.get_mut(&count)
                && let Some(position) = times.iter().position(|counted| *counted == at)
            {
                times.remove(position);
            }
        }
    }

    /// Hashes off the async threads. A caller who goes away leaves neither its place nor its thread to others early.
    async fn matches(&self, hash: Option<UserCodeHash>, code: Secret) -> Result<bool, Unavailable> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Unavailable::Busy)?;
        let thread = Arc::clone(&self.hashing).acquire_owned().await.expect("it is never closed");
        let judged = tokio::task::spawn_blocking(move || {
            let _held = (place, thread);
            let known = hash.is_some();
            let matches = hash.or_else(|| NOBODYS.clone()).is_some_and(|hash| hash.matches(&code));
            known && matches
        });
        judged.await.map_err(|_| Unavailable::Busy)
    }

    /// Forgets what is past the window.
    pub(in crate::flow) fn sweep(&self, now: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, times| times.back().is_some_and(|newest| is_recent(*newest, now)));
    }
}

fn counts(client: &Counted, user: &Subject) -> [(Count, usize); 2] {
    [((user.clone(), Some(client.clone())), MOST_OF_CLIENT), ((user.clone(), None), MOST_OF_ALL)]
}

/// What lies far ahead was counted before the clock was set back; a little ahead, by a call at the same time.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at > now.plus_seconds(-WINDOW) && at < now.plus_seconds(WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::ClientId;

    fn party(id: &str) -> Counted {
        Counted::alone(ClientId::new(id))
    }

    fn counted(codes: &UserCodes, client: &str, second: i64) -> bool {
        codes.count(&party(client), &Subject::new("1001"), Timestamp::from_unix_seconds(second))
    }

    #[test]
    fn a_sixth_wrong_code_of_a_client_is_not_looked_at_for_fifteen_minutes() {
        let codes = UserCodes::default();
        assert!((0..5).all(|second| counted(&codes, "shop", second)));
        assert!(!counted(&codes, "shop", 899));
        assert!(counted(&codes, "shop", 900));
    }

    #[test]
    fn one_client_locks_out_no_other_but_all_together_have_their_limit() {
        let codes = UserCodes::default();
        for client in ["a", "b", "c", "d"] {
            assert!((0..5).all(|second| counted(&codes, client, second)), "{client}");
            assert!(!counted(&codes, client, 5), "{client}");
        }
        assert!(!counted(&codes, "e", 5));
        let other = codes.count(&party("e"), &Subject::new("1002"), Timestamp::from_unix_seconds(5));
        assert!(other, "another user has a count of their own");
    }

    #[test]
    fn right_codes_do_not_count() {
        let codes = UserCodes::default();
        for second in 0..50 {
            assert!(counted(&codes, "shop", second));
            codes.uncount(&party("shop"), &Subject::new("1001"), Timestamp::from_unix_seconds(second));
        }
    }

    #[test]
    fn what_is_past_the_window_is_forgotten() {
        let codes = UserCodes::default();
        assert!(counted(&codes, "shop", 0));
        codes.sweep(Timestamp::from_unix_seconds(899));
        assert_eq!(codes.wrong.lock().expect("it is free").len(), 2);
        codes.sweep(Timestamp::from_unix_seconds(900));
        assert!(codes.wrong.lock().expect("it is free").is_empty());
    }

    #[tokio::test]
    async fn a_user_without_a_code_has_no_right_one() {
        let codes = UserCodes::default();
        for guess in ["", "nobody's", "675325"] {
            assert_eq!(codes.matches(None, Secret::new(guess.to_owned())).await, Ok(false), "{guess}");
        }
        let hash = UserCodeHash::of(&Secret::new("675325".to_owned()), [1; 16]);
        assert_eq!(codes.matches(hash, Secret::new("675325".to_owned())).await, Ok(true));
    }

    #[tokio::test]
    async fn more_codes_than_may_wait_are_told_to_come_again() {
        let codes = UserCodes::default();
        let all = u32::try_from(WAITING).expect("a small number");
        let _taken = Arc::clone(&codes.waiting).try_acquire_many_owned(all).expect("all places");
        assert_eq!(codes.matches(None, Secret::new("675325".to_owned())).await, Err(Unavailable::Busy));
    }
}
