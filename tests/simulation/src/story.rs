//! What happened, in order, for people and for the picture.

use std::fmt::Write;

use jiff::Timestamp;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Amazon made a client secret.
    Issued,
    /// Amazon sent a notice of expiry.
    Notice,
    /// A rotation was requested.
    Requested,
    /// A new secret is in the vault.
    Stored,
    /// People were reminded of a deadline.
    Reminder,
    /// People got another message.
    Message,
    /// A person did something by hand.
    Person,
    /// A service got no token, or one that SP-API refused.
    ServiceFailed,
    /// A call or an invocation went wrong.
    Trouble,
    /// A service is down, or an operation is denied.
    Outage,
    /// A message became a dead letter.
    DeadLetter,
    /// An alarm was raised.
    Alarm,
    /// An invariant does not hold.
    Violation,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The number of the application it is about; none when it is about several or none.
    pub application: Option<usize>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What happened, in one line.
    pub text: String,
    /// When it ends: an outage, or the life of a secret.
    pub until: Option<Timestamp>,
}

/// Everything that happened, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// The entries.
    pub entries: Vec<Entry>,
}

impl Story {
    /// The whole story, one line each.
    pub fn text(&self) -> String {
        lines(self.entries.iter())
    }

    /// Everything about one application, and from `since` on also what is about none. Without an
    /// application, everything from `since` on.
    pub fn about(&self, application: Option<usize>, since: Timestamp) -> String {
        lines(self.entries.iter().filter(|entry| {
            let is_late = entry.at >= since;
            match (application, entry.application) {
                (Some(one), Some(other)) => one == other,
                _ => is_late,
            }
        }))
    }
}

fn lines<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let mut text = String::new();
    for entry in entries {
        let at = entry.at.to_string();
        // To the second; a virtual clock has no use for more in a story.
        let second = at.split(['.', 'Z']).next().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = match entry.application {
            Some(number) => writeln!(text, "{second}Z  app-{number:02}  {}", entry.text),
            None => writeln!(text, "{second}Z          {}", entry.text),
        };
    }
    text
}
