//! What people receive: one [`Notice`], laid out for e-mail, SMS, chat and everything else.

use serde::Serialize;
use serde_json::json;

use crate::notice::{Notice, TEST_KIND, TEST_LABEL};
use crate::severity::Severity;
use crate::text::{ascii, elide_end, gsm7, printable, wrap};

/// Widest line of an e-mail, in columns. Only a link may be longer: broken it would not work.
pub const EMAIL_COLUMNS: usize = 72;

/// Longest subject, in characters,
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
pub const SUBJECT_LIMIT: usize = 99;

/// Longest text message that is sent as a single part, in GSM-7 characters,
/// <https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html>.
pub const SMS_LIMIT: usize = 160;

/// Longest value of a fact in an e-mail or chat message, in characters. A whole message must
/// stay below the 256 KiB that SNS takes, whatever an event contained.
const VALUE_LIMIT: usize = 600;

/// Longest title of a chat message, in characters, same source as for [`Message::https`].
const TITLE_LIMIT: usize = 250;

/// Longest description in a chat message, in characters; the chat services cut longer ones.
const CHAT_LIMIT: usize = 6_000;

/// One message, rendered for every protocol of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Subject of e-mails: printable ASCII, at most [`SUBJECT_LIMIT`] characters.
    pub subject: String,
    /// For protocols without a rendering of their own, such as queues: the e-mail's text.
    pub default: String,
    /// Plain text of at most [`EMAIL_COLUMNS`] columns.
    pub email: String,
    /// One part of at most [`SMS_LIMIT`] GSM-7 characters.
    pub sms: String,
    /// The custom notification, as JSON, that Amazon Q Developer in chat applications shows,
    /// <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>.
    pub https: String,
    /// What subscribers filter by.
    pub attributes: Attributes,
}

/// The message attributes, for subscription filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// How urgent it is.
    pub severity: Severity,
    /// The application it is about; none when it is about several or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// What kind of message it is, a stable word such as `secret-unchanged`.
    pub kind: &'static str,
}

/// Opens the e-mail of a message that was replayed, in the place of its label.
const REPLAYED: &str = "lwa replay made this message from a sample event, and published\n\
                        it as a test. Nothing has to be done about it.\n\n";

impl Message {
    /// The same message, marked as a test for everyone who reads it: it was made from a sample
    /// event, and is no news. Its severity stays, so that it takes the way of the real one.
    #[must_use]
    pub fn as_test(&self) -> Self {
        let severity = self.attributes.severity;
        let [subject, sms, email] = openings(severity.label());
        let [test_subject, test_sms, test_email] = openings(TEST_LABEL);
        let relabel = |text: &str, from: &str, to: &str| match text.strip_prefix(from) {
            Some(rest) => format!("{to}{rest}"),
            None => text.to_owned(),
        };
        let test_email = format!("{test_email}{REPLAYED}");
        Self {
            subject: relabel(&self.subject, &subject, &test_subject),
            default: relabel(&self.default, &email, &test_email),
            email: relabel(&self.email, &email, &test_email),
            sms: relabel(&self.sms, &sms, &test_sms),
            // Title and summary repeat the subject.
            https: self.https.replace(&subject, &test_subject),
            attributes: Attributes {
                kind: TEST_KIND,
                ..self.attributes.clone()
            },
        }
    }
}

/// What a label opens: the subject, the text message and the e-mail.
fn openings(label: &str) -> [String; 3] {
    [
        format!("[{label}] "),
        format!("LWA {label}: "),
        format!("{label}: "),
    ]
}

impl Notice {
    /// Lays the notice out for every protocol. Whatever its parts quote, no credential is in it.
    pub fn render(&self) -> Message {
        self.cleaned().lay_out()
    }

    fn lay_out(self) -> Message {
        let subject = self.subject();
        let email = self.email();
        Message {
            https: self.chat(&subject),
            subject,
            default: email.clone(),
            email,
            sms: self.sms(),
            attributes: Attributes {
                severity: self.severity,
                application: self.application,
                kind: self.kind,
            },
        }
    }

    fn subject(&self) -> String {
        let [opening, ..] = openings(self.label());
        self.headline.line(&opening, SUBJECT_LIMIT, ascii)
    }

    /// The headline, and as many whole sentences after it as fit.
    fn sms(&self) -> String {
        let [_, opening, _] = openings(self.label());
        let mut text = self.headline.sentence(&opening, SMS_LIMIT, gsm7);
        let is_urgent = self.severity > Severity::Info;
        let has_more = !self.steps.is_empty() || is_urgent && !self.sections.is_empty();
        let pointer = has_more.then_some("See the e-mail.");
        for sentence in self.lead.iter().map(String::as_str).chain(pointer) {
            let sentence = gsm7(sentence);
            if text.len() + 1 + sentence.len() <= SMS_LIMIT {
                text.push(' ');
                text.push_str(&sentence);
            }
        }
        text
    }

    fn email(&self) -> String {
        let mut out = String::new();
        let [.., label] = openings(self.label());
        let opening = format!("{label}{}", self.opening());
        hanging(&mut out, "", &opening);
        let labels = self.facts.iter().map(|(label, _)| label.len());
        if let Some(width) = labels.max() {
            out.push('\n');
            for (label, value) in &self.facts {
                hanging(&mut out, &format!("  {label:width$}  "), value);
            }
        }
        for section in &self.sections {
            let bullet = if section.is_list { "  - " } else { "  " };
            block(&mut out, &section.title, bullet, &section.lines);
        }
        if !self.steps.is_empty() {
            out.push_str("\nWhat to do now\n");
            for (number, step) in (1..).zip(&self.steps) {
                hanging(&mut out, &format!("  {number}. "), &step.text);
                if let Some(link) = &step.link {
                    out.extend(["     ", &printable(link), "\n"]);
                }
            }
        }
        if !self.missing.is_empty() {
            block(&mut out, MISSING, "  - ", &self.missing);
        }
        out.push('\n');
        hanging(&mut out, "", &self.origin);
        out
    }

    fn chat(&self, subject: &str) -> String {
        let subject = plain_text(subject);
        let mut blocks = vec![plain_text(&self.opening())];
        if !self.facts.is_empty() {
            let facts = self.facts.iter();
            let facts = facts.map(|(label, value)| format!("*{label}:* {}", plain_text(value)));
            blocks.push(facts.collect::<Vec<_>>().join("\n"));
        }
        let sections = self.sections.iter();
        let sections = sections.map(|section| (&*section.title, section.is_list, &section.lines));
        let missing = (!self.missing.is_empty()).then_some((MISSING, true, &self.missing));
        for (title, is_list, lines) in sections.chain(missing) {
            let bullet = if is_list { "• " } else { "" };
            let lines = lines
                .iter()
                .map(|line| format!("{bullet}{}", plain_text(line)));
            let lines = lines.collect::<Vec<_>>().join("\n");
            blocks.push(format!("*{}*\n{lines}", plain_text(title)));
        }
        blocks.push(format!("_{}_", plain_text(&self.origin)));
        let steps = self.steps.iter().map(|step| match &step.link {
            Some(link) => format!("{} <{}>", plain_text(&step.text), printable(link)),
            None => plain_text(&step.text),
        });
        let icon = match self.severity {
            Severity::Info => ":white_check_mark:",
            Severity::Warning => ":warning:",
            Severity::Critical => ":rotating_light:",
        };
        let mut notification = json!({
            "version": "1.0",
            "source": "custom",
            "content": {
                "textType": "client-markdown",
                "title": elide_end(&format!("{icon} {subject}"), TITLE_LIMIT),
                "description": elide_end(&blocks.join("\n\n"), CHAT_LIMIT),
                "nextSteps": steps.collect::<Vec<_>>(),
                "keywords": [self.severity.as_str(), self.kind],
            },
            "metadata": {
                "summary": subject,
                "eventType": self.kind,
            },
        });
        if let Some(id) = &self.id {
            notification["id"] = json!(plain_text(&elide_end(&ascii(id), 100)));
        }
        if let Some(application) = &self.application {
            // One thread per application and kind, so that a reminder that repeats for weeks
            // does not fill the channel.
            notification["metadata"]["threadId"] =
                json!(format!("{}/{}", plain_text(application), self.kind));
            notification["metadata"]["relatedResources"] = json!([plain_text(application)]);
        }
        notification.to_string()
    }
}

/// The title above what could not be found out.
const MISSING: &str = "Missing from this message";

/// A value in one line, of bounded length, without anything that could forge a line.
fn clean(value: &str) -> String {
    let one_line = printable(value);
    let count = one_line.chars().count();
    if count <= VALUE_LIMIT {
        return one_line;
    }
    let kept = elide_end(&one_line, VALUE_LIMIT);
    format!("{kept} (shortened from {count} characters)")
}

/// A value that a chat shows as it is, without markup, links behind other words, or mentions.
///
/// Amazon Q passes it on in the chat's own Markdown, and Slack's and that of Teams have only the
/// three entities in common: Slack shows a backslash, so neither can escape anything else
/// (<https://api.slack.com/reference/surfaces/formatting#escaping>). Every other character
/// that may begin markup becomes one that looks the same, except for an underscore within a word,
/// which is none and stays, so that names can be copied.
fn plain_text(value: &str) -> String {
    let value = clean(value);
    let mut out = String::with_capacity(value.len());
    let mut before = None;
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        let is_in_word = |other: Option<char>| other.is_some_and(char::is_alphanumeric);
        let after = characters.peek().copied();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '*' => out.push('\u{2217}'),
            '~' => out.push('\u{223c}'),
            '`' => out.push('\''),
            '_' if !(is_in_word(before) && is_in_word(after)) => out.push('\u{2cd}'),
            '@' => out.push_str("@\u{200b}"),
            ']' if matches!(after, Some('(' | '[' | ':')) => out.push_str("]\u{200b}"),
            c => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Writes lines under a title.
fn block(out: &mut String, title: &str, bullet: &str, lines: &[String]) {
    out.push('\n');
    hanging(out, "", title);
    for line in lines {
        hanging(out, bullet, line);
    }
}

/// Writes `text` after `opening`, further lines indented below the text's first character.
fn hanging(out: &mut String, opening: &str, text: &str) {
    let indent = " ".repeat(opening.chars().count());
    for line in wrap(&clean(text), EMAIL_COLUMNS, opening, &indent) {
        out.push_str(&line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::notice::{Headline, Step};

    fn notice(name: &str) -> Notice {
        let headline = Headline::new("Secret of ", name, " stops in 30 days");
        Notice::new(Severity::Warning, "test", headline, "Event 1.".into())
            .fact("Parameter", "/my-erp/x".to_owned())
    }

    #[test]
    fn subject_text_message_and_email_open_with_the_same_sentence() {
        let message = notice("my-erp").say(["Rotate now."]).render();
        assert_eq!(
            message.subject,
            "[WARNING] Secret of my-erp stops in 30 days"
        );
        let sentences = "Secret of my-erp stops in 30 days. Rotate now.";
        assert_eq!(message.sms, format!("LWA WARNING: {sentences}"));
        assert!(
            message
                .email
                .starts_with(&format!("WARNING: {sentences}\n"))
        );
    }

    #[test]
    fn a_test_says_so_in_the_place_of_its_severity() {
        let message = notice("my-erp").as_test().render();
        let headline = "Secret of my-erp stops in 30 days";
        assert_eq!(message.subject, format!("[TEST] {headline}"));
        assert_eq!(message.sms, format!("LWA TEST: {headline}."));
        assert!(message.email.starts_with(&format!("TEST: {headline}.\n")));
        let chat: Value = serde_json::from_str(&message.https).unwrap();
        let title = format!(":warning: [TEST] {headline}");
        assert_eq!(chat["content"]["title"], title);
    }

    #[test]
    fn a_message_that_was_replayed_reads_as_a_test_everywhere() {
        let message = notice("my-erp").render().as_test();
        let headline = "Secret of my-erp stops in 30 days";
        assert_eq!(message.subject, format!("[TEST] {headline}"));
        assert_eq!(message.sms, format!("LWA TEST: {headline}."));
        assert_eq!(
            message.email,
            "TEST: lwa replay made this message from a sample event, and published\n\
             it as a test. Nothing has to be done about it.\n\n\
             Secret of my-erp stops in 30 days.\n\n  Parameter  /my-erp/x\n\nEvent 1.\n"
        );
        assert_eq!(message.default, message.email);
        let chat: Value = serde_json::from_str(&message.https).unwrap();
        let title = format!(":warning: [TEST] {headline}");
        assert_eq!(chat["content"]["title"], title);
        assert_eq!(chat["metadata"]["summary"], format!("[TEST] {headline}"));
        let attributes = &message.attributes;
        assert_eq!(
            (attributes.severity, attributes.kind),
            (Severity::Warning, "test")
        );
        // The message of a test event is one already.
        let already = notice("my-erp").as_test().render();
        assert_eq!(already.as_test().email, already.email);
    }

    #[test]
    fn a_question_keeps_its_mark() {
        let headline = Headline::new("Two secrets of ", "my-erp", ": which is newer?");
        let message = Notice::new(Severity::Info, "test", headline, String::new()).render();
        assert_eq!(
            message.sms,
            "LWA INFO: Two secrets of my-erp: which is newer?"
        );
    }

    #[test]
    fn a_name_too_long_for_a_line_gives_way_and_the_rest_stays_whole() {
        let message = notice(&"n".repeat(1_011)).render();
        assert_eq!(message.sms.len(), SMS_LIMIT);
        assert!(
            message.sms.ends_with(" stops in 30 days."),
            "{}",
            message.sms
        );
        assert_eq!(message.subject.len(), SUBJECT_LIMIT);
        assert!(
            message.subject.ends_with(" stops in 30 days"),
            "{}",
            message.subject
        );
        let email = message
            .email
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(email.contains("n stops in 30 days."), "{email}");
    }

    #[test]
    fn a_sentence_that_does_not_fit_is_left_out_whole() {
        let notice = notice("my-erp").say(["x".repeat(150), "Short.".into()]);
        assert_eq!(
            notice.render().sms,
            "LWA WARNING: Secret of my-erp stops in 30 days. Short."
        );
    }

    #[test]
    fn a_text_message_points_to_steps_only_an_email_has_room_for() {
        let notice = notice("my-erp").steps([Step::at("Do it.", "https://example.com/")]);
        assert_eq!(
            notice.render().sms,
            "LWA WARNING: Secret of my-erp stops in 30 days. See the e-mail."
        );
    }

    #[test]
    fn text_from_outside_cannot_forge_a_line_or_a_mention() {
        let notice = notice("my-erp").fact("Reason", "a\nb <!channel> @here".to_owned());
        let message = notice.render();
        assert!(message.email.contains("a?b <!channel> @here"));
        assert!(message.https.contains("a?b &lt;!channel&gt; @\u{200b}here"));
    }

    #[test]
    fn markdown_of_others_is_text_in_every_field_of_a_chat_message_and_ours_stays_markdown() {
        let hostile = "[a](https://evil.example/) *b* _c_ `d` ~e~ <@U123> <!here> @here x_y";
        let shown = "[a]\u{200b}(https://evil.example/) \u{2217}b\u{2217} \u{2cd}c\u{2cd} 'd' \
                     \u{223c}e\u{223c} &lt;@\u{200b}U123&gt; &lt;!here&gt; @\u{200b}here x_y";
        let others = || hostile.to_owned();
        let mut notice = notice(hostile)
            .about(Some(others()))
            .id(Some(others()))
            .say([hostile])
            .fact("Reason", others())
            .paragraph(hostile, hostile)
            .list("List", vec![others()])
            .steps([Step::at(hostile, "https://ours.example/a_b_")]);
        notice.origin = others();
        notice.missing = vec![others()];

        let chat: Value = serde_json::from_str(&notice.render().https).unwrap();
        let text = chat.to_string();
        for markup in ["](", "*b", "_c", "`", "~", "<@", "<!", "@here", "@U"] {
            assert!(!text.contains(markup), "{markup}: {chat:#}");
        }
        let content = &chat["content"];
        assert_eq!(
            content["description"].as_str().unwrap(),
            format!(
                "Secret of {shown} stops in 30 days. {shown}\n\n\
                 *Parameter:* /my-erp/x\n*Reason:* {shown}\n\n\
                 *{shown}*\n{shown}\n\n*List*\n• {shown}\n\n\
                 *Missing from this message*\n• {shown}\n\n_{shown}_"
            )
        );
        let step = format!("{shown} <https://ours.example/a_b_>");
        assert_eq!(content["nextSteps"], json!([step]));
        assert_eq!(chat["metadata"]["relatedResources"], json!([shown]));
    }

    #[test]
    fn a_credential_is_in_no_field_of_any_message() {
        let secret = "Atzr&#124;planted";
        let others = || format!("a {secret}.");
        let link = format!("https://ours.example/{secret}?x");
        let mut notice = notice(secret)
            .about(Some(others()))
            .id(Some(others()))
            .say([others()])
            .fact("Reason", others())
            .paragraph(others(), others())
            .list(others(), vec![others()])
            .steps([Step::at(others(), link)]);
        notice.origin = others();
        notice.missing = vec![others()];
        let message = notice.render();
        assert!(!format!("{message:?}").contains("planted"), "{message:#?}");
        assert!(!notice.opening().contains("planted"));
        assert!(message.email.contains("https://ours.example/[redacted]"));
        assert_eq!(
            message.subject,
            "[WARNING] Secret of [redacted] stops in 30 days"
        );
    }
}
