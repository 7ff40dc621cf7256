//! The real binary, killed with `kill -9` under load again and again: what it acknowledged is there when it comes back,
//! and no request is ever answered with tokens twice. Also: a push survives a kill between its commit and its sending,
//! SIGTERM ends politely, and a store serves one process.

use std::sync::Arc;
use std::time::Duration;

use protocol::messages::{FcmTarget, Platform, PushTarget};
use server::app::system::SystemClock;
use simulator::stand_in::fcm::{FcmStandIn, Reply};
use tests::process::http::Lost;
use tests::process::load::{Chance, Tally, Ways, Worker, redeemed};
use tests::process::phone::Phone;
use tests::process::{Site, now, say};

const KILLS: usize = 24;
const WORKERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_survives_kill_9_under_load_and_no_request_gets_tokens_twice() -> Result<(), Lost> {
    let seed = 20_261_121;
    say(&format!("seed {seed}"));
    let mut chance = Chance(seed);
    let site = Site::new();
    let mut server = site.serve().await;
    let party = server.operator().await?.create_client("shop").await?;
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(Worker::enrol(&server, number).await?);
    }
    let mut tally = Tally::default();
    let mut killed_while_starting = 0;
    for kill in 0..KILLS {
        let known: Vec<usize> = workers.iter().map(Worker::known).collect();
        let mut working = Vec::new();
        for worker in workers.drain(..) {
            working.push(worker.work(Ways::to(&[&server]).await?, party.clone()));
        }
        tokio::time::sleep(Duration::from_millis(10 + chance.below(400))).await;
        server.kill();
        for worker in working {
            workers.push(worker.await.expect("nothing unexpected was answered"));
        }
        if kill % 4 == 3 {
            killed_while_starting += 1;
            site.serve_briefly(Duration::from_millis(chance.below(60)));
        }
        server = site.serve().await;
        let redeemed = redeemed(&mut server.operator().await?).await?;
        let mut ways = Ways::to(&[&server]).await?;
        for (worker, known) in workers.iter_mut().zip(known) {
            worker.look_again(known, &mut ways, &party, &redeemed, &mut tally).await?;
        }
    }
    let mut ways = Ways::to(&[&server]).await?;
    for worker in &workers {
        worker.look_last(&mut ways, &party).await?;
    }
    say(&format!(
        "{KILLS} kills under load, {killed_while_starting} more while starting; acknowledged and found: {tally:?}"
    ));
    assert!(tally.requests > KILLS && tally.approvals > KILLS && tally.redemptions > KILLS, "{tally:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_survives_kill_9_between_its_commit_and_its_sending() -> Result<(), Lost> {
    const TARGET: &str = "dQw4w9WgXcQ:APA91b-a-registration-token";
    let google = FcmStandIn::start(Arc::new(SystemClock)).await;
    let site = Site::new();
    let account = site.path("service-account.json");
    std::fs::write(&account, google.service_account()).expect("it can be written");
    let site = site
        .with("PUSH__FCM__SERVICE_ACCOUNT_FILE", &account.display().to_string())
        .with("PUSH__FCM__BASE_URL", google.base_url().as_str())
        .with("PUSH__FCM__TOKEN_URL", google.token_url().as_str());
    let mut server = site.serve().await;
    let mut operator = server.operator().await?;
    let party = operator.create_client("shop").await?;
    operator.create_user("1001").await?;
    let mut connection = server.connect().await?;
    let target = PushTarget::Fcm { platform: Platform::Android, target: FcmTarget::Token(TARGET.to_owned()) };
    let phone = Phone::enrol(&mut operator, &mut connection, "1001", target).await?;

    google.answer_next(Reply::Hang);
    let _ = party.begin(&mut connection, "1001", "Order 4711").await?;
    // It is on its way and Google has not taken it: the server dies not knowing.
    let sent = google.recorded(1).await;
    assert!(sent.iter().all(|sent| !sent.accepted));
    server.kill();

    let _server = site.serve().await;
    let message = google.inbox(TARGET).next().await.expect("the push arrives after all");
    assert!(!message.to_string().contains("4711"), "nothing is there in clear");
    let sealed = message["data"]["jwe"].as_str().expect("a sealed prompt");
    assert_eq!(phone.unseal(sealed).binding_message.as_deref(), Some("Order 4711"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_answers_a_held_long_poll_and_ends_with_status_0() -> Result<(), Lost> {
    let site = Site::new();
    let mut server = site.serve().await;
    let mut operator = server.operator().await?;
    operator.create_user("1001").await?;
    let mut connection = server.connect().await?;
    let mut phone = Phone::enrol(&mut operator, &mut connection, "1001", PushTarget::None).await?;
    let begun = now();
    let polling = tokio::spawn(async move { phone.prompts(&mut connection, 25).await });
    // Held, that is: not answered while nothing happens.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!polling.is_finished());
    server.ask_to_end();
    assert!(polling.await.expect("it does not panic")?.is_empty(), "an answer, and no broken connection");
    assert!(server.ended().success());
    assert!(now().duration_since(begun) < Duration::from_secs(10), "it did not wait for the poll's 25 seconds");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_store_is_refused() -> Result<(), Lost> {
    let site = Site::new();
    let server = site.serve().await;
    let (status, said) = site.serve_in_vain();
    assert!(!status.success());
    assert!(said.contains("in use by another process"), "{said}");
    let _ = server.operator().await?.create_client("shop").await?; // the first one is not disturbed
    Ok(())
}
