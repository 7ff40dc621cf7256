//! What a client registers to be known by, and to be encrypted to.

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use simulator::client_key::ClientKey;
use simulator::decryption_key::DecryptionKey;
use tests::World;
use tests::pki::Authority;

use super::{refused, with};

/// OIDC Registration §2: both members or none, with a key that fits, also where nothing is collected.
#[tokio::test]
async fn encryption_is_registered_only_with_what_it_needs() {
    let world = World::new().await;
    let (agreeing, rsa, signing) =
        (DecryptionKey::on("P-256"), DecryptionKey::rsa(), ClientKey::generate(Algorithm::Es256));
    let only = |key: &Value| json!({ "keys": [key] });
    let mut for_es256 = signing.jwk();
    for_es256.as_object_mut().expect("an object").remove("use");
    for what in ["id_token", "userinfo"] {
        let (alg, enc) = (format!("{what}_encrypted_response_alg"), format!("{what}_encrypted_response_enc"));
        let base = json!({
            "jwks": { "keys": [agreeing.jwk(), signing.jwk()] },
            "backchannel_token_delivery_mode": "push",
            "backchannel_client_notification_endpoint": "https://shop.example/ciba",
            alg.clone(): "ECDH-ES",
            enc.clone(): "A256GCM",
        });
        let (alg, enc) = (alg.as_str(), enc.as_str());
        let cases = [
            (alg, json!({ alg: "RSA1_5" })),
            (alg, json!({ alg: "none" })),
            (alg, json!({ alg: "dir" })),
            (alg, json!({ alg: "ECDH-ES+A256KW" })),
            (alg, json!({ alg: "RSA-OAEP-256" })),
            (alg, json!({ "jwks": rsa.jwks() })),
            (alg, json!({ "jwks": signing.jwks() })),
            (alg, json!({ "jwks": null })),
            (alg, json!({ "jwks": only(&with(&agreeing.jwk(), &json!({ "use": "sig", "alg": "ES256" }))) })),
            (alg, json!({ "jwks": only(&for_es256) })),
            // OIDC Core §10.2: among others it is found by its name alone.
            (alg, json!({ "jwks": { "keys": [signing.jwk(), with(&agreeing.jwk(), &json!({ "kid": null }))] } })),
            ("jwks", json!({ "jwks": only(&with(&agreeing.jwk(), &json!({ "use": "sig" }))) })),
            ("jwks", json!({ "jwks": only(&with(&agreeing.jwk(), &json!({ "key_ops": ["sign"] }))) })),
            ("jwks", json!({ "jwks": only(&with(&agreeing.jwk(), &json!({ "d": agreeing.jwk()["x"] }))) })),
            ("jwks", json!({ "jwks": only(&with(&agreeing.jwk(), &json!({ "y": agreeing.jwk()["x"] }))) })),
            (enc, json!({ enc: null })),
            (enc, json!({ enc: "A128CBC-HS256" })),
            (enc, json!({ alg: null })),
        ];
        refused(&world, &base, &cases).await;
        refused(
            &world,
            &with(&base, &json!({ alg: "RSA-OAEP-256", "jwks": rsa.jwks() })),
            &[(alg, json!({ alg: "ECDH-ES" }))],
        )
        .await;
    }
    let base = json!({ "userinfo_signed_response_alg": "ES256" });
    let cases = [
        ("userinfo_signed_response_alg", json!({ "userinfo_signed_response_alg": "none" })),
        ("userinfo_signed_response_alg", json!({ "userinfo_signed_response_alg": "PS512" })),
        ("userinfo_signed_response_alg", json!({ "userinfo_signed_response_alg": "HS256" })),
    ];
    refused(&world, &base, &cases).await;
}

/// RFC 7748 §6.1: with a point of low order nothing can be agreed on, and tokens would wait for ever.
#[tokio::test]
async fn a_point_of_low_order_is_no_key_to_encrypt_to() {
    let world = World::new().await;
    let key = DecryptionKey::on("X25519");
    let base = json!({
        "jwks": key.jwks(),
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A256GCM",
    });
    let points = [
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "4Ot6fDtBuK4WVuP68Z_EatoJjeucMrH9hmIFFl9JuAA",
        "X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc",
        "7P_______________________________________38",
        "7f_______________________________________38",
        "7v_______________________________________38",
    ];
    let cases = points.map(|point| {
        let jwk = with(&key.jwk(), &json!({ "x": point }));
        ("jwks", json!({ "jwks": { "keys": [jwk] } }))
    });
    refused(&world, &base, &cases).await;
}

/// A key that only encrypts shows nobody who the client is.
#[tokio::test]
async fn a_key_for_encryption_is_none_to_authenticate_by() {
    let world = World::builder().mutual_tls().make().await;
    let (signing, encryption) = (ClientKey::generate(Algorithm::Es256), DecryptionKey::on("P-256"));
    let both = json!({ "keys": [signing.jwk(), encryption.jwk()] });
    for method in ["private_key_jwt", "self_signed_tls_client_auth"] {
        let base = json!({ "token_endpoint_auth_method": method, "jwks": both });
        refused(&world, &base, &[("jwks", json!({ "jwks": encryption.jwks() }))]).await;
    }
    let base = json!({ "jwks": both, "backchannel_authentication_request_signing_alg": "ES256" });
    refused(&world, &base, &[("jwks", json!({ "jwks": encryption.jwks() }))]).await;
}

/// RFC 8705 §2.1.2 and §3.
#[tokio::test]
async fn certificates_are_registered_only_as_they_can_be_judged() {
    let world = World::builder().mutual_tls().make().await;
    let cases = [
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "tls_client_auth" })),
        ("jwks", json!({ "jwks": null })),
    ];
    let key = ClientKey::generate(Algorithm::Es256);
    let base = json!({ "token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": key.jwks() });
    refused(&world, &base, &cases).await;

    let world = World::builder().trusting(&Authority::new("CA")).make().await;
    let base = json!({
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=shop",
        "tls_client_certificate_bound_access_tokens": true,
        "backchannel_token_delivery_mode": "push",
        "backchannel_client_notification_endpoint": "https://shop.example/ciba",
        "grant_types": [],
    });
    let cases = [
        ("tls_client_auth_subject_dn", json!({ "tls_client_auth_subject_dn": null })),
        ("tls_client_auth_subject_dn", json!({ "tls_client_auth_subject_dn": "shop" })),
        ("tls_client_auth_san_dns", json!({ "tls_client_auth_san_dns": "shop.example" })),
        (
            "tls_client_certificate_bound_access_tokens",
            json!({ "token_endpoint_auth_method": "client_secret_basic", "tls_client_auth_subject_dn": null }),
        ),
    ];
    refused(&world, &base, &cases).await;
}

#[tokio::test]
async fn a_secret_for_macs_is_as_long_as_the_hash() {
    let world = World::new().await;
    let base = json!({ "token_endpoint_auth_method": "client_secret_jwt", "client_secret": "x".repeat(32) });
    refused(&world, &base, &[("client_secret", json!({ "client_secret": "x".repeat(31) }))]).await;
}
