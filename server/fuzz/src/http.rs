//! Forms.

use std::collections::BTreeMap;

use crate::form::Form;

/// A form: what is read has no name but `resource` twice and no NUL, and reads the same once written again.
pub fn form(bytes: &[u8]) {
    let Ok(form) = Form::parse(bytes) else { return };
    let read: BTreeMap<&str, &str> = form.without(&[]).collect();
    assert!(read.len() + form.resources().len() <= 64 && form.resources().iter().all(|uri| !uri.is_empty()));
    assert!(!read.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')));
    for (name, value) in &read {
        assert_eq!(form.get(name), Some(*value).filter(|value| !value.is_empty()));
    }
    let resources = form.resources().iter().map(|uri| ("resource", uri.as_str()));
    let all = read.iter().map(|(name, value)| (*name, *value)).chain(resources);
    let written: Vec<String> = all.map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    let again = Form::parse(written.join("&").as_bytes()).expect("it is a form");
    assert_eq!(again.without(&[]).collect::<BTreeMap<_, _>>(), read);
    assert_eq!(again.resources(), form.resources());
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"))
}
