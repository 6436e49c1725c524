//! What a check came to.

use lwa_core::ports::{CallError, CallFailure};

use super::fault::{Fault, Mark, good};

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The check, in one word; stable.
    pub(super) check: &'static str,
    /// What is wrong, if anything is.
    pub(super) fault: Option<Fault>,
    /// What was checked.
    subject: String,
    /// What else there is to say.
    detail: String,
    /// What to do about it, where the fault alone does not tell.
    advice: Option<String>,
    /// The permission that a skipped check needs.
    pub(super) permission: Option<String>,
}

impl Verdict {
    /// It is as it should be.
    pub(super) fn good(check: &'static str, subject: &str, detail: impl Into<String>) -> Self {
        Self {
            check,
            subject: subject.to_owned(),
            detail: detail.into(),
            ..Self::default()
        }
    }

    /// Something is wrong.
    pub(super) fn fault(fault: Fault, subject: &str, detail: impl Into<String>) -> Self {
        Self {
            fault: Some(fault),
            ..Self::good(fault.entry().check, subject, detail)
        }
    }

    /// With something to do about it.
    pub(super) fn advise(self, advice: &str) -> Self {
        Self {
            advice: Some(advice.to_owned()),
            ..self
        }
    }

    /// Nothing was found out, because the caller lacks a permission.
    pub(super) fn denied(self, permission: String) -> Self {
        Self {
            advice: Some(format!("Not checked. Missing permission: {permission}.")),
            permission: Some(permission),
            ..self
        }
    }

    pub(super) fn mark(&self) -> Mark {
        self.fault.map_or(Mark::Good, |fault| fault.entry().mark)
    }

    /// What was found, in words.
    pub(super) fn found(&self) -> String {
        let words = self
            .fault
            .map_or(good(self.check), |fault| fault.entry().found);
        self.fill(words)
    }

    /// What to do about it, in words; none where there is nothing, or the error has said it.
    pub(super) fn advice(&self) -> Option<String> {
        let advice = match &self.advice {
            Some(advice) => advice.clone(),
            None => self.fill(self.fault?.entry().advice),
        };
        Some(advice).filter(|advice| !advice.is_empty())
    }

    fn fill(&self, words: &str) -> String {
        let text = words.replace("{subject}", &self.subject);
        text.replace("{detail}", &self.detail).trim_end().to_owned()
    }
}

/// What the failure of a call means: the service as IAM prefixes its permissions, the fault where
/// what was asked for does not exist, and that of every other failure.
pub(super) type Failures = (&'static str, Fault, Fault);

/// Judges what a call found, or that it failed.
pub(super) fn judge<T>(
    failures: Failures,
    subject: &str,
    found: &Result<T, CallError>,
    verdict: impl FnOnce(&T) -> Verdict,
) -> Verdict {
    match found {
        Ok(found) => verdict(found),
        Err(error) => failed(failures, subject, error),
    }
}

/// Judges the failure of a call.
pub(super) fn failed(
    (service, missing, not_checked): Failures,
    subject: &str,
    error: &CallError,
) -> Verdict {
    let not_checked = Verdict::fault(not_checked, subject, error.to_string());
    match error.failure {
        CallFailure::NotFound => Verdict::fault(missing, subject, ""),
        CallFailure::Denied => not_checked.denied(format!("{service}:{}", error.operation)),
        failure if failure.is_transient() => not_checked.advise("Not checked. Try again."),
        _ => not_checked.advise("Not checked."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_the_permission_that_it_takes() {
        let (missing, not_checked) = (Fault::ScheduleMissing, Fault::ScheduleNotChecked);
        let judged = |failure| {
            let error = CallError {
                operation: "GetSchedule",
                failure,
                code: None,
                detail: "AccessDeniedException".into(),
            };
            failed(("scheduler", missing, not_checked), "lwa-auditor", &error)
        };
        let denied = judged(CallFailure::Denied);
        assert_eq!(denied.mark(), Mark::Skipped);
        assert_eq!(denied.permission.as_deref(), Some("scheduler:GetSchedule"));
        assert!(denied.advice().unwrap().contains("scheduler:GetSchedule"));
        let throttled = judged(CallFailure::Throttled);
        assert_eq!(throttled.permission, None);
        assert_eq!(throttled.advice().unwrap(), "Not checked. Try again.");
        assert_eq!(judged(CallFailure::NotFound).fault, Some(missing));
    }
}
