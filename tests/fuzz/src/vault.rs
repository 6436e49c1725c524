//! What is found in a vault, where anybody with the permission may have written it.

use std::collections::BTreeMap;

use lwa_core::application::ApplicationName;
use lwa_core::audit::{Rules, assessment};
use lwa_core::secret::SecretRecord;
use lwa_core::store::{input, policies as store_policies};
use lwa_core::tags::{NewSecretPending, SECRET_EXPIRES_AT, SecretTags, instant};
use lwa_core::vault::document::{Document, new_document};
use lwa_core::vault::ports::{InlinePolicy, ParameterMetadata};
use lwa_core::{ExposeSecret, Role, SecretString, Severity, Timestamp};
use serde_json::Value;

use crate::account;
use crate::assertions;

/// What a new client secret may look like at worst.
const AWKWARD: &str = "n\"e\\w{{\u{0}\u{1f511}";

pub(crate) fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let stored = SecretString::from(text);
    let document = match Document::parse(&stored) {
        Ok(document) => document,
        Err(error) => return assert_not_quoted(&error, text),
    };
    let new = BTreeMap::from([(Role::ClientSecret, SecretString::from(AWKWARD))]);
    match document.with(&new) {
        Ok(changed) => assert_only_the_secret_differs(text, changed.expose_secret()),
        Err(error) => assert_not_quoted(&error, text),
    }
    // What was read is what is written, and reads the same again.
    let found = document.credentials();
    match document.with(&found) {
        Ok(written) => assert_same(&found, &credentials(&written)),
        Err(error) => assert_not_quoted(&error, text),
    }
}

fn credentials(document: &SecretString) -> BTreeMap<Role, SecretString> {
    let document = Document::parse(document).expect("what was written can be read");
    document.credentials()
}

fn assert_only_the_secret_differs(before: &str, after: &str) {
    // Values that are not ours are not looked into, so half a surrogate stays what it is.
    let Ok(Value::Object(mut before)) = serde_json::from_str(before) else {
        return;
    };
    let after: Value = serde_json::from_str(after).expect("a document is JSON");
    let Value::Object(mut after) = after else {
        unreachable!("a document is an object, not {after}");
    };
    assert_eq!(after.remove("AppClientSecret"), Some(AWKWARD.into()));
    before.remove("AppClientSecret");
    assert_eq!(before, after);
}

pub(crate) fn store_input(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let typed = SecretString::from(text);
    match input::document(&typed) {
        Ok(credentials) => {
            assert!(!credentials.is_empty());
            for odd in input::oddities(&credentials) {
                assert_not_quoted(&odd, text);
            }
            if let Ok(written) = new_document(&credentials) {
                assert_same(&credentials, &self::credentials(&written));
                let read = input::document(&written);
                assert_same(&credentials, &read.expect("what was written can be typed"));
            }
        }
        Err(error) => assert_not_quoted(&error, text),
    }
    for role in [
        Role::ClientId,
        Role::ClientSecret,
        Role::RefreshToken { seller: None },
    ] {
        match input::value(&role, &typed) {
            Ok(value) => {
                let value = value.expose_secret();
                assert!(text.contains(value) && !value.is_empty());
                assert!(!value.chars().any(|c| c.is_whitespace() || c.is_control()));
            }
            Err(error) => assert_not_quoted(&error, text),
        }
    }
}

pub(crate) fn policies(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for policy_type in [
        "NoChangeNotification",
        "Expiration",
        "ExpirationNotification",
    ] {
        for status in ["Pending", "Failed"] {
            let policy = InlinePolicy {
                text: text.to_owned(),
                policy_type: policy_type.to_owned(),
                status: status.to_owned(),
            };
            // More than fit, so that some have to go.
            let found = vec![policy; 12];
            assert_change_is_idempotent(&found);
            let metadata = ParameterMetadata {
                policies: found[..2].to_vec(),
                ..client_secret()
            };
            assert_findings_are_printable(&metadata, &BTreeMap::new());
        }
    }
}

/// New policies are what AWS takes, and need no change afterwards.
fn assert_change_is_idempotent(found: &[InlinePolicy]) {
    let Some(change) = store_policies::change(found) else {
        return;
    };
    assert!(change.text.chars().count() <= 4096, "{}", change.text);
    let policies: Vec<Value> = serde_json::from_str(&change.text).expect("policies are JSON");
    assert!(policies.len() <= 10, "{}", change.text);
    let applied: Vec<InlinePolicy> = policies
        .iter()
        .map(|policy| InlinePolicy {
            text: policy.to_string(),
            policy_type: policy["Type"].as_str().unwrap_or_default().to_owned(),
            status: "Pending".to_owned(),
        })
        .collect();
    assert_eq!(store_policies::change(&applied), None);
    for note in &change.notes {
        assertions::assert_printable(note);
    }
}

pub(crate) fn tags(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut found: BTreeMap<String, String> = [
        "lwa:secret-issued-at",
        "lwa:secret-expires-at",
        "lwa:rotation-requested-at",
        "lwa:new-secret-pending",
        "lwa:secret-version",
        "lwa:exempt-until",
        "lwa:exempt-reason",
        "owner",
    ]
    .map(|name| (name.to_owned(), text.to_owned()))
    .into();
    assert_findings_are_printable(&client_secret(), &found);
    // A JSON object is tags by their names; a muted finding has more to read than one tag.
    if let Ok(given) = serde_json::from_str::<BTreeMap<String, String>>(text) {
        found.extend(given);
        assert_findings_are_printable(&client_secret(), &found);
    }
    let read = SecretRecord {
        application: ApplicationName::parse("my-erp").expect("it is a name"),
        version: None,
        written_at: None,
        tags: SecretTags::from_map(&found),
    };
    for now in [Timestamp::MIN, account::now(), Timestamp::MAX] {
        if let Some(at) = read.reported_deadline(180, now) {
            let (_, text) = instant(SECRET_EXPIRES_AT, at);
            assert_eq!(text.parse().ok(), Some(at));
        }
        let _ = read.waiting(now);
    }
    let pending = NewSecretPending::new(account::now(), text, None);
    let (name, written) = pending.to_tag();
    assert!(written.chars().count() <= 256, "{written}");
    let read = SecretTags::from_map(&BTreeMap::from([(name.to_owned(), written)]));
    if !text.is_empty() {
        assert_eq!(read.new_secret_pending, Some(pending));
    }
}

pub(crate) fn parameter_name(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else {
        return;
    };
    let layout = account::layout();
    for name in [name.to_owned(), format!("/my-erp/{name}")] {
        let Some(place) = layout.locate(&name) else {
            continue;
        };
        // What it is taken for is stored under the very name, but for a slash in front.
        let back = layout.parameter(&place.application, &place.role);
        assert_eq!(back.trim_start_matches('/'), name.trim_start_matches('/'));
        assert!(layout.contains(&place.application.root()));
    }
    match ApplicationName::parse(name) {
        Ok(parsed) => assert_eq!(
            ApplicationName::parse(&parsed.root()).as_ref(),
            Ok(&parsed),
            "a root is its application's"
        ),
        Err(error) => {
            assertions::assert_printable(&error);
        }
    }
}

fn client_secret() -> ParameterMetadata {
    ParameterMetadata {
        name: "/my-erp/lwa/clientsecret".to_owned(),
        parameter_type: "SecureString".to_owned(),
        last_modified: Some(account::now()),
        ..ParameterMetadata::default()
    }
}

/// Whatever was found, what is said about it fits on a line.
fn assert_findings_are_printable(metadata: &ParameterMetadata, tags: &BTreeMap<String, String>) {
    let rules = Rules {
        policy: lwa_core::rotation::policy::Policy::default(),
        reminder_days: vec![90, 7],
        heartbeat: None,
        expected_writer: None,
        digest_severity: Severity::Warning,
    };
    let place = account::layout().locate(&metadata.name);
    let place = place.expect("it is a client secret");
    for now in [Timestamp::MIN, account::now(), Timestamp::MAX] {
        let judged = assessment::client_secret(&place, metadata, Some(tags), &rules, now);
        for finding in &judged.findings {
            assertions::assert_printable(&finding.detail);
        }
        for note in &judged.notes {
            assertions::assert_printable(note);
        }
    }
}

/// An explanation that can be shown, without a long word of what it is about. Keys are named:
/// seller ids are among them.
fn assert_not_quoted(error: &(impl ToString + std::fmt::Debug), text: &str) {
    let said = assertions::assert_printable(error) + &format!("{error:?}");
    let mut keys = String::new();
    if let Ok(value) = serde_json::from_str(text) {
        collect_keys(&value, &mut keys);
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    // Names of ours have at most 15 letters.
    for word in words.filter(|word| word.len() >= 16 && !keys.contains(word)) {
        assert!(!said.contains(word), "{said}");
    }
}

fn collect_keys(value: &Value, keys: &mut String) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                keys.push_str(key);
                keys.push('\n');
                collect_keys(value, keys);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

fn assert_same(one: &BTreeMap<Role, SecretString>, other: &BTreeMap<Role, SecretString>) {
    let exposed = |credentials: &BTreeMap<Role, SecretString>| -> Vec<(Role, String)> {
        credentials
            .iter()
            .map(|(role, value)| (role.clone(), value.expose_secret().to_owned()))
            .collect()
    };
    assert_eq!(exposed(one), exposed(other));
}
