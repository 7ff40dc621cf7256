//! The settings file that `assent init` writes: what must be set is set, the rest is there to be read.

use std::net::SocketAddr;

pub(crate) use super::realm::{MAIN as REALM, check_issuer};

/// The names of the files that `init` makes, all in one directory.
pub const SETTINGS: &str = "assent.toml";
/// The wrapped keys.
pub const KEYS: &str = "keys.json";
/// What they are wrapped by.
pub const WRAPPING_KEY: &str = "wrapping.key";
/// The operators' bearer token.
pub const ADMIN_TOKEN: &str = "admin.token";
/// The directory of the store, which the first start makes.
pub const STORE: &str = "store";
/// All of them.
pub const FILES: [&str; 5] = [SETTINGS, KEYS, WRAPPING_KEY, ADMIN_TOKEN, STORE];

/// What differs from one deployment to the next.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `public.listen`
    pub listen: SocketAddr,
    /// `admin.listen`
    pub admin_listen: SocketAddr,
}

/// What stands around [public]: all of it is to be read.
const TLS: &str = r#"#[public.tls]
# Certificates in PEM, the server's own first, and its key (mode 0600, or 0640 for a group that renews it). Both are read
# again when they change, and at SIGHUP.
#certificate = "fullchain.pem"
#key = "privkey.pem"
# "1.3", or "1.2" besides, which needs a certificate with an RSA key.
#min_version = "1.3"
# How often the files are looked at, in seconds.
#reload_interval = 30

# Where relying parties show certificates of their own (RFC 8705). Discovery names it in mtls_endpoint_aliases.
#[mtls]
# A listener that asks for certificates. It shows the certificate of [public.tls], or one of its own in [mtls.tls].
#listen = "127.0.0.1:8444"
# The URL at which relying parties find it: scheme, host and port.
#base_url = "https://mtls.id.example.com:8444"

# Proxies that terminate TLS in front of [public] and tell in the headers of RFC 9440 what certificate a client showed.
# They must remove those headers from what clients send. From everybody else the server removes them itself.
#[proxy]
#trusted = ["10.20.0.0/16"]"#;

/// The text of the file.
#[must_use]
pub fn render(template: &Template<'_>) -> String {
    let Template { issuer, listen, admin_listen } = template;
    format!(
        r#"# Settings of Assent. Paths are relative to this file. Every setting can also come from the environment:
# ASSENT__STORE__CACHE_MIB=128 sets cache_mib under [store]. `assent check-config` says what is wrong, setting by setting.

# The base URL at which relying parties and phones find this server, exactly as they write it. Must be https (or http on
# a loopback host, to try things out). Phones and relying parties remember it: it cannot change once the server has
# started.
issuer = "{issuer}"

# The authorities whose certificates authenticate clients (tls_client_auth): certificates in PEM, one after the other.
#client_trust_anchors = "client-authorities.pem"

[public]
# Where relying parties and phones are served: in plain HTTP, behind a proxy that terminates TLS, or with [public.tls].
listen = "{listen}"

{TLS}

[admin]
# Where operators are served. Keep it out of reach of everybody else.
listen = "{admin_listen}"
# Their bearer token, in a file of its own (mode 0600).
token_file = "{ADMIN_TOKEN}"
# TLS, with the settings of [public.tls].
#[admin.tls]
#certificate = "admin.pem"
#key = "admin.key"

[store]
# Everything the server remembers: "embedded" in a directory of this machine, for one process, or "postgres" in a database
# that several processes share (PostgreSQL 15 or later).
kind = "embedded"
# Embedded: the directory. Back it up together with {KEYS}.
directory = "{STORE}"
# Memory for its cache.
#cache_mib = 64
# PostgreSQL: postgres://user:password@host/database?sslmode=verify-full&sslrootcert=ca.pem, in a file of its own (mode 0600).
#url_file = "postgres.url"
# Connections of this process at most.
#connections = 16
# Seconds that a call waits for one of them, for the end of one statement, and within it for the locks of others.
#acquire_timeout = 5
#statement_timeout = 10
#lock_timeout = 5
# Revoked phones and locked users are noted here too, so that they stay so when an old back-up is restored. Better on
# another disk.
#journal = "revocations.journal"

[keys]
# The signing keys, wrapped (mode 0600). The phones of all users trust these keys: without them everybody enrols again.
file = "{KEYS}"
# What they are wrapped by. Better kept elsewhere, and given as ASSENT_WRAPPING_KEY in the environment.
wrapping_key_file = "{WRAPPING_KEY}"

[log]
# "text" for people or "json" for machines, to the standard error stream.
format = "text"
# Which events: a level, or directives such as "info,server::flow=debug".
filter = "info"

# Calls to other servers: pushes, and what clients and phones name in URLs of their own. The latter go to public
# addresses only.
[outbound]
# Networks of yours that they may go to as well. Link-local and metadata addresses are never called. A [[realm]] may have
# its own list, under [realm.outbound].
#allowed_networks = ["10.20.0.0/16", "fd12:3456::/32"]
# Certificate authorities to believe beside the system's: files in PEM.
#extra_roots = ["internal-ca.pem"]

# Pushes to phones by Firebase Cloud Messaging. Without it phones ask by themselves, when their app is opened.
#[push.fcm]
#service_account_file = "service-account.json"
# In place of the service account's project:
#project_id = "my-project"
# In place of Google's endpoints, for a gateway or a stand-in:
#base_url = "https://fcm.googleapis.com/"
#token_url = "https://oauth2.googleapis.com/token"

# What this server allows. These values are read at the first start only; from then on the store's hold. Durations are in seconds.
[policy]
# Life of an authentication request whose client asks for none, and the bounds of what a client may ask for.
#request_lifetime = 120
#request_lifetime_min = 10
#request_lifetime_max = 3600
# Between two polls of a client.
#interval = 5
# For how long an expired request answers expired_token rather than invalid_grant.
#tombstone = 180
#access_token_lifetime = 3600
#id_token_lifetime = 3600
# Life of an enrolment ticket, at most 300.
#ticket_lifetime = 300
# "page": whoever showed the ticket types the digits that the phone shows. "none": not for a user's first phone.
#confirm = "page"
# What approves with user verification: "biometric", or "credential" (biometric or the phone's own credential).
#verified_kind = "biometric"
# "sealed": pushes carry the prompt, encrypted to the phone. "wake": they only wake it.
#push = "sealed"
# Whether a key counts as user verification that only the phone's word says is protected by hardware.
#trust_claimed_uv = false
# For how many days the audit trail is kept.
#audit_days = 400
"#
    )
}
