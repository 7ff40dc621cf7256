//! The command line. Others script against it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use url::Url;

/// Starts Assent with demo data, a virtual phone and a stand-in for Google's push service, all on this machine.
#[derive(Debug, Clone, Parser)]
#[command(name = "simulator", version)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct CommandLine {
    /// Plays every scene in the terminal, one line per step, and ends: with status 0 only if all of it held
    #[arg(long)]
    pub headless: bool,
    /// Where relying parties and phones are served; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The issuer: the URL under which a proxy shows this server to the world [default: its own address]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Keeps everything in this directory and takes up what is there [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Relying parties to create: a JSON array of client metadata as in dynamic registration, with `client_id` and, where
    /// wanted, `client_secret`
    #[arg(long, value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// Between two polls of a relying party [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub interval: Option<u32>,
    /// Limits how often a relying party may ask the same user
    #[arg(long)]
    pub limits: bool,
    /// A setting of the provider (docs/configuration.md), such as `policy.dpop_nonce=true`; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub setting: Vec<(String, String)>,
    /// Serves https with certificates of a local authority, and a second listener that asks for client certificates
    #[arg(long)]
    pub tls: bool,
    /// With --tls: where client certificates are asked for; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", requires = "tls")]
    pub mtls_listen: SocketAddr,
    /// With --tls: authorities beside the demo's own whose certificates relying parties may show for `tls_client_auth` (PEM)
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub client_ca: Option<PathBuf>,
    /// With --tls: speaks TLS 1.2 as well, with the two cipher suites that FAPI allows
    #[arg(long, requires = "tls")]
    pub tls12: bool,
    /// Certificates of authorities that the provider believes beside the system's when it calls relying parties (PEM)
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// A network beside this machine's own whose relying parties the provider may call, such as 172.17.0.0/16; may be
    /// given again
    #[arg(long, value_name = "CIDR")]
    pub allow_network: Vec<String>,
    /// Holds the provider to the FAPI-CIBA profile
    #[arg(long, requires = "tls")]
    pub fapi: bool,
    /// Creates clients for every cell of the OpenID Foundation's FAPI-CIBA plan, and keeps the configurations for its suite
    /// in this directory (docs/conformance.md)
    #[arg(long, value_name = "DIR", requires = "fapi")]
    pub conformance: Option<PathBuf>,
    /// With --conformance: where the suite is found
    #[arg(long, value_name = "URL", default_value = "https://localhost.emobix.co.uk:8443", requires = "conformance")]
    pub suite: Url,
    /// Where a script lets the phone answer; port 0 takes a free one. Whoever reaches it answers for the user
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub automation_listen: SocketAddr,
    /// Prints one line of JSON when ready: addresses, admin token, clients with their secrets, users
    #[arg(long)]
    pub describe: bool,
}

/// What stands on both sides of the first `=`.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "has no =".to_owned())?;
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte));
    if fits { Ok((name.to_owned(), value.to_owned())) } else { Err("the name is that of no setting".to_owned()) }
}
