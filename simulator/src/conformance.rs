//! `--conformance DIR`: two static clients for every cell of the OpenID Foundation's FAPI-CIBA plan, and for each cell the
//! configuration that its suite asks for. `docs/conformance.md` tells how the plan is run with them.
//!
//! A configuration is written once with its keys and read again at each start, so that one which was uploaded to the suite
//! stays true; only the addresses in it follow the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use server::keys::{KeysError, secret_file};
use url::Url;

use crate::authority::{self, Authority};
use crate::demo::SUBJECT;

pub use cell::{Authentication, Cell};
use client::Party;

mod cell;
mod client;

/// The plan's name in the suite.
pub const PLAN: &str = "fapi-ciba-id1-test-plan";

/// What client 2 asks for as `acr_values`: the virtual phone reaches it.
const ACR: &str = "urn:assent:acr:uv";

/// All cells, with their clients' keys.
pub struct Conformance {
    directory: PathBuf,
    suite: Url,
    cells: Vec<(Cell, Value)>,
}

/// Why there are no configurations.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file is not what this program writes.
    #[error("{} is no configuration of --conformance: {why}; remove it, and it is written anew", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The URL of `--suite` has no host.
    #[error("--suite {0}: needs a host, as in https://localhost.emobix.co.uk:8443")]
    Suite(Url),
    /// A certificate could not be made.
    #[error(transparent)]
    Authority(#[from] authority::Failure),
    /// A key could not be kept.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Conformance {
    /// Takes up what is in a directory, and makes what is not there yet: keys, certificates, and a certificate for the
    /// suite's own front, whose authority the provider believes.
    pub fn open(directory: &Path, suite: &Url, authority: &Authority) -> Result<Self, Failure> {
        fs::create_dir_all(directory)?;
        let directory = directory.canonicalize()?;
        let host = suite.host_str().ok_or_else(|| Failure::Suite(suite.clone()))?;
        let (certificate, key) = authority.certify_server(host.trim_matches(['[', ']']))?;
        fs::write(directory.join(SUITE_CERTIFICATE), certificate)?;
        secret_file::replace(&directory.join(SUITE_KEY), &key)?;
        let cells: Result<Vec<_>, _> =
            Cell::all().into_iter().map(|cell| Ok::<_, Failure>((cell, kept(&directory, cell, authority)?))).collect();
        Ok(Self { directory, suite: suite.clone(), cells: cells? })
    }

    /// What the operator registers.
    #[must_use]
    pub fn clients(&self) -> Vec<Value> {
        let both = |(cell, configuration): &(Cell, Value)| {
            [1, 2].map(|number| client::metadata(*cell, number, configuration, &self.notification_endpoint(*cell)))
        };
        self.cells.iter().flat_map(both).collect()
    }

    /// Writes the configurations, now that all addresses are known; says what is where.
    pub fn write(&self, discovery: &str, resource: &str, automation: &str) -> Result<Value, Failure> {
        let mut told = Vec::new();
        for (cell, kept) in &self.cells {
            let mut configuration = kept.clone();
            configuration["server"] = json!({ "discoveryUrl": discovery });
            configuration["resource"] = json!({ "resourceUrl": resource });
            configuration["automated_ciba_approval_url"] =
                format!("{automation}?auth_req_id={{auth_req_id}}&action={{action}}").into();
            let file = file(&self.directory, *cell);
            let text = serde_json::to_string_pretty(&configuration).unwrap_or_default();
            secret_file::replace(&file, &format!("{text}\n"))?;
            told.push(json!({ "file": file, "plan": format!("{PLAN}{}", cell.variant()) }));
        }
        Ok(json!({
            "suite_certificate": self.directory.join(SUITE_CERTIFICATE),
            "suite_key": self.directory.join(SUITE_KEY),
            "configurations": told,
        }))
    }

    fn notification_endpoint(&self, cell: Cell) -> String {
        let suite = self.suite.as_str().trim_end_matches('/');
        format!("{suite}/test/a/{}/ciba-notification-endpoint", cell.alias())
    }
}

const SUITE_CERTIFICATE: &str = "suite.pem";
const SUITE_KEY: &str = "suite.key";

fn file(directory: &Path, cell: Cell) -> PathBuf {
    directory.join(format!("{}.json", cell.name()))
}

/// What stays the same from start to start.
fn kept(directory: &Path, cell: Cell, authority: &Authority) -> Result<Value, Failure> {
    let path = file(directory, cell);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return made(cell, authority),
        Err(error) => return Err(error.into()),
    };
    let configuration: Result<Value, _> = serde_json::from_slice(&text);
    let configuration = configuration.map_err(|error| error.to_string());
    let configuration = configuration.and_then(|it| client::complete(&it).map(|()| it).map_err(str::to_owned));
    configuration.map_err(|why| Failure::Unreadable { path, why })
}

fn made(cell: Cell, authority: &Authority) -> Result<Value, Failure> {
    let mut configuration = json!({
        "alias": cell.alias(),
        "description": format!("Assent, {}", cell.name()),
    });
    for number in [1, 2] {
        let party = Party::generate(cell, number, authority)?;
        let (client, mtls) = client::members(number);
        configuration[client] = json!({
            "client_id": cell.client_id(number),
            "scope": "openid profile email",
            "jwks": party.private_jwks(),
            "hint_type": "login_hint",
            "hint_value": SUBJECT,
        });
        configuration[mtls] = json!({ "cert": party.certificate(), "key": party.tls_key() });
    }
    configuration["client2"]["acr_value"] = ACR.into();
    Ok(configuration)
}
