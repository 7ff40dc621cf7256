use serde_json::json;

use super::super::elsewhere::ELSEWHERE;
use super::*;

fn imported(given: &Value) -> Imported {
    Import::default().all(given.as_object().expect("an object"))
}

/// What of `[policy]` is taken out of this alone.
fn policy(given: &Value) -> toml::Table {
    let table: toml::Table = imported(given).fragment.parse().expect("TOML");
    table.get(POLICY).and_then(Toml::as_table).cloned().unwrap_or_default()
}

#[test]
fn every_server_property_of_theirs_that_we_answer_is_judged() {
    let of_clients = |name: &str| name.starts_with("oxAuth");
    let names: Vec<&str> = ELSEWHERE.iter().filter(|known| known.system == "Gluu").map(|known| known.name).collect();
    assert!(names.len() > 15);
    for name in names.into_iter().filter(|name| !of_clients(name)) {
        let judged = SETTINGS.iter().chain(&FIREBASE_SETTINGS).any(|(known, _)| *known == name);
        assert!(judged, "{name}");
    }
}

#[test]
fn every_number_has_its_bounds() {
    for (name, way) in &SETTINGS {
        if let Way::Number(table, setting) = way {
            let (least, most) = bounds(table, setting);
            assert!(least < most, "{name}");
        }
    }
    assert!(bounds(POLICY, "request_lifetime").0 > 0 && bounds(POLICY, "request_lifetime_max").0 > 0);
}

#[test]
fn words_without_an_equal_are_named_and_the_others_taken_once() {
    let given = json!({ "backchannelLoginHintClaims": ["inum", "uid", "mail", "sub", "carLicense"] });
    assert_eq!(policy(&given)["login_hint"], Toml::from(vec!["sub", "username", "email"]));
    let told = imported(&given).not_taken;
    assert_eq!(told, ["backchannelLoginHintClaims: \"carLicense\" has no equal in policy.login_hint"]);
    let given = json!({ "backchannelAuthenticationRequestSigningAlgValuesSupported": ["ES512", "HS256"] });
    assert!(policy(&given).is_empty());
    assert_eq!(imported(&given).not_taken.len(), 3);
}

#[test]
fn what_is_said_of_grants_has_no_equal_and_is_told_where_it_matters() {
    for name in ["grantTypesSupported", "dynamicGrantTypeDefault"] {
        let told = |grants: Value| imported(&json!({ name: grants })).not_taken;
        assert!(told(json!(["refresh_token", CIBA_GRANT])).is_empty());
        for (grants, why) in
            [(json!(["authorization_code"]), "the grant of CIBA is not in it"), (json!("ciba"), "no list")]
        {
            let told = told(grants);
            assert!(told.len() == 1 && told[0].starts_with(name) && told[0].contains(why), "{told:?}");
        }
    }
}

#[test]
fn words_that_are_named_twice_are_told_once() {
    let given =
        json!({ "backchannelAuthenticationRequestSigningAlgValuesSupported": ["ES512", "ES256", "ES512", "ES256"] });
    assert_eq!(imported(&given).not_taken.len(), 1);
    assert_eq!(policy(&given)["client_algorithms"], Toml::from(vec!["ES256"]));
}

#[test]
fn what_is_out_of_bounds_or_of_another_type_is_not_taken() {
    for (name, value, why) in [
        ("backchannelAuthenticationResponseInterval", json!(0), "policy.interval takes 1 to 60"),
        ("backchannelAuthenticationResponseInterval", json!("2"), "no whole number"),
        ("backchannelRequestsProcessorJobIntervalSec", json!(-2), "store.sweep_interval takes"),
        ("backchannelUserCodeParameterSupported", json!("yes"), "neither true nor false"),
        ("backchannelTokenDeliveryModesSupported", json!([]), "its default holds"),
        ("backchannelTokenDeliveryModesSupported", json!("poll"), "no list"),
        ("backchannelBindingMessagePattern", json!("(?<=a)b"), "no regular expression"),
        ("backchannelSomethingNew", json!(1), "nobody knows it here"),
        (FIREBASE, json!("AAAA"), "no object"),
    ] {
        let imported = imported(&json!({ name: value }));
        assert_eq!(imported.fragment, HEAD, "{name}");
        assert!(imported.not_taken[0].starts_with(name) && imported.not_taken[0].contains(why), "{name}");
    }
}

#[test]
fn without_ciba_there_are_no_delivery_modes() {
    let given = json!({ "cibaEnabled": false, "backchannelTokenDeliveryModesSupported": ["poll"] });
    assert_eq!(policy(&given)["delivery_modes"], Toml::Array(Vec::new()));
    assert_eq!(imported(&given).not_taken.len(), 1);
    let given = json!({ "cibaEnabled": true, "backchannelTokenDeliveryModesSupported": ["ping", "poll"] });
    assert_eq!(policy(&given)["delivery_modes"], Toml::from(vec!["ping", "poll"]));
}

#[test]
fn a_life_above_the_longest_one_becomes_that() {
    let lives = |given: &Value| {
        let policy = policy(given);
        ["request_lifetime", "request_lifetime_max"].map(|name| policy.get(name).and_then(Toml::as_integer))
    };
    let (life, longest) = ("backchannelAuthenticationResponseExpiresIn", "cibaMaxExpirationTimeAllowedSec");
    assert_eq!(lives(&json!({ life: 3600, longest: 1800 })), [Some(1800), Some(1800)]);
    assert_eq!(imported(&json!({ life: 3600, longest: 1800 })).not_taken.len(), 1);
    assert_eq!(lives(&json!({ life: 600, longest: 1800 })), [Some(600), Some(1800)]);
    assert_eq!(lives(&json!({ longest: 60 })), [Some(60), Some(60)], "our own default is longer");
    assert_eq!(lives(&json!({ life: 600 })), [Some(600), None]);
}

#[test]
fn only_the_legacy_url_is_refused() {
    let refused = |url: &str| imported(&json!({ FIREBASE: { "notificationUrl": url } })).refused.is_some();
    assert!(refused("https://fcm.googleapis.com/fcm/send") && refused("https://fcm.googleapis.com/fcm/send/"));
    assert!(refused("https://gcm-http.googleapis.com/gcm/send"));
    for url in ["", "https://fcm.googleapis.com/v1/projects/p/messages:send", "nonsense"] {
        assert!(!refused(url), "{url}");
    }
}
