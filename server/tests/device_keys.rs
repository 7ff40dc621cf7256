//! The keys that sign for phones, and the root that vouches for them: in the key file, or kept elsewhere.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use protocol::crypto::CryptoError;
use protocol::crypto::aws_lc::VerifyingKey;
use protocol::jws::{General, JwsError, KeyHint};
use protocol::messages::{KeyList, Revocation, RevocationReason};
use protocol::{Digest, EnrolmentId, Jwk};
use serde_json::{Value, json};
use server::domain::names::RealmId;
use server::domain::random::Random;
use server::domain::realm::{Policy, Realm};
use server::domain::time::Timestamp;
use server::keys::{
    DeviceRotation, KeyFile, KeysError, ListAnswer, ListEnds, ListRequest, OfflineRoot, RealmKeys, Terms, WrappingKey,
};

const ISSUER: &str = "https://op.example";
const DAY: i64 = 86_400;
const START: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const ANEW: DeviceRotation = DeviceRotation { leaked: false, root: false, sequence: 0 };
const LEAKED: DeviceRotation = DeviceRotation { leaked: true, ..ANEW };
const ROOT: DeviceRotation = DeviceRotation { root: true, ..ANEW };

struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn realm() -> Realm {
    let policy = Policy { key_rotation_days: 0, ..Policy::default() };
    Realm::new(RealmId::new("main"), ISSUER.to_owned(), policy)
}

fn terms() -> Terms {
    Terms { days: 400, revoke: Vec::new(), sequence: 0 }
}

fn at(seconds: i64) -> Timestamp {
    START.plus_seconds(seconds)
}

/// A server's key file, and beside it what is kept on another machine.
struct Kept(tempfile::TempDir);

impl Kept {
    fn new() -> Self {
        let kept = Self(tempfile::tempdir().unwrap());
        KeyFile::create(&kept.path(), wrapping()).unwrap().add(&realm(), START, &Sevens).unwrap();
        kept
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys.json")
    }

    fn open(&self) -> KeyFile {
        KeyFile::open(&self.path(), wrapping()).unwrap()
    }

    fn start(&self, now: Timestamp) -> Result<RealmKeys, KeysError> {
        self.open().keys(&realm(), now)
    }

    fn rotate(&self, rotation: DeviceRotation, now: Timestamp) -> Result<(), KeysError> {
        self.open().rotate_device(&realm().id, rotation, &now)
    }

    fn request(&self) -> ListRequest {
        self.open().list_request(&realm().id, false).unwrap()
    }

    fn install(&self, answer: &ListAnswer, now: Timestamp) -> Result<(), KeysError> {
        self.open().install_list(&realm().id, answer, &now)
    }

    fn root(&self, name: &str) -> OfflineRoot {
        let path = self.0.path().join(name);
        if path.exists() { OfflineRoot::read(&path).unwrap() } else { OfflineRoot::create(&path).unwrap() }
    }

    /// The root goes to another machine.
    fn hand_over(&self, now: Timestamp, days: u32) -> OfflineRoot {
        let root = self.root("root");
        let answer = root.answer(&self.request(), None, &Terms { days, ..terms() }, now).unwrap();
        self.install(&answer, now).unwrap();
        root
    }

    fn json(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path()).unwrap()).unwrap()
    }
}

fn wrapping() -> WrappingKey {
    WrappingKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap()
}

fn list_of(keys: &RealmKeys) -> KeyList {
    keys.key_list().unwrap().open(&VerifyingKey::new(&keys.device_root()).unwrap()).unwrap()
}

/// What a phone would look the signer of a message up by.
fn signer(keys: &RealmKeys) -> Result<Jwk, JwsError> {
    let (aud, enr) = (Digest::of(b"device"), EnrolmentId::from_bytes([1; 16]));
    let said = Revocation { iss: ISSUER.to_owned(), aud, enr, reason: RevocationReason::User, at: 1, v: 1 };
    let message = keys.sign_device(&said)?;
    let signed = |key: &&protocol::messages::SigningKey| {
        message.open::<Revocation>(&VerifyingKey::new(&key.jwk).unwrap()).is_ok()
    };
    Ok(list_of(keys).keys.iter().find(signed).expect("the signer is on the list").jwk)
}

fn reason(result: Result<impl Sized, KeysError>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn a_new_key_signs_at_once_and_what_the_one_before_signed_is_believed() {
    let kept = Kept::new();
    let mut file = kept.open();
    let keys = file.keys(&realm(), START).unwrap();
    let (first, before) = (list_of(&keys), signer(&keys).unwrap());
    kept.rotate(ANEW, at(10)).unwrap();
    assert!(file.tend(&realm(), &keys, at(11)).unwrap());
    let second = list_of(&keys);
    assert_eq!((second.sequence, second.keys.len(), second.revoked.len()), (2, 2, 0));
    assert_eq!(second.keys[0], first.keys[0]);
    assert_eq!((before, signer(&keys).unwrap()), (second.keys[0].jwk, second.keys[1].jwk));
    assert_eq!(list_of(&kept.start(at(12)).unwrap()), second, "it was kept");
}

#[test]
fn a_key_that_leaked_is_revoked_for_phones_and_ends_for_receipts() {
    let kept = Kept::new();
    let leaked = signer(&kept.start(START).unwrap()).unwrap();
    kept.rotate(LEAKED, at(1_000)).unwrap();
    let keys = kept.start(at(2_000)).unwrap();
    let list = list_of(&keys);
    assert_eq!((list.revoked.clone(), list.keys.len()), (vec![leaked.thumbprint()], 1));
    assert_ne!(signer(&keys).unwrap(), leaked);
    let ends: Vec<_> = keys.receipt_keys().keys.iter().map(|key| (key.jwk, key.not_after)).collect();
    assert_eq!(ends, [(leaked, at(1_000).unix_seconds()), (list.keys[0].jwk, list.keys[0].not_after)]);
    kept.rotate(ANEW, at(3_000)).unwrap();
    let later = kept.start(at(3_000)).unwrap();
    assert_eq!(list_of(&later).revoked, [leaked.thumbprint()], "for ever");
    let past = later.receipt_keys().keys;
    assert_eq!((past.len(), past[0].jwk, past[0].not_after), (3, leaked, at(1_000).unix_seconds()));
    assert!(
        !kept.json().to_string().contains(&format!(r#""kid":"{}""#, leaked.thumbprint())),
        "its private half is gone"
    );
}

#[test]
fn a_sequence_can_be_asked_for_and_is_never_lower() {
    let kept = Kept::new();
    kept.rotate(DeviceRotation { sequence: 40, ..ANEW }, START).unwrap();
    assert_eq!(list_of(&kept.start(START).unwrap()).sequence, 40);
    kept.rotate(DeviceRotation { sequence: 3, ..ANEW }, START).unwrap();
    assert_eq!(list_of(&kept.start(START).unwrap()).sequence, 41);
}

#[test]
fn a_new_root_here_is_vouched_for_by_the_one_before() {
    let kept = Kept::new();
    let mut file = kept.open();
    let keys = file.keys(&realm(), START).unwrap();
    let (old, fingerprint) = (keys.device_root(), file.fingerprint(&realm().id).unwrap());
    kept.rotate(ROOT, at(10)).unwrap();
    assert!(file.tend(&realm(), &keys, at(11)).unwrap(), "a server that runs takes it up");
    let (new, list) = (keys.device_root(), list_of(&keys));
    assert_ne!(old, new);
    let steps = keys.successions();
    let both = (VerifyingKey::new(&old).unwrap(), VerifyingKey::new(&new).unwrap());
    assert_eq!(steps[0].verify::<KeyList>(&[&both.0, &both.1]), Ok(list.clone()));
    assert!(steps[0].verify::<KeyList>(&[&both.1, &both.0]).is_err());
    assert_eq!(
        (steps[0].hint::<KeyList>(0), steps[0].hint::<KeyList>(1)),
        (Some(KeyHint::Jwk(old)), Some(KeyHint::Jwk(new)))
    );
    assert_eq!(
        (list.sequence, list.keys.len()),
        (2, 2),
        "phones that pinned the old root know the key that signed so far"
    );

    kept.rotate(ROOT, at(20)).unwrap();
    let again = kept.start(at(21)).unwrap();
    assert_eq!((again.successions().len(), &again.successions()[0]), (2, &steps[0]));
    assert_eq!(kept.open().fingerprint(&realm().id).unwrap(), fingerprint, "it is the same file for its store");
}

#[test]
fn a_root_that_is_made_elsewhere_takes_over_and_the_one_before_is_gone() {
    let kept = Kept::new();
    let mut file = kept.open();
    let keys = file.keys(&realm(), START).unwrap();
    let old = keys.device_root();
    let root = kept.hand_over(at(10), 400);
    assert!(file.tend(&realm(), &keys, at(11)).unwrap());
    let list = list_of(&keys);
    assert_eq!((keys.device_root().thumbprint(), list.sequence, list.keys.len()), (root.thumbprint(), 2, 2));
    assert_eq!(signer(&keys).unwrap(), list.keys[1].jwk, "the key that was asked for signs");
    let both = (VerifyingKey::new(&old).unwrap(), VerifyingKey::new(&keys.device_root()).unwrap());
    assert_eq!(keys.successions()[0].verify::<KeyList>(&[&both.0, &both.1]), Ok(list));
    let stored = &kept.json()["realms"]["main"]["device_root"];
    assert!(stored["wrapped"].is_null() && stored["jwk"].is_object(), "{stored}");
    assert!(matches!(kept.rotate(ANEW, at(20)), Err(KeysError::RootElsewhere)));
    assert_eq!(kept.start(at(21)).unwrap().key_list(), keys.key_list());
}

#[test]
fn a_root_elsewhere_adds_and_revokes_and_hands_over_to_another_one() {
    let kept = Kept::new();
    let root = kept.hand_over(START, 400);
    let before = list_of(&kept.start(START).unwrap());
    let first = before.keys[0].jwk.thumbprint();
    let revoking = Terms { revoke: vec![first], days: 90, ..terms() };
    let answer = root.answer(&kept.request(), None, &revoking, at(DAY)).unwrap();
    assert_eq!(answer.succession, None);
    kept.install(&answer, at(DAY)).unwrap();
    let list = list_of(&kept.start(at(DAY)).unwrap());
    assert_eq!((list.sequence, list.keys.len(), &list.revoked), (3, 2, &vec![first]));
    assert_eq!(list.keys[1].not_after - list.keys[1].not_before, 90 * DAY);

    let next = kept.root("next root");
    let request = kept.request();
    assert!(reason(next.answer(&request, None, &terms(), at(DAY))).contains("another root"), "nobody vouches for it");
    assert!(reason(next.answer(&request, Some(&next), &terms(), at(DAY))).contains("another root"));
    kept.install(&next.answer(&request, Some(&root), &terms(), at(2 * DAY)).unwrap(), at(2 * DAY)).unwrap();
    let keys = kept.start(at(2 * DAY)).unwrap();
    assert_eq!((keys.device_root().thumbprint(), keys.successions().len()), (next.thumbprint(), 2));
    let late = root.answer(&kept.request(), None, &terms(), at(3 * DAY));
    assert!(reason(late).contains("another root"), "the old root is out");
}

#[test]
fn a_list_that_is_of_no_use_here_is_not_taken() {
    let kept = Kept::new();
    let root = kept.hand_over(START, 400);
    let request = kept.request();
    let first = root.answer(&request, None, &terms(), at(1)).unwrap();
    let before = kept.json();

    let stranger = kept.root("stranger");
    let mine = ListRequest { root: request.root, held: true, ..request.clone() };
    let half = stranger.answer(&mine, None, &terms(), at(1)).unwrap();
    assert!(reason(kept.install(&half, at(1))).contains("root before"), "the old root did not sign");
    let bare = ListAnswer { succession: None, ..half.clone() };
    assert!(reason(kept.install(&bare, at(1))).contains("another root"));
    let by_stranger = ListAnswer { list: half.list, ..first.clone() };
    assert!(reason(kept.install(&by_stranger, at(1))).contains("not signed by its root"));

    let next = kept.root("next");
    let whole = next.answer(&request, Some(&root), &terms(), at(1)).unwrap();
    let turned = |general: &General| -> General {
        let mut json = serde_json::to_value(general).unwrap();
        json["signatures"].as_array_mut().unwrap().reverse();
        serde_json::from_value(json).unwrap()
    };
    let wrong_order = ListAnswer { succession: whole.succession.as_ref().map(turned), ..whole.clone() };
    assert!(reason(kept.install(&wrong_order, at(1))).contains("root before"));
    let other = next.answer(&request, Some(&root), &Terms { days: 9, ..terms() }, at(1)).unwrap();
    let mixed = ListAnswer { list: other.list, ..whole };
    assert!(reason(kept.install(&mixed, at(1))).contains("both roots"));

    let over = root.answer(&request, None, &Terms { days: 1, revoke: all(&request), ..terms() }, at(1)).unwrap();
    assert!(reason(kept.install(&over, at(2 * DAY))).contains("believed now"), "its only key has ended");
    let others = ListRequest { add: Vec::new(), revoke: all(&request), ..request.clone() };
    let nobody = root.answer(&others, None, &terms(), at(1)).unwrap();
    assert!(reason(kept.install(&nobody, at(1))).contains("names no key that is here"));
    assert_eq!(kept.json(), before, "nothing of it is kept");

    kept.install(&first, at(1)).unwrap();
    assert!(reason(kept.install(&first, at(2))).contains("not newer"), "a replay");
}

/// The keys on a request's list.
fn all(request: &ListRequest) -> Vec<Digest> {
    let list: KeyList = request.list.open(&VerifyingKey::new(&request.root).unwrap()).unwrap();
    list.keys.iter().map(|key| key.jwk.thumbprint()).collect()
}

#[test]
fn a_root_signs_only_what_stands_on_its_own_list_and_no_longer_than_phones_believe() {
    let kept = Kept::new();
    let root = kept.hand_over(START, 400);
    let request = kept.request();
    let forged = kept.root("stranger").answer(&ListRequest { held: true, ..request.clone() }, None, &terms(), START);
    let forged = ListRequest { list: forged.unwrap().list, ..request.clone() };
    assert!(reason(root.answer(&forged, None, &terms(), START)).contains("did not sign"));
    let moved = ListRequest { issuer: "https://other.example".to_owned(), ..request.clone() };
    assert!(reason(root.answer(&moved, None, &terms(), START)).contains("another issuer"));
    for days in [0, 401] {
        assert!(reason(root.answer(&request, None, &Terms { days, ..terms() }, START)).contains("1 to 400"));
    }
    let long = root.answer(&request, None, &Terms { days: 400, ..terms() }, START).unwrap().read().unwrap();
    assert!(long.keys.iter().all(|key| key.not_after - key.not_before <= 400 * DAY));
    assert_eq!(
        root.answer(&request, None, &Terms { sequence: 9, ..terms() }, START).unwrap().read().unwrap().sequence,
        9
    );
}

#[test]
fn a_list_of_a_root_elsewhere_is_not_served_past_its_end_nor_started_with() {
    let kept = Kept::new();
    let mut file = kept.open();
    let keys = file.keys(&realm(), START).unwrap();
    assert_eq!(keys.list_to_be_brought(), None, "a root that is here needs nobody");
    kept.rotate(LEAKED, START).unwrap();
    let request = kept.open().list_request(&realm().id, true).unwrap();
    let root = kept.root("root");
    let answer = root.answer(&request, None, &Terms { days: 60, ..terms() }, START).unwrap();
    kept.install(&answer, START).unwrap();
    file.tend(&realm(), &keys, START).unwrap();
    let end = Timestamp::from_unix_seconds(list_of(&keys).keys[0].not_after);
    assert_eq!(keys.list_to_be_brought(), Some(ListEnds::At(end)));

    assert!(!file.tend(&realm(), &keys, end.plus_seconds(-1)).unwrap());
    assert!(signer(&keys).is_ok());
    assert!(file.tend(&realm(), &keys, end).unwrap());
    assert_eq!((keys.key_list(), keys.list_to_be_brought()), (None, Some(ListEnds::Over)));
    assert_eq!(signer(&keys), Err(JwsError::Crypto(CryptoError::Unavailable)));
    assert!(matches!(kept.start(end), Err(KeysError::ListOver(_))));
    assert!(kept.start(end.plus_seconds(-1)).is_ok());

    let request = kept.request();
    kept.install(&root.answer(&request, None, &terms(), end).unwrap(), end).unwrap();
    assert!(file.tend(&realm(), &keys, end).unwrap());
    assert!(signer(&keys).is_ok() && kept.start(end).is_ok());
}

#[test]
fn a_server_that_runs_goes_back_to_no_older_list_and_to_no_other_root() {
    let kept = Kept::new();
    let mut file = kept.open();
    let keys = file.keys(&realm(), START).unwrap();
    let old = fs::read(kept.path()).unwrap();
    kept.rotate(ANEW, START).unwrap();
    file.tend(&realm(), &keys, START).unwrap();
    let (list, newest) = (keys.key_list(), fs::read(kept.path()).unwrap());
    // Replaced under another inode, as a back-up is put back.
    let put = |content: &[u8]| {
        fs::write(kept.path().with_extension("put"), content).unwrap();
        fs::set_permissions(kept.path().with_extension("put"), Permissions::from_mode(0o600)).unwrap();
        fs::rename(kept.path().with_extension("put"), kept.path()).unwrap();
    };
    put(&old);
    assert!(matches!(file.tend(&realm(), &keys, START), Err(KeysError::ListGoesBack)));
    kept.rotate(ANEW, START).unwrap();
    assert!(matches!(file.tend(&realm(), &keys, START), Err(KeysError::ListGoesBack)), "another one of that number");
    assert_eq!(keys.key_list(), list);
    put(&newest);
    assert!(!file.tend(&realm(), &keys, START).unwrap());

    kept.rotate(ROOT, START).unwrap();
    let mut unproven = kept.json();
    unproven["realms"]["main"]["device_successions"] = json!([]);
    put(unproven.to_string().as_bytes());
    assert!(matches!(file.tend(&realm(), &keys, START), Err(KeysError::Exchanged)));
}

#[test]
fn what_the_file_says_of_a_root_elsewhere_cannot_be_changed_by_hand() {
    type Edit<'a> = &'a dyn Fn(&mut Value);
    let kept = Kept::new();
    kept.hand_over(START, 400);
    let whole = kept.json();
    let stranger = Kept::new().start(START).unwrap().device_root();
    let edits: [Edit<'_>; 4] = [
        &|realm| realm["device_root"]["jwk"] = json!(stranger),
        &|realm| realm["device_root"]["seal"] = json!("AAAA"),
        &|realm| realm["device_origin"]["kid"] = json!(stranger.thumbprint()),
        &|realm| realm["device_next"] = realm["device_signing"].clone(),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut json = whole.clone();
        edit(&mut json["realms"]["main"]);
        fs::write(kept.path(), json.to_string()).unwrap();
        assert!(reason(KeyFile::open(&kept.path(), wrapping())).contains("damaged"), "{number}");
    }
}

#[test]
fn a_roots_file_is_its_owners_alone() {
    let kept = Kept::new();
    let (root, path) = (kept.root("root"), kept.0.path().join("root"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(OfflineRoot::read(&path).unwrap().thumbprint(), root.thumbprint());
    assert!(matches!(OfflineRoot::create(&path), Err(KeysError::Exists(_))));
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(OfflineRoot::read(&path), Err(KeysError::Exposed(..))));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let mut json: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    json["device_root"] = json!(Digest::of(b"another"));
    fs::write(&path, json.to_string()).unwrap();
    assert!(matches!(OfflineRoot::read(&path), Err(KeysError::Damaged(_))));
}
