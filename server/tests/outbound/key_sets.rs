//! Keys that clients publish: how often they are fetched, for how long they count, and who waits for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use server::domain::time::{Clock, Timestamp};
use server::outbound::client::{Client, Limits, Reach, Unreachable};
use server::outbound::endpoint::Endpoint;
use server::outbound::key_sets::{KeySets, MOST_URLS, NoKeys, OLDEST, PAUSE};
use server::outbound::roots::Roots;
use tokio::sync::Semaphore;

use crate::server::{Manner, Server};

/// A clock moved by hand.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::Relaxed))
    }
}

/// A server of keys, which are any text but "junk".
struct Scene {
    server: Server,
    sets: KeySets<String>,
    clock: Arc<HandClock>,
}

impl Scene {
    async fn serving(manner: Manner) -> Self {
        let server = Server::start(None, manner).await;
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000)));
        let mut reach = Reach { roots: Roots::none(), ..Reach::default() };
        reach.networks.open("127.0.0.1/32").expect("a network");
        let client = Client::new(Limits::default(), &reach).expect("a client");
        Self { server, sets: KeySets::new(client, clock.clone(), read), clock }
    }

    fn url(&self, path: &str) -> Endpoint {
        Endpoint::foreign(&format!("http://127.0.0.1:{}/{path}", self.server.port())).expect("an endpoint")
    }

    async fn keys(&self) -> Result<Arc<String>, NoKeys> {
        self.sets.keys(&self.url("jwks")).await
    }

    async fn newer(&self, seen: &Arc<String>) -> Option<Arc<String>> {
        self.sets.newer(&self.url("jwks"), seen).await
    }

    fn advance(&self, seconds: u32) {
        self.clock.0.fetch_add(seconds.into(), Ordering::Relaxed);
    }

    /// How often the server was asked.
    fn fetches(&self) -> usize {
        self.server.requests().len()
    }
}

fn read(bytes: &[u8]) -> Result<String, &'static str> {
    match std::str::from_utf8(bytes) {
        Ok("junk") | Err(_) => Err("junk"),
        Ok(keys) => Ok(keys.to_owned()),
    }
}

fn keys(text: &str) -> Manner {
    Manner::reply("200 OK", "", text)
}

fn failing() -> Manner {
    Manner::reply("503 Service Unavailable", "", "")
}

fn gated(text: &str) -> (Arc<Semaphore>, Manner) {
    let gate = Arc::new(Semaphore::new(0));
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    (gate.clone(), Manner::Gated(gate, reply))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_are_old() {
    let scene = Scene::serving(keys("first")).await;
    for _ in 0..3 {
        assert_eq!(*scene.keys().await.expect("keys"), "first");
    }
    scene.advance(299);
    scene.server.behave(keys("second"));
    assert_eq!(*scene.keys().await.expect("keys"), "first");
    assert_eq!(scene.fetches(), 1);
    scene.advance(1);
    assert_eq!(*scene.keys().await.expect("keys"), "second");
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn a_server_says_how_long_its_keys_are_fresh() {
    let scene = Scene::serving(Manner::reply("200 OK", "Cache-Control: public, max-age=1000\r\n", "first")).await;
    scene.keys().await.expect("keys");
    scene.advance(999);
    scene.keys().await.expect("keys");
    assert_eq!(scene.fetches(), 1);
    scene.advance(1);
    scene.keys().await.expect("keys");
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_key_younger() {
    let scene = Scene::serving(keys("first")).await;
    scene.keys().await.expect("keys");
    scene.clock.0.fetch_sub(86_400, Ordering::Relaxed);
    scene.keys().await.expect("keys");
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn new_keys_are_found_at_once_and_strangers_cannot_ask_for_them_all_the_time() {
    let scene = Scene::serving(keys("first")).await;
    let first = scene.keys().await.expect("keys");
    scene.server.behave(keys("second"));
    scene.advance(PAUSE - 1);
    assert_eq!(scene.newer(&first).await, None, "just fetched");
    assert_eq!(scene.fetches(), 1);
    scene.advance(1);
    let second = scene.newer(&first).await.expect("newer keys");
    assert_eq!(*second, "second");
    assert_eq!(scene.fetches(), 2);
    assert_eq!(scene.newer(&first).await, Some(second.clone()), "whoever saw the first set need not wait");
    assert_eq!(scene.newer(&second).await, None, "but nobody has a third");
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_after_a_pause_and_its_last_keys_count_for_a_day() {
    let scene = Scene::serving(keys("first")).await;
    let first = scene.keys().await.expect("keys");
    scene.server.behave(failing());
    scene.advance(300);
    for _ in 0..3 {
        assert_eq!(*scene.keys().await.expect("the last keys"), "first");
    }
    assert_eq!(scene.newer(&first).await, None);
    assert_eq!(scene.fetches(), 2);
    scene.advance(PAUSE);
    scene.keys().await.expect("the last keys");
    assert_eq!(scene.fetches(), 3);
    scene.advance(OLDEST - 300 - PAUSE - 1);
    scene.keys().await.expect("the last keys");
    scene.advance(1);
    assert_eq!(scene.keys().await, Err(NoKeys::Status(503)));
    scene.server.behave(keys("second"));
    scene.advance(PAUSE);
    assert_eq!(*scene.keys().await.expect("keys"), "second");
}

#[tokio::test]
async fn a_first_fetch_that_fails_is_not_repeated_at_once() {
    let scene = Scene::serving(failing()).await;
    assert_eq!(scene.keys().await, Err(NoKeys::Status(503)));
    scene.server.behave(keys("first"));
    scene.advance(PAUSE - 1);
    assert_eq!(scene.keys().await, Err(NoKeys::Status(503)));
    assert_eq!(scene.fetches(), 1);
    scene.advance(1);
    assert_eq!(*scene.keys().await.expect("keys"), "first");
}

#[tokio::test]
async fn what_is_no_key_set_is_refused() {
    let long = "a".repeat(64 * 1024 + 1);
    for (manner, expected) in [
        (keys("junk"), NoKeys::Malformed),
        (keys(&long), NoKeys::Cut),
        (Manner::reply("204 No Content", "", ""), NoKeys::Status(204)),
        (Manner::reply("302 Found", "Location: http://127.0.0.1/\r\n", ""), NoKeys::Status(302)),
    ] {
        let scene = Scene::serving(manner).await;
        assert_eq!(scene.keys().await, Err(expected));
    }
    let scene = Scene::serving(keys(&long[1..])).await;
    scene.keys().await.expect("as long as may be");
}

#[tokio::test]
async fn keys_within_our_own_network_are_not_fetched() {
    let scene = Scene::serving(keys("first")).await;
    let url = Endpoint::foreign(&format!("http://127.0.0.2:{}/", scene.server.port())).expect("an endpoint");
    assert_eq!(scene.sets.keys(&url).await, Err(NoKeys::Unreachable(Unreachable::Forbidden)));
    assert_eq!(scene.fetches(), 0);
}

#[tokio::test]
async fn all_who_need_the_same_keys_share_one_fetch_also_when_it_fails() {
    for manner in [keys("first"), failing()] {
        let scene = Scene::serving(manner).await;
        let all = join_all((0..20).map(|_| scene.keys())).await;
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        assert_eq!(scene.fetches(), 1);
    }
}

#[tokio::test]
async fn who_asks_for_newer_keys_holds_up_nobody_whose_key_is_known() {
    let scene = Scene::serving(keys("first")).await;
    let first = scene.keys().await.expect("keys");
    scene.advance(PAUSE);
    let (gate, manner) = gated("second");
    scene.server.behave(manner);
    let others = async {
        scene.server.asked(2).await;
        assert_eq!(*scene.keys().await.expect("keys"), "first");
        gate.add_permits(1);
    };
    let (second, ()) = tokio::join!(scene.newer(&first), others);
    assert_eq!(*second.expect("newer keys"), "second");
}

#[tokio::test]
async fn a_slow_server_holds_up_no_other() {
    let (gate, manner) = gated("slow");
    let scene = Scene::serving(manner).await;
    let others = async {
        scene.server.asked(1).await;
        scene.server.behave(keys("quick"));
        assert_eq!(*scene.sets.keys(&scene.url("other")).await.expect("keys"), "quick");
        gate.add_permits(1);
    };
    let (slow, ()) = tokio::join!(scene.keys(), others);
    assert_eq!(*slow.expect("keys"), "slow");
}

#[tokio::test]
async fn who_hangs_up_does_not_use_up_the_turn_of_all_others() {
    let (gate, manner) = gated("first");
    let scene = Scene::serving(manner).await;
    tokio::select! {
        _ = scene.keys() => panic!("the gate is shut"),
        () = scene.server.asked(1) => {}
    }
    gate.add_permits(1);
    assert_eq!(*scene.keys().await.expect("keys"), "first");
    assert_eq!(scene.fetches(), 1);
}

#[tokio::test]
async fn a_bounded_number_of_urls_is_remembered() {
    let scene = Scene::serving(keys("keys")).await;
    for number in 0..=MOST_URLS {
        scene.sets.keys(&scene.url(&number.to_string())).await.expect("keys");
    }
    let fetches = scene.fetches();
    scene.sets.keys(&scene.url(&MOST_URLS.to_string())).await.expect("keys");
    assert_eq!(scene.fetches(), fetches, "the newest is remembered");
    scene.sets.keys(&scene.url("0")).await.expect("keys");
    assert_eq!(scene.fetches(), fetches + 1, "the oldest is forgotten");
}
