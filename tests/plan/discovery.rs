//! Module 1: the discovery document and the published keys (`OP_ACCEPTANCE` §2.1).

use serde_json::Value;
use tests::ISSUER;

use crate::stage::Stage;
use crate::suite::{Cell, Mode};

/// Everything of RFC 8414, OIDC Discovery, CIBA and RFC 8705 that may stand there without a warning.
const KNOWN: [&str; 42] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "userinfo_signing_alg_values_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "tls_client_certificate_bound_access_tokens",
    "mtls_endpoint_aliases",
    "backchannel_token_delivery_modes_supported",
    "backchannel_authentication_endpoint",
    "backchannel_authentication_request_signing_alg_values_supported",
    "backchannel_user_code_parameter_supported",
    "service_documentation",
    "op_policy_uri",
];

fn lists(document: &Value, member: &str, one_of: &[&str]) -> bool {
    let listed = document[member].as_array().map(Vec::as_slice).unwrap_or_default();
    listed.iter().any(|it| it.as_str().is_some_and(|it| one_of.contains(&it)))
}

#[tokio::test]
async fn m01_discovery_endpoint_verification() {
    for cell in Cell::all() {
        let stage = Stage::of(cell).await;
        let url = format!("{ISSUER}/.well-known/openid-configuration");
        let answer = stage.world.public().get(&url).await.expect("an answer");
        assert_eq!(answer.in_short(), "200");
        assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/json")));
        let document = answer.json();
        assert_eq!(document["issuer"], ISSUER);
        let signed = ["PS256", "ES256"];
        assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
        assert!(lists(&document, "id_token_signing_alg_values_supported", &signed));
        // FAPI 1.0 Advanced §8.6.1
        for what in ["id_token", "userinfo"] {
            assert!(!lists(&document, &format!("{what}_encryption_alg_values_supported"), &["RSA1_5"]));
        }
        assert!(lists(&document, "token_endpoint_auth_methods_supported", &["private_key_jwt"]));
        assert!(lists(&document, "token_endpoint_auth_methods_supported", &["self_signed_tls_client_auth"]));
        assert!(lists(&document, "token_endpoint_auth_signing_alg_values_supported", &signed));
        assert!(lists(&document, "backchannel_authentication_request_signing_alg_values_supported", &signed));
        assert!(lists(&document, "grant_types_supported", &["urn:openid:params:grant-type:ciba"]));
        assert!(lists(&document, "grant_types_supported", &["refresh_token"]));
        let mode = if cell.mode == Mode::Ping { "ping" } else { "poll" };
        assert!(lists(&document, "backchannel_token_delivery_modes_supported", &[mode]));
        // FAPI-CIBA §5.2.2: no push.
        assert!(!lists(&document, "backchannel_token_delivery_modes_supported", &["push"]));
        for endpoint in ["token_endpoint", "jwks_uri", "backchannel_authentication_endpoint", "authorization_endpoint"]
        {
            let url = document[endpoint].as_str();
            assert!(url.is_some_and(|url| url.starts_with("https://")), "{endpoint}: {url:?}");
        }
        let members = document.as_object().expect("an object");
        for member in members.keys() {
            assert!(KNOWN.contains(&member.as_str()), "{member} would be a warning");
        }
        for (alias, url) in document["mtls_endpoint_aliases"].as_object().into_iter().flatten() {
            assert!(alias.ends_with("_endpoint") && alias != "authorization_endpoint", "{alias}");
            assert!(
                members.contains_key(alias) && url.as_str().is_some_and(|it| it.starts_with("https://")),
                "{alias}"
            );
        }
        keys_are_sound(&stage, document["jwks_uri"].as_str().expect("a URL")).await;
    }
}

async fn keys_are_sound(stage: &Stage, jwks_uri: &str) {
    let keys = stage.world.public().get(jwks_uri).await.expect("an answer").json();
    let mut known = Vec::new();
    for key in keys["keys"].as_array().expect("keys") {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private} is published");
        }
        let kid = key["kid"].as_str().expect("a kid");
        assert!(!kid.trim().is_empty());
        let name = (kid.to_owned(), key["kty"].clone(), key["alg"].clone(), key["use"].clone());
        assert!(!known.contains(&name), "{kid} stands twice");
        known.push(name);
    }
    for alg in ["PS256", "ES256"] {
        assert!(known.iter().any(|(_, _, it, _)| it == alg), "no key for {alg}");
    }
}
