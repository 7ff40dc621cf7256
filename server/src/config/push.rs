//! `[push.fcm]`: how pushes reach phones.

use std::path::Path;

use url::Url;

use super::read::Section;
use crate::outbound::endpoint::Endpoint;
use crate::outbound::fcm::FcmSettings;
use crate::outbound::google::ServiceAccount;

/// `None` where no channel is set, or where a problem was noted.
pub(super) fn push(mut section: Section, base: &Path) -> Option<FcmSettings> {
    let mut fcm = section.section("fcm");
    if fcm.is_empty() {
        return None;
    }
    let service_account = service_account(&mut fcm, base);
    let (base_url, token_url) = (url(&mut fcm, "base_url"), url(&mut fcm, "token_url"));
    let project_id = fcm.text("project_id");
    Some(FcmSettings { project_id, service_account: service_account?, base_url, token_url })
}

fn service_account(fcm: &mut Section, base: &Path) -> Option<ServiceAccount> {
    const NAME: &str = "service_account_file";
    let path = base.join(fcm.text(NAME)?);
    let json = std::fs::read_to_string(&path)
        .map_err(|error| fcm.complain(NAME, format_args!("{}: {error}", path.display())))
        .ok()?;
    ServiceAccount::parse(&json).map_err(|error| fcm.complain(NAME, error)).ok()
}

fn url(fcm: &mut Section, name: &str) -> Option<Url> {
    let text = fcm.text(name)?;
    let url = Url::parse(&text).ok().filter(|url| Endpoint::operator(url.clone()).is_ok());
    if url.is_none() {
        fcm.complain(name, "must be an https URL, or http on a loopback address, without a user name");
    }
    url
}
