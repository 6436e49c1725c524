//! One line of a doctor's report.

use std::io::{self, Write};

use lwa_core::ports::{CallError, CallFailure};
use lwa_core::text::printable;
use serde_json::{Value, json};

use crate::terminal::{BAD, COLUMNS, GOOD, WARNING, wrap};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// All is well.
    Good,
    /// It works, and somebody should look.
    Attention,
    /// It does not work.
    Bad,
    /// It could not be looked at.
    Skipped,
}

impl Mark {
    /// The mark as `--json` spells it; stable.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Bad => "bad",
            Self::Skipped => "skipped",
        }
    }
}

/// One check, with what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What was looked at, in one word; stable.
    pub(super) check: &'static str,
    pub(super) mark: Mark,
    pub(super) found: String,
    /// What to do about it.
    pub(super) advice: Option<String>,
    /// The permission that a skipped check needs.
    pub(super) permission: Option<&'static str>,
}

impl Line {
    pub(super) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            mark: Mark::Good,
            found: found.into(),
            advice: None,
            permission: None,
        }
    }

    pub(super) fn attention(
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            mark: Mark::Attention,
            advice: Some(advice.into()),
            ..Self::good(check, found)
        }
    }

    pub(super) fn bad(
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            mark: Mark::Bad,
            ..Self::attention(check, found, advice)
        }
    }

    /// `what` could not be looked at.
    pub(super) fn skipped(
        check: &'static str,
        what: &str,
        error: &CallError,
        permission: &'static str,
    ) -> Self {
        let advice = match error.failure {
            CallFailure::Denied => format!("Not checked. It takes the permission {permission}."),
            failure if failure.is_transient() => "Not checked. Try again.".to_owned(),
            _ => "Not checked.".to_owned(),
        };
        Self {
            mark: Mark::Skipped,
            permission: (error.failure == CallFailure::Denied).then_some(permission),
            ..Self::attention(check, format!("{what}: {error}"), advice)
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "check": self.check,
            "mark": self.mark.as_str(),
            "found": self.found,
            "advice": self.advice,
            "permission": self.permission,
        })
    }

    /// Writes it for a person.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (style, sign) = match self.mark {
            Mark::Good => (GOOD, '✓'),
            Mark::Attention | Mark::Skipped => (WARNING, '!'),
            Mark::Bad => (BAD, '✗'),
        };
        let mut text = self.found.clone();
        if let Some(advice) = &self.advice {
            let end = if text.ends_with('.') { "" } else { "." };
            text = format!("{text}{end} {advice}");
        }
        let opening = format!("  {:11} ", self.check);
        let lines = wrap(&printable(&text), &opening, COLUMNS);
        for (index, line) in lines.iter().enumerate() {
            if index == 0 {
                // The sign stands in the opening's first column, in its colour.
                writeln!(out, "{style}{sign}{style:#}{}", &line[1..])?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_the_permission_that_it_takes() {
        let error = |failure| CallError {
            operation: "GetSchedule",
            failure,
            detail: "AccessDeniedException".into(),
        };
        let line = Line::skipped(
            "schedule",
            "lwa-auditor",
            &error(CallFailure::Denied),
            "scheduler:GetSchedule",
        );
        assert_eq!(line.mark, Mark::Skipped);
        assert_eq!(line.to_json()["permission"], "scheduler:GetSchedule");
        let mut text = Vec::new();
        line.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("scheduler:GetSchedule"), "{text}");
        let line = Line::skipped(
            "schedule",
            "lwa-auditor",
            &error(CallFailure::Throttled),
            "scheduler:GetSchedule",
        );
        assert_eq!(line.permission, None);
        assert_eq!(line.advice.as_deref(), Some("Not checked. Try again."));
    }
}
