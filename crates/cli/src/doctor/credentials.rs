//! Judging the stored credentials: what the audit found, and what an exchange came to.

use lwa_core::application::ApplicationName;
use lwa_core::audit::findings::Finding;
use lwa_core::audit::tally::{ApplicationDeadline, NotSeen};
use lwa_core::error::FunctionError;
use lwa_core::ports::CallFailure;
use lwa_core::vault::VaultKind;
use lwa_core::{Severity, Timestamp, wording};
use token_exchanger::{CheckResponse, ErrorKind, ExchangerError, Verdict as Answer};

use super::fault::Fault;
use super::verdict::Verdict;

/// An application's deadline.
pub(super) fn deadline(found: &ApplicationDeadline, lifetime_days: u32, now: Timestamp) -> Verdict {
    let name = &found.credential;
    match &found.deadline {
        Some(deadline) => {
            let when = wording::deadline(deadline, now, lifetime_days);
            Verdict::good("credential", name, when)
        }
        None => Verdict::fault(Fault::DeadlineUnknown, name, ""),
    }
}

/// A finding of the audit.
pub(super) fn finding(finding: &Finding) -> Verdict {
    let fault = match finding.severity {
        Severity::Critical => Fault::CriticalFinding,
        Severity::Warning | Severity::Info => Fault::Finding,
    };
    let subject = format!("{} {}", finding.code, finding.credential);
    Verdict::fault(fault, &subject, &finding.detail).advise(finding.code.explanation().remedy)
}

/// What the audit did not see. `denied` is the operation that the caller has no permission for.
pub(super) fn not_seen(not_seen: &NotSeen, denied: Option<&str>) -> Verdict {
    let verdict = Verdict::fault(Fault::CredentialNotChecked, &not_seen.what, &not_seen.why);
    match denied {
        Some(operation) if operation.contains("Secret") => {
            verdict.denied(format!("secretsmanager:{operation}"))
        }
        Some(operation) => verdict.denied(format!("ssm:{operation}")),
        None => verdict,
    }
}

/// What an exchange and one call of SP-API came to, for an application.
pub(super) fn exchange(
    application: &ApplicationName,
    vault: VaultKind,
    found: &Result<CheckResponse, ExchangerError>,
) -> Vec<Verdict> {
    let check = match found {
        Ok(check) => check,
        Err(error) => return vec![no_exchange(application.as_str(), vault, error)],
    };
    let name = application.as_str();
    let of = |answer: Answer, check_name, refuses| match answer {
        Answer::Ok => Verdict::good(check_name, name, ""),
        Answer::NotChecked => Verdict::fault(Fault::SpApiNotAsked, name, ""),
        answer => Verdict::fault(refuses, name, answer.as_str()).advise(&check.detail),
    };
    vec![
        of(check.lwa, "lwa", Fault::LwaRefuses),
        of(check.sp_api, "sp-api", Fault::SpApiRefuses),
    ]
}

/// Why nothing was exchanged. Errors of the exchanger name the application and say what to do.
fn no_exchange(name: &str, vault: VaultKind, error: &ExchangerError) -> Verdict {
    let of = |fault| Verdict::fault(fault, &error.to_string(), "");
    match error.kind {
        ErrorKind::CredentialMissing => of(Fault::CredentialsIncomplete),
        ErrorKind::VaultUnavailable if error.vault_failure == Some(CallFailure::Denied) => {
            let permission = match vault {
                VaultKind::ParameterStore => "ssm:GetParameters",
                VaultKind::SecretsManager => "secretsmanager:GetSecretValue",
            };
            of(Fault::CredentialsNotRead).denied(format!("{permission} and kms:Decrypt"))
        }
        ErrorKind::VaultUnavailable if error.is_transient => of(Fault::CredentialsNotRead),
        ErrorKind::VaultUnavailable => of(Fault::CredentialsUnreadable),
        ErrorKind::LwaUnavailable => of(Fault::LwaNotReached),
        ErrorKind::SpApiUnavailable => of(Fault::SpApiNotReached),
        ErrorKind::InvalidRequest
        | ErrorKind::CredentialRejected
        | ErrorKind::AuthorizationRevoked => {
            Verdict::fault(Fault::LwaRefuses, name, error.error_type()).advise(&error.to_string())
        }
    }
}
