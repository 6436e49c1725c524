//! What the function did, for its answer, its metrics and callers of the library.

use jiff::Timestamp;
use lwa_core::error::FunctionError;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::CallError;
use lwa_core::rotation::membership::Unproven;
use lwa_core::rotation::queue::InvalidPayload;
use lwa_core::rotation::report::batch_response;
use lwa_core::vault::VaultError;
use serde::Serialize;
use serde_json::Value;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// With the messages of a queue.
    Messages(Vec<MessageReport>),
    /// For the schedule.
    Schedule(ScheduleReport),
}

/// What was done with one message.
pub type MessageReport = lwa_core::rotation::report::MessageReport<Outcome>;

/// What was done for the whole estate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleReport {
    /// Whether everything was only decided.
    pub dry_run: bool,
    /// One entry for every Amazon application.
    pub applications: Vec<ApplicationReport>,
}

/// What was done for one Amazon application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApplicationReport {
    /// The applications; several where roots share a client id.
    pub applications: Vec<String>,
    /// What was decided, a stable word.
    pub decision: &'static str,
    /// The deadline that it was decided by.
    pub deadline: Option<Timestamp>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, where the outcome does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What came of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was nothing to do, or only a date to keep.
    Nothing,
    /// A notice about a secret that has been replaced since.
    Outdated,
    /// Amazon will send a new secret.
    Requested,
    /// Amazon refused, and a notification says why.
    Refused,
    /// Amazon may send a new secret.
    Unclear,
    /// Nothing could be requested for now.
    Postponed,
    /// People were reminded to rotate.
    Reminded,
    /// A message that can never be handled.
    Rejected,
    /// It was not done and has to be tried again.
    Failed,
    /// It would have been done, but for the dry run.
    DryRun,
}

impl Outcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Outdated => "outdated",
            Self::Requested => "requested",
            Self::Refused => "refused",
            Self::Unclear => "unclear",
            Self::Postponed => "postponed",
            Self::Reminded => "reminded",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::DryRun => "dry-run",
        }
    }
}

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequesterError {
    /// The event asks for nothing that can be done.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidPayload),
    /// No such application is stored.
    #[error("there is no application `{application}`; stored are: {}", known.join(", "))]
    UnknownApplication {
        /// What was asked for.
        application: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The application has the client id of others and not their secret.
    #[error(
        "`{application}` has the client id of {}, but Amazon does not accept its secret; store \
         the secret that is in use there with `lwa store --application {application}`",
        members.join(", ")
    )]
    Unproven {
        /// What was asked for.
        application: String,
        /// The applications whose secret Amazon accepts.
        members: Vec<String>,
    },
    /// It is not known which of several places belong to the application.
    #[error(transparent)]
    NoneProven(#[from] Unproven),
    /// A new secret could be stored nowhere.
    #[error("{0}")]
    Unstorable(String),
    /// The vault could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Some applications could not be checked, or no notification about them published. Invoking
    /// again is safe: what was requested is not requested again.
    #[error("{failed} of {all} applications failed; the first: {first}")]
    Incomplete {
        /// How many failed.
        failed: usize,
        /// Of how many.
        all: usize,
        /// What happened to the first of them.
        first: String,
    },
}

impl FunctionError for RequesterError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::UnknownApplication { .. } => "InvalidRequest",
            Self::Unstorable(_)
            | Self::Vault(VaultError::Missing { .. } | VaultError::Malformed { .. }) => {
                "CredentialMissing"
            }
            Self::Unproven { .. } | Self::NoneProven(_) => "CredentialRejected",
            Self::Vault(VaultError::Call(_)) => "VaultUnavailable",
            Self::Incomplete { .. } => "RotationIncomplete",
        }
    }
}

impl From<CallError> for RequesterError {
    fn from(error: CallError) -> Self {
        Self::Vault(error.into())
    }
}

impl Report {
    /// The function's answer.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Messages(messages) => batch_response(messages),
            Self::Schedule(report) => serde_json::to_value(report).unwrap_or_default(),
        }
    }

    /// How often each thing was done; none when nothing was.
    pub(crate) fn metrics(&self, namespace: &str) -> Option<MetricSet> {
        const NAMES: [(Outcome, &str); 6] = [
            (Outcome::Requested, "RotationsRequested"),
            (Outcome::Refused, "RotationsRefused"),
            (Outcome::Unclear, "RotationsUnclear"),
            (Outcome::Postponed, "RotationsPostponed"),
            (Outcome::Rejected, "NoticesRejected"),
            (Outcome::Failed, "RotationChecksFailed"),
        ];
        let outcomes: Vec<Outcome> = match self {
            Self::Messages(messages) => messages.iter().map(|report| report.outcome).collect(),
            Self::Schedule(report) => report.applications.iter().map(|one| one.outcome).collect(),
        };
        MetricSet::of_outcomes(namespace, &NAMES, &outcomes)
    }

    /// Fails a scheduled invocation that could not do all: the platform then invokes it again,
    /// and an alarm goes off. Messages are given back one by one instead.
    pub(crate) fn check(self) -> Result<Self, RequesterError> {
        let Self::Schedule(report) = &self else {
            return Ok(self);
        };
        let all = report.applications.len();
        let failed: Vec<_> = report
            .applications
            .iter()
            .filter(|one| one.outcome == Outcome::Failed)
            .collect();
        match failed.first() {
            None => Ok(self),
            Some(first) => Err(RequesterError::Incomplete {
                failed: failed.len(),
                all,
                first: format!(
                    "{}: {}",
                    first.applications.join(", "),
                    first.detail.as_deref().unwrap_or("no reason is known")
                ),
            }),
        }
    }
}
