//! Whose certificates are believed: the system's authorities and the operator's own (`outbound.extra_roots`).

use std::fmt;

use reqwest::{Certificate, ClientBuilder};
use thiserror::Error;

/// Certificate authorities.
#[derive(Clone)]
pub struct Roots {
    system: bool,
    extra: Vec<Certificate>,
}

/// Why a file of certificates was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadRoots {
    /// No PEM, or no certificate in it.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// What is labelled so is none.
    #[error("holds a certificate that cannot be read")]
    BadCertificate,
}

impl Default for Roots {
    /// Those of the system.
    fn default() -> Self {
        Self { system: true, extra: Vec::new() }
    }
}

impl Roots {
    /// None, not even the system's.
    #[must_use]
    pub fn none() -> Self {
        Self { system: false, extra: Vec::new() }
    }

    /// Believes the authorities of a PEM file, too.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), BadRoots> {
        let added = Certificate::from_pem_bundle(pem).map_err(|_| BadRoots::NoCertificate)?;
        if added.is_empty() {
            return Err(BadRoots::NoCertificate);
        }
        let trial = Self { system: false, extra: added.clone() };
        trial.of(super::client::plain()).build().map_err(|_| BadRoots::BadCertificate)?;
        self.extra.extend(added);
        Ok(())
    }

    /// Whether the system's are among them.
    pub(super) fn with_system(&self) -> bool {
        self.system
    }

    /// The same without the system's.
    pub(super) fn without_system(&self) -> Self {
        Self { system: false, ..self.clone() }
    }

    /// The builder that believes them.
    pub(super) fn of(&self, builder: ClientBuilder) -> ClientBuilder {
        let extra = self.extra.iter().cloned();
        if self.system { builder.tls_certs_merge(extra) } else { builder.tls_certs_only(extra) }
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("system", &self.system).field("extra", &self.extra.len()).finish()
    }
}
