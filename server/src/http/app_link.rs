//! Where the app link of a notification leads when no app takes it: a page that says how to get the app. It is the same for
//! every routing id, knows nothing of any request, and can approve nothing.
//!
//! Beside it, what tells Android and iOS that these links are the app's: `/.well-known/assetlinks.json` and
//! `/.well-known/apple-app-site-association`.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use url::Url;

use super::page::{FormAction, document, escaped, shown};
use super::path_of;
use crate::flow::provider::Provider;

/// The app, as its operator describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppLink {
    /// What the app is called.
    pub name: Option<String>,
    /// The app's package on Android.
    pub android_package: Option<String>,
    /// SHA-256 fingerprints of the certificates that sign it, in upper-case hex with colons.
    pub android_certificates: Vec<String>,
    /// The app's ids at Apple: team id, a dot, bundle id.
    pub apple_app_ids: Vec<String>,
    /// Where to get it.
    pub stores: Vec<(&'static str, Url)>,
}

impl AppLink {
    /// The page under each realm's issuer, and what is set of the two files.
    pub fn router(&self, providers: &[Arc<Provider>]) -> Router {
        let page: Arc<str> = self.page().into();
        let paths: Vec<&str> = providers.iter().map(|provider| path_of(provider.issuer())).collect();
        let router = paths.iter().fold(Router::new(), |router, path| {
            let page = Arc::clone(&page);
            let answer = async move || shown(StatusCode::OK, FormAction::None, page.to_string());
            router.route(&format!("{path}/a/{{rid}}"), get(answer))
        });
        let files = [
            ("/.well-known/assetlinks.json", self.asset_links()),
            ("/.well-known/apple-app-site-association", self.site_association(&paths)),
        ];
        files.into_iter().fold(router, |router, (path, file)| match file {
            Some(file) => router.route(path, get(async move || json_file(&file))),
            None => router,
        })
    }

    fn page(&self) -> String {
        let name = escaped(self.name.as_deref().unwrap_or("the app"));
        let mut stores = String::new();
        for (label, url) in &self.stores {
            let url = escaped(url.as_str());
            writeln!(stores, "<p><a href=\"{url}\" rel=\"noreferrer\">{label}</a></p>").expect("a text takes text");
        }
        let inside = format!(
            "<p>Somebody asks for your approval. You can see who asks, what for, and answer only in {name}, on the phone \
             that you enrolled.</p>\n\
             <p>If it is installed there, open it: what awaits your answer is in it. Nothing can be approved on this \
             page.</p>\n{stores}"
        );
        document(&format!("Open {}", self.name.as_deref().unwrap_or("the app")), "", &inside)
    }

    /// <https://developer.android.com/training/app-links/configure-assetlinks>
    fn asset_links(&self) -> Option<Value> {
        let package = self.android_package.as_ref()?;
        Some(json!([{
            "relation": ["delegate_permission/common.handle_all_urls"],
            "target": {
                "namespace": "android_app",
                "package_name": package,
                "sha256_cert_fingerprints": self.android_certificates,
            },
        }]))
    }

    /// <https://developer.apple.com/documentation/xcode/supporting-associated-domains>
    fn site_association(&self, paths: &[&str]) -> Option<Value> {
        if self.apple_app_ids.is_empty() {
            return None;
        }
        let components: Vec<Value> = paths.iter().map(|path| json!({ "/": format!("{path}/a/*") })).collect();
        Some(json!({ "applinks": { "details": [{ "appIDs": self.apple_app_ids, "components": components }] } }))
    }
}

fn json_file(file: &Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], file.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_text_on_the_page() {
        let app = AppLink { name: Some("<b>\"A\" & 'B'</b>".to_owned()), ..AppLink::default() };
        let page = app.page();
        assert!(page.contains("&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;"), "{page}");
        assert!(!page.contains("<b>") && !page.contains("<form") && !page.contains("<script"));
    }

    #[test]
    fn files_are_served_of_what_is_set() {
        let app = AppLink {
            android_package: Some("com.example.approvals".to_owned()),
            android_certificates: vec!["AB:CD".to_owned()],
            apple_app_ids: vec!["DEF123GHIJ.com.example.approvals".to_owned()],
            ..AppLink::default()
        };
        let links = app.asset_links().expect("a file");
        assert_eq!(links[0]["target"]["package_name"], "com.example.approvals");
        let association = app.site_association(&["", "/customers"]).expect("a file");
        let details = &association["applinks"]["details"][0];
        assert_eq!(details["components"], json!([{ "/": "/a/*" }, { "/": "/customers/a/*" }]));
        let none = AppLink::default();
        assert_eq!((none.asset_links(), none.site_association(&[""])), (None, None));
    }
}
