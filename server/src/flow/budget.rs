//! How often one client may disturb one user: 5 new prompts a minute and 30 an hour (device protocol, "Limits"). Kept in
//! this process; with several processes the limit is looser by their number.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::domain::names::{ClientId, Subject};
use crate::domain::time::Timestamp;

const PER_MINUTE: usize = 5;
const PER_HOUR: usize = 30;

/// More pairs than this are not counted; then all counting starts anew.
const MOST_PAIRS: usize = 200_000;

/// Prompts of the last hour by client and user.
#[derive(Default)]
pub(super) struct Budget(Mutex<HashMap<(ClientId, Subject), VecDeque<Timestamp>>>);

impl Budget {
    /// Takes one prompt out of the budget, if there is one left.
    pub(super) fn take(&self, client: &ClientId, user: &Subject, now: Timestamp) -> bool {
        let mut budget = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if budget.len() >= MOST_PAIRS {
            budget.clear();
        }
        let prompts = budget.entry((client.clone(), user.clone())).or_default();
        let (minute_ago, hour_ago) = (now.plus_seconds(-60), now.plus_seconds(-3600));
        // What lies ahead was counted before the clock was set back.
        prompts.retain(|at| *at > hour_ago && *at <= now);
        let in_last_minute = prompts.iter().rev().take_while(|at| **at > minute_ago).count();
        let left = in_last_minute < PER_MINUTE && prompts.len() < PER_HOUR;
        if left {
            prompts.push_back(now);
        }
        left
    }

    /// Forgets pairs that were quiet for an hour.
    pub(super) fn sweep(&self, now: Timestamp) {
        let hour_ago = now.plus_seconds(-3600);
        let mut budget = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budget.retain(|_, prompts| prompts.back().is_some_and(|newest| *newest > hour_ago));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &Budget, second: i64) -> bool {
        budget.take(&ClientId::new("shop"), &Subject::new("1001"), Timestamp::from_unix_seconds(second))
    }

    #[test]
    fn a_sixth_prompt_within_a_minute_is_refused_and_one_a_minute_later_is_not() {
        let budget = Budget::default();
        assert!((0..5).all(|second| taken(&budget, second)));
        assert!(!taken(&budget, 59));
        assert!(taken(&budget, 60));
    }

    #[test]
    fn a_thirty_first_prompt_within_an_hour_is_refused() {
        let budget = Budget::default();
        assert!((0..30).all(|n| taken(&budget, n * 60)));
        assert!(!taken(&budget, 31 * 60));
        assert!(taken(&budget, 3600));
    }

    #[test]
    fn other_users_and_other_clients_have_budgets_of_their_own() {
        let budget = Budget::default();
        assert!((0..5).all(|second| taken(&budget, second)));
        let now = Timestamp::from_unix_seconds(5);
        assert!(budget.take(&ClientId::new("shop"), &Subject::new("1002"), now));
        assert!(budget.take(&ClientId::new("bank"), &Subject::new("1001"), now));
    }
}
