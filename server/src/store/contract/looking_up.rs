//! What is found by what, and in which order.

use protocol::Digest;

use super::samples::{
    a_client, a_device, a_family, a_grant, a_history, a_logo, a_mark, a_message, a_prompt, a_realm,
    a_registered_client, a_registration_token, a_request, a_revoked_device, a_ticket, a_user, an_answer, an_attention,
    an_enrolment, an_event, at, attention_key, device_id, enrolment_id, family_key, history_key, prompt_id,
    registration_key, request_key, subject, the_event, ticket_key, token_key,
};
use super::{Ground, change, commit, found, looked_up, realm, refused};
use crate::domain::client::Client;
use crate::domain::names::{ClientId, RealmId, Subject};
use crate::domain::user::{Identifier, User};
use crate::store::{Change, CommitError, Store};

pub async fn nothing_is_found_in_an_empty_store(ground: &dyn Ground) {
    let store = ground.open().await;
    nothing_is_found(&*store, &realm()).await;
    assert!(looked_up!(store.realms()).is_empty());
}

async fn nothing_is_found(store: &dyn Store, realm: &RealmId) {
    assert_eq!(looked_up!(store.request(realm, &request_key(1))), None);
    assert_eq!(looked_up!(store.prompt(realm, &prompt_id(1))), None);
    assert!(looked_up!(store.unanswered(realm, &device_id(1))).is_empty());
    assert_eq!(looked_up!(store.user(realm, &subject(1))), None);
    assert_eq!(looked_up!(store.user_named(realm, &Identifier::of("user1"))), None);
    assert_eq!(looked_up!(store.client(realm, &ClientId::new("client-1"))), None);
    assert!(looked_up!(store.clients(realm)).is_empty());
    assert_eq!(looked_up!(store.device(realm, &device_id(1))), None);
    assert!(looked_up!(store.devices_of(realm, &subject(1))).is_empty());
    assert_eq!(looked_up!(store.ticket(realm, &ticket_key(1))), None);
    assert_eq!(looked_up!(store.enrolment(realm, &enrolment_id(1))), None);
    assert_eq!(looked_up!(store.grant(realm, &token_key(1))), None);
    assert_eq!(looked_up!(store.family(realm, &family_key(1))), None);
    assert_eq!(looked_up!(store.attention(realm, &attention_key(1))), None);
    assert_eq!(looked_up!(store.history(realm, &history_key(1))), None);
    assert_eq!(looked_up!(store.registration_token(realm, &registration_key(1))), None);
    assert_eq!(looked_up!(store.logo(realm, &ClientId::new("client-1"))), None);
    assert_eq!(looked_up!(store.mark(realm, &a_mark(1))), None);
    assert!(looked_up!(store.due(realm, at(1_000_000), 10)).is_empty());
    assert!(looked_up!(store.audit(realm, 10)).is_empty());
    assert_eq!(looked_up!(store.sweep(realm, at(1_000_000), 10)), 0);
}

/// One record of each kind but the realm's own.
pub(super) fn one_of_each(realm: &RealmId) -> Change {
    let mut answered = a_prompt(1, 1, 1);
    answered.answer = Some(an_answer());
    Change::in_realm(realm)
        .create(a_registered_client(1))
        .create(a_user(1))
        .create(a_device(1, 1))
        .create(a_ticket(1, at(300)))
        .create(an_enrolment(1, at(300)))
        .create(a_request(1, &[(1, 1)], at(300)))
        .create(answered)
        .create(a_grant(1, at(300)))
        .create(a_family(1, at(300)))
        .create(a_message(1, at(10), at(300)))
        .create(an_attention(1, at(0)))
        .create(a_history(1, at(0)))
        .create(a_registration_token(1, at(300)))
        .create(a_logo(1))
        .mark(a_mark(1), Digest::of(b"value"), at(300))
        .event(at(0), an_event(1), 1)
}

/// What [`one_of_each`] wrote is there, unchanged.
pub(super) async fn one_of_each_is_found(store: &dyn Store, realm: &RealmId) {
    let mut answered = a_prompt(1, 1, 1);
    answered.answer = Some(an_answer());
    assert_eq!(found!(store.client(realm, &ClientId::new("client-1"))).record, a_registered_client(1));
    assert_eq!(found!(store.user(realm, &subject(1))).record, a_user(1));
    for name in a_user(1).identifiers() {
        assert_eq!(found!(store.user_named(realm, &name)).record, a_user(1));
    }
    assert_eq!(found!(store.device(realm, &device_id(1))).record, a_device(1, 1));
    let devices = looked_up!(store.devices_of(realm, &subject(1)));
    assert_eq!(devices.into_iter().map(|device| device.record).collect::<Vec<_>>(), [a_device(1, 1)]);
    assert_eq!(found!(store.ticket(realm, &ticket_key(1))).record, a_ticket(1, at(300)));
    assert_eq!(found!(store.enrolment(realm, &enrolment_id(1))).record, an_enrolment(1, at(300)));
    assert_eq!(found!(store.request(realm, &request_key(1))).record, a_request(1, &[(1, 1)], at(300)));
    assert_eq!(found!(store.prompt(realm, &prompt_id(1))).record, answered);
    assert_eq!(looked_up!(store.unanswered(realm, &device_id(1))), [], "it was answered");
    assert_eq!(found!(store.grant(realm, &token_key(1))).record, a_grant(1, at(300)));
    assert_eq!(found!(store.family(realm, &family_key(1))).record, a_family(1, at(300)));
    assert_eq!(found!(store.attention(realm, &attention_key(1))).record, an_attention(1, at(0)));
    assert_eq!(found!(store.history(realm, &history_key(1))).record, a_history(1, at(0)));
    assert_eq!(found!(store.registration_token(realm, &registration_key(1))).record, a_registration_token(1, at(300)));
    assert_eq!(found!(store.logo(realm, &ClientId::new("client-1"))).record, a_logo(1));
    assert_eq!(looked_up!(store.mark(realm, &a_mark(1))), Some(Digest::of(b"value")));
    let due = looked_up!(store.due(realm, at(10), 10));
    assert_eq!(due.into_iter().map(|due| due.record).collect::<Vec<_>>(), [a_message(1, at(10), at(300))]);
    assert_eq!(looked_up!(store.audit(realm, 10)), [the_event(at(0), 1)]);
}

pub async fn every_kind_of_record_is_found_as_it_was_written(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, one_of_each(&realm())).await;
    one_of_each_is_found(&*store, &realm()).await;
}

pub async fn any_text_comes_back_as_it_was_written(ground: &dyn Ground) {
    let store = ground.open().await;
    let texts = ["\0", "a\0b", "\u{1}\u{7f}", "\\u0000", "'; --", "\"{}", "Ünï ☎ 👩‍💻", "\u{feff}", "\u{10ffff}"];
    for (n, text) in (1..).zip(texts) {
        let client = Client { id: ClientId::new(text), name: text.to_owned(), ..a_client(n) };
        let user = User { subject: Subject::new(format!("s{text}")), username: text.to_owned(), ..a_user(n) };
        commit(&*store, change().create(client.clone()).create(user.clone())).await;
        assert_eq!(found!(store.client(&realm(), &client.id)).record, client);
        assert_eq!(found!(store.user(&realm(), &user.subject)).record, user);
        assert_eq!(found!(store.user_named(&realm(), &Identifier::of(text))).record, user);
    }
    assert_eq!(looked_up!(store.clients(&realm())).len(), texts.len());
}

pub async fn realms_are_isolated_in_every_look_up(ground: &dyn Ground) {
    let store = ground.open().await;
    // One name is the beginning of the other.
    let (here, there) = (RealmId::new("main"), RealmId::new("main-2"));
    for (full, empty) in [(&here, &there), (&there, &here)] {
        commit(&*store, one_of_each(full)).await;
        one_of_each_is_found(&*store, full).await;
        if full == &here {
            nothing_is_found(&*store, empty).await;
        }
    }
    // The second realm took all its names, identifiers and marks without a conflict, and changed nothing in the first.
    one_of_each_is_found(&*store, &here).await;
}

pub async fn realms_are_listed_the_first_one_first(ground: &dyn Ground) {
    let store = ground.open().await;
    for id in ["zebra", "ant", "mole"] {
        commit(&*store, Change::in_realm(&RealmId::new(id)).create(a_realm(id))).await;
    }
    commit(&*store, Change::in_realm(&RealmId::new("zebra")).replace(1, a_realm("zebra"))).await;
    let listed = looked_up!(store.realms());
    let listed: Vec<_> = listed.iter().map(|realm| (realm.record.id.as_str(), realm.version)).collect();
    assert_eq!(listed, [("zebra", 2), ("ant", 1), ("mole", 1)]);
}

pub async fn clients_are_listed_by_id(ground: &dyn Ground) {
    let store = ground.open().await;
    for n in [3, 1, 2] {
        commit(&*store, change().create(a_client(n))).await;
    }
    let listed = looked_up!(store.clients(&realm()));
    let ids: Vec<_> = listed.iter().map(|client| client.record.id.as_str()).collect();
    assert_eq!(ids, ["client-1", "client-2", "client-3"]);
}

pub async fn identifiers_are_unique_in_a_realm(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_user(1))).await;
    let thieves = [
        User { username: "USER1".to_owned(), ..a_user(2) },
        User { email: Some("User1@Example.com".to_owned()), ..a_user(2) },
        User { phone: Some("+49 (30) 000-001".to_owned()), ..a_user(2) },
        User { username: "subject-1".to_owned(), ..a_user(2) },
    ];
    for thief in thieves {
        let change = change().create(thief.clone()).create(a_grant(1, at(100)));
        assert_eq!(refused(&*store, change).await, CommitError::IdentifierTaken, "{thief:?}");
        assert_eq!(looked_up!(store.user(&realm(), &subject(2))), None);
        assert_eq!(looked_up!(store.grant(&realm(), &token_key(1))), None);
    }
    assert_eq!(looked_up!(store.user_named(&realm(), &Identifier::of("user2"))), None, "a refused user left a name");
    commit(&*store, change().create(a_user(2))).await;
}

pub async fn an_identifier_that_vanishes_is_free_again(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_user(1))).await;
    let moved = User { username: "new-name".to_owned(), email: None, ..a_user(1) };
    commit(&*store, change().replace(1, moved.clone())).await;
    assert_eq!(found!(store.user_named(&realm(), &Identifier::of("new-name"))).record, moved);
    assert_eq!(looked_up!(store.user_named(&realm(), &Identifier::of("user1"))), None);

    let heir = User { username: "user1".to_owned(), email: Some("user1@example.com".to_owned()), ..a_user(2) };
    commit(&*store, change().create(heir.clone())).await;
    assert_eq!(found!(store.user_named(&realm(), &Identifier::of("user1@example.com"))).record, heir);
}

pub async fn a_user_keeps_identifiers_across_replacement(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_user(1))).await;
    commit(&*store, change().replace(1, a_user(1))).await;
    for name in a_user(1).identifiers() {
        assert_eq!(found!(store.user_named(&realm(), &name)).version, 2);
    }
}

pub async fn unanswered_prompts_of_a_phone_come_oldest_first(ground: &dyn Ground) {
    let store = ground.open().await;
    for n in [5, 2, 9] {
        commit(&*store, change().create(a_prompt(n, 1, n)).create(a_prompt(100 + n, 2, n))).await;
    }
    let mut answered = a_prompt(2, 1, 2);
    answered.answer = Some(an_answer());
    commit(&*store, change().replace(1, answered)).await;
    commit(&*store, change().create(a_prompt(1, 1, 1)).create(a_prompt(7, 1, 1))).await;
    let listed = looked_up!(store.unanswered(&realm(), &device_id(1)));
    let ids: Vec<_> = listed.iter().map(|prompt| prompt.id).collect();
    assert_eq!(ids, [5, 9, 1, 7].map(prompt_id));
    let mut again = a_prompt(2, 1, 2);
    again.answer = Some(an_answer());
    commit(&*store, change().replace(2, again)).await;
    assert_eq!(looked_up!(store.unanswered(&realm(), &device_id(1))).len(), 4);
}

pub async fn devices_of_a_user_include_revoked_ones(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_device(1, 1)).create(a_device(2, 1)).create(a_device(3, 2))).await;
    commit(&*store, change().replace(1, a_revoked_device(1, 1))).await;
    let listed = looked_up!(store.devices_of(&realm(), &subject(1)));
    let listed: Vec<_> = listed.into_iter().map(|device| (device.version, device.record)).collect();
    assert_eq!(listed, [(2, a_revoked_device(1, 1)), (1, a_device(2, 1))]);
}

pub async fn audit_events_come_newest_last_and_as_many_as_asked(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().event(at(20), an_event(1), 1).event(at(20), an_event(2), 1)).await;
    commit(&*store, change().event(at(10), an_event(3), 1)).await;
    commit(&*store, change().event(at(20), an_event(4), 1)).await;
    let by_time = [the_event(at(10), 3), the_event(at(20), 1), the_event(at(20), 2), the_event(at(20), 4)];
    assert_eq!(looked_up!(store.audit(&realm(), 10)), by_time);
    assert_eq!(looked_up!(store.audit(&realm(), 2)), by_time[2..]);
    assert!(looked_up!(store.audit(&realm(), 0)).is_empty());
}

pub async fn a_reader_beside_a_writer_never_goes_back_to_an_older_version(ground: &dyn Ground) {
    const WRITES: u64 = 300;
    const LOOKS: usize = 5_000;
    let store = ground.open().await;
    commit(&*store, change().create(a_ticket(1, at(300))).create(a_user(1))).await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let (mut ticket, mut user) = (0, 0);
                // So many and no more: a store that breaks this fact must fail here, not hang.
                for _ in 0..LOOKS {
                    let seen = found!(store.ticket(&realm(), &ticket_key(1))).version;
                    assert!(seen >= ticket, "ticket: {seen} after {ticket}");
                    ticket = seen;
                    let seen = found!(store.user(&realm(), &subject(1))).version;
                    assert!(seen >= user, "user: {seen} after {user}");
                    user = seen;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for version in 1..WRITES {
        commit(&*store, change().replace(version, a_ticket(1, at(300))).replace(version, a_user(1))).await;
    }
    for reader in readers {
        reader.await.expect("no reader went back");
    }
}
