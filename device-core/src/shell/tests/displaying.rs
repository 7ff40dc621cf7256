//! What must have been shown before anything is approved, and what the screen warns of.

use protocol::display::Line;
use protocol::messages::{Match, MatchMode};

use super::*;
use crate::display::Warning;

fn request_for(bend: fn(&mut wire::Prompt)) -> (Phone, Arc<ApprovalRequest>) {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(bend);
    let request = only_request(&phone, &account);
    (phone, request)
}

#[test]
fn approving_needs_every_line_to_have_been_taken() {
    let (phone, request) = request_for(|prompt| prompt.display.push(Line::new("Account", "DE 1")));
    assert_eq!(approve(&phone, &request), Err(DeviceError::DisplayNotTaken));
    assert_eq!(request.display_part(0, 1).lines.len(), 1);
    assert_eq!(approve(&phone, &request), Err(DeviceError::DisplayIncomplete { missing: 2 }));
    assert_eq!(request.display_part(2, 9).lines[0].value, "DE 1");
    assert_eq!(approve(&phone, &request), Err(DeviceError::DisplayIncomplete { missing: 1 }));
    assert_eq!((request.display_part(3, 1).lines.len(), request.display_part(u32::MAX, u32::MAX).lines.len()), (0, 0));
    assert_eq!(phone.approvals_signed(), 0);
    let middle = request.display_part(1, 1);
    assert_eq!((middle.lines[0].value.as_str(), middle.all_lines), ("Pay 20 EUR", 3));
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
}

#[test]
fn a_match_code_is_needed_where_it_is_asked_and_only_there() {
    let (phone, request) = request_for(|prompt| prompt.match_code = Match { mode: MatchMode::Enter, length: 2 });
    assert_eq!(request.display().match_code.map(|code| code.digits), Some(2));
    assert_eq!(approve(&phone, &request), Err(DeviceError::MatchCodeNeeded));
    for wrong in ["", "1", "123", "1a", "٣٤"] {
        assert_eq!(request.enter_match_code(wrong.into()), Err(DeviceError::MatchCodeNeeded));
    }
    assert_eq!(request.enter_match_code("42".into()), Ok(()));
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    assert_eq!(phone.server.read_decision(&decisions(&phone)[0]).1.match_code.as_deref(), Some("42"));
    let (_, other) = asked();
    assert_eq!(other.enter_match_code("42".into()), Err(DeviceError::MatchCodeNeeded));
}

#[test]
fn requests_of_one_client_that_wait_together_warn_of_each_other() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    let first = shown_request(&phone, &account);
    assert_eq!(first.display().warnings, []);
    phone.server.ask(|prompt| prompt.jti = PromptId::from_bytes([2; 16]));
    phone.server.ask(|prompt| {
        prompt.jti = PromptId::from_bytes([3; 16]);
        prompt.client.id = "shop".into();
    });
    let all = wait(phone.core.pending(account.clone(), 0)).unwrap();
    let conflict = [Warning::Conflict { others: 1 }];
    assert_eq!(all[0].display().warnings, conflict);
    assert_eq!(all[1].display().warnings, conflict);
    assert_eq!(all[2].display().warnings, [], "another client's request is no conflict");
    assert_eq!(first.display().warnings, conflict, "an object handed out before knows as well");
    assert_eq!(deny(&phone, &all[1]), Ok(Outcome::Denied));
    assert_eq!(first.display().warnings, [], "what was answered waits no more");
}

#[test]
fn what_the_server_lists_no_more_is_no_conflict() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    phone.server.ask(|prompt| prompt.jti = PromptId::from_bytes([2; 16]));
    let all = wait(phone.core.pending(account.clone(), 0)).unwrap();
    assert_eq!(all[1].display().warnings.len(), 1);
    phone.server.inner().prompts.remove(0);
    assert_eq!(wait(phone.core.pending(account, 0)).unwrap()[0].display().warnings, []);
}

#[test]
fn the_time_that_is_left_is_the_servers() {
    let (phone, request) = asked();
    phone.clock.unix.store(0, Ordering::SeqCst);
    phone.clock.monotonic.fetch_add(80_000, Ordering::SeqCst);
    assert_eq!(request.display().warnings, [Warning::ExpiringSoon { seconds: 20 }]);
    phone.clock.monotonic.fetch_add(20_000, Ordering::SeqCst);
    assert_eq!(request.display().warnings, [Warning::Expired]);
    assert_eq!(approve(&phone, &request), Err(DeviceError::Expired));
}

#[test]
fn a_request_prints_nothing_of_what_it_asks() {
    let (_, request) = asked();
    let printed = format!("{request:?}");
    assert!(printed.contains(&request.id()) && !printed.contains("Pay 20 EUR") && !printed.contains("Example Bank"));
}
