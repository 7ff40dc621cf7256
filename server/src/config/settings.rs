//! Every setting of the file but the realms' rules, which are in [`crate::domain::policy`], and the members of a
//! client's metadata, which are in [`crate::flow::register`].

use super::table::{Kind, Setting, SettingsTable};

const NUMBER_OF_CONNECTIONS: Kind = Kind::Number { least: 3, most: 1_000 };
const SECONDS: Kind = Kind::Number { least: 1, most: 300 };

/// The tables, in the order of the file that `assent init` writes. `[policy]` comes behind the first ones that are not
/// repeated.
pub const TABLES: &[SettingsTable] = &[
    SettingsTable {
        names: &[""],
        repeated: false,
        about: "",
        settings: &[
            Setting::needed(
                "issuer",
                Kind::Text,
                "https://id.example.com",
                "The base URL at which relying parties and phones find this server, exactly as they write it. Must be https, or \
                 http on a loopback host, to try things out. Phones and relying parties remember it: it cannot change once the \
                 server has started. Not needed where every realm stands under `[[realm]]`.",
            ),
            Setting::optional(
                "client_trust_anchors",
                Kind::File,
                "no `tls_client_auth`",
                "client-authorities.pem",
                "The authorities whose certificates authenticate clients (`tls_client_auth`): certificates in PEM, one after the \
                 other. Read at each start.",
            ),
        ],
    },
    SettingsTable {
        names: &["public"],
        repeated: false,
        about: "Where relying parties and phones are served: in plain HTTP, behind a proxy that terminates TLS, or with \
                `[public.tls]`.",
        settings: &[Setting::defaulting(
            "listen",
            Kind::Address,
            "127.0.0.1:8080",
            "Address and port. Port 0 takes a free one.",
        )],
    },
    SettingsTable {
        names: &["public.tls", "admin.tls", "mtls.tls"],
        repeated: false,
        about: "TLS of a listener: `[public.tls]`, `[admin.tls]` and `[mtls.tls]` hold the same settings. Without it a listener speaks \
                plain HTTP; `[mtls]` without its own shows the certificate of `[public.tls]`.",
        settings: &[
            Setting::needed(
                "certificate",
                Kind::File,
                "fullchain.pem",
                "Certificates in PEM: the server's own first, then those between it and its authority. This file and the key are \
                 read again when they change, and at SIGHUP.",
            ),
            Setting::needed(
                "key",
                Kind::File,
                "privkey.pem",
                "Its private key in PEM (mode 0600, or 0640 for a group that renews it).",
            ),
            Setting::defaulting(
                "min_version",
                Kind::Word(&["1.3", "1.2"]),
                "1.3",
                "The oldest version that is spoken. `1.2` needs a certificate with an RSA key.",
            ),
            Setting::defaulting(
                "reload_interval",
                Kind::Number { least: 1, most: 86_400 },
                "30",
                "How often the two files are looked at, in seconds.",
            ),
        ],
    },
    SettingsTable {
        names: &["mtls"],
        repeated: false,
        about: "Where relying parties show certificates of their own (RFC 8705). Discovery names it in `mtls_endpoint_aliases`.",
        settings: &[
            Setting::optional(
                "listen",
                Kind::Address,
                "a proxy of `[proxy]` asks for certificates",
                "127.0.0.1:8444",
                "A listener that asks for certificates, and is nobody else's.",
            ),
            Setting::needed(
                "base_url",
                Kind::Text,
                "https://mtls.id.example.com:8444",
                "The URL at which relying parties find it: scheme, host and port, https.",
            ),
        ],
    },
    SettingsTable {
        names: &["proxy"],
        repeated: false,
        about: "Proxies that terminate TLS in front of `[public]` and tell in the headers of RFC 9440 what certificate a client \
                showed. They must remove those headers from what clients send. From everybody else the server removes them \
                itself.",
        settings: &[Setting::optional(
            "trusted",
            Kind::List,
            "nobody is believed",
            r#"["10.20.0.0/16"]"#,
            "Networks in CIDR form, or addresses. Whoever connects from there is believed.",
        )],
    },
    SettingsTable {
        names: &["admin"],
        repeated: false,
        about: "Where operators are served. Keep it out of reach of everybody else.",
        settings: &[
            Setting::defaulting(
                "listen",
                Kind::Address,
                "127.0.0.1:8081",
                "Address and port; not those of `[public]`.",
            ),
            Setting::optional(
                "token_file",
                Kind::File,
                "`token` must be there",
                "admin.token",
                "The operators' bearer token, in a file of its own (mode 0600): 22 characters of chance or more.",
            ),
            Setting::optional(
                "token",
                Kind::Text,
                "`token_file` must be there",
                "…",
                "The same here, or better from the environment.",
            ),
        ],
    },
    SettingsTable {
        names: &["store"],
        repeated: false,
        about: "Everything the server remembers.",
        settings: &[
            Setting::defaulting(
                "kind",
                Kind::Word(&["embedded", "postgres"]),
                "embedded",
                "`embedded` in a directory of this machine, for one process, or `postgres` in a database that several processes \
                 share (PostgreSQL 15 or later).",
            ),
            Setting::needed(
                "directory",
                Kind::File,
                "store",
                "Embedded: the directory. Back it up together with the file of keys.",
            ),
            Setting::defaulting(
                "cache_mib",
                Kind::Number { least: 1, most: 65_536 },
                "64",
                "Embedded: memory for its cache, in MiB.",
            ),
            Setting::optional(
                "url_file",
                Kind::File,
                "`url` must be there",
                "postgres.url",
                "PostgreSQL: `postgres://user:password@host/database?sslmode=verify-full&sslrootcert=ca.pem`, in a file of its own \
                 (mode 0600).",
            ),
            Setting::optional(
                "url",
                Kind::Text,
                "`url_file` must be there",
                "…",
                "PostgreSQL: the same here, or better from the environment.",
            ),
            Setting::defaulting(
                "connections",
                NUMBER_OF_CONNECTIONS,
                "16",
                "PostgreSQL: connections of this process at most.",
            ),
            Setting::defaulting(
                "acquire_timeout",
                SECONDS,
                "5",
                "PostgreSQL: seconds that a call waits for one of them.",
            ),
            Setting::defaulting(
                "statement_timeout",
                SECONDS,
                "10",
                "PostgreSQL: seconds until a statement is given up.",
            ),
            Setting::defaulting(
                "lock_timeout",
                SECONDS,
                "5",
                "PostgreSQL: seconds that a statement waits for the locks of others.",
            ),
            Setting::defaulting(
                "journal",
                Kind::File,
                "revocations.journal",
                "Revoked phones and locked users are noted here too, so that they stay so when an old back-up is restored. Better \
                 on another disk.",
            ),
            Setting::defaulting(
                "sweep_interval",
                Kind::Number { least: -1, most: 3_600 },
                "5",
                "Seconds between two runs that remove what is past its time; -1: this process removes nothing. Nothing expires \
                 later for it: times are judged at every look.",
            ),
            Setting::defaulting(
                "sweep_rows",
                Kind::Number { least: 1, most: 10_000 },
                "500",
                "Entries that one such run removes at most. A full run is followed by the next at once.",
            ),
        ],
    },
    SettingsTable {
        names: &["keys"],
        repeated: false,
        about: "",
        settings: &[
            Setting::needed(
                "file",
                Kind::File,
                "keys.json",
                "The signing keys, wrapped (mode 0600). The phones of all users trust these keys: without them everybody enrols \
                 again.",
            ),
            Setting::optional(
                "wrapping_key_file",
                Kind::File,
                "`ASSENT_WRAPPING_KEY` must be there",
                "wrapping.key",
                "What they are wrapped by (mode 0600). Better kept elsewhere, and given as `ASSENT_WRAPPING_KEY` in the \
                 environment, which wins.",
            ),
        ],
    },
    SettingsTable {
        names: &["log"],
        repeated: false,
        about: "What is told on the standard error stream.",
        settings: &[
            Setting::defaulting(
                "format",
                Kind::Word(&["text", "json"]),
                "text",
                "`text` for people or `json` for machines.",
            ),
            Setting::defaulting(
                "filter",
                Kind::Text,
                "info",
                "Which events: a level, or directives such as `info,server::flow=debug`.",
            ),
        ],
    },
    SettingsTable {
        names: &["outbound"],
        repeated: false,
        about: "Calls to other servers: pushes, and what clients and phones name in URLs of their own. The latter go to public \
                addresses only.",
        settings: &[
            NETWORKS,
            Setting::optional(
                "extra_roots",
                Kind::List,
                "the system's authorities alone",
                r#"["internal-ca.pem"]"#,
                "Certificate authorities to believe beside the system's: files in PEM.",
            ),
        ],
    },
    SettingsTable {
        names: &["push.fcm"],
        repeated: false,
        about: "Pushes to phones by Firebase Cloud Messaging (HTTP v1). Without it phones ask by themselves, when their app is \
                opened.",
        settings: &[
            Setting::needed(
                "service_account_file",
                Kind::File,
                "service-account.json",
                "The service account's file, as the Firebase console gives it.",
            ),
            Setting::optional(
                "project_id",
                Kind::Text,
                "the service account's",
                "my-project",
                "Another project than the service account's.",
            ),
            Setting::optional(
                "base_url",
                Kind::Text,
                "Google's",
                "https://fcm.googleapis.com/",
                "In place of Google's endpoint, for a gateway or a stand-in. Https, or http on a loopback address.",
            ),
            Setting::optional(
                "token_url",
                Kind::Text,
                "the service account's",
                "https://oauth2.googleapis.com/token",
                "In place of the endpoint at which access tokens are had.",
            ),
            PER_MINUTE,
        ],
    },
    SettingsTable {
        names: &["push.apns"],
        repeated: false,
        about: "Pushes to iPhones by Apple Push Notification service, without Firebase.",
        settings: &[
            Setting::needed(
                "key_file",
                Kind::File,
                "AuthKey_ABC123DEFG.p8",
                "The key for APNs as Apple's developer pages give it (mode 0600).",
            ),
            Setting::needed("key_id", Kind::Text, "ABC123DEFG", "That key's id."),
            Setting::needed("team_id", Kind::Text, "DEF123GHIJ", "The id of the developer team."),
            Setting::needed("topic", Kind::Text, "com.example.approvals", "The app's bundle id."),
            Setting::optional(
                "base_url",
                Kind::Text,
                "Apple's, production or sandbox as the phone says",
                "https://api.push.apple.com/",
                "In place of Apple's services, for a gateway or a stand-in.",
            ),
            PER_MINUTE,
        ],
    },
    SettingsTable {
        names: &["push.webpush"],
        repeated: false,
        about: "Pushes by Web Push (RFC 8030), also to UnifiedPush. Each phone names a URL of its push service, which is called as \
                `[outbound]` allows.",
        settings: &[
            Setting::needed(
                "key_file",
                Kind::File,
                "vapid.pem",
                "The key under which phones subscribe (RFC 8292; mode 0600), made by `assent keys vapid`. With another key every \
                 phone must subscribe again.",
            ),
            Setting::needed(
                "contact",
                Kind::Text,
                "mailto:operations@example.com",
                "Whom push services write to about these pushes: a `mailto:` or `https:` URI.",
            ),
            PER_MINUTE,
        ],
    },
    SettingsTable {
        names: &["push.webhook"],
        repeated: false,
        about: "Pushes by a notifier of your own: a signed call for each.",
        settings: &[
            Setting::needed(
                "url",
                Kind::Text,
                "https://notifier.example.com/assent",
                "Where it is. Https, or http on a loopback address.",
            ),
            Setting::optional(
                "secret_file",
                Kind::File,
                "`secret` must be there",
                "webhook.secret",
                "What calls are signed by, in a file of its own (mode 0600): `whsec_` and 24 to 64 bytes in base64.",
            ),
            Setting::optional(
                "secret",
                Kind::Text,
                "`secret_file` must be there",
                "…",
                "The same here, or better from the environment.",
            ),
            PER_MINUTE,
        ],
    },
    SettingsTable {
        names: &["app"],
        repeated: false,
        about: "The app that the links of notifications open (`<issuer>/a/…`), and the page for phones without it.",
        settings: &[
            Setting::optional(
                "name",
                Kind::Text,
                "it is called \u{201c}the app\u{201d}",
                "Example Approvals",
                "What it is called on that page.",
            ),
            Setting::optional(
                "android_package",
                Kind::Text,
                "no `/.well-known/assetlinks.json`",
                "com.example.approvals",
                "Its package on Android.",
            ),
            Setting::optional(
                "android_certificates",
                Kind::List,
                "none",
                r#"["AB:CD:…"]"#,
                "SHA-256 fingerprints of the certificates that sign it.",
            ),
            Setting::optional(
                "apple_app_ids",
                Kind::List,
                "no `/.well-known/apple-app-site-association`",
                r#"["DEF123GHIJ.com.example.approvals"]"#,
                "Its ids at Apple: the team's id, a dot and the bundle id.",
            ),
            Setting::optional(
                "android_store",
                Kind::Text,
                "no link",
                "https://play.google.com/store/apps/details?id=com.example.approvals",
                "Where to get it for Android.",
            ),
            Setting::optional(
                "apple_store",
                Kind::Text,
                "no link",
                "https://apps.apple.com/app/id0000000000",
                "Where to get it for iOS.",
            ),
        ],
    },
    SettingsTable {
        names: &["attestation.android", "realm.attestation.android"],
        repeated: false,
        about: "Android key attestation, for the first realm; `[realm.attestation.android]` for another. Without it Android phones \
                prove nothing. See also `attestation` under `[policy]`.",
        settings: &[
            Setting::needed(
                "roots",
                Kind::List,
                r#"["google-attestation-roots.pem"]"#,
                "Google's attestation roots: files in PEM, each with any number of certificates. Read at each start.",
            ),
            Setting::needed(
                "apps",
                Kind::List,
                r#"["com.example.app 3b8a0e6f5d2c41978e0b6a7f9c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f"]"#,
                "Whose keys count: a package name, a blank, and SHA-256 of the certificate that signs the app, in hexadecimal, \
                 colons or none. An app with several signers stands there once for each.",
            ),
            Setting::optional(
                "revoked",
                Kind::File,
                "no certificate is revoked",
                "attestation-status.json",
                "Google's list of revoked attestation certificates, as its status URL gives it. Read at each start.",
            ),
            Setting::optional(
                "boot",
                Kind::Word(&["verified", "any"]),
                "`verified`",
                "verified",
                "How a phone must have started: `verified`, from what its maker signed and with the boot loader locked; `any`, \
                 for phones under development.",
            ),
        ],
    },
    SettingsTable {
        names: &["attestation.apple", "realm.attestation.apple"],
        repeated: false,
        about: "Apple App Attest, for the first realm; `[realm.attestation.apple]` for another. Without it iPhones prove nothing.",
        settings: &[
            Setting::needed(
                "roots",
                Kind::List,
                r#"["Apple_App_Attestation_Root_CA.pem"]"#,
                "Apple's root for App Attest: files in PEM. Read at each start.",
            ),
            Setting::needed(
                "apps",
                Kind::List,
                r#"["ABCDE12345.com.example.app"]"#,
                "Whose word counts: the team id, a dot, the bundle id.",
            ),
            Setting::optional(
                "environment",
                Kind::Word(&["production", "development"]),
                "`production`",
                "production",
                "Which of Apple's environments: `production`, of apps given out by the App Store or TestFlight; `development`, of \
                 apps run from Xcode.",
            ),
        ],
    },
    SettingsTable {
        names: &["enrolment.sign_in", "realm.enrolment.sign_in"],
        repeated: false,
        about: "The OpenID provider at which users sign in to add phones by themselves, under `<issuer>/enrol`; for the first \
                realm, `[realm.enrolment.sign_in]` for another. Register `<issuer>/enrol/callback` there as redirect URI. Without \
                it only operators and your own apps make tickets.",
        settings: &[
            Setting::needed(
                "issuer",
                Kind::Text,
                "https://login.example.com",
                "Its issuer; what it publishes under `/.well-known/openid-configuration` is fetched when it is needed.",
            ),
            Setting::needed("client_id", Kind::Text, "assent", "The name under which this server is registered there."),
            Setting::optional(
                "client_secret_file",
                Kind::File,
                "no secret: PKCE alone protects the code",
                "sign-in.secret",
                "The secret of that registration, in a file of its own (mode 0600), sent as `client_secret_basic`.",
            ),
            Setting::optional(
                "client_secret",
                Kind::Text,
                "`client_secret_file`",
                "",
                "The same here, or better from the environment.",
            ),
            Setting::optional(
                "subject_claim",
                Kind::Text,
                "`sub`",
                "sub",
                "Which claim of its ID tokens is the user's `subject` here. Choose none that users can change.",
            ),
            Setting::optional(
                "recovery_acr",
                Kind::List,
                "any sign-in will do",
                r#"["urn:example:passport"]"#,
                "One `acr` of which a user must have signed in by who had phones and has none left.",
            ),
        ],
    },
    SettingsTable {
        names: &["realm"],
        repeated: true,
        about: "Further realms, each with its issuer, keys, clients and users. A realm has a `[realm.policy]` of its own, with the \
                settings of `[policy]`.",
        settings: &[
            Setting::needed("id", Kind::Text, "customers", "Its name: 1 to 32 characters of a-z, 0-9 and '-'."),
            Setting::needed(
                "issuer",
                Kind::Text,
                "https://id.example.com/customers",
                "As above; a path under the first realm's.",
            ),
            Setting::optional(
                "client_trust_anchors",
                Kind::File,
                "no `tls_client_auth`",
                "client-authorities.pem",
                "As above, for this realm.",
            ),
        ],
    },
    SettingsTable {
        names: &["realm.outbound"],
        repeated: false,
        about: "In place of the deployment's networks, for one realm.",
        settings: &[NETWORKS],
    },
    SettingsTable {
        names: &["client"],
        repeated: true,
        about: "Relying parties that the first start registers, under the rules of the admin API; from then on the store's record \
                holds, `check-config` reports where the file differs, and one that was removed stays so. Beside these settings, the \
                members of a client's metadata by their names; `client_id` must be there.",
        settings: &[
            Setting::optional(
                "realm",
                Kind::Text,
                "the first realm",
                "customers",
                "The realm that it is registered in.",
            ),
            Setting::optional(
                "client_secret_file",
                Kind::File,
                "no secret; refused for the `client_secret_…` methods",
                "shop.secret",
                "Its secret, in a file of its own (mode 0600). `client_secret` is the same here, or better from the environment.",
            ),
        ],
    },
];

const NETWORKS: Setting = Setting::optional(
    "allowed_networks",
    Kind::List,
    "public addresses alone; for a realm, as for the deployment",
    r#"["10.20.0.0/16", "fd12:3456::/32"]"#,
    "Networks of yours that calls may go to as well. Link-local and metadata addresses are never called. An empty list in a \
     realm closes what the deployment opened.",
);

const PER_MINUTE: Setting = Setting::defaulting(
    "per_minute",
    Kind::Number { least: 1, most: 600_000 },
    "60000",
    "Pushes a minute that this process sends at most; with Web Push, to each push service.",
);
