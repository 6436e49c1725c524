//! Making the writes of a plan.

use super::CredentialStore;
use super::plan::{Plan, Step};
use crate::ports::{CallError, CallFailure};

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Done,
    /// It is not, or nobody knows: see [`may_be_written`].
    Failed(CallError),
    /// One before it failed.
    NotTried,
}

/// Makes one write after the other until one fails, telling of each as it ends, and returns
/// what became of every step.
pub async fn carry_out(
    store: &impl CredentialStore,
    plan: &Plan,
    mut told: impl FnMut(&Step, &Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(plan.steps.len());
    let mut has_failed = false;
    for step in &plan.steps {
        let outcome = if has_failed {
            Outcome::NotTried
        } else {
            match store.write(&step.write).await {
                Ok(()) => Outcome::Done,
                Err(error) => {
                    has_failed = true;
                    Outcome::Failed(error)
                }
            }
        };
        told(step, &outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// Whether a write that failed may have had its effect: there was no answer, or one that does
/// not tell.
pub const fn may_be_written(error: &CallError) -> bool {
    matches!(
        error.failure,
        CallFailure::TimedOut | CallFailure::Unavailable
    )
}
