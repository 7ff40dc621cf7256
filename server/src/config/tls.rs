//! `[public.tls]`, `[admin.tls]`, `[mtls]` and `[proxy]`: whose certificate is shown where, and from where a client's is
//! taken.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::read::Section;
use crate::http::proxies::Proxies;
use crate::http::tls::{MinVersion, Part, ServerCertificate};
use crate::keys::secret_file;

/// TLS of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates in PEM: ours first, then those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// How often the two files are looked at.
    pub reload_interval: Duration,
}

/// Where clients show certificates (RFC 8705 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtlsSettings {
    /// The listener that asks for them; `None` where a proxy does.
    pub listener: Option<(SocketAddr, TlsSettings)>,
    /// Under which URL clients find it: scheme, host and port.
    pub base_url: String,
}

/// What is wrong with a file that [`TlsSettings`] name.
#[derive(Debug)]
pub struct BadTls {
    /// Its setting, within the table.
    pub setting: &'static str,
    /// Why, beginning with the file.
    pub why: String,
}

impl TlsSettings {
    /// Reads the files as they are now. The key may be readable by a group, since whoever renews it is often somebody
    /// else; never by everybody.
    pub fn load(&self) -> Result<ServerCertificate, BadTls> {
        let unreadable = |error| bad("certificate", &self.certificate, error);
        let chain = std::fs::read(&self.certificate).map_err(unreadable)?;
        let key = secret_file::read_shared(&self.key).map_err(|why| BadTls { setting: "key", why: why.to_string() })?;
        ServerCertificate::from_pem(&chain, key.as_bytes(), self.min_version).map_err(|why| match why.part() {
            Part::Certificate => bad("certificate", &self.certificate, why),
            Part::Key => bad("key", &self.key, why),
            Part::MinVersion => BadTls { setting: "min_version", why: why.to_string() },
        })
    }
}

/// `tls` within the table of a listener, if it is there; its files are read once to see that they can be used.
pub(super) fn tls(listener: &mut Section, base: &Path) -> Option<TlsSettings> {
    if !listener.has("tls") {
        return None;
    }
    let mut section = listener.section("tls");
    let (certificate, key) = (section.text("certificate"), section.text("key"));
    let min_version =
        section.word("min_version").map(|word| if word == "1.2" { MinVersion::Tls12 } else { MinVersion::Tls13 });
    let reload_interval = section.number::<u32>("reload_interval");
    let settings = TlsSettings {
        certificate: base.join(certificate?),
        key: base.join(key?),
        min_version: min_version?,
        reload_interval: Duration::from_secs(reload_interval?.into()),
    };
    settings.load().map_err(|BadTls { setting, why }| section.complain(setting, why)).ok()?;
    Some(settings)
}

/// Without a certificate of its own the listener shows the public one's.
pub(super) fn mtls(
    mut section: Section,
    base: &Path,
    public: Option<&TlsSettings>,
    proxies: &Proxies,
) -> Option<MtlsSettings> {
    if section.is_empty() {
        return None;
    }
    let base_url = section.text("base_url");
    if let Some(Err(why)) = base_url.as_deref().map(check_base_url) {
        section.complain("base_url", why);
    }
    let (listens, has_own) = (section.has("listen"), section.has("tls"));
    match (listens, has_own || public.is_some()) {
        (true, false) => section.complain("tls", "is missing, and so is public.tls: there is no certificate to show"),
        (false, _) if has_own || proxies.is_empty() => {
            section.complain("listen", "is missing; only where [proxy] is set does a proxy listen instead");
        }
        _ => {}
    }
    let own = tls(&mut section, base);
    let listener = if listens {
        let listen = section.address("listen");
        Some((listen?, own.or_else(|| public.cloned())?))
    } else {
        None
    };
    Some(MtlsSettings { listener, base_url: base_url? })
}

/// `[proxy]`
pub(super) fn proxies(mut section: Section) -> Proxies {
    const NAME: &str = "trusted";
    let networks = section.texts(NAME);
    Proxies::parse(networks.iter().map(String::as_str)).unwrap_or_else(|(text, why)| {
        section.complain(NAME, format_args!("{text:?} {why}"));
        Proxies::default()
    })
}

/// The paths are those of the realms, so it has none.
fn check_base_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if url.scheme() != "https" {
        return Err("must be https: certificates are shown in TLS");
    }
    if url.origin().ascii_serialization() != text {
        return Err("must be scheme, host and port alone, spelled plainly, such as https://mtls.op.example:8444");
    }
    Ok(())
}

fn bad(setting: &'static str, file: &Path, why: impl std::fmt::Display) -> BadTls {
    BadTls { setting, why: format!("{}: {why}", file.display()) }
}
