//! Fault injection: how a call goes wrong, and who decides about it.

use jiff::Timestamp;
use lwa_core::ports::CallFailure;
use serde::Deserialize;

/// A fault that is known beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "FaultFile")]
pub struct ScriptedFault {
    /// The operation, as its service names it.
    pub operation: String,
    /// Only calls whose target contains this; every call when empty.
    pub target: String,
    /// How the call goes wrong.
    pub fault: Fault,
    /// How many calls go wrong; none for every one.
    pub times: Option<u32>,
}

/// Decides about every call as it is made, for a harness that does not know them beforehand.
pub trait FaultInjector: Send {
    /// How a call goes wrong, if it does. It may move the time, which is how long the call takes.
    fn inject(&mut self, now: &mut Timestamp, operation: &str, target: &str) -> Option<Fault>;
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing has happened.
    Before(CallFailure),
    /// It fails although it had its effect.
    After(CallFailure),
    /// It never answers.
    Hang,
    /// Its caller dies before it: nothing has happened, and no answer ever comes. The harness
    /// that drives the caller has to drop it.
    DieBefore,
    /// Its caller dies after it: it had its effect, and no answer ever comes.
    DieAfter,
}

/// One fault of a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    operation: String,
    #[serde(default)]
    target: String,
    failure: FailureFile,
    times: Option<u32>,
    /// Whether the call has its effect all the same.
    #[serde(default)]
    after_effect: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FailureFile {
    Denied,
    Throttled,
    TimedOut,
    NotFound,
    Refused,
    Unavailable,
    Hang,
}

impl From<FaultFile> for ScriptedFault {
    fn from(file: FaultFile) -> Self {
        let fails = if file.after_effect {
            Fault::After
        } else {
            Fault::Before
        };
        Self {
            operation: file.operation,
            target: file.target,
            fault: match file.failure {
                FailureFile::Denied => fails(CallFailure::Denied),
                FailureFile::Throttled => fails(CallFailure::Throttled),
                FailureFile::TimedOut => fails(CallFailure::TimedOut),
                FailureFile::NotFound => fails(CallFailure::NotFound),
                FailureFile::Refused => fails(CallFailure::Refused),
                FailureFile::Unavailable => fails(CallFailure::Unavailable),
                FailureFile::Hang => Fault::Hang,
            },
            times: file.times,
        }
    }
}
