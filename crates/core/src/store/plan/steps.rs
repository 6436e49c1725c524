//! A plan and its steps, and why there may be none.

use jiff::Timestamp;

use super::dates::Dates;
use crate::application::Role;
use crate::deadline::Deadline;
use crate::store::{Extent, Order, Write};
use crate::tags::STORE_PENDING;
use crate::vault::ports::NewTag;

/// Everything that is going to be written.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The writes, in their order.
    pub steps: Vec<Step>,
    /// Places that are as they should be.
    pub unchanged: Vec<String>,
    /// What else has to be said.
    pub notes: Vec<String>,
    /// The deadline of the client secret once all is written, where it is looked at.
    pub deadline: Option<Deadline>,
}

/// One write, in words.
#[derive(Debug, Clone)]
pub struct Step {
    /// The write.
    pub write: Write,
    /// Where to: a parameter, or a secret.
    pub place: String,
    /// What is going to be different.
    pub what: String,
}

/// Why nothing can be written. No value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The vault refuses the name.
    #[error("`{name}` cannot be a name: {problem}")]
    Name {
        /// The parameter or secret.
        name: String,
        /// Why not.
        problem: String,
    },
    /// The vault refuses the value, or what is stored cannot be built on.
    #[error("{place}: {problem}")]
    Value {
        /// The parameter or secret.
        place: String,
        /// Why.
        problem: String,
    },
    /// Part of the application would be missing.
    #[error(
        "neither stored nor given: {}; an application needs a client id and a client secret",
        missing.join(", ")
    )]
    Incomplete {
        /// What is missing, and where it should be.
        missing: Vec<String>,
    },
    /// The client secret may have been in use for a while, and the vault does not tell since when.
    #[error(
        "when this client secret stops working is not known: {problem}; the developer console shows \
         it: give it with --expires-at"
    )]
    History {
        /// Why not.
        problem: String,
    },
    /// The date cannot be the deadline.
    #[error("the secret cannot stop working at {at}: {problem}")]
    Deadline {
        /// The date.
        at: Timestamp,
        /// Why not.
        problem: String,
    },
}

impl Plan {
    /// Adds one write to a place.
    pub(super) fn push(&mut self, place: &str, what: String, write: Write) {
        self.steps.push(Step {
            write,
            place: place.to_owned(),
            what,
        });
    }

    /// Adds the steps of a client secret: its value, between the changes of its tags, so that it
    /// is never stored without a mark that tells whose dates are there.
    pub(super) fn push_dated(
        &mut self,
        order: &Order,
        name: &str,
        place: &str,
        value: Option<(Write, String)>,
        dates: Dates,
    ) {
        let vault = order.vault;
        self.notes.extend(dates.note);
        self.deadline = dates.deadline;
        let tag = |plan: &mut Self, tags: Vec<NewTag>| {
            if tags.is_empty() {
                return;
            }
            let (what, name) = (tags_in_words(&tags), name.to_owned());
            plan.push(place, what, Write::Tag { vault, name, tags });
        };
        tag(self, dates.before);
        if let Some((write, what)) = value {
            self.push(place, what, write);
        }
        tag(self, dates.after);
        if !dates.removed.is_empty() {
            let what = format!("remove tag {}", dates.removed.join(", "));
            let (name, keys) = (name.to_owned(), dates.removed);
            self.push(place, what, Write::Untag { vault, name, keys });
        }
        if !self.steps.iter().any(|step| step.place == place) {
            self.unchanged.push(place.to_owned());
        }
    }
}

/// What tags are going to be written.
pub(super) fn tags_in_words(tags: &[NewTag]) -> String {
    let tags: Vec<String> = tags
        .iter()
        .map(|(key, value)| match *key {
            STORE_PENDING => format!("tag {key}, until all is written"),
            key => format!("tag {key} {value}"),
        })
        .collect();
    tags.join(", ")
}

/// A whole application needs a client id and a client secret. A single credential can be stored
/// without them, though not verified.
pub(super) fn check_complete(order: &Order, has: impl Fn(&Role) -> bool) -> Result<(), Refusal> {
    let missing = order.missing("the", has);
    if order.extent != Extent::Application || missing.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Incomplete { missing })
    }
}
