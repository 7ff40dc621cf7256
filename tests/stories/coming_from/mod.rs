//! Whoever comes from another server is told the truth: what `docs/coming-from.md` names is there, it forgets nothing of what
//! was collected from the others, and says of nothing that it is here without a test.

mod known;
mod page;

use std::collections::BTreeMap;
use std::fs;

use server::config::elsewhere::{ELSEWHERE, Known as Theirs};

use self::known::{Known, dead, is_story, root};
use self::page::{Page, Row, code, links};

const ITEMS: &str = "Item by item";

/// The products, by the headings of the page.
const PRODUCTS: [&str; 6] =
    ["Gluu and Janssen", "Authlete", "Curity", "The OpenID provider app for Salesforce", "Keycloak", "Auth0"];

/// What was collected: letters, and how many items of each (REQUIREMENTS §1).
const COLLECTED: [(&str, usize); 4] = [("G", 100), ("A", 67), ("C", 15), ("S", 19)];

fn coming_from() -> Page {
    Page(fs::read_to_string(root().join("docs/coming-from.md")).expect("the page"))
}

fn items(page: &Page) -> Vec<Row<'_>> {
    page.rows().into_iter().filter(|row| row.section == ITEMS).collect()
}

/// Numbers of a row.
fn ids<'p>(row: &Row<'p>) -> Vec<&'p str> {
    row.cells[0].split(", ").collect()
}

/// What a page in the form of ours says that is not so.
async fn untrue(page: &Page, known: &Known) -> Vec<String> {
    let mut wrong = dead(page);
    for row in page.rows() {
        let place = |complaint| format!("{}, {}: {complaint}", row.section, row.cells[0]);
        let here = match (row.section, row.cells.as_slice()) {
            (ITEMS, [_, _, here, shown]) => {
                wrong.extend(unshown(here, shown).map(place));
                here
            }
            (ITEMS, _) => {
                wrong.push(place("four cells are wanted".to_owned()));
                continue;
            }
            (section, [_, here, _]) if PRODUCTS.contains(&section) => here,
            _ => continue,
        };
        wrong.extend(known.here(here).await.into_iter().map(place));
    }
    wrong
}

/// What is here has a test, and each test that is named exists.
fn unshown(here: &str, shown: &str) -> impl Iterator<Item = String> {
    let stories = code(shown);
    let claims = !here.starts_with("**not here**");
    let silent = claims && stories.is_empty() && links(shown).is_empty();
    let lost = stories.into_iter().filter(|story| !is_story(story)).map(|story| format!("there is no story {story}"));
    silent.then(|| "nothing shows it".to_owned()).into_iter().chain(lost)
}

#[tokio::test]
async fn every_name_on_the_page_for_those_who_come_from_elsewhere_exists_and_every_link_leads_somewhere() {
    let wrong = untrue(&coming_from(), &Known::gather().await).await;
    assert!(wrong.is_empty(), "docs/coming-from.md:\n{}", wrong.join("\n"));
}

/// Each line is wrong in one way.
#[tokio::test]
async fn a_page_that_names_what_is_not_there_is_found_out() {
    let known = Known::gather().await;
    let (items, product) = ("| item | what | here | shown by |", "| calls | here | note |");
    let shown = "`asking::an_unknown_user_is_unknown_user_id`";
    for (head, row, complaint) in [
        (items, format!("| G1 | a | `policy.intervall` | {shown} |"), "no setting policy.intervall"),
        (items, format!("| G1 | a | `client.scopes` | {shown} |"), "no client.scopes"),
        (items, format!("| G1 | a | `bindingMessage` | {shown} |"), "no bindingMessage"),
        (
            items,
            format!("| G1 | a | `backchannel_authorize_endpoint` | {shown} |"),
            "no backchannel_authorize_endpoint",
        ),
        (items, format!("| G1 | a | `POST /bc-authorize` | {shown} |"), "no POST /bc-authorize"),
        (items, format!("| G1 | a | `DELETE /token` | {shown} |"), "no DELETE /token"),
        (items, format!("| G1 | a | `GET /admin/v1/requests` | {shown} |"), "no GET /admin/v1/requests"),
        (items, format!("| G1 | a | `assent import-keycloak` | {shown} |"), "no assent import-keycloak"),
        (items, format!("| G1 | a | `--pages` | {shown} |"), "no --pages"),
        (items, format!("| G1 | a | of course | {shown} |"), "names nothing"),
        (items, format!("| G1 | a | [a guide](nowhere.md) | {shown} |"), "dead: nowhere.md"),
        (items, format!("| G1 | a | [a guide](operators.md#nowhere) | {shown} |"), "dead: operators.md#nowhere"),
        (items, "| G1 | a | `scope` | |".to_owned(), "nothing shows it"),
        (items, "| G1 | a | `scope` | `asking::everything_works` |".to_owned(), "no story asking::everything_works"),
        (items, "| G1 | a | `scope` |".to_owned(), "four cells are wanted"),
        (product, "| `x` | `policy.interval`, `clinet` | |".to_owned(), "no clinet"),
        (product, "| `x` | **not here** | but `store.sweeps` |".to_owned(), "no setting store.sweeps"),
    ] {
        let section = if head == items { ITEMS } else { "Auth0" };
        let rule = "|---".repeat(head.matches(" |").count()) + "|";
        let page = Page(format!("## {section}\n\n{head}\n{rule}\n{row}\n"));
        let wrong = untrue(&page, &known).await;
        assert!(wrong.iter().any(|wrong| wrong.contains(complaint)), "{row}: {wrong:?}");
    }
}

#[test]
fn the_page_goes_through_all_that_was_collected_once() {
    let page = coming_from();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for id in items(&page).iter().flat_map(ids) {
        *found.entry(id).or_default() += 1;
    }
    let wanted: Vec<String> =
        COLLECTED.iter().flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n}"))).collect();
    let missing: Vec<&String> = wanted.iter().filter(|id| found.get(id.as_str()) != Some(&1)).collect();
    assert!(missing.is_empty(), "not there once: {missing:?}");
    let others: Vec<&&str> = found.keys().filter(|id| wanted.iter().all(|wanted| wanted != **id)).collect();
    assert!(others.is_empty(), "nobody asked for {others:?}");
}

#[test]
fn every_product_has_its_server_settings_client_settings_and_calls() {
    let page = coming_from();
    for product in PRODUCTS {
        let mut heads: Vec<_> =
            page.rows().into_iter().filter(|row| row.section == product).map(|row| row.head).collect();
        heads.dedup();
        let kinds = ["server settings", "client settings", "calls and parameters"];
        assert_eq!(heads, kinds.map(|kind| [kind, "here", "note"]), "{product}");
    }
}

/// What `docs/configuration.md` says of a setting of theirs, this page says too.
#[test]
fn the_page_agrees_with_the_table_of_settings_known_from_elsewhere() {
    let page = coming_from();
    let says = |here: &str, theirs: &Theirs| match theirs.ours {
        [] => here.starts_with("**not here**") || here.starts_with("*nothing to set*"),
        ours => ours.iter().all(|ours| code(here).iter().any(|span| span == ours)),
    };
    for theirs in ELSEWHERE {
        let names = [format!("`{}`", theirs.name), format!("*{}*", theirs.name)];
        let is_named = |row: &Row<'_>| {
            row.section.starts_with(theirs.system) && names.iter().any(|name| row.cells[0].contains(name))
        };
        let of_product = page.rows().into_iter().find(is_named).unwrap_or_else(|| panic!("{} is missing", theirs.name));
        assert!(says(of_product.cells[1], theirs), "{}: {}", theirs.name, of_product.cells[1]);
        let item = items(&page).into_iter().find(|row| ids(row).contains(&theirs.id)).expect("every item is there");
        assert!(says(item.cells[2], theirs), "{}: {}", theirs.id, item.cells[2]);
    }
}
