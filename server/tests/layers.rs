//! Lower layers do not name upper ones (the table in `server/src/lib.rs`), and each adapter's crate is named in one place.
//!
//! Every file under `src` is read, tests included: `crate::` and `super::` paths are followed to the layer they name,
//! whether they stand in a `use`, in a group of one, or in the code itself. Comments and literals do not count.

use std::fs;
use std::path::{Path, PathBuf};

/// What each layer may name beside itself.
const LAYERS: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("certificates", &["domain"]),
    ("attestation", &["domain", "certificates"]),
    ("jose", &["domain"]),
    ("keys", &["domain", "jose"]),
    ("store", &["domain"]),
    ("outbound", &["domain"]),
    ("authenticator", &["domain", "jose", "keys", "store", "outbound"]),
    ("flow", &["domain", "certificates", "attestation", "jose", "keys", "store", "outbound", "authenticator"]),
    ("http", &["domain", "flow"]),
];

/// They wire the layers together, and may name everything.
const WIRING: [&str; 4] = ["lib", "main", "app", "config"];

/// Crates that only these files may name.
const ADAPTERS: [(&str, &[&str]); 11] = [
    ("sled", &["store/embedded/"]),
    ("sqlx", &["store/postgres/"]),
    ("reqwest", &["outbound/"]),
    ("ipnet", &["outbound/networks.rs", "http/proxies.rs"]),
    ("axum", &["http/", "app.rs", "app/"]),
    ("rustls", &["http/tls.rs", "http/tls/"]),
    ("tokio_rustls", &["http/tls.rs"]),
    ("sfv", &["http/proxies.rs"]),
    ("webpki", &["certificates/"]),
    ("x509_cert", &["certificates/"]),
    ("cbor4ii", &["attestation/apple/"]),
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources can be listed") {
            let path = entry.expect("the sources can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source can be read");
                found.push((path.strip_prefix(&root).expect("it lies below").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn no_layer_names_one_it_may_not() {
    let sources = sources();
    for (layer, _) in LAYERS {
        let exists = sources.iter().any(|(path, _)| module_of(path).first().is_some_and(|first| first == layer));
        assert!(exists, "the layer {layer} has no file: is the table out of date?");
    }
    let violations: Vec<_> = sources.iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn each_adapter_is_named_in_one_place() {
    let mut strays = Vec::new();
    for (path, text) in sources() {
        let path = path.to_string_lossy().into_owned();
        for (adapter, homes) in ADAPTERS {
            if homes.iter().any(|home| path.starts_with(home)) {
                continue;
            }
            let named = tokens(&text).into_iter().filter(|token| token.text == adapter);
            strays.extend(named.map(|token| format!("server/src/{path}:{}: names {adapter}", token.line)));
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn planted_violations_are_caught() {
    let planted = [
        ("domain/user.rs", "use crate::store::Store;", "domain names store"),
        ("domain/mod.rs", "use crate::{\n    domain::user,\n    flow::begin,\n};", "domain names flow"),
        ("store/mod.rs", "fn f() { crate::outbound::send() }", "store names outbound"),
        ("store/embedded/read.rs", "use super::super::super::http::Router;", "store names http"),
        ("store/embedded/read.rs", "use super::{keys, super::super::flow::begin};", "store names flow"),
        ("outbound/fcm.rs", "mod tests { use super::super::super::flow; }", "outbound names flow"),
        ("keys/mod.rs", "use { std::fmt, crate::{domain::{time, user}, store as kept} };", "keys names store"),
        ("http/mod.rs", "use crate::store::Store;", "http names store"),
        ("flow/begin.rs", "impl crate::http::Answer for X {}", "flow names http"),
        ("flow/begin.rs", "macro_rules! m { () => { $crate::http::render() } }", "flow names http"),
        ("flow/begin.rs", "use crate::*;", "flow names all layers"),
        ("flow/begin.rs", "use crate::{domain::*, *};", "flow names all layers"),
        ("flow/begin.rs", "use crate::app::App;", "flow names app"),
        ("secret/mod.rs", "", "secret is no layer"),
        ("http/mod.rs", "let c = '\"'; use crate::keys::Keys;", "http names keys"),
    ];
    for (path, source, expected) in planted {
        let found = violations(Path::new(path), source);
        assert_eq!(found.len(), 1, "{source:?} in {path}: {found:?}");
        assert!(found[0].ends_with(expected), "{source:?} in {path}: {found:?}");
    }
}

#[test]
fn a_violation_is_told_with_its_file_and_line() {
    let found = violations(Path::new("domain/user.rs"), "//! A person.\n\nuse crate::{\n    domain,\n    http,\n};\n");
    assert_eq!(found, ["server/src/domain/user.rs:5: domain names http"]);
}

#[test]
fn what_is_allowed_is_not_caught() {
    let allowed = [
        ("domain/user.rs", "use super::names::Subject; use crate::domain::time; pub(crate) fn f() {}"),
        ("domain/user.rs", "/// See [`crate::store::Store`].\n// crate::http\n/* crate::flow /* crate::http */ */"),
        (
            "domain/user.rs",
            r##"const A: &str = "crate::store"; const B: &str = r#"crate::"http"#; const C: &'static u8 = b"crate::flow";"##,
        ),
        ("domain/user.rs", "mod tests { use super::*; use super::super::time; }"),
        ("store/embedded/read.rs", "use super::super::Store; use super::{keys::{self, Kind}, value};"),
        ("flow/begin.rs", "use crate::{authenticator, domain::user, keys, outbound, store::{Change, Store}};"),
        ("app.rs", "use crate::{http, keys, store}; use crate::*;"),
        ("config/mod.rs", "use crate::http::serve;"),
        ("store/contract.rs", "$crate::store_contract!(@facts); $crate::store::contract::fact()"),
        ("main.rs", "use server::app;"),
    ];
    for (path, source) in allowed {
        assert_eq!(violations(Path::new(path), source), Vec::<String>::new(), "{source:?} in {path}");
    }
}

/// `store/embedded/read.rs` is `[store, embedded, read]`, `store/mod.rs` is `[store]`.
fn module_of(path: &Path) -> Vec<String> {
    let mut module: Vec<_> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

fn violations(path: &Path, source: &str) -> Vec<String> {
    let module = module_of(path);
    let layer = module.first().expect("every file has a name").as_str();
    if WIRING.contains(&layer) {
        return Vec::new();
    }
    let shown = path.display();
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("server/src/{shown}:1: {layer} is no layer")];
    };
    let named = Named::find(&module, &tokens(source));
    let forbidden = named.into_iter().filter(|named| named.layer != layer && !allowed.contains(&named.layer.as_str()));
    forbidden
        .map(|Named { layer: named, line }| {
            let named = if named == "*" { "all layers".to_owned() } else { named };
            format!("server/src/{shown}:{line}: {layer} names {named}")
        })
        .collect()
}

/// A layer that a path leads to; `*` for all of them.
struct Named {
    layer: String,
    line: usize,
}

impl Named {
    fn find(module: &[String], tokens: &[Token<'_>]) -> Vec<Self> {
        let mut named = Vec::new();
        // The module at each depth of braces: `mod tests {` goes one down.
        let mut within = vec![module.to_vec()];
        for (at, token) in tokens.iter().enumerate() {
            let inside_path = at > 0 && tokens[at - 1].text == "::";
            match token.text {
                "{" => {
                    let mut inner = within.last().expect("the file itself stays").clone();
                    if at >= 2 && tokens[at - 2].text == "mod" {
                        inner.push(tokens[at - 1].text.to_owned());
                    }
                    within.push(inner);
                }
                "}" if within.len() > 1 => drop(within.pop()),
                "crate" | "super" | "self" if !inside_path => {
                    let here = within.last().expect("the file itself stays");
                    follow(here.clone(), &tokens[at..], &mut named);
                }
                _ => {}
            }
        }
        named
    }
}

/// Follows one path, or each path of a group, from the module `from`.
fn follow(mut from: Vec<String>, path: &[Token<'_>], named: &mut Vec<Named>) {
    let Some(token) = path.first() else { return };
    let goes_on = path.get(1).is_some_and(|next| next.text == "::");
    match token.text {
        "{" => {
            for element in elements(path) {
                follow(from.clone(), element, named);
            }
            return;
        }
        "crate" => from.clear(),
        "super" => drop(from.pop()),
        "self" => {}
        // An exported macro stands at the root, whichever layer it is part of.
        _ if from.is_empty() && path.get(1).is_some_and(|next| next.text == "!") => return,
        // At the root of the crate the next word is a layer; anywhere else it is some item, and the path stays inside.
        word if from.is_empty() => {
            named.push(Named { layer: word.to_owned(), line: token.line });
            return;
        }
        _ => return,
    }
    if goes_on {
        follow(from, &path[2..], named);
    }
}

/// The elements of the group that begins here.
fn elements<'t, 's>(group: &'t [Token<'s>]) -> Vec<&'t [Token<'s>]> {
    let (mut elements, mut depth, mut begin) = (Vec::new(), 0, 1);
    for (at, token) in group.iter().enumerate() {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if (token.text == "," && depth == 1) || depth == 0 {
            elements.push(&group[begin..at]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    elements
}

struct Token<'s> {
    text: &'s str,
    line: usize,
}

/// Words, `::` and single signs, without comments and literals.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), source, 1);
    while !rest.is_empty() {
        let (length, counts) = first(rest);
        let text = &rest[..length];
        if counts {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// Length of what comes first, and whether it is a token.
fn first(rest: &str) -> (usize, bool) {
    let sign = rest.chars().next().expect("there is something");
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), false)
    } else if rest.starts_with("/*") {
        (block_comment(rest), false)
    } else if let Some(length) = text_literal(rest) {
        (length, false)
    } else if rest.starts_with("::") {
        (2, true)
    } else if sign == '_' || sign.is_alphanumeric() {
        (rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len()), true)
    } else {
        (sign.len_utf8(), !sign.is_whitespace())
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 || at >= rest.len() {
            return at.min(rest.len());
        }
    }
}

/// The length of a string, a raw string or a character, with its prefix, if one comes first.
fn text_literal(rest: &str) -> Option<usize> {
    let plain = rest.strip_prefix(['b', 'c']).filter(|after| after.starts_with(['"', '\'', 'r'])).unwrap_or(rest);
    let prefix = rest.len() - plain.len();
    if let Some(after) = plain.strip_prefix('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let body = after[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(prefix + 1 + hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len()));
    }
    let quote = plain.chars().next().filter(|c| ['"', '\''].contains(c))?;
    // A lifetime: a quote, a name, and no other quote.
    let body = &plain[1..];
    if quote == '\'' && !body.starts_with('\\') && body.chars().nth(1).is_none_or(|c| c != '\'') {
        return None;
    }
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if c == quote && !escaped {
            return Some(prefix + 1 + at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    Some(rest.len())
}
