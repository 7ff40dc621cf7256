//! Modules 36 to 40: whatever the notification endpoint answers, the result stays redeemable, and it is called once.

use simulator::stand_in::notification::{NotificationStandIn, Reply};

use crate::stage::Stage;
use crate::suite::{Cell, Mode};

fn ping() -> impl Iterator<Item = Cell> {
    Cell::all().into_iter().filter(|cell| cell.mode == Mode::Ping)
}

/// A flow whose ping is answered so; 30 seconds later there was still one call.
async fn completes(reply: Reply) {
    for cell in ping() {
        let stage = Stage::of(cell).await;
        let party = &stage.client1;
        stage.endpoint(party).answer_next(reply.clone());
        let id = stage.accepted(party, &party.parameters()).await;
        stage.pending_twice(party, &id).await;
        stage.approve(&id).await;
        stage.told(party, &id).await;
        for _ in 0..6 {
            stage.world.advance(5);
            stage.world.deliver().await;
        }
        assert_eq!(stage.endpoint(party).calls().len(), 1, "{cell:?}: one call");
        stage.collect(party, &id).await;
    }
}

#[tokio::test]
async fn m36_ping_answered_with_a_body_is_delivered() {
    completes(Reply::Body).await;
}

#[tokio::test]
async fn m37_ping_answered_401_leaves_the_result_redeemable() {
    completes(Reply::Status(401)).await;
}

#[tokio::test]
async fn m38_ping_answered_403_leaves_the_result_redeemable() {
    completes(Reply::Status(403)).await;
}

#[tokio::test]
async fn m39_ping_answered_401_is_not_sent_again() {
    completes(Reply::Status(401)).await;
}

#[tokio::test]
async fn m40_ping_answered_301_is_not_followed() {
    let elsewhere = NotificationStandIn::start().await;
    completes(Reply::Redirect(301, elsewhere.url())).await;
    assert!(elsewhere.calls().is_empty());
}
