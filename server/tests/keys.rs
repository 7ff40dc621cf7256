//! What a realm signs with, and how it is kept.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use protocol::crypto::aws_lc::VerifyingKey;
use protocol::crypto::{Signature, Verify as _};
use protocol::jws::{KeyHint, Unverified};
use protocol::messages::{KeyList, Message as _, Revocation, RevocationReason};
use protocol::{Digest, EnrolmentId, Jwk, Jws, base64url};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::names::RealmId;
use server::domain::random::Random;
use server::domain::realm::{Policy, Realm};
use server::domain::secret::Sealed;
use server::domain::time::Timestamp;
use server::keys::{KeyFile, KeysError, RealmKeys, WrappingKey};

const ISSUER: &str = "https://op.example";
const DAY: i64 = 86_400;
const START: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// Never the same twice.
#[derive(Default)]
struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// A key file in a directory of its own.
struct Kept {
    _dir: tempfile::TempDir,
    path: PathBuf,
    wrapping: String,
    random: Counting,
}

impl Kept {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let random = Counting::default();
        let wrapping = WrappingKey::generate(&random);
        let (path, text) = (dir.path().join("keys.json"), wrapping.to_text().to_string());
        KeyFile::create(&path, wrapping).unwrap();
        Self { _dir: dir, path, wrapping: text, random }
    }

    fn with_realms(names: &[&str]) -> Self {
        let kept = Self::new();
        let mut file = kept.open().unwrap();
        for name in names {
            file.add(&realm(name), START, &kept.random).unwrap();
        }
        kept
    }

    fn open(&self) -> Result<KeyFile, KeysError> {
        KeyFile::open(&self.path, WrappingKey::parse(&self.wrapping).unwrap())
    }

    /// What a start at this time would sign with.
    fn keys_at(&self, now: Timestamp) -> RealmKeys {
        self.open().unwrap().keys(&realm("one"), now).unwrap()
    }

    fn refusal(&self) -> String {
        self.open().err().expect("the file is refused").to_string()
    }

    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let mut json = serde_json::from_str(&fs::read_to_string(&self.path).unwrap()).unwrap();
        edit(&mut json);
        fs::write(&self.path, json.to_string()).unwrap();
    }
}

/// A realm whose signing keys are only replaced by hand.
fn realm(name: &str) -> Realm {
    let policy = Policy { key_rotation_days: 0, ..Policy::default() };
    Realm::new(RealmId::new(name), ISSUER.to_owned(), policy)
}

fn kid(keys: &RealmKeys) -> String {
    keys.kid(Algorithm::Es256).expect("it signs by ES256")
}

fn keys() -> RealmKeys {
    RealmKeys::generate(ISSUER, START, &Counting::default()).unwrap()
}

fn list_of(keys: &RealmKeys) -> KeyList {
    keys.key_list().unwrap().open(&VerifyingKey::new(&keys.device_root()).unwrap()).unwrap()
}

/// Something that a phone receives.
fn revocation() -> Revocation {
    let (aud, enr) = (Digest::of(b"device"), EnrolmentId::from_bytes([1; 16]));
    Revocation { iss: ISSUER.to_owned(), aud, enr, reason: RevocationReason::User, at: 1, v: 1 }
}

#[test]
fn relying_parties_verify_a_jwt_with_the_published_key() {
    let keys = keys();
    let jwt = keys.sign_jwt(Algorithm::Es256, "JWT", &json!({ "iss": ISSUER, "sub": "1001" })).unwrap();
    let parts: Vec<&str> = jwt.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let read = |part| serde_json::from_slice::<Value>(&base64url::decode(part).unwrap()).unwrap();
    assert_eq!(read(header), json!({ "alg": "ES256", "kid": kid(&keys), "typ": "JWT" }));
    assert_eq!(read(claims), json!({ "iss": ISSUER, "sub": "1001" }));

    let published = &keys.jwks()["keys"][0];
    let jwk: Jwk = serde_json::from_value(published.clone()).unwrap();
    assert_eq!(jwk.thumbprint().to_string(), kid(&keys));
    let signature = Signature::from_bytes(base64url::decode_exact(signature).unwrap());
    let input = format!("{header}.{claims}");
    VerifyingKey::new(&jwk).unwrap().verify(input.as_bytes(), &signature).unwrap();
}

#[test]
fn published_keys_have_their_public_members_and_no_others() {
    let jwks = keys().jwks();
    let members: Vec<&String> = jwks["keys"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!((&jwks["keys"][0]["alg"], &jwks["keys"][0]["use"]), (&json!("ES256"), &json!("sig")));
}

#[test]
fn phones_verify_a_message_by_the_list_that_the_root_signed() {
    let keys = keys();
    let message = keys.sign_device(&revocation()).unwrap();
    let list = list_of(&keys);
    let unverified = Unverified::parse(message.as_str(), Revocation::TYP).unwrap();
    let listed = list.keys.iter().find(|key| KeyHint::Kid(key.jwk.thumbprint().to_string()) == *unverified.key_hint());
    let listed = listed.expect("the signer is on the list");
    assert_eq!(unverified.verify::<Revocation>(&VerifyingKey::new(&listed.jwk).unwrap()), Ok(revocation()));
    assert_eq!((list.iss.as_str(), list.sequence, list.iat), (ISSUER, 1, START.unix_seconds()));
    assert!((listed.not_before..=listed.not_after).contains(&START.unix_seconds()));
    assert!(listed.not_after - listed.not_before <= 400 * DAY);
}

#[test]
fn id_tokens_root_and_device_messages_have_keys_of_their_own() {
    let keys = keys();
    let list = list_of(&keys);
    let (root, device) = (keys.device_root().thumbprint().to_string(), list.keys[0].jwk.thumbprint().to_string());
    assert!(root != device && root != kid(&keys) && device != kid(&keys));
}

#[test]
fn a_mac_depends_on_label_parts_and_where_they_part() {
    let keys = keys();
    let mac = keys.mac("label", &[b"ab", b"c"]);
    assert_eq!(mac, keys.mac("label", &[b"ab", b"c"]));
    let others: [(&str, &[&[u8]]); 5] = [
        ("label", &[b"a", b"bc"]),
        ("label", &[b"abc"]),
        ("label", &[b"ab", b"c", b""]),
        ("labela", &[b"b", b"c"]),
        ("other", &[b"ab", b"c"]),
    ];
    for (label, parts) in others {
        assert_ne!(mac, keys.mac(label, parts), "{label} {parts:?}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let kept = Kept::new();
    let wrapping = WrappingKey::parse(&kept.wrapping).unwrap();
    assert_eq!(format!("{wrapping:?}"), "WrappingKey(…)");
    let keys = keys();
    let printed = format!("{keys:?}");
    let kid = kid(&keys);
    let device = list_of(&keys).keys[0].jwk.thumbprint();
    assert_eq!(printed, format!("RealmKeys {{ ES256: {kid:?}, device: {device:?}, .. }}"));
}

#[test]
fn keys_are_the_same_after_a_restart() {
    let kept = Kept::with_realms(&["one"]);
    let (before, after) = (kept.keys_at(START), kept.keys_at(START));
    assert_eq!(before.jwks(), after.jwks());
    assert_eq!(before.device_root(), after.device_root());
    assert_eq!(before.key_list(), after.key_list());
    assert_eq!(before.mac("label", &[b"x"]), after.mac("label", &[b"x"]));
}

#[test]
fn realms_share_no_key() {
    let kept = Kept::with_realms(&["one", "two"]);
    let mut file = kept.open().unwrap();
    let one = file.keys(&realm("one"), START).unwrap();
    let two = file.keys(&realm("two"), START).unwrap();
    assert_ne!(kid(&one), kid(&two));
    assert_ne!(one.device_root(), two.device_root());
    assert_ne!(one.mac("label", &[b"x"]), two.mac("label", &[b"x"]));
    let three = file.keys(&realm("three"), START);
    assert!(matches!(three, Err(KeysError::UnknownRealm(_))));
}

#[test]
fn adding_a_realm_twice_keeps_its_first_keys() {
    let kept = Kept::with_realms(&["one"]);
    let before = kept.keys_at(START);
    kept.open().unwrap().add(&realm("one"), START, &kept.random).unwrap();
    assert_eq!(kept.keys_at(START).jwks(), before.jwks());
}

#[test]
fn a_signing_key_near_its_end_is_joined_by_a_new_one_which_signs() {
    let kept = Kept::with_realms(&["one"]);
    let first = list_of(&kept.keys_at(START));
    let soon = START.plus_seconds(369 * DAY);
    assert_eq!(list_of(&kept.keys_at(soon)), first, "30 days are left");

    let later = START.plus_seconds(371 * DAY);
    let renewed = kept.keys_at(later);
    let second = list_of(&renewed);
    assert_eq!((second.sequence, second.keys.len()), (2, 2));
    assert_eq!(second.keys[0], first.keys[0], "what the old key signed is still believed");
    let message = renewed.sign_device(&revocation()).unwrap();
    assert!(message.open::<Revocation>(&VerifyingKey::new(&second.keys[1].jwk).unwrap()).is_ok());
    assert_eq!(list_of(&kept.keys_at(later)), second, "it was kept");

    let third = list_of(&kept.keys_at(later.plus_seconds(371 * DAY)));
    assert_eq!((third.sequence, third.keys.len()), (3, 2), "the first key's time is over");
    assert_eq!(third.keys[0], second.keys[1]);
    assert_eq!(kept.keys_at(START).device_root(), renewed.device_root(), "phones pin the root");
}

#[test]
fn keys_in_use_are_renewed_without_a_restart() {
    let kept = Kept::with_realms(&["one"]);
    let (mut file, realm) = (kept.open().unwrap(), realm("one"));
    let keys = file.keys(&realm, START).unwrap();
    let first = list_of(&keys);
    assert!(!file.tend(&realm, &keys, START).unwrap());
    assert_eq!(list_of(&keys), first);

    let later = START.plus_seconds(371 * DAY);
    assert!(file.tend(&realm, &keys, later).unwrap());
    let second = list_of(&keys);
    assert_eq!((second.sequence, second.keys.len()), (2, 2));
    let message = keys.sign_device(&revocation()).unwrap();
    assert!(message.open::<Revocation>(&VerifyingKey::new(&second.keys[1].jwk).unwrap()).is_ok());
    assert_eq!(kept.keys_at(later).key_list(), keys.key_list(), "it was kept");
}

#[test]
fn a_renewal_that_cannot_be_kept_is_not_used() {
    let kept = Kept::with_realms(&["one"]);
    let (mut file, realm) = (kept.open().unwrap(), realm("one"));
    let keys = file.keys(&realm, START).unwrap();
    let (first, later) = (keys.key_list(), START.plus_seconds(371 * DAY));
    // A directory stands where the new file would be written.
    let in_the_way = kept.path.with_extension("json.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(file.tend(&realm, &keys, later).is_err());
    assert_eq!(keys.key_list(), first);
    fs::remove_dir(in_the_way).unwrap();
    assert!(file.tend(&realm, &keys, later).unwrap(), "the next attempt makes up for it");
    assert_ne!(keys.key_list(), first);
}

#[test]
fn a_list_for_another_issuer_is_made_anew() {
    let kept = Kept::with_realms(&["one"]);
    let moved = Realm { issuer: "https://other.example".to_owned(), ..realm("one") };
    let keys = kept.open().unwrap().keys(&moved, START).unwrap();
    let list = list_of(&keys);
    assert_eq!((list.iss, list.sequence, list.keys.len()), (moved.issuer, 2, 1));
}

#[test]
fn the_file_is_its_owners_alone_before_and_after_it_is_replaced() {
    let kept = Kept::new();
    let mode = || fs::metadata(&kept.path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    kept.open().unwrap().add(&realm("one"), START, &kept.random).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o644, 0o601] {
        let kept = Kept::with_realms(&["one"]);
        fs::set_permissions(&kept.path, Permissions::from_mode(mode)).unwrap();
        let refusal = kept.refusal();
        assert!(refusal.contains("chmod 600") && refusal.contains(&format!("{mode:03o}")), "{refusal}");
    }
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let kept = Kept::with_realms(&["one"]);
    let before = fs::read(&kept.path).unwrap();
    let made = KeyFile::create(&kept.path, WrappingKey::parse(&kept.wrapping).unwrap());
    assert!(matches!(made, Err(KeysError::Exists(_))));
    assert_eq!(fs::read(&kept.path).unwrap(), before);
}

#[test]
fn what_an_interrupted_save_left_behind_does_not_matter() {
    let kept = Kept::new();
    fs::write(kept.path.with_extension("json.new"), "half a fi").unwrap();
    kept.open().unwrap().add(&realm("one"), START, &kept.random).unwrap();
    assert!(kept.open().unwrap().holds(&RealmId::new("one")));
}

#[test]
fn another_wrapping_key_is_named_as_the_reason() {
    let kept = Kept::with_realms(&["one"]);
    let other = WrappingKey::generate(&kept.random);
    let refused = KeyFile::open(&kept.path, other).err();
    assert!(matches!(refused, Some(KeysError::WrongWrappingKey)), "{refused:?}");
}

#[test]
fn a_wrapping_key_has_one_form() {
    let good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    assert_eq!(*WrappingKey::parse(&format!(" {good}\n")).unwrap().to_text(), good);
    for bad in ["", "secret", &good[1..], &format!("{good}A"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "………"]
    {
        assert!(matches!(WrappingKey::parse(bad), Err(KeysError::BadWrappingKey)), "{bad}");
    }
}

#[test]
fn a_damaged_file_is_refused() {
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit); 10] = [
        ("format 3", |file| file["format"] = json!(3)),
        ("not a key file", |file| *file = json!([])),
        ("missing", |file| drop(file["realms"]["one"].as_object_mut().unwrap().remove("mac"))),
        ("cannot be opened", |file| file["realms"]["one"]["mac"] = json!("AAAA")),
        ("cannot be opened", |file| file["realms"]["one"]["mac"] = file["realms"]["two"]["mac"].clone()),
        ("cannot be opened", |file| {
            file["realms"]["one"]["device_root"] = file["realms"]["one"]["signing"][0].clone();
        }),
        ("cannot be opened", |file| {
            let wrapped = file["realms"]["one"]["device_root"]["wrapped"].as_str().unwrap();
            let flipped = if wrapped.ends_with('A') { "Q" } else { "A" };
            file["realms"]["one"]["device_root"]["wrapped"] =
                format!("{}{flipped}", &wrapped[..wrapped.len() - 1]).into();
        }),
        ("kid", |file| file["realms"]["one"]["device_root"]["kid"] = json!("another")),
        ("did not sign", |file| {
            file["realms"]["one"]["device_keys"] = file["realms"]["two"]["device_keys"].clone();
        }),
        ("no device signing key", |file| file["realms"]["one"]["device_signing"] = json!([])),
    ];
    for (word, edit) in edits {
        let kept = Kept::with_realms(&["one", "two"]);
        kept.edit(edit);
        let refusal = kept.open().and_then(|mut file| file.keys(&realm("one"), START).map(drop));
        let refusal = refusal.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    let kept = Kept::with_realms(&["one"]);
    let whole = fs::read_to_string(&kept.path).unwrap();
    fs::write(&kept.path, &whole[..whole.len() / 2]).unwrap();
    assert!(kept.refusal().contains("damaged"));
}

#[test]
fn a_message_of_one_realm_is_not_believed_in_another() {
    let kept = Kept::with_realms(&["one", "two"]);
    let mut file = kept.open().unwrap();
    let one = file.keys(&realm("one"), START).unwrap();
    let two = file.keys(&realm("two"), START).unwrap();
    let message: Jws = one.sign_device(&revocation()).unwrap();
    for key in list_of(&two).keys {
        assert!(message.open::<Revocation>(&VerifyingKey::new(&key.jwk).unwrap()).is_err());
    }
}

#[test]
fn a_sealed_secret_opens_for_its_purpose_only() {
    let kept = Kept::with_realms(&["one", "two"]);
    let mut file = kept.open().unwrap();
    let [one, two] = ["one", "two"].map(|name| file.keys(&realm(name), START).unwrap());
    let sealed = one.seal("client-secret rp-1", b"hush");
    assert_eq!(**one.unseal("client-secret rp-1", &sealed).unwrap(), *b"hush");
    assert_eq!(**kept.keys_at(START).unseal("client-secret rp-1", &sealed).unwrap(), *b"hush", "after a restart too");
    assert!(one.unseal("client-secret rp-2", &sealed).is_err());
    assert!(two.unseal("client-secret rp-1", &sealed).is_err());
    assert_eq!(**one.unseal("", &one.seal("", b"")).unwrap(), *b"");
}

#[test]
fn a_sealed_secret_is_never_sealed_the_same_and_never_printed() {
    let keys = keys();
    let (one, two) = (keys.seal("label", b"hush"), keys.seal("label", b"hush"));
    assert_ne!(one, two);
    assert_eq!(format!("{one:?}"), "…");
}

#[test]
fn a_sealed_secret_that_was_touched_does_not_open() {
    let keys = keys();
    let whole = keys.seal("label", b"hush").as_str().to_owned();
    let bytes = base64url::decode(&whole).unwrap();
    for at in 0..bytes.len() {
        let mut touched = bytes.clone();
        touched[at] ^= 1;
        assert!(keys.unseal("label", &Sealed::from_text(base64url::encode(&touched))).is_err(), "byte {at}");
    }
    for at in 0..whole.len() {
        assert!(keys.unseal("label", &Sealed::from_text(whole[..at].to_owned())).is_err(), "{at} characters");
    }
    for other in [format!("{whole}="), format!("{whole}AAAA"), "…".to_owned()] {
        assert!(keys.unseal("label", &Sealed::from_text(other)).is_err());
    }
}
