//! `assent init`: a directory with everything that a server needs to start, and nothing that is the same on two machines.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::system::{SystemClock, SystemRandom};
use crate::config::{template, template::Template};
use crate::domain::names::RealmId;
use crate::domain::random::Random;
use crate::domain::realm::{Policy, Realm};
use crate::domain::time::Clock as _;
use crate::keys::{KeyFile, KeysError, WrappingKey, secret_file};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Init {
    /// Where; made if need be.
    pub dir: PathBuf,
    /// The base URL at which the world will find the server.
    pub issuer: Option<String>,
    /// For relying parties and phones.
    pub listen: SocketAddr,
    /// For operators.
    pub admin_listen: SocketAddr,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It would overwrite something.
    #[error("{} exists already: nothing was changed", .0.display())]
    Exists(PathBuf),
    /// Nobody else could reach the server under an address of this machine.
    #[error("--issuer: say under which https URL the world will find a server that listens on {0}")]
    NoIssuer(SocketAddr),
    /// The issuer is not one.
    #[error("--issuer: {0}")]
    BadIssuer(&'static str),
    /// The file system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Keys could not be made or kept.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// Makes the directory and its files; the path of the settings file. Refuses before it writes anything.
pub fn init(wanted: &Init) -> Result<PathBuf, InitError> {
    let settings = wanted.dir.join(template::SETTINGS);
    for name in template::FILES {
        let path = wanted.dir.join(name);
        if path.exists() {
            return Err(InitError::Exists(path));
        }
    }
    let issuer = issuer(wanted)?;
    let text =
        template::render(&Template { issuer: &issuer, listen: wanted.listen, admin_listen: wanted.admin_listen });
    make_directory(&wanted.dir)?;
    let random: &dyn Random = &SystemRandom;
    let wrapping_key = WrappingKey::generate(random);
    secret_file::create(&wanted.dir.join(template::WRAPPING_KEY), &format!("{}\n", *wrapping_key.to_text()))?;
    secret_file::create(&wanted.dir.join(template::ADMIN_TOKEN), &format!("{}\n", random.token()))?;
    let mut keys = KeyFile::create(&wanted.dir.join(template::KEYS), wrapping_key)?;
    let realm = Realm::new(RealmId::new(template::REALM), issuer, Policy::default());
    keys.add(&realm, SystemClock.now(), random)?;
    secret_file::create(&settings, &text)?;
    Ok(settings)
}

fn issuer(wanted: &Init) -> Result<String, InitError> {
    match &wanted.issuer {
        Some(issuer) => template::check_issuer(issuer).map(|()| issuer.clone()).map_err(InitError::BadIssuer),
        None if wanted.listen.ip().is_loopback() => Ok(format!("http://{}", wanted.listen)),
        None => Err(InitError::NoIssuer(wanted.listen)),
    }
}

fn make_directory(dir: &Path) -> Result<(), InitError> {
    let made = fs::metadata(dir).map(drop).or_else(|_| DirBuilder::new().recursive(true).mode(0o700).create(dir));
    made.map_err(|source| InitError::Io { path: dir.to_owned(), source })
}
