//! The cells of the plan: how clients authenticate, how they are told, and how they sign.

use server::domain::algorithm::Algorithm;

/// How the clients of a cell authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// By assertions.
    PrivateKeyJwt,
    /// By certificates that nobody vouches for.
    SelfSigned,
    /// By certificates of the demo's authority. The plan counts both as mutual TLS.
    Authority,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// How its clients authenticate.
    pub authentication: Authentication,
    /// Whether they are pinged.
    pub ping: bool,
    /// What they sign by, and how their ID tokens are signed.
    pub algorithm: Algorithm,
}

impl Cell {
    /// All twelve.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for authentication in [Authentication::PrivateKeyJwt, Authentication::SelfSigned, Authentication::Authority] {
            for ping in [false, true] {
                for algorithm in [Algorithm::Ps256, Algorithm::Es256] {
                    cells.push(Self { authentication, ping, algorithm });
                }
            }
        }
        cells
    }

    /// `token_endpoint_auth_method`
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self.authentication {
            Authentication::PrivateKeyJwt => "private_key_jwt",
            Authentication::SelfSigned => "self_signed_tls_client_auth",
            Authentication::Authority => "tls_client_auth",
        }
    }

    /// `backchannel_token_delivery_mode`
    #[must_use]
    pub const fn mode(self) -> &'static str {
        if self.ping { "ping" } else { "poll" }
    }

    /// In file names.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}-{}", self.method(), self.mode(), self.algorithm.name().to_ascii_lowercase()).replace('_', "-")
    }

    /// Under which the suite serves the cell's notification endpoint.
    #[must_use]
    pub fn alias(self) -> String {
        format!("assent-{}", self.name())
    }

    /// Of its first or its second client.
    #[must_use]
    pub fn client_id(self, number: u8) -> String {
        format!("{}-{number}", self.name())
    }

    /// The plan's parameters, as the suite's scripts take them.
    #[must_use]
    pub fn variant(self) -> String {
        let authentication = match self.authentication {
            Authentication::PrivateKeyJwt => "private_key_jwt",
            Authentication::SelfSigned | Authentication::Authority => "mtls",
        };
        format!(
            "[client_auth_type={authentication}][ciba_mode={}][fapi_ciba_profile=plain_fapi]\
             [client_registration=static_client]",
            self.mode()
        )
    }
}
