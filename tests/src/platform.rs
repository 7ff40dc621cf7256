//! Google and Apple as they vouch for phones: chains of their own authorities, with everything that is judged open to
//! change. Shared with the server's tests, and so without any of its types.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SignatureAlgorithm,
    date_time_ymd,
};

use protocol::Digest;

/// The package name of the app in most tests.
pub const PACKAGE: &str = "com.example.app";
/// SHA-256 of the certificate that signs it.
pub const SIGNER: [u8; 32] = [0xa5; 32];
/// The id of the app on iPhones.
pub const APPLE_APP: &str = "ABCDE12345.com.example.app";

const KEY_DESCRIPTION: [u64; 10] = [1, 3, 6, 1, 4, 1, 11_129, 2, 1, 17];
const NONCE: [u64; 7] = [1, 2, 840, 113_635, 100, 8, 2];

/// What a root signs with.
#[derive(Debug, Clone, Copy)]
pub enum Root {
    /// RSA, as Google's first.
    Rsa,
    /// ECDSA on P-384, as Google's second and Apple's.
    P384,
}

/// A platform's authorities: a root and two below it.
pub struct Platform {
    /// The root first.
    issuers: Vec<CertifiedIssuer<'static, KeyPair>>,
}

/// A phone's key as it stands in its certificate.
struct PhoneKey([u8; 65]);

impl PublicKeyData for PhoneKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Platform {
    /// With authorities as they should be.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self::with(root, |_, _| {})
    }

    /// With authorities that differ: 0 is the root, 2 the one that issues for phones.
    #[must_use]
    pub fn with(root: Root, differ: impl Fn(usize, &mut CertificateParams)) -> Self {
        let authority = |depth: usize| {
            let mut parameters = named(&format!("authority {depth}"));
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            differ(depth, &mut parameters);
            parameters
        };
        let root_key = match root {
            Root::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Root::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        };
        let root = CertifiedIssuer::self_signed(authority(0), root_key.expect("a key")).expect("a root");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        let above = CertifiedIssuer::signed_by(authority(1), key, &root).expect("an authority");
        let below = CertifiedIssuer::signed_by(authority(2), KeyPair::generate().expect("a key"), &above);
        Self { issuers: vec![root, above, below.expect("an authority")] }
    }

    /// The root in PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.issuers[0].pem()
    }

    /// The root in DER.
    #[must_use]
    pub fn root_der(&self) -> Vec<u8> {
        self.issuers[0].der().to_vec()
    }

    /// A chain for this key, leaf first and without the root; `extension` is its `KeyDescription`.
    #[must_use]
    pub fn attest(&self, key: [u8; 65], extension: Vec<u8>) -> Vec<Vec<u8>> {
        self.issue(key, vec![CustomExtension::from_oid_content(&KEY_DESCRIPTION, extension)], |_| {})
    }

    /// A chain whose leaf differs.
    #[must_use]
    pub fn attest_with(
        &self,
        key: [u8; 65],
        extension: Option<Vec<u8>>,
        differ: impl FnOnce(&mut CertificateParams),
    ) -> Vec<Vec<u8>> {
        let extension = extension.map(|der| CustomExtension::from_oid_content(&KEY_DESCRIPTION, der));
        self.issue(key, extension.into_iter().collect(), differ)
    }

    /// The known trick: an authority's certificate speaks of a key of its own, and signs a leaf that says what it likes.
    #[must_use]
    pub fn forge(&self, own: Vec<u8>, key: [u8; 65], extension: Option<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut parameters = named("attested");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        parameters.custom_extensions = vec![CustomExtension::from_oid_content(&KEY_DESCRIPTION, own)];
        let issuer = CertifiedIssuer::signed_by(parameters, KeyPair::generate().expect("a key"), self.last());
        let issuer = issuer.expect("an authority");
        let mut parameters = leaf();
        let extension = extension.map(|der| CustomExtension::from_oid_content(&KEY_DESCRIPTION, der));
        parameters.custom_extensions = extension.into_iter().collect();
        let leaf = parameters.signed_by(&PhoneKey(key), &issuer).expect("a leaf");
        let mut chain = vec![leaf.der().to_vec(), issuer.der().to_vec()];
        chain.extend(self.above());
        chain
    }

    fn issue(
        &self,
        key: [u8; 65],
        extensions: Vec<CustomExtension>,
        differ: impl FnOnce(&mut CertificateParams),
    ) -> Vec<Vec<u8>> {
        let mut parameters = leaf();
        parameters.custom_extensions = extensions;
        differ(&mut parameters);
        let leaf = parameters.signed_by(&PhoneKey(key), self.last()).expect("a leaf");
        let mut chain = vec![leaf.der().to_vec()];
        chain.extend(self.above());
        chain
    }

    fn last(&self) -> &CertifiedIssuer<'static, KeyPair> {
        self.issuers.last().expect("there is a root")
    }

    fn above(&self) -> impl Iterator<Item = Vec<u8>> {
        self.issuers[1..].iter().rev().map(|issuer| issuer.der().to_vec())
    }
}

fn leaf() -> CertificateParams {
    let mut parameters = named("key");
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2090, 1, 1);
    parameters
}

/// What Android's hardware says of a key: as it should be, for a key that is unlocked by a biometric at every use.
#[derive(Debug, Clone)]
pub struct Description {
    /// 0 software, 1 trusted environment, 2 `StrongBox`.
    pub attestation_level: u8,
    /// The same for the key.
    pub level: u8,
    /// What it is made over.
    pub challenge: Vec<u8>,
    /// What the hardware enforces.
    pub hardware: List,
    /// What the system says.
    pub software: List,
}

/// An `AuthorizationList`. What is `None` or empty is left out.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// 2 is to sign.
    pub purposes: Vec<u8>,
    /// That nobody needs to be there.
    pub needs_no_user: bool,
    /// 1 credential, 2 biometric.
    pub user_types: Option<u8>,
    /// Seconds for which one verification counts.
    pub timeout: Option<u8>,
    /// 0 is generated.
    pub origin: Option<u8>,
    /// Locked, and 0 where the start was verified.
    pub root_of_trust: Option<(bool, u8)>,
    /// Year and month.
    pub patch_level: Option<u32>,
    /// Package name and signers.
    pub app: Option<(String, Vec<[u8; 32]>)>,
    /// Anything else, as DER.
    pub more: Vec<u8>,
}

impl Description {
    /// Of a key made over this challenge.
    #[must_use]
    pub fn over(challenge: &Digest) -> Self {
        let hardware = List {
            purposes: vec![2],
            user_types: Some(2),
            origin: Some(0),
            root_of_trust: Some((true, 0)),
            patch_level: Some(202_611),
            ..List::default()
        };
        let software = List { app: Some((PACKAGE.to_owned(), vec![SIGNER])), ..List::default() };
        Self { attestation_level: 1, level: 1, challenge: challenge.as_bytes().to_vec(), hardware, software }
    }

    /// The same for a key that needs no user: `device`.
    #[must_use]
    pub fn unattended(challenge: &Digest) -> Self {
        let mut description = Self::over(challenge);
        description.hardware.user_types = None;
        description.hardware.needs_no_user = true;
        description
    }

    /// As the extension has it.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let version = integer(300);
        sequence(&[
            version.clone(),
            enumerated(self.attestation_level),
            version,
            enumerated(self.level),
            octets(&self.challenge),
            octets(b""),
            self.software.der(),
            self.hardware.der(),
        ])
    }
}

impl List {
    fn der(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut put = |number: u32, der: Vec<u8>| parts.push(tagged(number, &der));
        if !self.purposes.is_empty() {
            put(1, set(&self.purposes.iter().map(|purpose| integer(u32::from(*purpose))).collect::<Vec<_>>()));
        }
        put(2, integer(3));
        if self.needs_no_user {
            put(503, tlv(&[5], b""));
        }
        for (number, value) in [(504, self.user_types), (505, self.timeout), (702, self.origin)] {
            if let Some(value) = value {
                put(number, integer(u32::from(value)));
            }
        }
        if let Some((is_locked, state)) = self.root_of_trust {
            let locked = tlv(&[1], &[if is_locked { 0xff } else { 0 }]);
            put(704, sequence(&[octets(&[7; 32]), locked, enumerated(state), octets(&[8; 32])]));
        }
        if let Some(patch_level) = self.patch_level {
            put(706, integer(patch_level));
        }
        if let Some((package, digests)) = &self.app {
            let package = sequence(&[octets(package.as_bytes()), integer(1)]);
            let digests: Vec<_> = digests.iter().map(|digest| octets(digest)).collect();
            put(709, octets(&sequence(&[set(&[package]), set(&digests)])));
        }
        parts.push(self.more.clone());
        sequence(&parts)
    }
}

/// What App Attest says of an app: as it should be.
#[derive(Debug, Clone)]
pub struct AppAttest {
    /// `fmt`
    pub format: String,
    /// Team id and bundle id.
    pub app: String,
    /// How often the key has signed.
    pub counter: u32,
    /// Which environment.
    pub aaguid: [u8; 16],
    /// In place of the hash of the leaf's key.
    pub key_id: Option<Vec<u8>>,
    /// In place of the hash that the leaf should have; an empty one leaves the extension out.
    pub nonce: Option<Vec<u8>>,
}

impl Default for AppAttest {
    fn default() -> Self {
        let aaguid = *b"appattest\0\0\0\0\0\0\0";
        let (format, app) = ("apple-appattest".to_owned(), APPLE_APP.to_owned());
        Self { format, app, counter: 0, aaguid, key_id: None, nonce: None }
    }
}

impl AppAttest {
    /// The object that the platform makes over this hash.
    #[must_use]
    pub fn over(&self, platform: &Platform, client_data: &Digest) -> Vec<u8> {
        let key: [u8; 65] = KeyPair::generate().expect("a key").der_bytes().try_into().expect("a point");
        let key_id = self.key_id.clone().unwrap_or_else(|| Digest::of(&key).as_bytes().to_vec());
        let length = u16::try_from(key_id.len()).expect("a short id").to_be_bytes();
        let app = Digest::of(self.app.as_bytes());
        let data = [
            &app.as_bytes()[..],
            &[0x40],
            &self.counter.to_be_bytes(),
            &self.aaguid,
            &length,
            &key_id,
            b"\xa5 and a COSE key",
        ]
        .concat();
        let made = Digest::of(&[&data[..], client_data.as_bytes()].concat()).as_bytes().to_vec();
        let nonce = self.nonce.clone().unwrap_or(made);
        let extension = (!nonce.is_empty())
            .then(|| CustomExtension::from_oid_content(&NONCE, sequence(&[tagged(1, &octets(&nonce))])));
        let chain = platform.issue(key, extension.into_iter().collect(), |_| {});
        object(&self.format, &chain, &data)
    }
}

/// The object in CBOR.
#[must_use]
pub fn object(format: &str, chain: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let certificates = chain.iter().flat_map(|der| [head(2, der.len()), der.clone()].concat());
    let statement: Vec<u8> =
        [head(5, 2), text("x5c"), head(4, chain.len()), certificates.collect(), text("receipt"), head(2, 1), vec![7]]
            .concat();
    let members = [text("fmt"), text(format), text("attStmt"), statement, text("authData"), head(2, data.len())];
    [head(5, 3), members.concat(), data.to_vec()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

/// The beginning of an item of CBOR: its kind and its length.
fn head(kind: u8, length: usize) -> Vec<u8> {
    let kind = kind << 5;
    match u16::try_from(length).expect("a short item").to_be_bytes() {
        [0, length] if length < 24 => vec![kind | length],
        [0, length] => vec![kind | 0x18, length],
        [high, low] => vec![kind | 0x19, high, low],
    }
}

/// `[number] EXPLICIT`
#[must_use]
pub fn tagged(number: u32, der: &[u8]) -> Vec<u8> {
    let tag = match u8::try_from(number) {
        Ok(number) if number < 31 => vec![0xa0 | number],
        _ => {
            let high = u8::try_from(number >> 7).expect("a number of 14 bits");
            vec![0xbf, 0x80 | high, u8::try_from(number & 0x7f).expect("seven bits")]
        }
    };
    tlv(&tag, der)
}

/// A whole number.
#[must_use]
pub fn integer(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let skipped = bytes[..3].iter().take_while(|byte| **byte == 0).count();
    let sign = if bytes[skipped] >= 0x80 { &[0][..] } else { &[] };
    tlv(&[2], &[sign, &bytes[skipped..]].concat())
}

fn enumerated(number: u8) -> Vec<u8> {
    tlv(&[10], &[number])
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(&[4], bytes)
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(&[0x30], &parts.concat())
}

fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(&[0x31], &parts.concat())
}

fn tlv(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let length = match u16::try_from(value.len()).expect("a short value").to_be_bytes() {
        [0, length] if length < 0x80 => vec![length],
        [0, length] => vec![0x81, length],
        [high, low] => vec![0x82, high, low],
    };
    [tag, &length, value].concat()
}
