//! What is forgotten when, and what survives reopening.

use protocol::Digest;

use super::looking_up::{one_of_each, one_of_each_is_found};
use super::samples::{
    a_block, a_client, a_device, a_family, a_grant, a_history, a_logo, a_mark, a_prompt, a_realm, a_registered_client,
    a_registration_token, a_request, a_ticket, a_user, an_answer, an_attention, an_enrolment, an_event, at,
    attention_key, device_id, enrolment_id, family_key, history_key, prompt_id, registration_key, request_key, subject,
    ticket_key, token_key,
};
use super::{Ground, change, commit, found, looked_up, realm, refused};
use crate::domain::names::{ClientId, RealmId};
use crate::domain::prompt::{About, StoredPrompt};
use crate::domain::user::{Identifier, User};
use crate::store::{Change, CommitError};

pub async fn a_request_is_swept_with_its_prompts_at_keep_until_and_not_before(ground: &dyn Ground) {
    let store = ground.open().await;
    let request = a_request(1, &[(1, 1), (2, 2)], at(300));
    commit(&*store, change().create(request).create(a_prompt(1, 1, 1)).create(a_prompt(2, 2, 1))).await;
    commit(&*store, change().create(a_prompt(3, 1, 2))).await;

    assert_eq!(looked_up!(store.sweep(&realm(), at(299), 10)), 0);
    assert_eq!(looked_up!(store.unanswered(&realm(), &device_id(1))).len(), 2);
    found!(store.request(&realm(), &request_key(1)));

    assert_eq!(looked_up!(store.sweep(&realm(), at(300), 10)), 1);
    assert_eq!(looked_up!(store.request(&realm(), &request_key(1))), None);
    assert_eq!(looked_up!(store.prompt(&realm(), &prompt_id(1))), None);
    assert_eq!(looked_up!(store.prompt(&realm(), &prompt_id(2))), None);
    assert!(looked_up!(store.unanswered(&realm(), &device_id(2))).is_empty());
    assert_eq!(looked_up!(store.unanswered(&realm(), &device_id(1))), [a_prompt(3, 1, 2)], "another request's prompt");
}

pub async fn a_prompt_of_our_own_is_swept_at_its_own_time_answered_or_not(ground: &dyn Ground) {
    let store = ground.open().await;
    let own = |n| StoredPrompt { about: About::Test, ..a_prompt(n, 1, 9) };
    let kept_until = own(1).keep_until().expect("a time of its own");
    commit(&*store, change().create(own(1)).create(own(2)).create(a_prompt(3, 1, 2))).await;
    commit(&*store, change().replace(1, StoredPrompt { answer: Some(an_answer()), ..own(2) })).await;

    assert_eq!(looked_up!(store.sweep(&realm(), kept_until.plus_seconds(-1), 10)), 0);
    assert_eq!(looked_up!(store.unanswered(&realm(), &device_id(1))), [own(1), a_prompt(3, 1, 2)]);
    found!(store.prompt(&realm(), &prompt_id(2)));

    assert_eq!(looked_up!(store.sweep(&realm(), kept_until, 10)), 2);
    assert_eq!(looked_up!(store.prompt(&realm(), &prompt_id(1))), None);
    assert_eq!(looked_up!(store.prompt(&realm(), &prompt_id(2))), None);
    assert_eq!(looked_up!(store.unanswered(&realm(), &device_id(1))), [a_prompt(3, 1, 2)], "a request's stays");
}

pub async fn a_request_kept_longer_is_not_swept_at_its_first_time(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_request(1, &[], at(300)))).await;
    commit(&*store, change().replace(1, a_request(1, &[], at(900)))).await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(899), 10)), 0);
    found!(store.request(&realm(), &request_key(1)));
    assert_eq!(looked_up!(store.sweep(&realm(), at(900), 10)), 1);
    assert_eq!(looked_up!(store.request(&realm(), &request_key(1))), None);
}

pub async fn tickets_enrolments_grants_counts_marks_and_events_are_swept_at_their_time(ground: &dyn Ground) {
    let store = ground.open().await;
    let day = 86_400;
    commit(
        &*store,
        change()
            .create(a_ticket(1, at(10)))
            .create(an_enrolment(1, at(20)))
            .create(a_grant(1, at(30)))
            .create(a_family(1, at(35)))
            .create(an_attention(1, at(38 - 3600)))
            .create(a_history(1, at(39 - 90 * day)))
            .create(a_registration_token(1, at(15)))
            .mark(a_mark(1), Digest::of(b"value"), at(40))
            .event(at(0), an_event(1), 1),
    )
    .await;
    for (expiry, left) in [(10, 8), (15, 7), (20, 6), (30, 5), (35, 4), (38, 3), (39, 2), (40, 1), (day, 0)] {
        assert_eq!(looked_up!(store.sweep(&realm(), at(expiry - 1), 10)), 0, "a second before {expiry}");
        assert_eq!(looked_up!(store.sweep(&realm(), at(expiry), 10)), 1, "at {expiry}");
        let there = [
            looked_up!(store.ticket(&realm(), &ticket_key(1))).is_some(),
            looked_up!(store.enrolment(&realm(), &enrolment_id(1))).is_some(),
            looked_up!(store.grant(&realm(), &token_key(1))).is_some(),
            looked_up!(store.family(&realm(), &family_key(1))).is_some(),
            looked_up!(store.attention(&realm(), &attention_key(1))).is_some(),
            looked_up!(store.history(&realm(), &history_key(1))).is_some(),
            looked_up!(store.registration_token(&realm(), &registration_key(1))).is_some(),
            looked_up!(store.mark(&realm(), &a_mark(1))).is_some(),
            !looked_up!(store.audit(&realm(), 10)).is_empty(),
        ];
        assert_eq!(there.iter().filter(|there| **there).count(), left, "left at {expiry}");
    }
    // What is forgotten may come again.
    commit(&*store, change().create(a_ticket(1, at(900))).mark(a_mark(1), Digest::of(b"other"), at(900))).await;
}

pub async fn a_sweep_forgets_at_most_as_many_as_asked(ground: &dyn Ground) {
    let store = ground.open().await;
    let grants = (1..=5).fold(change(), |change, n| change.create(a_grant(n, at(10))));
    commit(&*store, grants).await;
    for forgotten in [2, 2, 1, 0] {
        assert_eq!(looked_up!(store.sweep(&realm(), at(10), 2)), forgotten);
    }
}

pub async fn a_sweep_of_one_realm_leaves_the_others(ground: &dyn Ground) {
    let store = ground.open().await;
    let other = RealmId::new("other");
    commit(&*store, change().create(a_grant(1, at(10)))).await;
    commit(&*store, Change::in_realm(&other).create(a_grant(1, at(10)))).await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(10), 10)), 1);
    found!(store.grant(&other, &token_key(1)));
}

pub async fn users_devices_and_clients_are_never_swept(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_realm("main")).create(a_user(1)).create(a_device(1, 1)).create(a_client(1)))
        .await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(1_000_000_000), 10)), 0);
    found!(store.user(&realm(), &subject(1)));
    found!(store.device(&realm(), &device_id(1)));
    found!(store.client(&realm(), &ClientId::new("client-1")));
    assert_eq!(looked_up!(store.realms()).len(), 1);
}

pub async fn a_client_and_its_logo_are_swept_when_they_get_an_end_and_not_before(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_registered_client(1)).create(a_logo(1))).await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(1_000_000_000), 10)), 0);
    let gone = a_registered_client(1).gone(Some(at(50)));
    let logo = a_logo(1).ending(at(50));
    commit(&*store, change().replace(1, gone.clone()).replace(1, logo)).await;
    assert_eq!(found!(store.client(&realm(), &ClientId::new("client-1"))).record, gone);
    assert_eq!(looked_up!(store.sweep(&realm(), at(49), 10)), 0);
    assert_eq!(looked_up!(store.sweep(&realm(), at(50), 10)), 2);
    assert_eq!(looked_up!(store.client(&realm(), &ClientId::new("client-1"))), None);
    assert_eq!(looked_up!(store.logo(&realm(), &ClientId::new("client-1"))), None);
    assert!(looked_up!(store.clients(&realm())).is_empty());
}

pub async fn everything_is_found_again_after_reopening(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_realm("main"))).await;
    commit(&*store, one_of_each(&realm())).await;
    drop(store);
    let store = ground.open().await;
    one_of_each_is_found(&*store, &realm()).await;
    let realms = looked_up!(store.realms());
    assert_eq!(realms.into_iter().map(|realm| realm.record).collect::<Vec<_>>(), [a_realm("main")]);
}

pub async fn versions_and_orders_go_on_after_reopening(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_user(1)).create(a_prompt(9, 1, 1)).event(at(0), an_event(1), 1)).await;
    commit(&*store, change().replace(1, a_user(1))).await;
    drop(store);
    let store = ground.open().await;
    assert_eq!(refused(&*store, change().replace(1, a_user(1))).await, CommitError::Conflict);
    commit(&*store, change().replace(2, a_user(1)).create(a_prompt(3, 1, 1)).event(at(0), an_event(2), 1)).await;
    assert_eq!(found!(store.user(&realm(), &subject(1))).version, 3);
    let prompts = looked_up!(store.unanswered(&realm(), &device_id(1)));
    assert_eq!(prompts.iter().map(|prompt| prompt.id).collect::<Vec<_>>(), [9, 3].map(prompt_id));
    let events = looked_up!(store.audit(&realm(), 10));
    assert_eq!(events.iter().map(|event| &event.what).collect::<Vec<_>>(), [&an_event(1), &an_event(2)]);
}

pub async fn marks_and_identifiers_hold_after_reopening(ground: &dyn Ground) {
    let store = ground.open().await;
    let value = Digest::of(b"value");
    commit(&*store, change().create(a_user(1)).mark(a_mark(1), value, at(100))).await;
    drop(store);
    let store = ground.open().await;
    let replayed = refused(&*store, change().mark(a_mark(1), Digest::of(b"other"), at(100))).await;
    assert_eq!(replayed, CommitError::Replayed(a_mark(1), value));
    let thief = User { username: "user1".to_owned(), ..a_user(2) };
    assert_eq!(refused(&*store, change().create(thief)).await, CommitError::IdentifierTaken);
    assert_eq!(found!(store.user_named(&realm(), &Identifier::of("user1"))).record, a_user(1));
}

pub async fn what_has_no_end_is_not_swept_until_it_gets_one(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut blocked = an_attention(1, at(0));
    blocked.blocks.push(a_block(1, None));
    commit(&*store, change().create(an_attention(1, at(0)))).await;
    commit(&*store, change().replace(1, blocked.clone())).await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(1_000_000), 10)), 0);
    assert_eq!(found!(store.attention(&realm(), &attention_key(1))).record, blocked);
    commit(&*store, change().replace(2, an_attention(1, at(1_000_000)))).await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(1_003_600), 10)), 1);
    assert_eq!(looked_up!(store.attention(&realm(), &attention_key(1))), None);
}
