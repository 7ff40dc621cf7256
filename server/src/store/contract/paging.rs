//! A store read from one end to the other.

use protocol::Digest;

use super::samples::{
    a_client, a_device, a_family, a_grant, a_history, a_logo, a_mark, a_message, a_prompt, a_registration_token,
    a_request, a_ticket, a_user, an_attention, an_enrolment, an_event, at, request_key, the_event,
};
use super::{Ground, change, commit, found, looked_up, realm, refused};
use crate::domain::names::RealmId;
use crate::store::page::{Entry, Kept};
use crate::store::{Change, CommitError, MarkKey, Store};

/// Everything of one kind, in pages of `most`.
async fn all(store: &dyn Store, kept: Kept, most: usize) -> Vec<Entry> {
    let (mut entries, mut position) = (Vec::new(), None);
    loop {
        let page = looked_up!(store.page(&realm(), kept, position.as_ref(), most));
        entries.extend(page.entries);
        match page.next {
            Some(next) => position = Some(next),
            None => return entries,
        }
    }
}

pub async fn every_kind_is_found_in_its_pages(ground: &dyn Ground) {
    let store = ground.open().await;
    let everything = change()
        .create(a_client(1))
        .create(a_user(1))
        .create(a_device(1, 1))
        .create(a_ticket(1, at(300)))
        .create(an_enrolment(1, at(300)))
        .create(a_request(1, &[(1, 1)], at(300)))
        .create(a_prompt(1, 1, 1))
        .create(a_grant(1, at(300)))
        .create(a_family(1, at(300)))
        .create(a_message(1, at(1), at(300)))
        .create(an_attention(1, at(0)))
        .create(a_history(1, at(0)))
        .create(a_registration_token(1, at(300)))
        .create(a_logo(1))
        .mark(a_mark(1), Digest::of(b"value"), at(300))
        .event(at(0), an_event(1), 1);
    commit(&*store, everything).await;
    for kept in Kept::ALL {
        assert_eq!(all(&*store, kept, 10).await.len(), 1, "{kept:?}");
        let elsewhere = RealmId::new("other");
        assert!(looked_up!(store.page(&elsewhere, kept, None, 10)).entries.is_empty(), "{kept:?} of another realm");
    }
    let mark = Entry::Mark(a_mark(1).name(), Digest::of(b"value"), at(300));
    assert_eq!(all(&*store, Kept::Mark, 10).await, [mark]);
    let [Entry::Event(event, keep_until)] = &all(&*store, Kept::Event, 10).await[..] else { panic!("an event") };
    assert_eq!((event, *keep_until >= at(86_400)), (&the_event(at(0), 1), true));
}

pub async fn pages_go_on_where_the_one_before_ended(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, (1..=25).fold(change(), |change, n| change.create(a_grant(n, at(100))))).await;
    for most in [1, 7, 24, 25, 26] {
        let entries = all(&*store, Kept::Grant, most).await;
        assert_eq!(entries.len(), 25, "pages of {most}");
        let distinct = entries.iter().filter(|entry| entries.iter().filter(|other| other == entry).count() == 1);
        assert_eq!(distinct.count(), 25, "each once, in pages of {most}");
    }
}

pub async fn a_page_names_the_version_that_a_replacement_expects(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_request(1, &[], at(300)))).await;
    commit(&*store, change().replace(1, a_request(1, &[], at(400)))).await;
    let [Entry::Record(request)] = &all(&*store, Kept::Request, 10).await[..] else { panic!("a request") };
    assert_eq!(request.version, 2);
    commit(&*store, change().replace(request.version, a_request(1, &[], at(500)))).await;
    assert_eq!(found!(store.request(&realm(), &request_key(1))).record.keep_until, at(500));
}

pub async fn a_mark_set_by_its_kept_name_is_the_same_mark(ground: &dyn Ground) {
    let store = ground.open().await;
    let kept = MarkKey::Kept(a_mark(1).name());
    commit(&*store, change().mark(kept, Digest::of(b"value"), at(300))).await;
    assert_eq!(looked_up!(store.mark(&realm(), &a_mark(1))), Some(Digest::of(b"value")));
    let again: Change = change().mark(a_mark(1), Digest::of(b"other"), at(300));
    assert_eq!(refused(&*store, again).await, CommitError::Replayed(a_mark(1), Digest::of(b"value")));
}
