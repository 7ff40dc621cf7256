//! How signing keys follow each other: published, signing, published still, known, forgotten.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm::{self, EdDsa, Es256, Es384, Ps256, Rs256};
use server::domain::names::RealmId;
use server::domain::random::Random;
use server::domain::realm::{Policy, Realm};
use server::domain::time::{Clock, Timestamp};
use server::jose::{JwkSet, JwtError, Unverified, verify};
use server::keys::{KNOWN, KeyFile, KeysError, LEAD, PUBLISHED, Phase, RealmKeys, Rotation, WrappingKey};

const ISSUER: &str = "https://op.example";
const DAY: i64 = 86_400;
const START: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const WRAPPING: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A realm that signs by these algorithms and replaces its keys every so many days.
fn realm(algorithms: &[Algorithm], days: u32) -> Realm {
    let policy = Policy { signing_algorithms: algorithms.to_vec(), key_rotation_days: days, ..Policy::default() };
    Realm::new(RealmId::new("main"), ISSUER.to_owned(), policy)
}

fn at(seconds: i64) -> Timestamp {
    START.plus_seconds(seconds)
}

/// A key file in a directory of its own, with the keys of one realm.
struct Kept {
    dir: tempfile::TempDir,
    realm: Realm,
}

impl Kept {
    fn new(algorithms: &[Algorithm], days: u32) -> Self {
        let kept = Self { dir: tempfile::tempdir().unwrap(), realm: realm(algorithms, days) };
        let mut file = KeyFile::create(&kept.path(), wrapping()).unwrap();
        file.add(&kept.realm, START, &Sevens).unwrap();
        kept
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("keys.json")
    }

    fn open(&self) -> KeyFile {
        KeyFile::open(&self.path(), wrapping()).unwrap()
    }

    fn rotate(&self, rotation: Rotation, now: Timestamp) -> Vec<Algorithm> {
        self.open().rotate(&self.realm.id, None, rotation, &now).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path()).unwrap()).unwrap()
    }

    /// What a file that was changed by hand is refused for.
    fn refusal_after(&self, edit: impl FnOnce(&mut Value)) -> String {
        let mut json = self.json();
        edit(&mut json["realms"]["main"]);
        fs::write(self.path(), json.to_string()).unwrap();
        KeyFile::open(&self.path(), wrapping()).err().expect("the file is refused").to_string()
    }
}

/// A server in use of a key file.
struct Server<'a> {
    kept: &'a Kept,
    file: KeyFile,
    keys: RealmKeys,
}

impl<'a> Server<'a> {
    fn start(kept: &'a Kept, now: Timestamp) -> Self {
        let mut file = kept.open();
        let keys = file.keys(&kept.realm, now).unwrap();
        Self { kept, file, keys }
    }

    fn tend(&mut self, now: Timestamp) -> bool {
        self.file.tend(&self.kept.realm, &self.keys, now).unwrap()
    }

    fn signs_with(&self, algorithm: Algorithm) -> String {
        self.keys.kid(algorithm).unwrap()
    }

    fn published(&self) -> Vec<String> {
        let jwks = self.keys.jwks();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    fn token(&self, algorithm: Algorithm) -> String {
        self.keys.sign_jwt(algorithm, "JWT", &json!({ "iss": ISSUER, "exp": 1 })).unwrap()
    }

    /// Whether a relying party that fetches the keys now verifies this.
    fn is_verified_by_others(&self, jwt: &str) -> bool {
        verify(jwt, &JwkSet::of(&self.keys.jwks()).unwrap(), &Algorithm::ALL).is_ok()
    }
}

fn wrapping() -> WrappingKey {
    WrappingKey::parse(WRAPPING).unwrap()
}

#[test]
fn every_algorithm_of_the_realm_signs_by_a_key_of_its_own() {
    let all = [Es256, Ps256, Rs256, EdDsa, Es384];
    let kept = Kept::new(&all, 90);
    let server = Server::start(&kept, START);
    let jwks = server.keys.jwks();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 5);
    for algorithm in all {
        let jwt = server.token(algorithm);
        let token = verify(&jwt, &JwkSet::of(&jwks).unwrap(), &[algorithm]).unwrap();
        assert_eq!(token.header.kid, Some(server.signs_with(algorithm)));
        assert!(token.header.is_typ("JWT"));
        let published = jwks["keys"].as_array().unwrap().iter().find(|key| key["alg"] == algorithm.name()).unwrap();
        assert_eq!((&published["kid"], &published["use"]), (&json!(server.signs_with(algorithm)), &json!("sig")));
        if let Some(modulus) = published["n"].as_str() {
            assert_eq!(modulus.len(), 3072 / 6);
        }
    }
    let mut kids = server.published();
    kids.sort_unstable();
    kids.dedup();
    assert_eq!(kids.len(), 5);
}

#[test]
fn published_keys_have_no_private_member() {
    let kept = Kept::new(&[Es256, Ps256, EdDsa, Es384], 90);
    for key in Server::start(&kept, START).keys.jwks()["keys"].as_array().unwrap() {
        let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: &[&str] = match key["kty"].as_str().unwrap() {
            "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
            "OKP" => &["alg", "crv", "kid", "kty", "use", "x"],
            _ => &["alg", "crv", "kid", "kty", "use", "x", "y"],
        };
        assert_eq!(members, expected);
    }
}

#[test]
fn an_algorithm_without_a_key_signs_nothing() {
    let kept = Kept::new(&[Es256], 90);
    let server = Server::start(&kept, START);
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Es256) {
        assert!(server.keys.sign_jwt(algorithm, "JWT", &json!({})).is_err());
    }
}

#[test]
fn an_algorithm_that_the_realm_takes_up_gets_its_key_at_the_next_start() {
    let mut kept = Kept::new(&[Es256], 90);
    let before = Server::start(&kept, START).signs_with(Es256);
    kept.realm.policy.signing_algorithms = vec![EdDsa];
    let server = Server::start(&kept, at(1));
    assert!(server.is_verified_by_others(&server.token(EdDsa)));
    assert_eq!(server.signs_with(Es256), before, "clients registered for it are still served");
}

#[test]
fn the_next_key_is_published_before_it_signs() {
    let kept = Kept::new(&[Es256], 90);
    let mut server = Server::start(&kept, START);
    let first = server.signs_with(Es256);
    assert!(!server.tend(at(90 * DAY - LEAD - 1)));
    assert_eq!(server.published(), [first.as_str()]);

    assert!(server.tend(at(90 * DAY - LEAD)));
    assert_eq!((server.signs_with(Es256), server.published().len()), (first.clone(), 2));
    let old_token = server.token(Es256);
    assert!(!server.tend(at(90 * DAY - 1)));
    assert_eq!(server.signs_with(Es256), first);

    assert!(server.tend(at(90 * DAY)));
    let second = server.signs_with(Es256);
    assert_ne!(second, first);
    assert_eq!(server.published(), [second.as_str(), first.as_str()]);
    let new_token = server.token(Es256);
    assert_eq!(Unverified::parse(&new_token).unwrap().header().kid, Some(second));
    assert!(server.is_verified_by_others(&old_token) && server.is_verified_by_others(&new_token));
}

#[test]
fn a_key_is_published_then_known_then_forgotten() {
    let kept = Kept::new(&[Es256], 0);
    let mut server = Server::start(&kept, START);
    let token = server.token(Es256);
    kept.rotate(Rotation::AtOnce, START);
    let looks = [
        (0, true, true),
        (PUBLISHED - 1, true, true),
        (PUBLISHED, false, true),
        (KNOWN - 1, false, true),
        (KNOWN, false, false),
    ];
    for (later, published, known) in looks {
        server.tend(at(later));
        assert_eq!(server.is_verified_by_others(&token), published, "{later}");
        assert_eq!(server.keys.verify_own_jwt(&token).is_ok(), known, "{later}");
        let restarted = Server::start(&kept, at(later));
        assert_eq!(restarted.published(), server.published(), "{later}");
        assert_eq!(restarted.keys.verify_own_jwt(&token).is_ok(), known, "{later}");
    }
}

#[test]
fn no_private_key_outlives_its_time() {
    let kept = Kept::new(&[Es256], 0);
    let first = kept.json()["realms"]["main"]["signing"][0]["wrapped"].clone();
    kept.rotate(Rotation::AtOnce, START);
    let json = kept.json();
    let realm = &json["realms"]["main"];
    assert_eq!((realm["signing"].as_array().unwrap().len(), realm["past"].as_array().unwrap().len()), (1, 1));
    assert!(!json.to_string().contains(first.as_str().unwrap()));
    assert!(realm["past"][0]["jwk"].get("d").is_none());
}

#[test]
fn rotation_by_hand_is_announced_and_not_repeated() {
    let kept = Kept::new(&[Es256, EdDsa], 0);
    let mut server = Server::start(&kept, START);
    let before = (server.signs_with(Es256), server.signs_with(EdDsa));
    assert_eq!(kept.rotate(Rotation::Announced, START), [Es256, EdDsa]);
    assert_eq!(kept.rotate(Rotation::Announced, at(1)), [], "the next ones are on their way");
    assert!(server.tend(at(1)));
    assert_eq!(server.published().len(), 4);
    assert_eq!((server.signs_with(Es256), server.signs_with(EdDsa)), before);
    assert!(server.tend(at(LEAD)));
    assert!(server.signs_with(Es256) != before.0 && server.signs_with(EdDsa) != before.1);
    assert_eq!(kept.rotate(Rotation::Announced, at(LEAD)), [Es256, EdDsa]);
}

#[test]
fn one_algorithm_is_rotated_alone() {
    let kept = Kept::new(&[Es256, EdDsa], 0);
    let mut server = Server::start(&kept, START);
    let before = (server.signs_with(Es256), server.signs_with(EdDsa));
    let rotated = kept.open().rotate(&kept.realm.id, Some(EdDsa), Rotation::AtOnce, &START).unwrap();
    assert_eq!(rotated, [EdDsa]);
    server.tend(START);
    assert_eq!(server.signs_with(Es256), before.0);
    assert_ne!(server.signs_with(EdDsa), before.1);
    let none = kept.open().rotate(&kept.realm.id, Some(Rs256), Rotation::AtOnce, &START);
    assert!(matches!(none, Err(KeysError::NoKey { algorithm: Rs256, .. })));
    let nobody = kept.open().rotate(&RealmId::new("other"), None, Rotation::AtOnce, &START);
    assert!(matches!(nobody, Err(KeysError::UnknownRealm(_))));
}

#[test]
fn an_announced_key_can_be_made_to_sign_at_once() {
    let kept = Kept::new(&[Es256], 0);
    let mut server = Server::start(&kept, START);
    kept.rotate(Rotation::Announced, START);
    server.tend(START);
    let next = server.published()[1].clone();
    kept.rotate(Rotation::AtOnce, at(5));
    assert!(server.tend(at(5)));
    assert_eq!((server.signs_with(Es256), server.published().len()), (next, 2));
}

#[test]
fn what_a_leaked_key_signed_is_no_longer_believed() {
    let kept = Kept::new(&[Es256, EdDsa], 0);
    let mut server = Server::start(&kept, START);
    kept.rotate(Rotation::AtOnce, START);
    server.tend(START);
    kept.rotate(Rotation::Announced, at(1));
    let (token, other) = (server.token(Es256), server.token(EdDsa));
    kept.open().rotate(&kept.realm.id, Some(Es256), Rotation::Leaked, &at(2)).unwrap();
    assert!(server.tend(at(2)));
    assert!(!server.is_verified_by_others(&token));
    assert_eq!(server.keys.verify_own_jwt(&token), Err(JwtError::UnknownKey));
    assert!(server.keys.verify_own_jwt(&other).is_ok());
    assert!(server.is_verified_by_others(&server.token(Es256)));
    let es256 = kept.open().list(&kept.realm.id, at(2)).unwrap();
    assert_eq!(es256.into_iter().filter(|key| key.algorithm == Es256).count(), 1);
}

#[test]
fn zero_days_means_never() {
    let kept = Kept::new(&[Es256], 0);
    let mut server = Server::start(&kept, START);
    let first = server.signs_with(Es256);
    server.tend(at(4000 * DAY));
    assert_eq!(server.published(), [first]);
}

#[test]
fn a_server_that_was_down_at_the_time_announces_all_the_same() {
    let kept = Kept::new(&[Es256], 90);
    let first = Server::start(&kept, START).signs_with(Es256);
    let back = at(300 * DAY);
    let mut server = Server::start(&kept, back);
    assert_eq!((server.signs_with(Es256), server.published().len()), (first.clone(), 2));
    server.tend(back.plus_seconds(LEAD));
    assert_ne!(server.signs_with(Es256), first);
    let second = server.signs_with(Es256);
    server.tend(back.plus_seconds(LEAD + 89 * DAY));
    assert_eq!(server.signs_with(Es256), second, "the days are counted from when it began");
}

#[test]
fn a_rotation_every_day_keeps_up() {
    let kept = Kept::new(&[Es256], 1);
    let mut server = Server::start(&kept, START);
    let mut kids = vec![server.signs_with(Es256)];
    for hour in 0..24 * 10 {
        let token = server.token(Es256);
        server.tend(at(hour * 3600));
        assert!(server.is_verified_by_others(&token));
        kids.push(server.signs_with(Es256));
        assert!(server.published().len() <= 5);
    }
    kids.dedup();
    assert_eq!(kids.len(), 10);
}

#[test]
fn keys_still_published_are_not_forgotten_however_many_there_are() {
    let kept = Kept::new(&[Es256], 0);
    let mut server = Server::start(&kept, START);
    let token = server.token(Es256);
    for second in 0..110 {
        kept.rotate(Rotation::AtOnce, at(second));
    }
    server.tend(at(110));
    assert_eq!(server.published().len(), 111);
    assert!(server.keys.verify_own_jwt(&token).is_ok());
    kept.rotate(Rotation::AtOnce, at(110 + PUBLISHED));
    assert_eq!(kept.json()["realms"]["main"]["past"].as_array().unwrap().len(), 100);
}

#[test]
fn a_clock_set_back_still_finds_a_key() {
    let kept = Kept::new(&[Es256], 90);
    let server = Server::start(&kept, at(-1000 * DAY));
    assert!(server.is_verified_by_others(&server.token(Es256)));
}

#[test]
fn servers_that_share_a_file_agree() {
    let kept = Kept::new(&[Es256], 90);
    let (mut one, mut two) = (Server::start(&kept, START), Server::start(&kept, START));
    for moment in [90 * DAY - LEAD, 90 * DAY, 180 * DAY - LEAD, 180 * DAY] {
        assert!(one.tend(at(moment)));
        assert!(two.file.was_replaced());
        assert!(two.tend(at(moment)));
        assert!(!one.tend(at(moment)) && !two.tend(at(moment)));
        assert_eq!(one.published(), two.published());
        assert_eq!(one.signs_with(Es256), two.signs_with(Es256));
        assert!(two.is_verified_by_others(&one.token(Es256)));
    }
}

#[test]
fn of_many_that_renew_at_once_one_makes_the_key() {
    let kept = Kept::new(&[Es256], 90);
    let (barrier, due) = (Barrier::new(4), at(90 * DAY - LEAD));
    let published = thread::scope(|scope| {
        let servers = [(); 4].map(|()| {
            scope.spawn(|| {
                let mut server = Server::start(&kept, START);
                barrier.wait();
                server.tend(due);
                server.published()
            })
        });
        servers.map(|server| server.join().unwrap())
    });
    assert!(published.iter().all(|kids| kids.len() == 2 && *kids == published[0]), "{published:?}");
}

#[test]
fn rotations_at_once_lose_none() {
    let kept = Kept::new(&[Es256], 0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| kept.rotate(Rotation::AtOnce, START));
        }
    });
    assert_eq!(kept.open().list(&kept.realm.id, START).unwrap().len(), 9);
}

/// A clock ticks a few hundred times a second, and a file that was replaced leaves its number to the next one but one.
#[test]
fn what_others_wrote_is_not_lost_even_if_the_file_looks_as_before() {
    let kept = Kept::new(&[Es256], 0);
    let begun = fs::read(kept.path()).unwrap();
    let [seen, written] = [(); 2].map(|()| {
        fs::write(kept.path(), &begun).unwrap();
        kept.rotate(Rotation::AtOnce, START);
        fs::read(kept.path()).unwrap()
    });
    fs::write(kept.path(), &seen).unwrap();
    let (mut late, when) = (kept.open(), fs::metadata(kept.path()).unwrap().modified().unwrap());
    fs::write(kept.path(), &written).unwrap();
    fs::File::options().write(true).open(kept.path()).unwrap().set_modified(when).unwrap();
    assert!(!late.was_replaced(), "the test makes it look so");

    let theirs = kept.open().list(&kept.realm.id, START).unwrap();
    late.rotate(&kept.realm.id, None, Rotation::AtOnce, &START).unwrap();
    let known: Vec<_> = late.list(&kept.realm.id, START).unwrap().into_iter().map(|key| key.kid).collect();
    assert_eq!(known.len(), 3);
    assert!(theirs.iter().all(|key| known.contains(&key.kid)), "{theirs:?} are not all among {known:?}");
}

#[test]
fn a_file_has_the_fingerprint_of_its_fixed_keys_and_keeps_it() {
    let (kept, other) = (Kept::new(&[Es256], 90), Kept::new(&[Es256], 90));
    let of = |kept: &Kept| kept.open().fingerprint(&kept.realm.id).unwrap();
    let before = of(&kept);
    assert_ne!(of(&other), before);
    kept.rotate(Rotation::Leaked, START);
    assert_eq!(of(&kept), before);
    assert!(matches!(kept.open().fingerprint(&RealmId::new("other")), Err(KeysError::UnknownRealm(_))));
}

/// Of several rotations at once, each would otherwise take the key of another for one that is still on its way.
#[test]
fn a_rotation_looks_at_the_clock_only_when_nobody_else_changes_the_file() {
    struct Watchful(PathBuf);
    impl Clock for Watchful {
        fn now(&self) -> Timestamp {
            assert!(fs::File::open(&self.0).unwrap().try_lock().is_err(), "the file is not locked yet");
            START
        }
    }
    let kept = Kept::new(&[Es256], 0);
    let clock = Watchful(kept.dir.path().join("keys.json.lock"));
    assert!(clock.0.exists());
    kept.open().rotate(&kept.realm.id, None, Rotation::AtOnce, &clock).unwrap();
}

#[test]
fn a_file_whose_fixed_keys_are_others_is_not_taken_into_use() {
    let (kept, other) = (Kept::new(&[Es256], 90), Kept::new(&[Es256], 90));
    let mut server = Server::start(&kept, START);
    let (kid, right) = (server.signs_with(Es256), fs::read(kept.path()).unwrap());
    fs::copy(other.path(), kept.path()).unwrap();
    let refused = server.file.tend(&kept.realm, &server.keys, START);
    assert!(matches!(refused, Err(KeysError::Exchanged)), "{refused:?}");
    assert_eq!(server.signs_with(Es256), kid);

    fs::write(kept.path(), "half a fi").unwrap();
    assert!(server.file.tend(&kept.realm, &server.keys, START).is_err());
    fs::remove_file(kept.path()).unwrap();
    assert!(server.file.was_replaced());
    assert!(server.file.tend(&kept.realm, &server.keys, START).is_err());
    assert_eq!(server.signs_with(Es256), kid, "it goes on with what it has");

    fs::write(kept.path(), right).unwrap();
    fs::set_permissions(kept.path(), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(!server.tend(START));
}

#[test]
fn own_tokens_are_recognised_and_others_are_not() {
    let (kept, other) = (Kept::new(&[Es256, EdDsa], 90), Kept::new(&[Es256], 90));
    let server = Server::start(&kept, START);
    let token = server.keys.verify_own_jwt(&server.token(EdDsa)).unwrap();
    assert_eq!(token.claims.iss(), Ok(Some(ISSUER)));
    assert!(token.header.is_typ("JWT"), "so that an access token is not taken for an ID token");
    let foreign = Server::start(&other, START).token(Es256);
    assert_eq!(server.keys.verify_own_jwt(&foreign), Err(JwtError::UnknownKey));
    let (input, _) = foreign.rsplit_once('.').unwrap();
    assert_eq!(server.keys.verify_own_jwt(&format!("{input}.")), Err(JwtError::UnknownKey));
}

#[test]
fn an_operator_sees_what_every_key_does() {
    let kept = Kept::new(&[Es256], 0);
    kept.rotate(Rotation::AtOnce, at(DAY));
    kept.rotate(Rotation::AtOnce, at(3 * DAY));
    kept.rotate(Rotation::Announced, at(4 * DAY));
    let listed = kept.open().list(&kept.realm.id, at(4 * DAY)).unwrap();
    let phases: Vec<_> = listed.iter().map(|key| key.phase).collect();
    let expected = [
        Phase::Next(at(4 * DAY + LEAD)),
        Phase::Signing(at(3 * DAY)),
        Phase::Published(at(3 * DAY + PUBLISHED)),
        Phase::Known(at(DAY + KNOWN)),
    ];
    assert_eq!(phases, expected);
    assert_eq!(listed[0].created, at(4 * DAY));
    // Seen before a server tidied up.
    let later = kept.open().list(&kept.realm.id, at(5 * DAY)).unwrap();
    let phases: Vec<_> = later.iter().map(|key| key.phase).collect();
    let took_over = at(4 * DAY + LEAD);
    assert_eq!(phases[..2], [Phase::Signing(took_over), Phase::Published(took_over.plus_seconds(PUBLISHED))]);
}

#[test]
fn dates_algorithms_and_past_keys_cannot_be_changed_by_hand() {
    type Edit = fn(&mut Value);
    let kept = Kept::new(&[Es256, Ps256], 0);
    kept.open().rotate(&kept.realm.id, Some(Es256), Rotation::AtOnce, &at(1)).unwrap();
    let whole = fs::read(kept.path()).unwrap();
    let edits: [(&str, Edit); 8] = [
        ("cannot be opened", |realm| realm["signing"][0]["signs_from"] = json!(0)),
        ("cannot be opened", |realm| realm["signing"][0]["created"] = json!(0)),
        ("cannot be opened", |realm| {
            let position = |name: &str| {
                realm["signing"].as_array().unwrap().iter().position(|key| key["algorithm"] == name).unwrap()
            };
            let rsa = position("PS256");
            realm["signing"][rsa]["algorithm"] = json!("RS256");
        }),
        ("cannot be opened", |realm| realm["past"][0]["retired"] = json!(i64::MAX)),
        ("cannot be opened", |realm| realm["past"][0]["jwk"]["x"] = realm["past"][0]["jwk"]["y"].clone()),
        ("cannot be opened", |realm| realm["past"][0]["seal"] = realm["mac"].clone()),
        ("kid", |realm| realm["signing"][0]["kid"] = json!("another")),
        ("missing", |realm| drop(realm.as_object_mut().unwrap().remove("past"))),
    ];
    for (word, edit) in edits {
        fs::write(kept.path(), &whole).unwrap();
        let refusal = kept.refusal_after(edit);
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
}

/// Written by the first version that had a key file.
#[test]
fn a_file_of_format_1_opens_and_becomes_one_of_format_2() {
    let written = include_str!("keys_format_1/keys.json");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    fs::write(&path, written).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let open = || KeyFile::open(&path, WrappingKey::parse(include_str!("keys_format_1/wrapping.key")).unwrap());
    let written: Value = serde_json::from_str(written).unwrap();
    let (kid, realm) = (written["realms"]["main"]["id_token"][0]["kid"].as_str().unwrap(), realm(&[Es256], 90));
    let mut file = open().unwrap();
    let made = file.list(&realm.id, START).unwrap()[0].created;
    let keys = file.keys(&realm, made).unwrap();
    assert_eq!((keys.kid(Es256).as_deref(), keys.jwks()["keys"].as_array().unwrap().len()), (Some(kid), 1));
    assert_eq!(keys.device_root().thumbprint().to_string(), written["realms"]["main"]["device_root"]["kid"]);
    let sealed = keys.seal("label", b"hush");
    assert_eq!(fs::read_to_string(&path).unwrap(), include_str!("keys_format_1/keys.json"), "nothing was due");

    file.rotate(&realm.id, None, Rotation::AtOnce, &made.plus_seconds(DAY)).unwrap();
    let after: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(after["format"], 2);
    let again = open().unwrap().keys(&realm, made.plus_seconds(DAY)).unwrap();
    assert_ne!(again.kid(Es256).as_deref(), Some(kid));
    assert!(again.verify_own_jwt(&keys.sign_jwt(Es256, "JWT", &json!({})).unwrap()).is_ok());
    assert_eq!(**again.unseal("label", &sealed).unwrap(), *b"hush");
    assert_eq!(again.key_list(), keys.key_list());
}
