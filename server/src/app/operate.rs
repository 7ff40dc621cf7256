//! What an operator does beside the server: `export`, `import`, `recover`, `explain`. While a server holds the store,
//! export and explain ask it by its admin API.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::import::{ImportError, Imported, import};
use super::recover::{Recovered, recover};
use super::{AppError, open_store};
use crate::config::{Config, Environment};
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::flow::explain;
use crate::flow::export::export;
use crate::outbound::client::{Client, Limits, Payload, Reach, Unreachable};
use crate::outbound::endpoint::Endpoint;
use crate::store::embedded::OpenError;
use crate::store::{CommitError, Store, StoreError, journal};

/// An export may take so long.
const PATIENCE: Duration = Duration::from_hours(1);

/// Why it was not done. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// Settings or store.
    #[error(transparent)]
    App(#[from] AppError),
    /// The file system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store failed while it was read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refused a change.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The export could not be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The server that holds the store does not answer.
    #[error("a server holds the store, and its admin API at {0} does not answer ({1}): ask it by hand, or stop it")]
    Unreachable(String, &'static str),
    /// The server that holds the store refuses.
    #[error("a server holds the store, and its admin API answers {0}: is admin.token that server's?")]
    Refused(u16),
    /// The export broke off.
    #[error("the export broke off: what was written is not whole")]
    BrokeOff,
    /// No such realm.
    #[error("there is no realm {0}")]
    UnknownRealm(RealmId),
}

/// Writes everything to a file that does not exist yet, its owner's alone, or to the standard output.
pub async fn export_to(
    settings: &Path,
    environment: &Environment,
    output: Option<&Path>,
    now: Timestamp,
) -> Result<(), OperateError> {
    let config = Config::load(settings, environment).map_err(AppError::from)?;
    let mut sink = sink(output)?;
    match open(&config).await? {
        Opened::Here(store) => {
            let mut chunks = export(Arc::clone(&store), now, !store.is_exclusive());
            while let Some(chunk) = chunks.recv().await {
                sink.write_all(&chunk?).map_err(|source| written(output, source))?;
            }
            store.close().await;
        }
        Opened::Served(server) => server.export(&mut *sink, output).await?,
    }
    sink.flush().map_err(|source| written(output, source))
}

/// Takes an export into the empty store of these settings. One that was made while commits went on is recovered from;
/// so is any other, if `recovering`.
pub async fn import_from(
    settings: &Path,
    environment: &Environment,
    file: &Path,
    recovering: bool,
    now: Timestamp,
) -> Result<(Imported, Option<Recovered>), OperateError> {
    let config = Config::load(settings, environment).map_err(AppError::from)?;
    let store = open_store(&config.store).await?;
    let imported = import(&*store, file).await?;
    let recovered = if recovering || imported.header.serving { Some(mend(&config, &*store, now).await?) } else { None };
    store.close().await;
    Ok((imported, recovered))
}

/// Recovers the store of these settings in place, after an old copy of it was put back.
pub async fn recover_in_place(
    settings: &Path,
    environment: &Environment,
    now: Timestamp,
) -> Result<Recovered, OperateError> {
    let config = Config::load(settings, environment).map_err(AppError::from)?;
    let store = open_store(&config.store).await?;
    let recovered = mend(&config, &*store, now).await?;
    store.close().await;
    Ok(recovered)
}

/// The story of a request, as lines for people.
pub async fn explain_to(
    settings: &Path,
    environment: &Environment,
    realm: &RealmId,
    auth_req_id: &str,
    now: Timestamp,
) -> Result<Option<Vec<String>>, OperateError> {
    let config = Config::load(settings, environment).map_err(AppError::from)?;
    let told = match open(&config).await? {
        Opened::Here(store) => {
            let known = store.realms().await?.into_iter().any(|found| found.record.id == *realm);
            if !known {
                return Err(OperateError::UnknownRealm(realm.clone()));
            }
            let told = explain::tell(&*store, realm, auth_req_id, now).await?;
            store.close().await;
            told.map(|told| json!(told))
        }
        Opened::Served(server) => server.explain(realm, auth_req_id).await?,
    };
    Ok(told.map(|told| lines(&told)))
}

async fn mend(config: &Config, store: &dyn Store, now: Timestamp) -> Result<Recovered, OperateError> {
    let noted = match journal::read(&config.store.journal) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|source| OperateError::Io { path: config.store.journal.clone(), source })?,
    };
    Ok(recover(store, &noted, now).await?)
}

/// Who can tell what is stored.
enum Opened {
    /// We.
    Here(Arc<dyn Store>),
    /// A server in another process.
    Served(Server),
}

async fn open(config: &Config) -> Result<Opened, OperateError> {
    match open_store(&config.store).await {
        Ok(store) => Ok(Opened::Here(store)),
        Err(AppError::Store(OpenError::InUse)) => Ok(Opened::Served(Server::of(config)?)),
        Err(error) => Err(error.into()),
    }
}

/// The admin API of a running server.
struct Server {
    base: Url,
    token: String,
    client: Client,
}

impl Server {
    fn of(config: &Config) -> Result<Self, OperateError> {
        let mut address = config.admin.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        let base = Url::parse(&format!("http://{address}/admin/v1/")).expect("an address makes a URL");
        let limits = Limits { total: PATIENCE, ..Limits::default() };
        let client = Client::new(limits, &Reach::default()).map_err(AppError::from)?;
        Ok(Self { base, token: config.admin_token.reveal().to_owned(), client })
    }

    fn endpoint(&self, path: &str) -> Result<Endpoint, OperateError> {
        let url = self.base.join(path).map_err(|_| self.silent("no_url"))?;
        Endpoint::operator(url).map_err(|_| self.silent("not_on_this_machine"))
    }

    fn silent(&self, cause: &'static str) -> OperateError {
        OperateError::Unreachable(self.base.to_string(), cause)
    }

    async fn export(&self, sink: &mut (dyn Write + Send), output: Option<&Path>) -> Result<(), OperateError> {
        let endpoint = self.endpoint("export")?;
        let mut failed = None;
        let mut take =
            |chunk: &[u8]| sink.write_all(chunk).map_err(|source| failed = Some(written(output, source))).is_ok();
        let taken = self.client.download(&endpoint, &self.token, &mut take).await;
        if let Some(failed) = failed {
            return Err(failed);
        }
        match taken {
            Ok(200) => Ok(()),
            Ok(status) => Err(OperateError::Refused(status)),
            Err(Unreachable::Broken) => Err(OperateError::BrokeOff),
            Err(cause) => Err(self.silent(cause.cause())),
        }
    }

    async fn explain(&self, realm: &RealmId, auth_req_id: &str) -> Result<Option<Value>, OperateError> {
        let endpoint = self.endpoint(&format!("realms/{realm}/explain"))?;
        let body = json!({ "auth_req_id": auth_req_id }).to_string().into_bytes();
        let reply = self.client.post(&endpoint, Some(&self.token), Payload::Json(body)).await;
        let reply = reply.map_err(|cause| self.silent(cause.cause()))?;
        match (reply.status, reply.body.whole()) {
            (200, Some(body)) => Ok(serde_json::from_slice(body).ok()),
            (404, _) => Ok(None),
            (status, _) => Err(OperateError::Refused(status)),
        }
    }
}

fn sink(output: Option<&Path>) -> Result<Box<dyn Write + Send>, OperateError> {
    let Some(path) = output else { return Ok(Box::new(io::stdout())) };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    Ok(Box::new(io::BufWriter::new(file.map_err(|source| written(output, source))?)))
}

fn written(output: Option<&Path>, source: io::Error) -> OperateError {
    OperateError::Io { path: output.unwrap_or(Path::new("standard output")).to_owned(), source }
}

/// One line for where it stands, one for each phone, one for each event.
fn lines(story: &Value) -> Vec<String> {
    let mut lines = vec![format!("request {}", text(&story["request"]))];
    let standing = &story["standing"];
    if standing.is_object() {
        lines.push(format!(
            "{}: {} asks {} ({}), accepted {}, ends {}",
            text(&standing["state"]),
            text(&standing["client"]),
            text(&standing["subject"]),
            text(&standing["delivery"]),
            when(&standing["created_at"]),
            when(&standing["expires_at"]),
        ));
        for phone in standing["phones"].as_array().into_iter().flatten() {
            let opened = match &phone["opened_at"] {
                Value::Null => "not seen to open it".to_owned(),
                at => format!("opened {}", when(at)),
            };
            lines.push(format!("phone {}: {opened}", text(&phone["device"])));
        }
    } else {
        lines.push("no longer stored; the audit trail says:".to_owned());
    }
    lines.extend(story["events"].as_array().into_iter().flatten().map(event));
    lines
}

fn event(event: &Value) -> String {
    let members = event.as_object().into_iter().flatten();
    let told = members.filter(|(name, value)| !["at", "event", "request"].contains(&name.as_str()) && !value.is_null());
    let told: Vec<_> = told.map(|(name, value)| format!("{name} {}", text(value))).collect();
    format!("{}  {}  {}", when(&event["at"]), text(&event["event"]).replace('_', " "), told.join(", "))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Milliseconds as RFC 3339.
fn when(millis: &Value) -> String {
    let millis = u64::try_from(millis.as_i64().unwrap_or_default()).unwrap_or_default();
    let time = std::time::UNIX_EPOCH + Duration::from_millis(millis);
    httpdate::fmt_http_date(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_told_line_by_line() {
        let story = json!({
            "request": "abc",
            "standing": {
                "client": "shop", "subject": "1001", "delivery": "ping", "state": "approved",
                "created_at": 1_800_000_000_000_i64, "expires_at": 1_800_000_120_000_i64,
                "phones": [
                    { "device": "phone1", "opened_at": 1_800_000_003_000_i64 }, { "device": "phone2", "opened_at": null },
                ],
            },
            "events": [{ "at": 1_800_000_000_000_i64, "event": "request_accepted", "request": "abc", "client": "shop" }],
        });
        assert_eq!(
            lines(&story),
            [
                "request abc",
                "approved: shop asks 1001 (ping), accepted Fri, 15 Jan 2027 08:00:00 GMT, ends Fri, 15 Jan 2027 08:02:00 GMT",
                "phone phone1: opened Fri, 15 Jan 2027 08:00:03 GMT",
                "phone phone2: not seen to open it",
                "Fri, 15 Jan 2027 08:00:00 GMT  request accepted  client shop",
            ]
        );
    }
}
