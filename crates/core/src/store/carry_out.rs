//! Making the writes of a plan.

use super::Write;
use super::plan::{Plan, Step};
use crate::ports::{CallError, CallFailure};
use crate::vault::VaultKind;
use crate::vault::ports::{WriteTags, WriteValues};

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Done,
    /// It is not, or that is unknown: see [`may_be_written`].
    Failed(CallError),
    /// One before it failed.
    NotTried,
}

/// Makes one write after the other until one fails, telling of each as it ends, and returns
/// what became of every step.
pub async fn carry_out(
    account: &(impl WriteTags + WriteValues),
    plan: &Plan,
    mut told: impl FnMut(&Step, &Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let outcome = match outcomes.last() {
            Some(Outcome::Failed(_) | Outcome::NotTried) => Outcome::NotTried,
            Some(Outcome::Done) | None => match make(account, &step.write).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(error),
            },
        };
        told(step, &outcome);
        outcomes.push(outcome);
    }
    outcomes
}

async fn make(account: &(impl WriteTags + WriteValues), write: &Write) -> Result<(), CallError> {
    match write {
        Write::Parameter(write) => account.put_parameter(write).await.map(drop),
        Write::CreateSecret {
            name,
            document,
            key,
            tags,
        } => account.create_secret(name, document, key, tags).await,
        Write::SecretValue(write) => account.put_secret_value(write).await,
        Write::SecretKey { name, key } => account.update_secret_key(name, key).await,
        Write::Tag { vault, name, tags } => match vault {
            VaultKind::ParameterStore => account.add_parameter_tags(name, tags).await,
            VaultKind::SecretsManager => account.tag_secret(name, tags).await,
        },
        Write::Untag { vault, name, keys } => match vault {
            VaultKind::ParameterStore => account.remove_parameter_tags(name, keys).await,
            VaultKind::SecretsManager => account.untag_secret(name, keys).await,
        },
    }
}

/// Whether a write that failed may have had its effect: there was no answer, or one that does
/// not tell.
pub const fn may_be_written(error: &CallError) -> bool {
    matches!(
        error.failure,
        CallFailure::TimedOut | CallFailure::Unavailable
    )
}
