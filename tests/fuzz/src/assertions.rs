//! What every message, error and answer of the system must satisfy.

use std::fmt::Debug;

use lwa_core::message::{EMAIL_COLUMNS, Message, SMS_LIMIT, SUBJECT_LIMIT};
use lwa_core::text::printable;
use serde_json::Value;

/// Longest error or explanation, in characters. A parameter's name has up to 1,011 of them, and
/// what is missing of an application is three names.
const ERROR_LIMIT: usize = 6_000;

/// What takes two units of a GSM-7 text message, or is not in its alphabet at all.
const NOT_IN_SMS: &str = "`[]{}\\^~|";

/// SNS accepts the message, a phone shows its SMS in one part, and no text from outside can
/// rearrange it.
pub(crate) fn assert_within_limits(message: &Message) {
    let Message {
        subject,
        default,
        email,
        sms,
        https,
        attributes,
    } = message;
    assert!(
        (1..=SUBJECT_LIMIT).contains(&subject.len())
            && !subject.starts_with(' ')
            && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "the subject is not legal: {subject:?}"
    );
    assert!(
        (1..=SMS_LIMIT).contains(&sms.len())
            && sms
                .chars()
                .all(|c| (' '..='~').contains(&c) && !NOT_IN_SMS.contains(c)),
        "the SMS is not one part: {sms:?}"
    );
    for text in [default, email] {
        for line in text.lines() {
            let is_link = line.trim_start().starts_with("https://");
            assert!(
                is_link || textwrap::core::display_width(line) <= EMAIL_COLUMNS,
                "a line of the e-mail is too wide: {line:?}"
            );
            assert_eq!(
                printable(line),
                line,
                "the e-mail has unprintable characters"
            );
        }
    }
    let chat: Value = serde_json::from_str(https).expect("the chat message is not JSON");
    assert_eq!(chat["source"], "custom");
    let description = chat["content"]["description"].as_str();
    let description = description.expect("the chat message has no description");
    assert!(
        !description.chars().any(|c| c.is_control() && c != '\n'),
        "the chat message has control characters: {description:?}"
    );
    assert_ne!(attributes.application.as_deref(), Some(""));
}

/// The error can be logged and shown: it is not empty, on one line, printable and of bounded
/// length. Returns its text.
pub(crate) fn assert_printable(error: &(impl ToString + Debug)) -> String {
    let text = error.to_string();
    assert!(!text.trim().is_empty(), "the error says nothing: {error:?}");
    assert_eq!(
        printable(&text),
        text,
        "the error has unprintable characters"
    );
    let length = text.chars().count();
    assert!(
        length <= ERROR_LIMIT,
        "the error has {length} characters: {text}"
    );
    text
}

/// `out` contains none of the secrets, except those in what the sender sent, who knows them.
pub(crate) fn assert_not_leaked(secrets: &[&str], sent: &str, out: &str) {
    for secret in secrets {
        assert!(
            !out.contains(secret) || sent.contains(secret),
            "a secret was leaked: {out}"
        );
    }
}
