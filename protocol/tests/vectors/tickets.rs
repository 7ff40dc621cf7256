//! Enrolment tickets.

use std::collections::BTreeMap;

use protocol::messages::{NotATicket, Ticket};
use protocol::{Digest, TicketCode};
use serde::Deserialize;

use super::read;

#[derive(Deserialize)]
struct Vectors {
    written: Vec<Case>,
    read: Vec<Case>,
    refused: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Case {
    ticket: String,
    issuer: String,
    code: TicketCode,
    root: Digest,
    expires_at: i64,
}

impl Case {
    fn value(&self) -> Ticket {
        Ticket { issuer: self.issuer.clone(), code: self.code, root: self.root, expires_at: self.expires_at }
    }
}

#[test]
fn tickets_are_read_and_written() {
    let vectors: Vectors = read("tickets.json");
    for case in &vectors.written {
        assert_eq!(case.value().to_string(), case.ticket);
    }
    for case in vectors.written.iter().chain(&vectors.read) {
        assert_eq!(case.ticket.parse(), Ok(case.value()), "{}", case.ticket);
    }
}

#[test]
fn what_is_no_ticket_is_refused() {
    let vectors: Vectors = read("tickets.json");
    assert!(vectors.refused.len() > 25);
    for (name, text) in vectors.refused {
        assert_eq!(text.parse::<Ticket>(), Err(NotATicket), "{name}: {text}");
    }
}

#[test]
fn a_printed_ticket_keeps_its_secret() {
    let case = read::<Vectors>("tickets.json").written.remove(0);
    let printed = format!("{:?}", case.value());
    assert!(!printed.contains(&case.code.to_string()), "{printed}");
}
