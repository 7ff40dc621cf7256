//! What a realm offers its clients, under each profile: discovery publishes it, registration is checked against it, and
//! authentication takes nothing else.

use super::algorithm::Algorithm;
use super::client::AuthenticationMethod;
use super::delivery::DeliveryMode;
use super::policy::Policy;
use super::profile::Profile;

/// What FAPI-CIBA leaves of all algorithms (FAPI 1.0 Advanced §8.6).
const FAPI_ALGORITHMS: [Algorithm; 2] = [Algorithm::Ps256, Algorithm::Es256];

/// What a realm offers.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'r> {
    /// Its rules.
    pub policy: &'r Policy,
    /// Whether a client certificate can arrive at all.
    pub mutual_tls: bool,
    /// Whether it knows authorities whose certificates authenticate clients.
    pub trust_anchors: bool,
    /// Whether the operator opened loopback to what clients name, so that it may be plain http there.
    pub loopback: bool,
}

impl Offer<'_> {
    /// How a client may learn the outcome; nothing where the realm has no CIBA.
    #[must_use]
    pub fn delivery_modes(&self, profile: Profile) -> Vec<DeliveryMode> {
        let offered = |mode: &DeliveryMode| self.policy.delivery_modes.contains(mode);
        let allowed = |mode: &DeliveryMode| profile == Profile::Core || *mode != DeliveryMode::Push;
        DeliveryMode::ALL.into_iter().filter(|mode| offered(mode) && allowed(mode)).collect()
    }

    /// How a client may authenticate.
    #[must_use]
    pub fn methods(&self, profile: Profile) -> Vec<AuthenticationMethod> {
        AuthenticationMethod::ALL.into_iter().filter(|method| self.has_method(*method, profile)).collect()
    }

    fn has_method(&self, method: AuthenticationMethod, profile: Profile) -> bool {
        use AuthenticationMethod as Method;
        match method {
            Method::ClientSecretBasic | Method::ClientSecretPost => profile == Profile::Core,
            Method::ClientSecretJwt => profile == Profile::Core && !self.mac_algorithms().is_empty(),
            Method::PrivateKeyJwt => !self.client_algorithms(profile).is_empty(),
            Method::TlsClientAuth => self.mutual_tls && self.trust_anchors,
            Method::SelfSignedTlsClientAuth => self.mutual_tls,
        }
    }

    /// In what a client may sign assertions and requests.
    #[must_use]
    pub fn client_algorithms(&self, profile: Profile) -> Vec<Algorithm> {
        once(&self.policy.client_algorithms, |algorithm| algorithm.is_asymmetric() && profile_has(profile, algorithm))
    }

    /// Under what MACs a client may put assertions.
    #[must_use]
    pub fn mac_algorithms(&self) -> Vec<Algorithm> {
        once(&self.policy.client_algorithms, |algorithm| !algorithm.is_asymmetric())
    }

    /// The algorithms in which assertions of this method are taken.
    #[must_use]
    pub fn assertion_algorithms(&self, method: AuthenticationMethod, profile: Profile) -> Vec<Algorithm> {
        match method {
            AuthenticationMethod::PrivateKeyJwt => self.client_algorithms(profile),
            AuthenticationMethod::ClientSecretJwt if profile == Profile::Core => self.mac_algorithms(),
            _ => Vec::new(),
        }
    }

    /// In what ID tokens and userinfo may be signed for a client, the default first.
    #[must_use]
    pub fn id_token_algorithms(&self, profile: Profile) -> Vec<Algorithm> {
        once(&self.policy.signing_algorithms, |algorithm| profile_has(profile, algorithm))
    }
}

fn profile_has(profile: Profile, algorithm: Algorithm) -> bool {
    profile == Profile::Core || FAPI_ALGORITHMS.contains(&algorithm)
}

/// In the operator's order, none twice (REQUIREMENTS Q16).
fn once(listed: &[Algorithm], wanted: impl Fn(Algorithm) -> bool) -> Vec<Algorithm> {
    listed.iter().copied().filter(|algorithm| wanted(*algorithm)).fold(Vec::new(), |mut once, algorithm| {
        if !once.contains(&algorithm) {
            once.push(algorithm);
        }
        once
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use AuthenticationMethod as Method;

    #[test]
    fn fapi_leaves_keys_certificates_and_two_algorithms() {
        let policy = Policy { signing_algorithms: vec![Algorithm::Rs256, Algorithm::Es256], ..Policy::default() };
        let offer = Offer { policy: &policy, mutual_tls: true, trust_anchors: true, loopback: false };
        assert_eq!(
            offer.methods(Profile::FapiCiba),
            [Method::PrivateKeyJwt, Method::TlsClientAuth, Method::SelfSignedTlsClientAuth]
        );
        assert_eq!(offer.client_algorithms(Profile::FapiCiba), FAPI_ALGORITHMS);
        assert_eq!(offer.id_token_algorithms(Profile::FapiCiba), [Algorithm::Es256]);
        assert_eq!(offer.id_token_algorithms(Profile::Core), [Algorithm::Rs256, Algorithm::Es256]);
        assert_eq!(offer.delivery_modes(Profile::FapiCiba), [DeliveryMode::Poll, DeliveryMode::Ping]);
        assert_eq!(offer.assertion_algorithms(Method::ClientSecretJwt, Profile::FapiCiba), []);
    }

    #[test]
    fn certificates_authenticate_only_where_they_can_arrive_and_be_judged() {
        let policy = Policy::default();
        let methods = |mutual_tls, trust_anchors| {
            Offer { policy: &policy, mutual_tls, trust_anchors, loopback: false }.methods(Profile::Core)
        };
        assert_eq!(methods(true, true), Method::ALL);
        assert_eq!(methods(true, false).last(), Some(&Method::SelfSignedTlsClientAuth));
        assert!(!methods(true, false).contains(&Method::TlsClientAuth));
        assert_eq!(methods(false, true).last(), Some(&Method::PrivateKeyJwt));
    }

    #[test]
    fn an_algorithm_listed_twice_is_offered_once() {
        let policy = Policy {
            client_algorithms: vec![Algorithm::Es384, Algorithm::Es256, Algorithm::Es384],
            ..Policy::default()
        };
        let offer = Offer { policy: &policy, mutual_tls: false, trust_anchors: false, loopback: false };
        assert_eq!(offer.client_algorithms(Profile::Core), [Algorithm::Es384, Algorithm::Es256]);
        assert!(!offer.methods(Profile::Core).contains(&Method::ClientSecretJwt), "no MAC is listed");
    }
}
