//! The contract: facts that hold for every store. Each is an async function over a [`Ground`]; `store_contract!` makes
//! one test of each, so that a new store inherits them all.
//!
//! ```text
//! store_contract!(MyGround::new());
//! ```

use std::sync::Arc;

use async_trait::async_trait;

use super::{Change, CommitError, Store};
use crate::domain::names::RealmId;

pub mod commits;
pub mod keeping;
pub mod looking_up;
pub mod outbox;
pub mod paging;
pub mod samples;

/// Where the stores of one kind come from.
#[async_trait]
pub trait Ground: Send + Sync {
    /// Opens the one store of this ground: empty the first time, then with all that was committed. Called again only
    /// after every handle to the store before it was dropped.
    async fn open(&self) -> Arc<dyn Store>;
}

/// One `#[tokio::test]` for each fact of the contract. The argument is an expression that makes a fresh
/// [`Ground`](crate::store::contract::Ground).
#[macro_export]
#[doc(hidden)]
macro_rules! store_contract {
    ($ground:expr) => {
        $crate::store_contract!(@facts $ground;
            commits: create_twice_conflicts,
            commits: replacing_a_stale_version_writes_nothing_of_the_change,
            commits: replacing_what_is_absent_conflicts,
            commits: versions_start_at_one_and_rise_by_one,
            commits: of_64_racing_replacers_exactly_one_wins_each_version,
            commits: a_mark_set_twice_is_replayed_and_writes_nothing,
            commits: a_replayed_mark_is_reported_before_a_conflict,
            commits: a_refused_change_does_not_harm_its_neighbours,
            commits: an_empty_change_is_fine,
            commits: a_record_above_the_limit_is_refused_whole,
            looking_up: nothing_is_found_in_an_empty_store,
            looking_up: every_kind_of_record_is_found_as_it_was_written,
            looking_up: any_text_comes_back_as_it_was_written,
            looking_up: realms_are_listed_the_first_one_first,
            looking_up: clients_are_listed_by_id,
            looking_up: identifiers_are_unique_in_a_realm,
            looking_up: an_identifier_that_vanishes_is_free_again,
            looking_up: a_user_keeps_identifiers_across_replacement,
            looking_up: unanswered_prompts_of_a_phone_come_oldest_first,
            looking_up: devices_of_a_user_include_revoked_ones,
            looking_up: realms_are_isolated_in_every_look_up,
            looking_up: a_reader_beside_a_writer_never_goes_back_to_an_older_version,
            looking_up: audit_events_come_newest_last_and_as_many_as_asked,
            paging: every_kind_is_found_in_its_pages,
            paging: pages_go_on_where_the_one_before_ended,
            paging: a_page_names_the_version_that_a_replacement_expects,
            paging: a_mark_set_by_its_kept_name_is_the_same_mark,
            outbox: messages_come_when_due_the_longest_due_first,
            outbox: a_lease_hides_a_message_until_it_ends,
            outbox: concluding_removes_a_message,
            outbox: concluding_at_a_stale_version_conflicts_and_writes_nothing,
            outbox: of_two_racing_leases_one_wins,
            outbox: a_message_given_up_is_not_carried_and_is_swept,
            keeping: a_request_is_swept_with_its_prompts_at_keep_until_and_not_before,
            keeping: a_prompt_of_our_own_is_swept_at_its_own_time_answered_or_not,
            keeping: a_request_kept_longer_is_not_swept_at_its_first_time,
            keeping: tickets_enrolments_grants_counts_marks_and_events_are_swept_at_their_time,
            keeping: a_sweep_forgets_at_most_as_many_as_asked,
            keeping: a_sweep_of_one_realm_leaves_the_others,
            keeping: users_devices_and_clients_are_never_swept,
            keeping: a_client_and_its_logo_are_swept_when_they_get_an_end_and_not_before,
            keeping: what_has_no_end_is_not_swept_until_it_gets_one,
            keeping: everything_is_found_again_after_reopening,
            keeping: versions_and_orders_go_on_after_reopening,
            keeping: marks_and_identifiers_hold_after_reopening,
        );
    };
    (@facts $ground:expr; $($module:ident: $fact:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $fact() {
            $crate::store::contract::$module::$fact(&$ground).await;
        }
    )*};
}

fn realm() -> RealmId {
    RealmId::new("main")
}

fn change() -> Change {
    Change::in_realm(&realm())
}

async fn commit(store: &dyn Store, change: Change) {
    store.commit(change).await.expect("the change is in order");
}

async fn refused(store: &dyn Store, change: Change) -> CommitError {
    store.commit(change).await.expect_err("the change is to be refused")
}

/// What a look-up finds, where it must find something.
macro_rules! found {
    ($look_up:expr) => {
        $look_up.await.expect("the store works").expect("it is there")
    };
}

/// What a look-up that may find nothing finds.
macro_rules! looked_up {
    ($look_up:expr) => {
        $look_up.await.expect("the store works")
    };
}

use {found, looked_up};
