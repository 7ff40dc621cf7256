//! `agent_action`: the type of `authorization_details` that is built in, for what a software agent wants to do (docs/agents.md).
//! Its rules and its lines are [`protocol::action`]'s, because who acts on the approval judges by them again.

use protocol::action::{Action, AgentAction, TYPE};
use serde_json::Value;

use super::details::{BadDetails, Details};
use super::likeness::{likeness, look_alike};

/// Whether one of the details is of the type.
#[must_use]
pub fn is_among(details: &[Value]) -> bool {
    details.iter().any(|detail| detail["type"] == TYPE)
}

/// Judges the details of a request that asks for an action: that one alone, so that an approval is of one action and is used
/// once.
pub fn judge(details: Vec<Value>) -> Result<Details, BadDetails> {
    let [detail] = details.as_slice() else { return Err(BadDetails::NotAlone) };
    let asked = AgentAction::parse(detail)?;
    if has_names_alike(&asked.action) {
        return Err(BadDetails::Alike);
    }
    let lines = asked.lines();
    Details { details, lines, language: "en".to_owned() }.within_bounds()
}

/// Whether people would take one parameter for another: `to` and `To`, `user_id` and `userId`, `Ibanl` and `IbanI`.
fn has_names_alike(action: &Action) -> bool {
    let joined = |name: &String| likeness(&name.replace(['_', '-'], ""));
    let seen: Vec<_> = action.parameters().keys().map(joined).collect();
    seen.iter().enumerate().any(|(at, one)| seen[..at].iter().any(|other| look_alike(one, other)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::action::{BadAction, Parameter};
    use serde_json::json;

    use super::*;

    fn action(names: &[&str]) -> Action {
        let parameters: BTreeMap<_, _> = names.iter().map(|name| ((*name).to_owned(), Parameter::Integer(1))).collect();
        Action::new("tool", parameters).expect("an action")
    }

    #[test]
    fn an_action_is_shown_whole() {
        let detail = action(&["cents", "days"]).detail(Some("Helper"));
        assert!(is_among(&[json!({ "type": "payment" }), detail.clone()]));
        let shown = judge(vec![detail.clone()]).expect("it can be shown");
        let lines: Vec<_> = shown.lines.iter().map(|line| format!("{}: {}", line.label, line.value)).collect();
        let wanted = ["Agent: Helper", "Tool: tool", "Parameter cents: 1", "Parameter days: 1"];
        assert_eq!(lines[1..], wanted);
        assert_eq!((shown.details, shown.language.as_str()), (vec![detail], "en"));
    }

    #[test]
    fn names_that_look_alike_are_refused() {
        for names in [
            ["to", "To"],
            ["user_id", "userId"],
            ["a-b", "ab"],
            ["item1", "iteml"],
            ["IbanI", "Ibanl"],
            ["rnail", "mail"],
            ["a0", "aO"],
        ] {
            assert_eq!(judge(vec![action(&names).detail(None)]), Err(BadDetails::Alike), "{names:?}");
        }
        for names in [["to", "too"], ["from", "to"], ["user_id", "user_ids"], ["line1", "line2"]] {
            assert!(judge(vec![action(&names).detail(None)]).is_ok(), "{names:?}");
        }
    }

    #[test]
    fn an_action_stands_alone_and_has_its_own_digest() {
        let (one, other) = (action(&["a"]).detail(None), action(&["b"]).detail(None));
        assert_eq!(judge(vec![one.clone(), other.clone()]), Err(BadDetails::NotAlone));
        let mut swapped = one;
        swapped["digest"] = other["digest"].clone();
        assert_eq!(judge(vec![swapped]), Err(BadDetails::Action(BadAction::Digest)));
    }

    #[test]
    fn an_action_that_no_prompt_could_hold_is_refused() {
        let long = |texts: usize| {
            let list = Parameter::Texts(vec!["x".repeat(200); texts]);
            let parameters =
                BTreeMap::from([("a".to_owned(), list), ("b".to_owned(), Parameter::Texts(vec!["y".to_owned()]))]);
            judge(vec![Action::new("tool", parameters).expect("an action").detail(None)])
        };
        assert!(long(7).is_ok());
        let many: BTreeMap<_, _> =
            (0..16).map(|n| (format!("p{n}"), Parameter::Texts(vec!["x".repeat(20); 8]))).collect();
        assert_eq!(judge(vec![Action::new("tool", many).expect("an action").detail(None)]), Err(BadDetails::Form));
    }
}
