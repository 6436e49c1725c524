//! One line of a doctor's report.

use std::io::{self, Write};

use lwa_core::ports::{CallError, CallFailure};
use lwa_core::text::printable;
use serde_json::{Value, json};

use super::fault::Fault;
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
    check: &'static str,
    /// What is wrong, if anything is.
    fault: Option<Fault>,
    found: String,
    /// What to do about it.
    advice: Option<String>,
    /// The permission that a skipped check needs.
    permission: Option<String>,
}

impl Line {
    /// All is well.
    pub(super) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            fault: None,
            found: found.into(),
            advice: None,
            permission: None,
        }
    }

    /// Something is wrong.
    pub(super) fn fault(fault: Fault, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = advice.into();
        Self {
            fault: Some(fault),
            advice: (!advice.is_empty()).then_some(advice),
            ..Self::good(fault.check(), found)
        }
    }

    /// `what` could not be looked at, because a call to the service that IAM knows by this
    /// prefix failed.
    pub(super) fn not_checked(fault: Fault, what: &str, error: &CallError, prefix: &str) -> Self {
        let found = format!("{what}: {error}");
        match error.failure {
            CallFailure::Denied => {
                Self::denied(fault, found, format!("{prefix}:{}", error.operation))
            }
            failure if failure.is_transient() => {
                Self::fault(fault, found, "Not checked. Try again.")
            }
            _ => Self::fault(fault, found, "Not checked."),
        }
    }

    /// Something could not be looked at for want of a permission.
    pub(super) fn denied(fault: Fault, found: impl Into<String>, permission: String) -> Self {
        let advice = format!("Not checked. Missing permission: {permission}.");
        Self {
            permission: Some(permission),
            ..Self::fault(fault, found, advice)
        }
    }

    pub(super) fn mark(&self) -> Mark {
        self.fault.map_or(Mark::Good, Fault::mark)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "check": self.check,
            "mark": self.mark().as_str(),
            "fault": self.fault.map(Fault::as_str),
            "found": self.found,
            "advice": self.advice,
            "permission": self.permission,
        })
    }

    /// Writes it for a person.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (style, sign) = match self.mark() {
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
        let line = |failure| {
            Line::not_checked(
                Fault::ScheduleNotChecked,
                "lwa-auditor",
                &error(failure),
                "scheduler",
            )
        };
        let denied = line(CallFailure::Denied);
        assert_eq!(denied.mark(), Mark::Skipped);
        assert_eq!(denied.to_json()["permission"], "scheduler:GetSchedule");
        let mut text = Vec::new();
        denied.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("scheduler:GetSchedule"), "{text}");
        let throttled = line(CallFailure::Throttled).to_json();
        assert_eq!(throttled["permission"], Value::Null);
        assert_eq!(throttled["advice"], "Not checked. Try again.");
    }
}
