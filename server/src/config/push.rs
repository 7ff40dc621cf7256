//! `[push.…]`: how pushes reach phones, one table a channel.

use std::path::Path;

use url::Url;
use zeroize::Zeroizing;

use super::read::Section;
use crate::keys::secret_file;
use crate::outbound::apns::ApnsSettings;
use crate::outbound::channels::ChannelSettings;
use crate::outbound::endpoint::Endpoint;
use crate::outbound::fcm::FcmSettings;
use crate::outbound::google::ServiceAccount;
use crate::outbound::web_push::WebPushSettings;
use crate::outbound::webhook::WebhookSettings;

const PER_MINUTE: &str = "per_minute";

/// What settings of Firebase were called when its API took a key of the server.
const LEGACY: [&str; 4] = ["server_key", "notification_key", "notification_url", "api_key"];

/// The channels that are set; none where a problem was noted.
pub(super) fn push(mut section: Section, base: &Path) -> ChannelSettings {
    ChannelSettings {
        fcm: channel(&mut section, "fcm", base, fcm),
        apns: channel(&mut section, "apns", base, apns),
        web_push: channel(&mut section, "webpush", base, web_push),
        webhook: channel(&mut section, "webhook", base, webhook),
    }
}

fn channel<T>(
    section: &mut Section,
    name: &str,
    base: &Path,
    read: impl FnOnce(&mut Section, &Path) -> Option<T>,
) -> Option<T> {
    let mut channel = section.section(name);
    if channel.is_empty() { None } else { read(&mut channel, base) }
}

fn fcm(fcm: &mut Section, base: &Path) -> Option<FcmSettings> {
    for name in LEGACY {
        if fcm.discard(name) {
            fcm.complain(name, "belongs to FCM's legacy API, which Google has shut down: set service_account_file");
        }
    }
    let service_account = service_account(fcm, base);
    let (base_url, token_url) = (url(fcm, "base_url"), url(fcm, "token_url"));
    if base_url.as_ref().is_some_and(is_legacy) {
        fcm.complain(
            "base_url",
            "is FCM's legacy API, which Google has shut down: leave base_url out, and set service_account_file for HTTP v1",
        );
    }
    let project_id = fcm.text("project_id");
    let per_minute = fcm.number(PER_MINUTE);
    Some(FcmSettings { project_id, service_account: service_account?, base_url, token_url, per_minute: per_minute? })
}

/// Of Google or of whoever stands in its place.
pub(super) fn is_legacy(url: &Url) -> bool {
    url.path().trim_end_matches('/').ends_with("/fcm/send") || url.path().contains("/gcm/")
}

fn apns(apns: &mut Section, base: &Path) -> Option<ApnsSettings> {
    let key = secret_text(apns, "key_file", base);
    let (key_id, team_id, topic) = (apns.text("key_id"), apns.text("team_id"), apns.text("topic"));
    let base_url = url(apns, "base_url");
    let per_minute = apns.number(PER_MINUTE);
    Some(ApnsSettings {
        key: key?,
        key_id: key_id?,
        team_id: team_id?,
        topic: topic?,
        base_url,
        per_minute: per_minute?,
    })
}

fn web_push(web_push: &mut Section, base: &Path) -> Option<WebPushSettings> {
    let key = secret_text(web_push, "key_file", base);
    let contact = web_push.text("contact");
    let per_minute = web_push.number(PER_MINUTE);
    Some(WebPushSettings { key: key?, contact: contact?, per_minute: per_minute? })
}

fn webhook(webhook: &mut Section, base: &Path) -> Option<WebhookSettings> {
    let wanted = webhook.has("url");
    let url = url(webhook, "url");
    if !wanted {
        webhook.complain("url", "is missing");
    }
    let secret = super::secret(webhook, base, "secret", "secret_file");
    let per_minute = webhook.number(PER_MINUTE);
    let secret = Zeroizing::new(secret?.1.reveal().to_owned());
    Some(WebhookSettings { url: url?, secret, per_minute: per_minute? })
}

fn service_account(fcm: &mut Section, base: &Path) -> Option<ServiceAccount> {
    const NAME: &str = "service_account_file";
    let path = base.join(fcm.text(NAME)?);
    let json = std::fs::read_to_string(&path)
        .map_err(|error| fcm.complain(NAME, format_args!("{}: {error}", path.display())))
        .ok()?;
    ServiceAccount::parse(&json).map_err(|error| fcm.complain(NAME, error)).ok()
}

/// The text of a file that nobody but its owner may read.
fn secret_text(section: &mut Section, name: &'static str, base: &Path) -> Option<Zeroizing<String>> {
    let path = base.join(section.text(name)?);
    secret_file::read(&path).map_err(|error| section.complain(name, error)).ok()
}

fn url(section: &mut Section, name: &str) -> Option<Url> {
    if !section.has(name) {
        return None;
    }
    let text = section.text(name)?;
    let url = Url::parse(&text).ok().filter(|url| Endpoint::operator(url.clone()).is_ok());
    if url.is_none() {
        section.complain(name, "must be an https URL, or http on a loopback address, without a user name");
    }
    url
}
