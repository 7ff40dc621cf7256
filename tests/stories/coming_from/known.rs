//! What there is here for the page to name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{Request, StatusCode, header};
use server::config::settings::TABLES;
use server::domain::names::ClientId;
use server::domain::policy::{Policy, RULES, Registration};
use server::domain::profile::Profile;
use server::flow::register::table::MEMBERS;
use tests::{ADMIN_TOKEN, ISSUER, World};

use super::page::{Page, code, links};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A provider that offers all it can, and what its sources say.
pub(super) struct Known {
    world: World,
    discovery: BTreeSet<String>,
    sources: String,
}

/// The folder of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A setting by table and name; a rule of a realm or a member of a client's metadata by `policy` or `client`.
pub(super) fn is_setting(path: &str) -> bool {
    let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
    match table {
        "policy" => RULES.iter().any(|rule| rule.name == name),
        "client" => MEMBERS.iter().any(|member| member.name == name),
        table => TABLES.iter().any(|of| of.names.contains(&table) && of.settings.iter().any(|it| it.name == name)),
    }
}

/// Whether a dotted name begins as our settings do.
fn is_of_ours(path: &str) -> bool {
    let first = path.split_once('.').map(|(first, _)| first).filter(|first| !first.is_empty());
    let tables = TABLES.iter().flat_map(|table| table.names).filter_map(|name| name.split('.').next());
    first.is_some_and(|first| tables.chain(["policy", "client"]).any(|ours| ours == first))
}

impl Known {
    pub(super) async fn gather() -> Self {
        let all = |policy: &mut Policy| {
            policy.device_registration_clients = vec![ClientId::new("app-backend")];
            policy.registration = Registration::Open;
            policy.agent_actions = true;
        };
        let world = World::builder().mutual_tls().policy(all).make().await;
        let fapi = |policy: &mut Policy| policy.profile = Profile::FapiCiba;
        let fapi = World::builder().mutual_tls().policy(fapi).make().await;
        let mut discovery = BTreeSet::new();
        for world in [&world, &fapi] {
            let answer = world.public().get(&format!("{ISSUER}/.well-known/openid-configuration")).await;
            let document = answer.expect("an answer").json();
            discovery.extend(document.as_object().expect("an object").keys().cloned());
        }
        let mut sources = String::new();
        read_all(&root().join("server/src"), &mut sources);
        Self { world, discovery, sources }
    }

    /// What is wrong with a cell that says where something is here.
    pub(super) async fn here(&self, cell: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for span in code(cell) {
            if !self.is_there(&span).await {
                wrong.push(format!("there is no {span}"));
            }
        }
        let says = ["**not here**", "*nothing to set*"].iter().any(|word| cell.starts_with(word));
        if !says && code(cell).is_empty() && links(cell).is_empty() {
            wrong.push(format!("{cell:?} names nothing"));
        }
        wrong
    }

    async fn is_there(&self, span: &str) -> bool {
        match span.split_once(' ') {
            Some((method, path)) if METHODS.contains(&method) => self.is_answered(method, path).await,
            Some(("assent", command)) => is_command(command),
            Some(_) => false,
            None if span.starts_with("--") => is_switch(span),
            None if is_of_ours(span) => is_setting(span),
            None if span.ends_with("_supported") || span.ends_with("_endpoint") => self.discovery.contains(span),
            None => is_setting(span) || self.sources.contains(&format!("\"{span}\"")),
        }
    }

    /// Whether there is a route for this call: whatever it answers, it is not that there is nothing.
    async fn is_answered(&self, method: &str, path: &str) -> bool {
        let path = path.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
        let path = path.collect::<Vec<_>>().join("x");
        let is_admin = path.starts_with("/admin/");
        let wire = if is_admin { self.world.admin_wire() } else { self.world.public() };
        let uri = if is_admin { path } else { format!("{ISSUER}{path}") };
        let call = Request::builder().method(method).uri(uri);
        let call = call.header(header::AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"));
        let answer = wire.send(call.body(Vec::new()).expect("a request")).await.expect("an answer");
        let is_nothing = answer.json()["error_description"] == "there is nothing here";
        answer.status != StatusCode::METHOD_NOT_ALLOWED && !(answer.status == StatusCode::NOT_FOUND && is_nothing)
    }
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            read_all(&entry, into);
        } else {
            into.push_str(&fs::read_to_string(entry).expect("a source"));
        }
    }
}

/// The first word after `assent` is a command of the program.
fn is_command(command: &str) -> bool {
    let word = command.split(' ').next().unwrap_or_default();
    let variant: String = word.split('-').map(capitalised).collect();
    let main = fs::read_to_string(root().join("server/src/main.rs")).expect("the program");
    main.lines()
        .any(|line| line.strip_prefix("    ").is_some_and(|line| line.trim_end_matches([',', ' ', '{']) == variant))
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_uppercase() + rest
}

/// A switch of the simulator.
fn is_switch(span: &str) -> bool {
    let member = format!("    pub {}:", span.trim_start_matches('-').replace('-', "_"));
    let cli = fs::read_to_string(root().join("simulator/src/cli.rs")).expect("the command line");
    cli.lines().any(|line| line.starts_with(&member))
}

/// Whether a test of this name, by file and story, is among the stories.
pub(super) fn is_story(name: &str) -> bool {
    let Some((file, story)) = name.rsplit_once("::") else { return false };
    let path = root().join("tests/stories").join(file.replace("::", "/")).with_extension("rs");
    let is_told =
        |text: String| ["\nasync fn ", "\nfn "].iter().any(|start| text.contains(&format!("{start}{story}()")));
    fs::read_to_string(path).is_ok_and(is_told)
}

/// What is wrong with the links of a page in `docs`, and with what it calls a setting of ours anywhere.
pub(super) fn dead(page: &Page) -> Vec<String> {
    let links =
        page.links().into_iter().filter(|link| !leads_somewhere(page, link)).map(|link| format!("dead: {link}"));
    let settings = page.code().into_iter().filter(|span| is_of_ours(span) && !is_setting(span));
    links.chain(settings.map(|span| format!("there is no setting {span}"))).collect()
}

fn leads_somewhere(page: &Page, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let path = root().join("docs").join(file);
    match (file, anchor) {
        ("", Some(anchor)) => page.anchors().iter().any(|known| known == anchor),
        (_, None) => path.exists(),
        (_, Some(anchor)) => {
            fs::read_to_string(path).is_ok_and(|text| Page(text).anchors().iter().any(|known| known == anchor))
        }
    }
}
