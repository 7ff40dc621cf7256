//! A new phone lets its platform vouch for its keys, under each policy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use device_core::desktop::SoftwareVault;
use device_core::ports::{
    AttestationRequest, Attestor, AttestorError, KeyProtection, KeyPurpose, KeyVault, PlatformEvidence, SigningReason,
    VaultError,
};
use device_core::{DeviceError, EnrolmentState, Ports, PushTarget};
use protocol::jws::Unverified;
use protocol::messages::{Attestation, Confirm, KeyLevel, Receipt};
use protocol::receipt::Approval;
use protocol::{Digest, Typ};
use serde_json::{Value, json};
use server::attestation::Trust;
use server::attestation::android::{self, App, Boot};
use server::attestation::apple::{self, Environment};
use server::attestation::revoked::Revoked;
use server::certificates::TrustAnchors;
use server::domain::realm::Policy;
use simulator::phone::Phone;
use tests::platform::{APPLE_APP, AppAttest, Description, PACKAGE, Platform, Root, SIGNER};
use tests::{ISSUER, SHOP, World};

/// A phone's hardware: keys that the platform knows, and what it says of them.
struct Hardware {
    keys: SoftwareVault,
    platform: Arc<Platform>,
    kind: Kind,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What the platform knows of a key.
#[derive(Default)]
struct Known {
    challenge: Vec<u8>,
    point: Vec<u8>,
}

/// Which platform, and how it differs from one that is as it should be.
#[derive(Clone, Copy)]
enum Kind {
    Android(fn(KeyPurpose, &mut Description)),
    Apple(fn(&mut AppAttest)),
    /// It could, and does not.
    Failing,
}

const ANDROID: Kind = Kind::Android(|_, _| {});
const APPLE: Kind = Kind::Apple(|_| {});
const UNLOCKED: Kind = Kind::Android(|_, said| said.hardware.root_of_trust = Some((false, 2)));
const UNATTENDED: Kind = Kind::Android(|purpose, said| {
    if purpose == KeyPurpose::Verified {
        said.hardware.timeout = Some(30);
    }
});

impl Hardware {
    fn chain(&self, alias: &str, purpose: KeyPurpose, differ: fn(KeyPurpose, &mut Description)) -> Vec<Vec<u8>> {
        let known = self.known.lock().expect("no panic before");
        let known = known.get(alias).expect("a key that was made");
        let challenge = Digest::from_bytes(known.challenge.as_slice().try_into().expect("32 bytes"));
        let mut said = match purpose {
            KeyPurpose::Device | KeyPurpose::Sealing => Description::unattended(&challenge),
            KeyPurpose::Verified => Description::over(&challenge),
        };
        differ(purpose, &mut said);
        self.platform.attest(known.point.as_slice().try_into().expect("a point"), said.der())
    }
}

#[async_trait]
impl KeyVault for Hardware {
    async fn generate(
        &self,
        alias: String,
        purpose: KeyPurpose,
        protection: KeyProtection,
    ) -> Result<Vec<u8>, VaultError> {
        let point = self.keys.generate(alias.clone(), purpose, protection).await?;
        self.known.lock().expect("no panic before").entry(alias).or_default().point.clone_from(&point);
        Ok(point)
    }

    async fn sign(&self, alias: String, message: Vec<u8>, reason: SigningReason) -> Result<Vec<u8>, VaultError> {
        self.keys.sign(alias, message, reason).await
    }

    async fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.keys.agree(alias, peer).await
    }

    async fn delete(&self, alias: String) -> Result<(), VaultError> {
        self.keys.delete(alias).await
    }
}

#[async_trait]
impl Attestor for Hardware {
    /// The challenge is fixed when the key is made, as on a real phone.
    async fn prepare(&self, alias: String, challenge: Vec<u8>) -> Result<(), AttestorError> {
        let known = Known { challenge, point: Vec::new() };
        assert!(self.known.lock().expect("no panic before").insert(alias, known).is_none(), "the key is not there yet");
        Ok(())
    }

    async fn attest(&self, request: AttestationRequest) -> Result<PlatformEvidence, AttestorError> {
        match self.kind {
            Kind::Android(differ) => Ok(PlatformEvidence::AndroidKey {
                device: self.chain(&request.device_alias, KeyPurpose::Device, differ),
                verified: self.chain(&request.verified_alias, KeyPurpose::Verified, differ),
            }),
            Kind::Apple(differ) => {
                let mut said = AppAttest::default();
                differ(&mut said);
                let hash = request.client_data_hash.as_slice().try_into().expect("32 bytes");
                Ok(PlatformEvidence::AppleAppAttest { object: said.over(&self.platform, &Digest::from_bytes(hash)) })
            }
            Kind::Failing => Err(AttestorError::Failed { detail: "no network".to_owned() }),
        }
    }
}

/// A world that believes one platform for both of its formats.
async fn world(edit: impl FnOnce(&mut Policy)) -> (World, Arc<Platform>) {
    let platform = Arc::new(Platform::new(Root::P384));
    let pem = platform.root_pem();
    let trust = move || {
        let roots = || TrustAnchors::from_pem(pem.as_bytes()).expect("a root");
        let digests = vec![Digest::from_bytes(SIGNER)];
        Trust {
            android: Some(android::Trust {
                roots: roots(),
                apps: vec![App { package: PACKAGE.to_owned(), digests }],
                revoked: Revoked::default(),
                boot: Boot::Verified,
            }),
            apple: Some(apple::Trust {
                roots: roots(),
                apps: vec![APPLE_APP.to_owned()],
                environment: Environment::Production,
            }),
        }
    };
    (World::builder().believing(trust).policy(edit).make().await, platform)
}

async fn requiring() -> (World, Arc<Platform>) {
    world(|policy| policy.attestation = Attestation::Require).await
}

fn phone(world: &World, platform: &Arc<Platform>, kind: Kind) -> Phone {
    let hardware = Arc::new(Hardware {
        keys: SoftwareVault::in_memory(),
        platform: Arc::clone(platform),
        kind,
        known: Mutex::default(),
    });
    let plain = world.new_phone("Phone", ISSUER);
    let ports = Ports { vault: hardware.clone(), attestor: Some(hardware), ..plain.ports().clone() };
    Phone::of("Phone", ISSUER, ports)
}

/// Enrols it, digits and all.
async fn enrol(world: &World, phone: Phone) -> Result<(Phone, Value), DeviceError> {
    let mut phone = phone;
    let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
    let enrolment = phone.enrol(&ticket, PushTarget::None).await?;
    if let Some(digits) = enrolment.digits() {
        world.admin().confirm(&enrolment.account(), &digits).await.expect("the digits are right");
    }
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    let listed = world.admin().devices("1001").await.expect("a list");
    Ok((phone, listed.last().expect("the phone").clone()))
}

fn levels(listed: &Value) -> (&str, &str) {
    (listed["level"].as_str().expect("a level"), listed["verified_level"].as_str().expect("a level"))
}

fn refused(code: &str) -> DeviceError {
    DeviceError::Refused { refusal: code.to_owned() }
}

/// The check that the only failure in the audit trail names.
async fn failed_check(world: &World) -> Value {
    let events = world.admin().audit().await.expect("the audit trail");
    let failed: Vec<_> = events.iter().filter(|event| event["event"] == "attestation_failed").collect();
    assert_eq!(failed.len(), 1, "one failure is told once");
    failed[0]["check"].clone()
}

#[tokio::test]
async fn an_android_phone_is_attested_under_record_and_under_require() {
    for wanted in [Attestation::Record, Attestation::Require] {
        let (world, platform) = world(|policy| policy.attestation = wanted).await;
        let (_, listed) = enrol(&world, phone(&world, &platform, ANDROID)).await.expect("enrolled");
        assert_eq!(levels(&listed), ("attested", "attested"), "{wanted:?}");
        let kept = &listed["attestation"];
        assert_eq!(kept["format"], "android-key");
        assert_eq!(kept["security_level"], "trusted_environment");
        assert_eq!((&kept["patch_level"], &kept["app"]), (&json!(202_611), &json!(PACKAGE)));
        assert_eq!(kept["evidence"].as_str().map(str::len), Some(43), "its hash, for receipts");
        assert_eq!((world.events("attestation_verified").await, world.events("attestation_failed").await), (1, 0));
    }
}

#[tokio::test]
async fn an_iphones_app_is_vouched_for_under_record_and_under_require() {
    for wanted in [Attestation::Record, Attestation::Require] {
        let (world, platform) = world(|policy| policy.attestation = wanted).await;
        let (_, listed) = enrol(&world, phone(&world, &platform, APPLE)).await.expect("enrolled");
        assert_eq!(levels(&listed), ("app", "app"), "{wanted:?}");
        assert_eq!(listed["attestation"]["app"], APPLE_APP);
    }
}

#[tokio::test]
async fn record_is_the_default_and_refuses_nobody() {
    let (world, platform) = world(|_| {}).await;
    let (_, listed) = enrol(&world, phone(&world, &platform, UNLOCKED)).await.expect("enrolled");
    assert_eq!(levels(&listed), ("claimed", "claimed"));
    assert_eq!(listed["attestation"]["failed"], "boot_state");
    assert_eq!(failed_check(&world).await, "boot_state");
    let (_, listed) = enrol(&world, world.new_phone("Plain", ISSUER)).await.expect("enrolled");
    assert_eq!((levels(&listed), &listed["attestation"]), (("claimed", "claimed"), &Value::Null));
    let (_, listed) = enrol(&world, phone(&world, &platform, Kind::Failing)).await.expect("enrolled");
    assert_eq!(levels(&listed), ("claimed", "claimed"));
}

#[tokio::test]
async fn none_looks_at_no_evidence() {
    let (world, platform) = world(|policy| policy.attestation = Attestation::None).await;
    let (_, listed) = enrol(&world, phone(&world, &platform, ANDROID)).await.expect("enrolled");
    assert_eq!((levels(&listed), &listed["attestation"]), (("claimed", "claimed"), &Value::Null));
    assert_eq!((world.events("attestation_verified").await, world.events("attestation_failed").await), (0, 0));
}

#[tokio::test]
async fn require_refuses_a_phone_without_evidence() {
    let (world, _) = requiring().await;
    let enrolled = enrol(&world, world.new_phone("Plain", ISSUER)).await;
    assert_eq!(enrolled.err(), Some(refused("attestation_required")));
    assert_eq!(failed_check(&world).await, "no_evidence");
    assert!(world.admin().devices("1001").await.expect("a list").is_empty());
}

#[tokio::test]
async fn require_refuses_a_phone_whose_evidence_fails_and_tells_the_operator_why() {
    let other_app = Kind::Apple(|said| said.app = "ABCDE12345.com.example.other".to_owned());
    for (kind, check) in [(UNLOCKED, "boot_state"), (other_app, "app"), (UNATTENDED, "not_per_use")] {
        let (world, platform) = requiring().await;
        let enrolled = enrol(&world, phone(&world, &platform, kind)).await;
        assert_eq!(enrolled.err(), Some(refused("attestation_failed")), "the phone is not told which check");
        assert_eq!(failed_check(&world).await, check);
        assert!(world.admin().devices("1001").await.expect("a list").is_empty());
    }
}

#[tokio::test]
async fn a_platform_that_fails_is_told_to_the_app_where_the_server_requires_it() {
    let (world, platform) = requiring().await;
    let enrolled = enrol(&world, phone(&world, &platform, Kind::Failing)).await;
    assert!(matches!(enrolled.err(), Some(DeviceError::Platform { .. })));
}

#[tokio::test]
async fn evidence_of_another_platform_is_not_believed() {
    let (world, _) = requiring().await;
    let strangers = Arc::new(Platform::new(Root::P384));
    let enrolled = enrol(&world, phone(&world, &strangers, ANDROID)).await;
    assert_eq!(enrolled.err(), Some(refused("attestation_failed")));
    assert_eq!(failed_check(&world).await, "broken_chain");
}

#[tokio::test]
async fn what_a_key_proved_is_what_its_approvals_say() {
    let classes = "urn:assent:acr:uv-hw urn:assent:acr:uv urn:assent:acr:presence";
    for (kind, acr, hardware) in [
        (ANDROID, "urn:assent:acr:uv-hw", true),
        (APPLE, "urn:assent:acr:uv", false),
        (UNLOCKED, "urn:assent:acr:presence", false),
    ] {
        let (world, platform) = world(|_| {}).await;
        let shop = world.shop().await;
        let (phone, _) = enrol(&world, phone(&world, &platform, kind)).await.expect("enrolled");
        let asked = tests::a_request().with("acr_values", classes).accepted(&shop).await;
        phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
        let tokens = world.redeem(&shop, &asked).await.json();
        let id_token = tokens["id_token"].as_str().expect("an ID token");
        let claims = shop.verify(id_token, world.now().unix_seconds()).await.expect("an ID token to be believed");
        assert_eq!(claims["acr"], acr);
        let methods: Vec<&str> =
            claims["amr"].as_array().expect("a list").iter().map(|it| it.as_str().expect("a text")).collect();
        assert_eq!(methods.contains(&"hwk"), hardware, "{methods:?}");
    }
}

#[tokio::test]
async fn a_verified_key_that_is_unlocked_for_a_while_approves_by_presence_only() {
    let (world, platform) = world(|_| {}).await;
    let (_, listed) = enrol(&world, phone(&world, &platform, UNATTENDED)).await.expect("enrolled");
    assert_eq!(levels(&listed), ("attested", "claimed"));
    assert_eq!(listed["attestation"]["failed"], "not_per_use");
}

#[tokio::test]
async fn a_further_phone_needs_no_digits_where_attestation_is_required() {
    for (wanted, expected) in
        [(Attestation::Require, EnrolmentState::Active), (Attestation::Record, EnrolmentState::Unconfirmed)]
    {
        let (world, platform) = world(|policy| (policy.confirm, policy.attestation) = (Confirm::None, wanted)).await;
        for state in [EnrolmentState::Active, expected] {
            let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
            let mut phone = phone(&world, &platform, ANDROID);
            let enrolment = phone.enrol(&ticket, PushTarget::None).await.expect("enrolling");
            assert_eq!(enrolment.state(), state, "{wanted:?}");
        }
    }
}

#[tokio::test]
async fn what_was_proven_survives_a_restart() {
    let (mut world, platform) = world(|_| {}).await;
    let (_, before) = enrol(&world, phone(&world, &platform, ANDROID)).await.expect("enrolled");
    world.restart().await;
    assert_eq!(world.admin().devices("1001").await.expect("a list"), vec![before]);
}

/// What the provider says of an approval by this phone.
async fn receipt(world: &World, phone: &Phone) -> Receipt {
    let shop = world.shop().await;
    let asked = tests::a_request().accepted(&shop).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(&shop, &asked).await.json();
    let bundle: Approval = serde_json::from_value(tokens["approval_receipt"].clone()).expect("a receipt");
    Unverified::parse(bundle.receipt.as_str(), Typ::Receipt).expect("a receipt").claimed().expect("its claims")
}

#[tokio::test]
async fn a_receipt_names_the_evidence_of_the_key_that_approved_and_no_other() {
    for (kind, is_named) in [(ANDROID, true), (APPLE, true), (UNATTENDED, false), (UNLOCKED, false)] {
        let (world, platform) = world(|_| {}).await;
        world.edit_client(SHOP, |client| client.approval_receipt = true).await;
        let (phone, listed) = enrol(&world, phone(&world, &platform, kind)).await.expect("enrolled");
        let kept = listed["attestation"]["evidence"].as_str().filter(|_| is_named);
        assert_eq!(receipt(&world, &phone).await.evidence.map(|hash| hash.to_string()).as_deref(), kept);
    }
}

/// Whoever stole an account would have a key in hardware, too.
#[tokio::test]
async fn a_receipt_of_a_recovered_phone_vouches_for_no_key_for_a_day() {
    let (world, platform) = world(|_| {}).await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let (lost, listed) = enrol(&world, phone(&world, &platform, ANDROID)).await.expect("enrolled");
    assert_eq!(receipt(&world, &lost).await.level, KeyLevel::Attested);
    world.admin().revoke(listed["id"].as_str().expect("an id")).await.expect("revoked");
    let (recovered, _) = enrol(&world, phone(&world, &platform, ANDROID)).await.expect("enrolled");
    world.advance(86_399);
    assert_eq!(receipt(&world, &recovered).await.level, KeyLevel::Claimed);
    world.advance(1);
    assert_eq!(receipt(&world, &recovered).await.level, KeyLevel::Attested);
}
