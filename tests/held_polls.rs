//! Held polls over real sockets: a poll whose connection has ended redeems nothing, however close to the decision that was.

use std::sync::Arc;

use device_core::Outcome;
use server::flow::hold;
use server::http::public_router;
use server::http::serve::{Door, serve};
use simulator::phone::Phone;
use simulator::relying_party::{CIBA_GRANT, RelyingParty, basic};
use tests::{SHOP, SHOP_SECRET, World, a_request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

struct Scene {
    world: World,
    shop: RelyingParty,
    phone: Phone,
    address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

async fn scene() -> Scene {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    world.edit_client(SHOP, |client| client.long_poll = 20).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let router = public_router(&[Arc::clone(world.provider())], axum::Router::new());
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, router, Door::default(), stopping));
    Scene { shop: world.shop().await, phone: world.phone("1001").await, world, address, stop, serving }
}

impl Scene {
    /// A request that is due to be polled.
    async fn asked(&self) -> String {
        let asked = a_request().accepted(&self.shop).await;
        assert_eq!(self.world.poll(&self.shop, &asked).await, "400 authorization_pending");
        self.world.advance(5);
        asked
    }

    /// A poll on a connection of its own, which the server holds.
    async fn held(&self, asked: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let form = format!("grant_type={}&auth_req_id={asked}", CIBA_GRANT.replace(':', "%3A"));
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: op.example\r\nAuthorization: {}\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            basic(SHOP, SHOP_SECRET),
            form.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        while hold::polls(self.world.provider()) == 0 {
            tokio::task::yield_now().await;
        }
        stream
    }

    async fn approve(&self, asked: &str) {
        let prompt = self.world.prompt(&self.phone, asked).await;
        assert_eq!(self.phone.approve(&prompt).await, Ok(Outcome::Approved));
    }

    async fn ends(self) {
        self.stop.send_replace(true);
        self.serving.await.expect("it ends when it is told to");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_poll_is_answered_on_its_connection() {
    let scene = scene().await;
    let asked = scene.asked().await;
    let mut stream = scene.held(&asked).await;
    scene.approve(&asked).await;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("access_token"), "{answer}");
    drop(stream);
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ends_gives_its_seat_back() {
    let scene = scene().await;
    let asked = scene.asked().await;
    drop(scene.held(&asked).await);
    while hold::polls(scene.world.provider()) > 0 {
        tokio::task::yield_now().await;
    }
    scene.approve(&asked).await;
    scene.world.redeem(&scene.shop, &asked).await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_ended_just_before_the_decision_redeems_nothing() {
    let scene = scene().await;
    for _ in 0..40 {
        let asked = scene.asked().await;
        let prompt = scene.world.prompt(&scene.phone, &asked).await;
        let stream = scene.held(&asked).await;
        drop(stream);
        assert_eq!(scene.phone.approve(&prompt).await, Ok(Outcome::Approved));
        scene.world.redeem(&scene.shop, &asked).await;
    }
    scene.ends().await;
}
