//! Where relying parties reach an issuer. Routes, discovery and the audiences of assertions are made from this one table.

/// One of their endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// CIBA §7.
    BackchannelAuthentication,
    /// Ours: a client withdraws its own request.
    BackchannelCancellation,
    /// Gluu's: where a phone that is enrolled already receives pushes. Only in realms that list clients for it.
    DeviceRegistration,
    /// RFC 7591 §3, where clients register themselves. Only in realms that let them.
    Registration,
    /// RFC 6749 §3.2, CIBA §10.1.
    Token,
    /// RFC 7009.
    Revocation,
    /// RFC 7662.
    Introspection,
    /// OIDC Core §5.3.
    Userinfo,
    /// RFC 6749 §3.1; there is no front channel behind it.
    Authorization,
}

impl Endpoint {
    /// All of them, for tables.
    pub const ALL: [Self; 9] = [
        Self::BackchannelAuthentication,
        Self::BackchannelCancellation,
        Self::DeviceRegistration,
        Self::Registration,
        Self::Token,
        Self::Revocation,
        Self::Introspection,
        Self::Userinfo,
        Self::Authorization,
    ];

    /// Its path below the issuer.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::BackchannelAuthentication => "/backchannel/authenticate",
            Self::BackchannelCancellation => "/backchannel/cancel",
            Self::DeviceRegistration => "/bc-deviceRegistration",
            Self::Registration => "/register",
            Self::Token => "/token",
            Self::Revocation => "/revoke",
            Self::Introspection => "/introspect",
            Self::Userinfo => "/userinfo",
            Self::Authorization => "/authorize",
        }
    }

    /// Its name in the discovery document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BackchannelAuthentication => "backchannel_authentication_endpoint",
            Self::BackchannelCancellation => "backchannel_cancellation_endpoint",
            Self::DeviceRegistration => "backchannel_device_registration_endpoint",
            Self::Registration => "registration_endpoint",
            Self::Token => "token_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::Userinfo => "userinfo_endpoint",
            Self::Authorization => "authorization_endpoint",
        }
    }

    /// Its URL below a base: the issuer, or what mirrors it for mutual TLS.
    #[must_use]
    pub fn url(self, base: &str) -> String {
        format!("{base}{}", self.path())
    }
}
