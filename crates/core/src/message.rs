//! What people receive: one notice, rendered for e-mail, SMS, chat and everything else.

use serde_json::json;

use crate::severity::Severity;
use crate::text::{ascii, elide_end, elide_middle, gsm7, printable};

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

/// Longest description in a chat message, in characters; the chat services cut longer ones.
const CHAT_LIMIT: usize = 6_000;

/// One message, rendered for every protocol of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// How urgent it is.
    pub severity: Severity,
    /// The application it is about; none when it is about several or none.
    pub application: Option<String>,
    /// What kind of message it is, a stable word such as `secret-unchanged`.
    pub kind: &'static str,
}

/// A message before it is rendered: what happened, what is known, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How urgent it is.
    pub severity: Severity,
    /// What kind of message it is, a stable word such as `secret-unchanged`.
    pub kind: &'static str,
    /// The application it is about, for the attribute.
    pub application: Option<String>,
    /// The subject, without the severity.
    pub subject: Line,
    /// The text message, without the severity.
    pub sms: Line,
    /// Further sentences of the text message, each used whole if it fits, and otherwise not.
    pub sms_more: Vec<String>,
    /// The first paragraph: what it is, in one or two sentences.
    pub headline: String,
    /// What is known, as label and value.
    pub facts: Vec<Fact>,
    /// Titled paragraphs and lists.
    pub sections: Vec<Section>,
    /// What to do, in order; empty when there is nothing to do.
    pub steps: Vec<Step>,
    /// What could not be found out, one sentence each.
    pub missing: Vec<String>,
    /// Where it comes from: the last line.
    pub origin: String,
    /// Id that ties repeated messages together in a chat; the event's id, for example.
    pub id: Option<String>,
}

/// One line around a name of any length: where room is short, the name gives way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Text before the name.
    pub before: String,
    /// The name, shortened in its middle if need be.
    pub name: String,
    /// Text after the name.
    pub after: String,
}

impl Line {
    /// A line around a name.
    pub fn new(
        before: impl Into<String>,
        name: impl Into<String>,
        after: impl Into<String>,
    ) -> Self {
        Self {
            before: before.into(),
            name: name.into(),
            after: after.into(),
        }
    }

    /// The line in at most `limit` characters.
    fn fit(&self, opening: &str, limit: usize) -> String {
        let fixed = [opening, &self.before, &self.after].map(|part| part.chars().count());
        let room = limit.saturating_sub(fixed.iter().sum());
        let name = elide_middle(&self.name, room);
        elide_end(
            &format!("{opening}{}{name}{}", self.before, self.after),
            limit,
        )
    }
}

/// A label with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// One or two words.
    pub label: &'static str,
    /// The value, of any length.
    pub value: String,
}

/// A paragraph or list with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The title, without a colon.
    pub title: String,
    /// The paragraphs, or the entries of the list.
    pub lines: Vec<String>,
    /// Whether the lines are entries of a list.
    pub list: bool,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do, as a sentence without a link.
    pub text: String,
    /// Where.
    pub link: Option<String>,
}

impl Step {
    /// A step without a link.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            link: None,
        }
    }

    /// A step with a link.
    pub fn at(text: impl Into<String>, link: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            link: Some(link.into()),
        }
    }
}

impl Notice {
    /// Renders the notice for every protocol.
    pub fn render(&self) -> Message {
        let email = self.email();
        Message {
            subject: self.subject_line(),
            default: email.clone(),
            email,
            sms: self.sms_text(),
            https: self.chat(),
            attributes: Attributes {
                severity: self.severity,
                application: self.application.clone(),
                kind: self.kind,
            },
        }
    }

    fn subject_line(&self) -> String {
        let line = Line {
            before: ascii(&self.subject.before),
            name: ascii(&self.subject.name),
            after: ascii(&self.subject.after),
        };
        line.fit(&format!("[{}] ", self.severity.label()), SUBJECT_LIMIT)
    }

    fn sms_text(&self) -> String {
        let line = Line {
            before: gsm7(&self.sms.before),
            name: gsm7(&self.sms.name),
            after: gsm7(&self.sms.after),
        };
        let mut text = line.fit(&format!("LWA {}: ", self.severity.label()), SMS_LIMIT);
        for sentence in &self.sms_more {
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
        paragraph(
            &mut out,
            "",
            &format!("{}: {}", self.severity.label(), self.headline),
        );
        if !self.facts.is_empty() {
            out.push('\n');
            let width = self
                .facts
                .iter()
                .map(|fact| fact.label.len())
                .max()
                .unwrap_or(0);
            for fact in &self.facts {
                let opening = format!("  {:width$}  ", fact.label);
                hanging(&mut out, &opening, &clean(&fact.value));
            }
        }
        for section in &self.sections {
            out.push('\n');
            paragraph(&mut out, "", &section.title);
            for line in &section.lines {
                hanging(
                    &mut out,
                    if section.list { "  - " } else { "  " },
                    &clean(line),
                );
            }
        }
        if !self.steps.is_empty() {
            out.push_str("\nWhat to do now\n");
            for (number, step) in (1..).zip(&self.steps) {
                hanging(&mut out, &format!("  {number}. "), &clean(&step.text));
                if let Some(link) = &step.link {
                    out.push_str("     ");
                    out.push_str(&printable(link));
                    out.push('\n');
                }
            }
        }
        if !self.missing.is_empty() {
            out.push_str("\nMissing from this message\n");
            for missing in &self.missing {
                hanging(&mut out, "  - ", &clean(missing));
            }
        }
        out.push('\n');
        paragraph(&mut out, "", &self.origin);
        out
    }

    fn chat(&self) -> String {
        let mut description = vec![markdown(&self.headline)];
        if !self.facts.is_empty() {
            let fact = |fact: &Fact| format!("*{}:* {}", fact.label, markdown(&clean(&fact.value)));
            description.push(self.facts.iter().map(fact).collect::<Vec<_>>().join("\n"));
        }
        for section in &self.sections {
            let bullet = if section.list { "• " } else { "" };
            let line = |line: &String| format!("{bullet}{}", markdown(&clean(line)));
            let lines: Vec<_> = section.lines.iter().map(line).collect();
            description.push(format!(
                "*{}*\n{}",
                markdown(&section.title),
                lines.join("\n")
            ));
        }
        if !self.missing.is_empty() {
            let missing: Vec<_> = self
                .missing
                .iter()
                .map(|text| markdown(&clean(text)))
                .collect();
            description.push(format!("_Missing: {}_", missing.join("; ")));
        }
        description.push(format!("_{}_", markdown(&clean(&self.origin))));
        let next_steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| match &step.link {
                Some(link) => format!("{} <{}>", markdown(&step.text), printable(link)),
                None => markdown(&step.text),
            })
            .collect();
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
                "title": format!("{icon} {}", self.subject_line()),
                "description": elide_end(&description.join("\n\n"), CHAT_LIMIT),
                "nextSteps": next_steps,
                "keywords": [self.severity.as_str(), self.kind],
            },
            "metadata": {
                "summary": self.subject_line(),
                "eventType": self.kind,
            },
        });
        if let Some(id) = &self.id {
            notification["id"] = json!(elide_end(&ascii(id), 100));
        }
        if let Some(application) = &self.application {
            // One thread per application and kind, so that a reminder that repeats for weeks
            // does not fill the channel.
            notification["metadata"]["threadId"] = json!(format!("{application}/{}", self.kind));
            notification["metadata"]["relatedResources"] = json!([application]);
        }
        notification.to_string()
    }
}

/// A value in one line, of bounded length, without anything that could forge a line.
fn clean(value: &str) -> String {
    let one_line = printable(value);
    let count = one_line.chars().count();
    if count <= VALUE_LIMIT {
        return one_line;
    }
    format!(
        "{} (shortened from {count} characters)",
        elide_end(&one_line, VALUE_LIMIT)
    )
}

/// Escapes what would be markup or a mention in a chat message.
fn markdown(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('@', "@\u{200b}")
}

fn paragraph(out: &mut String, indent: &str, text: &str) {
    hanging(out, indent, &clean(text));
}

/// Writes `text` after `opening`, further lines indented below the text's first character.
fn hanging(out: &mut String, opening: &str, text: &str) {
    let indent = " ".repeat(opening.chars().count());
    let options = textwrap::Options::new(EMAIL_COLUMNS)
        .initial_indent(opening)
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(true);
    for line in textwrap::wrap(text, options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            severity: Severity::Warning,
            kind: "test",
            application: Some("my-erp".into()),
            subject: Line::new("", "my-erp", ": 30 days left"),
            sms: Line::new("", "my-erp", " stops in 30 days."),
            sms_more: vec!["Rotate now.".into()],
            headline: "Something happened.".into(),
            facts: vec![Fact {
                label: "Parameter",
                value: "/my-erp/x".into(),
            }],
            sections: vec![],
            steps: vec![Step::at("Do it.", "https://example.com/")],
            missing: vec![],
            origin: "Event 1.".into(),
            id: Some("1".into()),
        }
    }

    #[test]
    fn a_name_too_long_for_a_line_gives_way_and_the_rest_stays_whole() {
        let mut notice = notice();
        notice.sms.name = "n".repeat(500);
        notice.subject.name = "n".repeat(500);
        let message = notice.render();
        assert_eq!(message.sms.len(), SMS_LIMIT);
        assert!(
            message.sms.ends_with(" stops in 30 days."),
            "{}",
            message.sms
        );
        assert_eq!(message.subject.len(), SUBJECT_LIMIT);
        assert!(
            message.subject.ends_with(": 30 days left"),
            "{}",
            message.subject
        );
    }

    #[test]
    fn a_sentence_that_does_not_fit_is_left_out_whole() {
        let mut notice = notice();
        notice.sms_more = vec!["x".repeat(150), "Short.".into()];
        assert_eq!(
            notice.render().sms,
            "LWA WARNING: my-erp stops in 30 days. Short."
        );
    }

    #[test]
    fn somebody_elses_text_cannot_forge_a_line_or_a_mention() {
        let mut notice = notice();
        notice.facts[0].value = "a\nb <!channel> @here".into();
        let message = notice.render();
        assert!(message.email.contains("a?b <!channel> @here"));
        assert!(message.https.contains("a?b &lt;!channel&gt; @\u{200b}here"));
    }
}
