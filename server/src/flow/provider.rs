//! One realm being served: its record, its keys and the ports every flow works through.

use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::error;

use super::authenticate_client::Assertions;
use super::begin::user_code::UserCodes;
use super::decide::Refused;
use super::deliver::moment::Moments;
use super::hold::Held;
use super::opened::Opened;
use super::paces::Paces;
use super::prove::Proofs;
use super::public_keys::Registered;
use super::refusals::Refusals;
use super::register::Rate;
use super::retry::Lines;
use super::sign_in::Metadata;
use super::wake::Wake;
use crate::attestation::Trust;
use crate::authenticator;
use crate::certificates::TrustAnchors;
use crate::domain::audit::What;
use crate::domain::binding_message::BindingPattern;
use crate::domain::names::{RealmId, RegistrationKey};
use crate::domain::offer::Offer;
use crate::domain::random::Random;
use crate::domain::realm::{Policy, Realm};
use crate::domain::sign_in::SignIn;
use crate::domain::time::{Clock, Timestamp};
use crate::jose::JwkSet;
use crate::keys::RealmKeys;
use crate::outbound::Courier;
use crate::outbound::client::Client;
use crate::outbound::key_sets::KeySets;
use crate::store::{Change, Store};

/// What a provider is made of.
pub struct Parts {
    /// The realm as stored.
    pub realm: Realm,
    /// Its keys.
    pub keys: RealmKeys,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// How pushes leave; `None` where no channel is configured, and phones ask.
    pub courier: Option<Arc<dyn Courier>>,
    /// How everything else leaves.
    pub client: Client,
    /// Whose certificates authenticate clients. Without them this realm has no `tls_client_auth`.
    pub trust_anchors: Option<TrustAnchors>,
    /// What is believed of phones' platforms.
    pub attestation: Trust,
    /// Where users sign in to enrol phones by themselves; `None` where they do not.
    pub sign_in: Option<SignIn>,
    /// Under which base URL this realm asks for client certificates (RFC 8705 §5): the issuer itself, or another one.
    /// `None` where no certificate can arrive.
    pub mtls_base_url: Option<String>,
}

/// An OpenID Provider for one realm.
pub struct Provider {
    realm: Realm,
    pub(super) keys: RealmKeys,
    pub(super) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pub(super) courier: Option<Arc<dyn Courier>>,
    client: Client,
    key_sets: KeySets<JwkSet>,
    pub(super) registered_keys: Registered,
    trust_anchors: Option<TrustAnchors>,
    attestation: Trust,
    sign_in: Option<SignIn>,
    logins: KeySets<Metadata>,
    mtls_base_url: Option<String>,
    pub(super) binding_pattern: Option<BindingPattern>,
    pub(super) wake: Wake,
    pub(super) moments: Moments,
    pub(super) lines: Lines,
    /// Whoever names a client waits here; between processes the store keeps them apart.
    pub(super) naming: Mutex<()>,
    /// How many clients registered themselves without a token in this minute, and how many replaced their registration.
    pub(super) registrations: Rate,
    pub(super) replacements: Rate,
    /// How often somebody tried to register by which token in this minute.
    pub(super) attempts: Rate<RegistrationKey>,
    pub(super) refusals: Refusals,
    pub(super) user_codes: UserCodes,
    pub(super) assertions: Assertions,
    pub(super) paces: Paces,
    pub(super) held: Held,
    pub(super) proofs: Proofs,
    pub(super) opened: Opened,
    pub(super) refused: Refused,
}

impl Provider {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            realm,
            keys,
            store,
            clock,
            random,
            courier,
            client,
            trust_anchors,
            attestation,
            sign_in,
            mtls_base_url,
        } = parts;
        let key_sets = KeySets::new(client.clone(), Arc::clone(&clock), JwkSet::parse);
        let logins = KeySets::new(client.clone(), Arc::clone(&clock), Metadata::read);
        Arc::new(Self {
            binding_pattern: binding_pattern(&realm),
            realm,
            keys,
            store,
            clock,
            random,
            courier,
            key_sets,
            registered_keys: Registered::default(),
            client,
            trust_anchors,
            attestation,
            sign_in,
            logins,
            mtls_base_url,
            wake: Wake::default(),
            moments: Moments::default(),
            lines: Lines::default(),
            naming: Mutex::default(),
            registrations: Rate::default(),
            replacements: Rate::default(),
            attempts: Rate::default(),
            refusals: Refusals::default(),
            user_codes: UserCodes::default(),
            assertions: Assertions::default(),
            paces: Paces::default(),
            held: Held::default(),
            proofs: Proofs::default(),
            opened: Opened::default(),
            refused: Refused::default(),
        })
    }

    /// The realm as it was when this process started.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The realm's name.
    #[must_use]
    pub fn id(&self) -> &RealmId {
        &self.realm.id
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.realm.issuer
    }

    /// The realm's rules.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.realm.policy
    }

    /// `aud` of access tokens for no resource in particular.
    #[must_use]
    pub fn default_audience(&self) -> &str {
        self.realm.policy.default_audience.as_deref().unwrap_or(&self.realm.issuer)
    }

    /// The realm's keys.
    #[must_use]
    pub fn keys(&self) -> &RealmKeys {
        &self.keys
    }

    /// Where everything is kept.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Whose certificates authenticate clients; `None` where `tls_client_auth` is neither offered nor accepted.
    #[must_use]
    pub const fn trust_anchors(&self) -> Option<&TrustAnchors> {
        self.trust_anchors.as_ref()
    }

    /// What is believed of phones' platforms.
    #[must_use]
    pub const fn attestation(&self) -> &Trust {
        &self.attestation
    }

    /// Where users sign in to enrol phones by themselves.
    #[must_use]
    pub const fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }

    /// What logins publish of themselves, by its URL.
    pub(super) const fn logins(&self) -> &KeySets<Metadata> {
        &self.logins
    }

    /// What stands in place of the issuer in the URLs of endpoints that ask for a client certificate (RFC 8705 §5); maybe
    /// the issuer itself. `None` where no certificate can arrive.
    #[must_use]
    pub fn mtls_base_url(&self) -> Option<&str> {
        self.mtls_base_url.as_deref()
    }

    /// What the realm offers its clients.
    #[must_use]
    pub fn offer(&self) -> Offer<'_> {
        Offer {
            policy: &self.realm.policy,
            mutual_tls: self.mtls_base_url.is_some(),
            trust_anchors: self.trust_anchors.is_some(),
            loopback: self.client.networks().admit_loopback(),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Chance.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// The key that phones subscribe to Web Push under, where there is that channel.
    #[must_use]
    pub fn vapid_key(&self) -> Option<String> {
        self.courier.as_ref()?.vapid_key()
    }

    /// How calls to other servers are made.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The keys that clients publish, by their URL.
    #[must_use]
    pub fn key_sets(&self) -> &KeySets<JwkSet> {
        &self.key_sets
    }

    /// Answers every held call now and holds none from here on.
    pub fn shut_down(&self) {
        self.wake.close();
        self.held.close();
    }

    /// What an authenticator works with.
    #[must_use]
    pub(super) fn port(&self) -> authenticator::Port<'_> {
        authenticator::Port {
            realm: &self.realm.id,
            issuer: &self.realm.issuer,
            keys: &self.keys,
            store: &*self.store,
            random: &*self.random,
            pushes: self.courier.is_some(),
            trust_claimed_uv: self.realm.policy.trust_claimed_uv,
        }
    }

    /// An empty change in this realm.
    #[must_use]
    pub(super) fn change(&self) -> Change {
        Change::in_realm(&self.realm.id)
    }
}

/// Settings are judged before they are stored; what is no pattern all the same lets no message through.
fn binding_pattern(realm: &Realm) -> Option<BindingPattern> {
    let compiled = BindingPattern::compile(realm.policy.binding_message_pattern.as_deref()?);
    Some(compiled.unwrap_or_else(|why| {
        error!(realm = %realm.id, "binding_message_pattern {why}: every binding message is refused");
        BindingPattern::nothing()
    }))
}

/// A change that also says what happened, kept as long as the realm's policy wants.
pub(super) trait Recorded {
    /// Appends an audit event and logs it.
    #[must_use]
    fn recording(self, provider: &Provider, at: Timestamp, what: What) -> Self;
}

impl Recorded for Change {
    fn recording(self, provider: &Provider, at: Timestamp, what: What) -> Self {
        self.event(at, what, provider.policy().audit_days)
    }
}
