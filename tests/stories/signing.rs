//! Tokens in every algorithm that a realm may sign by, and in both forms of access tokens.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use protocol::base64url;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::client::AccessTokenFormat;
use tests::{SHOP, World, a_request};

use crate::{introspected, resource_server, text, tokens};

const SIGNING: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Es384];

fn header(jwt: &str) -> Value {
    let header = base64url::decode(jwt.split('.').next().expect("a header")).expect("base64url");
    serde_json::from_slice(&header).expect("JSON")
}

/// OIDC Core §3.1.3.6, written down once more.
fn left_half(algorithm: Algorithm, token: &str) -> String {
    let (hash, half) = match algorithm {
        Algorithm::Es384 => (&SHA384, 24),
        Algorithm::EdDsa => (&SHA512, 32),
        _ => (&SHA256, 16),
    };
    base64url::encode(&digest(hash, token.as_bytes()).as_ref()[..half])
}

#[tokio::test]
async fn every_algorithm_signs_tokens_that_verify_by_the_published_keys() {
    for algorithm in SIGNING {
        let world = World::builder().policy(|policy| policy.signing_algorithms = vec![algorithm]).make().await;
        let (shop, phone, api) = (world.shop().await, world.phone("1001").await, resource_server(&world).await);
        for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
            world
                .edit_client(SHOP, |client| {
                    client.id_token_algorithm = algorithm;
                    client.access_token_format = format;
                    client.refresh = true;
                })
                .await;
            let first = tokens(&world, &shop, &phone, a_request()).await;
            let again = shop.refresh(text(&first, "refresh_token")).await.expect("an answer").json();
            for tokens in [first, again] {
                let (id_token, access_token) = (text(&tokens, "id_token"), text(&tokens, "access_token"));
                assert_eq!(header(id_token)["alg"], algorithm.name());
                let claims = shop.verify(id_token, world.now().unix_seconds()).await.expect("believed");
                assert_eq!(claims["at_hash"], left_half(algorithm, access_token), "{algorithm} {format:?}");
                if format == AccessTokenFormat::Jwt {
                    let header = header(access_token);
                    assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm.name()), &json!("at+jwt")));
                }
                assert_eq!(introspected(&api, access_token).await["active"], true);
            }
        }
    }
}

#[tokio::test]
async fn id_tokens_are_signed_as_the_client_registered_and_access_tokens_as_the_realm_does() {
    let world = World::builder().policy(|policy| policy.signing_algorithms = SIGNING.to_vec()).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    world.edit_client(SHOP, |client| client.access_token_format = AccessTokenFormat::Jwt).await;
    for algorithm in SIGNING {
        world.edit_client(SHOP, |client| client.id_token_algorithm = algorithm).await;
        let tokens = tokens(&world, &shop, &phone, a_request()).await;
        assert_eq!(header(text(&tokens, "id_token"))["alg"], algorithm.name());
        assert_eq!(header(text(&tokens, "access_token"))["alg"], "ES256");
        shop.verify(text(&tokens, "id_token"), world.now().unix_seconds()).await.expect("believed");
    }
}
