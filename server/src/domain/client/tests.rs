use serde_json::json;

use super::*;
use crate::domain::secret::Secret;

fn a_client() -> Client {
    let secret = SecretHash::of(&Secret::new("not a secret".to_owned()));
    let registration = SelfRegistered {
        token: secret.clone(),
        issued_at: Timestamp::from_unix_seconds(0),
        statement: Some("e30.e30.AAAA".to_owned()),
        software: Some(Software { issuer: "https://directory.example".to_owned(), id: "example".to_owned() }),
    };
    Client {
        verified: false,
        keys: ClientKeys::JwksUri("https://shop.example/jwks".to_owned()),
        logo: Some(Digest::of(b"a picture")),
        registration: Some(registration),
        settled: true,
        ..Client::new(ClientId::new("shop"), "The shop".to_owned(), ClientSecret::Hashed(secret))
    }
}

#[test]
fn of_a_removed_client_its_id_and_its_name_are_kept_and_that_it_registered_itself() {
    let forget_at = Some(Timestamp::from_unix_seconds(86_400));
    let gone = a_client().gone(forget_at);
    assert_eq!((gone.id.as_str(), gone.name.as_str()), ("shop", "The shop"));
    assert_eq!((gone.removed, gone.verified, gone.forget_at), (true, false, forget_at));
    assert_eq!((&gone.secret, &gone.keys, &gone.logo, &gone.registration), (&None, &ClientKeys::None, &None, &None));
    assert!(gone.registered_itself() && !gone.ciba && gone.software().is_none());
    let operators = Client { registration: None, ..a_client() };
    assert!(!operators.registered_itself() && !operators.gone(None).registered_itself());
}

#[test]
fn records_from_before_are_read_as_of_clients_that_no_operator_replaced() {
    let mut record = json!(a_client());
    let members = record.as_object_mut().expect("an object");
    members.remove("settled");
    members["registration"].as_object_mut().expect("an object").remove("software");
    let read: Client = serde_json::from_value(record).expect("it is read");
    assert!(!read.settled && read.software().is_none() && read.registered_itself());
}
