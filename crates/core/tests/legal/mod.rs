//! What every message must be, for SNS, a phone and a mailbox to take it.

use lwa_core::message::{EMAIL_COLUMNS, Message, SMS_LIMIT, SUBJECT_LIMIT};
use serde_json::Value;
use textwrap::core::display_width;

/// The size of a message that SNS takes, in bytes.
const SNS_LIMIT: usize = 262_144;

/// The GSM 7-bit default alphabet, without the characters that take two units,
/// <https://www.etsi.org/deliver/etsi_ts/123000_123099/123038/>.
const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

pub(crate) fn check(message: &Message) {
    let subject = &message.subject;
    assert!(subject.len() <= SUBJECT_LIMIT, "{subject}");
    assert!(
        subject.bytes().all(|b| (b' '..=b'~').contains(&b)),
        "{subject:?}"
    );
    assert!(!subject.starts_with(' '), "{subject:?}");

    let sms = &message.sms;
    assert!(sms.chars().all(|c| GSM_7.contains(c)), "{sms:?}");
    assert!(sms.chars().count() <= SMS_LIMIT, "{sms:?}");
    assert!(sms.ends_with(['.', '?', '!']), "half a sentence: {sms:?}");

    for line in message.email.lines() {
        let is_link = line.trim_start().starts_with("https://");
        assert!(display_width(line) <= EMAIL_COLUMNS || is_link, "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }

    let chat: Value = serde_json::from_str(&message.https).unwrap();
    assert_eq!(chat["source"], "custom");
    assert!(
        chat["content"]["title"]
            .as_str()
            .is_some_and(|title| title.len() <= 250)
    );
    let sizes = [
        &message.default,
        &message.email,
        &message.sms,
        &message.https,
    ];
    assert!(sizes.iter().map(|text| text.len()).sum::<usize>() < SNS_LIMIT / 2);
}
