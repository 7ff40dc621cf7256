//! The members of a client's metadata: what each may be, what holds where it is not there, and what it means. The reader
//! takes no other, and `docs/configuration.md` is rendered from it. What they must be among each other is in
//! [`super::rules`].

/// One member.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its name: registered where it is a specification's, and documented where it is ours.
    pub name: &'static str,
    /// What it may be.
    pub shape: Shape,
    /// What holds where it is not there.
    pub absent: Absent,
    /// What it means.
    pub meaning: &'static str,
}

/// What a member may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text that is not empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number that is not negative.
    Number,
    /// A list of texts.
    Texts,
    /// An object.
    Object,
    /// One of some words.
    Words(&'static str),
}

/// What holds where a member is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// This value, in JSON.
    Is(&'static str),
    /// What these words say.
    Means(&'static str),
}

const fn defaulting(name: &'static str, shape: Shape, default: &'static str, meaning: &'static str) -> Member {
    Member { name, shape, absent: Absent::Is(default), meaning }
}

const fn optional(name: &'static str, shape: Shape, means: &'static str, meaning: &'static str) -> Member {
    Member { name, shape, absent: Absent::Means(means), meaning }
}

pub(super) const ALGORITHM: &str = "the name of a signature algorithm, such as PS256 or ES256";
pub(super) const METHODS: &str = "client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth \
                                  or self_signed_tls_client_auth";
const CERTIFICATE_NAME: &str = "The one name that the certificate must have, with `tls_client_auth`: exactly one of the five \
                                members. It needs trust anchors.";

const KEY_MANAGEMENT: &str = "ECDH-ES or RSA-OAEP-256";
const CONTENT_ENCRYPTION: &str = "A256GCM";

/// The table.
pub const MEMBERS: &[Member] = &[
    optional(
        "client_id",
        Shape::Text,
        "a random one, which is best",
        "1 to 255 printable ASCII characters. Never used again.",
    ),
    optional(
        "client_secret",
        Shape::Text,
        "a random one, told once",
        "With the `client_secret_…` methods only. At least as long as the hash with `client_secret_jwt`: 32 bytes, or more.",
    ),
    optional(
        "client_name",
        Shape::Text,
        "the id",
        "Shown on the phone: at most 60 characters, under the rules for text there, and none that looks like another client's.",
    ),
    defaulting(
        "token_endpoint_auth_method",
        Shape::Words(METHODS),
        r#""client_secret_basic""#,
        "How the client authenticates, at every endpoint. Never `none`: public clients are refused. The FAPI profile leaves the \
         last three.",
    ),
    optional(
        "token_endpoint_auth_signing_alg",
        Shape::Words(ALGORITHM),
        "any of the realm's `client_algorithms`",
        "Of assertions.",
    ),
    optional(
        "jwks",
        Shape::Object,
        "no keys",
        "Public keys, at most 8 KiB: for `private_key_jwt`, `self_signed_tls_client_auth`, signed requests, and what is encrypted \
         for the client.",
    ),
    optional("jwks_uri", Shape::Text, "no keys", "Where they are published instead: https."),
    optional("tls_client_auth_subject_dn", Shape::Text, "no name", CERTIFICATE_NAME),
    optional("tls_client_auth_san_dns", Shape::Text, "no name", "As above: a DNS name."),
    optional("tls_client_auth_san_uri", Shape::Text, "no name", "As above: a URI."),
    optional("tls_client_auth_san_ip", Shape::Text, "no name", "As above: an address."),
    optional("tls_client_auth_san_email", Shape::Text, "no name", "As above: an e-mail address."),
    defaulting(
        "tls_client_certificate_bound_access_tokens",
        Shape::Flag,
        "false",
        "Whether access tokens are bound to the client's certificate (RFC 8705). Needs mutual TLS; with push also as the method.",
    ),
    defaulting(
        "dpop_bound_access_tokens",
        Shape::Flag,
        "false",
        "Whether every token request must bring a DPoP proof (RFC 9449), whose key access tokens are bound to. Never with push.",
    ),
    defaulting(
        "dpop_bound_refresh_tokens",
        Shape::Flag,
        "false",
        "Ours. Whether refresh tokens are bound to that key too: then no other key can refresh.",
    ),
    defaulting(
        "backchannel_token_delivery_mode",
        Shape::Words("poll, ping or push"),
        r#""poll""#,
        "How the client learns the outcome; one of the realm's `delivery_modes`. No push under the FAPI profile.",
    ),
    optional(
        "backchannel_client_notification_endpoint",
        Shape::Text,
        "none; refused for ping and push",
        "Where it is told: https.",
    ),
    optional(
        "backchannel_authentication_request_signing_alg",
        Shape::Words(ALGORITHM),
        "requests need no signature; under the FAPI profile any of the offered ones",
        "Once set, every authentication request must be signed by it. One of the realm's `client_algorithms`.",
    ),
    defaulting(
        "backchannel_user_code_parameter",
        Shape::Flag,
        "false",
        "Whether the client sends user codes. If it does, it must send one with every request.",
    ),
    optional(
        "id_token_signed_response_alg",
        Shape::Words(ALGORITHM),
        "the first of the realm's `signing_algorithms`",
        "Of ID tokens and JWT access tokens; one of the realm's `signing_algorithms`.",
    ),
    optional(
        "id_token_encrypted_response_alg",
        Shape::Words(KEY_MANAGEMENT),
        "they are not encrypted",
        "Once set, ID tokens are encrypted, after they were signed, to the first fitting key of `jwks` or `jwks_uri` that has a \
         `kid`, rather with `use` `enc` than without `use`; a key that stands alone needs no `kid`. EC on P-256 or P-384 or OKP with X25519, or RSA. Without such a key there are no tokens.",
    ),
    optional(
        "id_token_encrypted_response_enc",
        Shape::Words(CONTENT_ENCRYPTION),
        "refused beside `id_token_encrypted_response_alg`: the default of OpenID Connect, A128CBC-HS256, is not offered",
        "By what the content is encrypted; not without `id_token_encrypted_response_alg`.",
    ),
    optional(
        "userinfo_signed_response_alg",
        Shape::Words(ALGORITHM),
        "it is not signed",
        "Once set, userinfo is a signed JWT with `iss` and `aud`. One of the realm's `signing_algorithms`.",
    ),
    optional(
        "userinfo_encrypted_response_alg",
        Shape::Words(KEY_MANAGEMENT),
        "it is not encrypted",
        "The same for userinfo, whether it is signed or not.",
    ),
    optional(
        "userinfo_encrypted_response_enc",
        Shape::Words(CONTENT_ENCRYPTION),
        "refused beside `userinfo_encrypted_response_alg`",
        "As above.",
    ),
    defaulting(
        "grant_types",
        Shape::Texts,
        r#"["urn:openid:params:grant-type:ciba"]"#,
        "The CIBA grant, and perhaps `refresh_token`. Push needs none; `[]` is for a resource server with `audiences`.",
    ),
    defaulting("response_types", Shape::Texts, "[]", "Must be empty: there is no front channel."),
    defaulting(
        "subject_type",
        Shape::Words("public or pairwise"),
        r#""public""#,
        "Whether the client knows users by the `sub` that all clients know, or by one of its sector's own. Pairwise clients with poll \
         or ping must have a `jwks_uri` and show that its keys are theirs: by `private_key_jwt`, `self_signed_tls_client_auth` or \
         signed requests.",
    ),
    optional(
        "sector_identifier_uri",
        Shape::Text,
        "the sector is the host of `jwks_uri`, with push that of the notification endpoint",
        "Where clients that share a sector are listed, https: a JSON array of URIs that holds this client's `jwks_uri`, with push its \
         notification endpoint. Fetched when the client is registered; its host is the sector.",
    ),
    optional(
        "logo_uri",
        Shape::Text,
        "no logo",
        "Where its logo is fetched when it is registered, https: a PNG of at most 11 KiB and 512 pixels a side. Phones get it from here.",
    ),
    optional("software_id", Shape::Text, "not known", "Which software it is, the same wherever that runs."),
    optional("software_version", Shape::Text, "not known", "In which version."),
    defaulting(
        "scope",
        Shape::Text,
        r#""openid profile email phone""#,
        "What it may ask for, at most 32; `openid` is always among it.",
    ),
    optional(
        "default_acr_values",
        Shape::Texts,
        "the realm's",
        "`acr_values` that count as requested where a request names none.",
    ),
    defaulting(
        "require_acr",
        Shape::Flag,
        "false",
        "Ours. Whether there are no tokens when none of the requested values is reached.",
    ),
    defaulting(
        "match_code",
        Shape::Flag,
        "false",
        "Ours. Whether the answer to its requests holds a `match_code` of two digits, which its screen shows and the user \
         types on the phone to approve. One wrong try denies.",
    ),
    defaulting(
        "approval_receipt",
        Shape::Flag,
        "false",
        "Ours. Whether its tokens come with an `approval_receipt`: what the user was shown and signed, for evidence.",
    ),
    defaulting("verified", Shape::Flag, "true", "Ours. Whether an operator confirmed the name; phones show it if not."),
    defaulting(
        "user_verification",
        Shape::Words("required, preferred or none"),
        r#""required""#,
        "Ours. Whether approvals must be signed by the key behind the fingerprint.",
    ),
    optional(
        "profile",
        Shape::Words("core or fapi-ciba"),
        "the realm's",
        "Ours. Which rules hold for it, never looser than the realm's.",
    ),
    defaulting(
        "long_poll",
        Shape::Number,
        "0",
        "Ours. For how many seconds at most a poll of a pending request is held; 0 answers at once. At most the realm's \
         `long_poll_max`; never under the FAPI profile, nor for push.",
    ),
    defaulting(
        "assertion_aud",
        Shape::Words("any or issuer"),
        r#""any""#,
        "Ours. Which audience assertions must name: the issuer, the called endpoint or the token endpoint, or the issuer alone.",
    ),
    defaulting(
        "access_token_format",
        Shape::Words("opaque or jwt"),
        r#""opaque""#,
        "Ours. Random and to be introspected, or a JWT (RFC 9068).",
    ),
    optional(
        "resources",
        Shape::Texts,
        "none",
        "Ours. The resource servers that its requests may name by `resource` (RFC 8707): at most 16 URIs, of https or without an authority (`urn:example:ledger`).",
    ),
    optional(
        "authorization_details_types",
        Shape::Texts,
        "all of the realm's",
        "Which types of `authorization_details` it may send (RFC 9396 §10).",
    ),
    optional(
        "audiences",
        Shape::Texts,
        "none",
        "Ours. The resource servers that this client is: it may introspect tokens for them.",
    ),
];

/// The member of this name.
pub(super) fn find(name: &str) -> Option<&'static Member> {
    MEMBERS.iter().find(|member| member.name == name)
}
