//! What a check came to, before it is put into words.

use lwa_core::ports::{CallError, CallFailure};

use super::fault::{Fault, Mark};

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The check, in one word; stable.
    pub(super) check: &'static str,
    /// What is wrong, if anything is.
    pub(super) fault: Option<Fault>,
    /// What was checked.
    pub(super) subject: String,
    /// What else there is to say.
    pub(super) detail: String,
    /// What to do about it, where the fault alone does not tell.
    pub(super) advice: Option<String>,
    /// The permission that a skipped check needs.
    pub(super) permission: Option<String>,
}

impl Verdict {
    /// It is as it should be.
    pub(super) fn good(
        check: &'static str,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            check,
            fault: None,
            subject: subject.into(),
            detail: detail.into(),
            advice: None,
            permission: None,
        }
    }

    /// Something is wrong.
    pub(super) fn fault(
        fault: Fault,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            fault: Some(fault),
            ..Self::good(fault.check(), subject, detail)
        }
    }

    /// With something to do about it.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }

    /// Nothing was found out, because the caller lacks a permission.
    pub(super) fn denied(self, permission: String) -> Self {
        let advice = format!("Not checked. Missing permission: {permission}.");
        Self {
            permission: Some(permission),
            ..self.advise(advice)
        }
    }

    pub(super) fn mark(&self) -> Mark {
        self.fault.map_or(Mark::Good, Fault::mark)
    }
}

/// What the failure of a call means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failures {
    /// The service, as IAM prefixes its permissions.
    pub(super) service: &'static str,
    /// What was asked for does not exist.
    pub(super) missing: Fault,
    /// Any other failure.
    pub(super) not_checked: Fault,
}

impl Failures {
    /// Judges what a call found, or that it failed.
    pub(super) fn judge<T>(
        self,
        subject: &str,
        found: &Result<T, CallError>,
        verdict: impl FnOnce(&T) -> Verdict,
    ) -> Verdict {
        match found {
            Ok(found) => verdict(found),
            Err(error) => self.of(subject, error),
        }
    }

    /// Judges a failure.
    pub(super) fn of(self, subject: &str, error: &CallError) -> Verdict {
        let not_checked = Verdict::fault(self.not_checked, subject, error.to_string());
        match error.failure {
            CallFailure::NotFound => Verdict::fault(self.missing, subject, ""),
            CallFailure::Denied => {
                not_checked.denied(format!("{}:{}", self.service, error.operation))
            }
            failure if failure.is_transient() => not_checked.advise("Not checked. Try again."),
            _ => not_checked.advise("Not checked."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_the_permission_that_it_takes() {
        let failures = Failures {
            service: "scheduler",
            missing: Fault::ScheduleMissing,
            not_checked: Fault::ScheduleNotChecked,
        };
        let judged = |failure| {
            let error = CallError {
                operation: "GetSchedule",
                failure,
                detail: "AccessDeniedException".into(),
            };
            failures.of("lwa-auditor", &error)
        };
        let denied = judged(CallFailure::Denied);
        assert_eq!(denied.mark(), Mark::Skipped);
        assert_eq!(denied.permission.as_deref(), Some("scheduler:GetSchedule"));
        assert!(denied.advice.unwrap().contains("scheduler:GetSchedule"));
        let throttled = judged(CallFailure::Throttled);
        assert_eq!(throttled.permission, None);
        assert_eq!(throttled.advice.unwrap(), "Not checked. Try again.");
        let missing = judged(CallFailure::NotFound);
        assert_eq!(missing.fault, Some(Fault::ScheduleMissing));
    }
}
