//! One notice for people before it is laid out: what happened, what is known, what to do.
//!
//! Subject, text message and e-mail all open with the notice's one headline; [`crate::message`]
//! derives them.

use crate::redaction::clean;
use crate::severity::Severity;
use crate::text::{elide_end, elide_middle};

/// What people are to read. Each kind of notice has one function that builds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Notice {
    /// How urgent it is.
    pub severity: Severity,
    /// What kind of message it is, a stable word such as `secret-unchanged`.
    pub kind: &'static str,
    /// Whether it is only a test, whatever its severity.
    pub(crate) is_test: bool,
    pub(crate) application: Option<String>,
    pub(crate) headline: Headline,
    pub(crate) lead: Vec<String>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) sections: Vec<Section>,
    pub(crate) steps: Vec<Step>,
    /// What could not be found out, one entry each.
    pub missing: Vec<String>,
    /// Where it comes from: the last line.
    pub origin: String,
    /// Ties repeated messages together in a chat: an event, or a day.
    pub id: Option<String>,
}

impl Notice {
    /// A notice that says no more than its headline and, in its last line, where it comes from.
    pub fn new(severity: Severity, kind: &'static str, headline: Headline, origin: String) -> Self {
        Self {
            severity,
            kind,
            is_test: false,
            application: None,
            headline,
            lead: Vec::new(),
            facts: Vec::new(),
            sections: Vec::new(),
            steps: Vec::new(),
            missing: Vec::new(),
            origin,
            id: None,
        }
    }

    /// Names the one application that it is about, for subscription filters and chat threads.
    pub fn about(self, application: Option<String>) -> Self {
        Self {
            application,
            ..self
        }
    }

    /// Marks it as a test, wherever its severity would stand.
    pub fn as_test(self) -> Self {
        Self {
            is_test: true,
            ..self
        }
    }

    /// The word in capitals that opens every rendering.
    pub(crate) const fn label(&self) -> &'static str {
        if self.is_test {
            TEST_LABEL
        } else {
            self.severity.label()
        }
    }

    /// Sets the id that ties repeated messages together in a chat; the event's, for example.
    pub fn id(self, id: Option<String>) -> Self {
        Self { id, ..self }
    }

    /// Adds sentences after the headline, the most important one first. The text message takes
    /// each whole if it fits, and leaves it out otherwise.
    pub fn say<S: Into<String>>(mut self, sentences: impl IntoIterator<Item = S>) -> Self {
        self.lead.extend(sentences.into_iter().map(Into::into));
        self
    }

    /// Adds a fact, if its value is known.
    pub fn fact(mut self, label: &'static str, value: impl Into<Option<String>>) -> Self {
        self.facts.extend(value.into().map(|value| (label, value)));
        self
    }

    /// Adds a titled paragraph.
    pub fn paragraph(self, title: impl Into<String>, text: impl Into<String>) -> Self {
        self.section(title.into(), vec![text.into()], false)
    }

    /// Adds a titled list, if there is anything in it.
    pub fn list(self, title: impl Into<String>, lines: Vec<String>) -> Self {
        if lines.is_empty() {
            return self;
        }
        self.section(title.into(), lines, true)
    }

    fn section(mut self, title: String, lines: Vec<String>, is_list: bool) -> Self {
        self.sections.push(Section {
            title,
            lines,
            is_list,
        });
        self
    }

    /// Adds steps.
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// The first paragraph: the headline and the sentences after it, without credentials.
    pub fn opening(&self) -> String {
        let headline = self.headline.sentence("", HEADLINE_LIMIT, clean);
        let lead = self.lead.iter().map(|sentence| clean(sentence));
        std::iter::once(headline)
            .chain(lead)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The same notice with every credential hidden, whichever part of it quotes one.
    pub(crate) fn cleaned(&self) -> Self {
        let all = |texts: &[String]| texts.iter().map(|text| clean(text)).collect::<Vec<_>>();
        let [before, name, after] = self.headline.parts().map(clean);
        Self {
            severity: self.severity,
            kind: self.kind,
            is_test: self.is_test,
            application: self.application.as_deref().map(clean),
            headline: Headline {
                before,
                name,
                after,
            },
            lead: all(&self.lead),
            facts: self
                .facts
                .iter()
                .map(|(label, value)| (*label, clean(value)))
                .collect(),
            sections: self
                .sections
                .iter()
                .map(|section| Section {
                    title: clean(&section.title),
                    lines: all(&section.lines),
                    is_list: section.is_list,
                })
                .collect(),
            steps: self
                .steps
                .iter()
                .map(|step| Step {
                    text: clean(&step.text),
                    link: step.link.as_deref().map(clean),
                })
                .collect(),
            missing: all(&self.missing),
            origin: clean(&self.origin),
            id: self.id.as_deref().map(clean),
        }
    }
}

/// The word that opens a test, in the place of a severity.
pub(crate) const TEST_LABEL: &str = "TEST";

/// What kind of message a test is.
pub(crate) const TEST_KIND: &str = "test";

/// Longest headline where there is room, in characters.
const HEADLINE_LIMIT: usize = 250;

/// One sentence, without its full stop, around a name of any length: where room is short, the
/// name gives way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    before: String,
    name: String,
    after: String,
}

impl Headline {
    /// A headline around a name.
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

    /// The headline in other characters, at most `limit` of them, opening included.
    pub(crate) fn line(&self, opening: &str, limit: usize, to: fn(&str) -> String) -> String {
        self.fit(opening, "", limit, to)
    }

    /// The same with its full stop.
    pub(crate) fn sentence(&self, opening: &str, limit: usize, to: fn(&str) -> String) -> String {
        let closing = if self.after.ends_with('?') { "" } else { "." };
        self.fit(opening, closing, limit, to)
    }

    fn parts(&self) -> [&str; 3] {
        [&self.before, &self.name, &self.after]
    }

    fn fit(&self, opening: &str, closing: &str, limit: usize, to: fn(&str) -> String) -> String {
        let [before, name, after] = self.parts().map(to);
        let fixed = [opening, &before, &after, closing].map(|part| part.chars().count());
        let name = elide_middle(&name, limit.saturating_sub(fixed.iter().sum()));
        elide_end(&format!("{opening}{before}{name}{after}{closing}"), limit)
    }
}

/// A paragraph or list with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) is_list: bool,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub(crate) text: String,
    pub(crate) link: Option<String>,
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
