//! What people read about an outlook.

use jiff::Timestamp;

use super::{Next, Outlook};
use crate::wording::{date, minute};

impl Outlook {
    /// What happens next, for a row of a list: `rotates by itself on 2026-05-02`.
    pub fn phrase(&self, now: Timestamp) -> String {
        match self.next {
            Next::Rotates { on } if on <= now => "rotates by itself with the next daily run".into(),
            Next::Rotates { on } => format!("rotates by itself on {}", date(on)),
            Next::AwaitsSecret { since } => {
                format!("rotation requested on {}; do not rotate", minute(since))
            }
            Next::AwaitsAcceptance { .. } => {
                "a new secret waits until Amazon accepts it; do not rotate".to_owned()
            }
            Next::Rotate { by } if by <= now => "rotate it now".to_owned(),
            Next::Rotate { by } => format!("rotate it before {}", date(by)),
            Next::RotateLate { due, by } => format!(
                "was to rotate by itself on {} and did not; rotate it before {}",
                date(due),
                date(by)
            ),
            Next::FindSecret { requested, by } => format!(
                "no secret has come since the request of {}; find out why before {}",
                minute(requested),
                date(by)
            ),
            Next::Unknown => "whether it is being rotated is not known".to_owned(),
            Next::SetDeadline => "set its deadline".to_owned(),
            Next::Identify { .. } => "find out whose secret it is".to_owned(),
        }
    }

    /// The same in two or three words, for a table.
    pub fn brief(&self) -> String {
        match self.next {
            Next::Rotates { on } => format!("rotates {}", date(on)),
            Next::AwaitsSecret { since } => format!("requested {}", date(since)),
            Next::AwaitsAcceptance { .. } => "new secret waits".to_owned(),
            Next::Rotate { by } => format!("rotate by {}", date(by)),
            Next::RotateLate { by, .. } => format!("late: by {}", date(by)),
            Next::FindSecret { .. } => "find new secret".to_owned(),
            Next::Unknown => "unknown".to_owned(),
            Next::SetDeadline => "set its deadline".to_owned(),
            Next::Identify { .. } => "identify it".to_owned(),
        }
    }

    /// The same as a sentence after one about the deadline.
    pub fn sentence(&self, now: Timestamp) -> String {
        match self.next {
            Next::Rotates { .. } => format!("It {}; there is nothing to do.", self.phrase(now)),
            Next::AwaitsSecret { since } => format!(
                "Amazon was asked for a new one on {}: do not rotate.",
                minute(since)
            ),
            Next::AwaitsAcceptance { .. } => {
                "A new one has arrived and is stored once Amazon accepts it: do not rotate."
                    .to_owned()
            }
            Next::Rotate { .. } => "Rotate it now.".to_owned(),
            Next::RotateLate { due, .. } => format!(
                "It was to rotate by itself on {} and did not: rotate it with lwa rotate.",
                date(due)
            ),
            Next::FindSecret { requested, .. } => format!(
                "No new one has come since the request of {}: find out why.",
                minute(requested)
            ),
            Next::Unknown => "Whether it is being rotated is not known.".to_owned(),
            Next::SetDeadline => "Set its deadline.".to_owned(),
            Next::Identify { .. } => "Find out whose secret it is.".to_owned(),
        }
    }
}
