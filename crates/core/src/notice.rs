//! One notice for people before it is laid out: what happened, what is known, what to do.
//!
//! Subject, text message and e-mail all open with the notice's one headline; [`crate::message`]
//! derives them.

use crate::severity::Severity;
use crate::text::{elide_end, elide_middle};

/// What people are to read. Each kind of notice has one function that builds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How urgent it is.
    pub severity: Severity,
    /// What kind of message it is, a stable word such as `secret-unchanged`.
    pub kind: &'static str,
    /// The application it is about, for the attribute; none when it is about several or none.
    pub application: Option<String>,
    /// What happened.
    pub headline: Headline,
    /// Sentences after the headline, the most important one first. The text message takes each
    /// whole if it fits, and leaves it out otherwise.
    pub lead: Vec<String>,
    /// What is known, as label and value.
    pub facts: Vec<(&'static str, String)>,
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

impl Notice {
    /// A notice that says no more than its headline.
    pub fn new(
        severity: Severity,
        kind: &'static str,
        headline: Headline,
        origin: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            kind,
            application: None,
            headline,
            lead: Vec::new(),
            facts: Vec::new(),
            sections: Vec::new(),
            steps: Vec::new(),
            missing: Vec::new(),
            origin: origin.into(),
            id: None,
        }
    }

    /// Adds sentences to the lead.
    #[must_use]
    pub fn say<S: Into<String>>(mut self, sentences: impl IntoIterator<Item = S>) -> Self {
        self.lead.extend(sentences.into_iter().map(Into::into));
        self
    }

    /// Adds a fact, if its value is known.
    #[must_use]
    pub fn fact(mut self, label: &'static str, value: impl Into<Option<String>>) -> Self {
        self.facts.extend(value.into().map(|value| (label, value)));
        self
    }

    /// Adds a titled paragraph.
    #[must_use]
    pub fn paragraph(mut self, title: impl Into<String>, text: impl Into<String>) -> Self {
        self.sections.push(Section {
            title: title.into(),
            lines: vec![text.into()],
            is_list: false,
        });
        self
    }

    /// Adds a titled list, if there is anything in it.
    #[must_use]
    pub fn list(mut self, title: impl Into<String>, lines: Vec<String>) -> Self {
        if !lines.is_empty() {
            self.sections.push(Section {
                title: title.into(),
                lines,
                is_list: true,
            });
        }
        self
    }

    /// Adds steps.
    #[must_use]
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// The first paragraph: the headline and the sentences after it.
    pub fn opening(&self) -> String {
        let headline = self
            .headline
            .fit("", self.headline.closing(), HEADLINE_LIMIT);
        let lead = self.lead.iter().map(String::as_str);
        let sentences: Vec<_> = std::iter::once(&*headline).chain(lead).collect();
        sentences.join(" ")
    }
}

/// Longest headline where there is room, in characters.
const HEADLINE_LIMIT: usize = 250;

/// One sentence, without its full stop, around a name of any length: where room is short, the
/// name gives way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// Text before the name.
    pub before: String,
    /// The name, shortened in its middle if need be.
    pub name: String,
    /// Text after the name.
    pub after: String,
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

    /// The mark that makes a sentence of it.
    pub(crate) fn closing(&self) -> &'static str {
        if self.after.ends_with('?') { "" } else { "." }
    }

    /// The headline in other characters.
    pub(crate) fn map(&self, characters: fn(&str) -> String) -> Self {
        Self {
            before: characters(&self.before),
            name: characters(&self.name),
            after: characters(&self.after),
        }
    }

    /// The headline in at most `limit` characters, opening and closing included.
    pub(crate) fn fit(&self, opening: &str, closing: &str, limit: usize) -> String {
        let Self {
            before,
            name,
            after,
        } = self;
        let fixed = [opening, before, after, closing].map(|part| part.chars().count());
        let name = elide_middle(name, limit.saturating_sub(fixed.iter().sum()));
        elide_end(&format!("{opening}{before}{name}{after}{closing}"), limit)
    }
}

/// A paragraph or list with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The title, without a colon.
    pub title: String,
    /// The paragraphs, or the entries of the list.
    pub lines: Vec<String>,
    /// Whether the lines are entries of a list.
    pub is_list: bool,
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
