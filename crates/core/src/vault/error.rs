//! Why credentials could not be read or stored.

use crate::ports::CallError;

/// Why credentials could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Parameters, secrets or keys of a secret's document that do not exist; all of them, so
    /// that one reading shows everything there is to add.
    #[error("not in the vault: {}", names.join(", "))]
    Missing {
        /// Full parameter names, or `secret my-erp, key AppClientId`.
        names: Vec<String>,
    },
    /// What is stored cannot be used.
    #[error("{name} {problem}")]
    Malformed {
        /// The parameter or secret.
        name: String,
        /// What is wrong with it; never quotes the value.
        problem: String,
    },
    /// The vault did not answer as it should.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl VaultError {
    pub(crate) fn malformed(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed {
            name: name.into(),
            problem: problem.into(),
        }
    }

    /// Whether trying again later may succeed.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.failure.is_transient(),
            Self::Missing { .. } | Self::Malformed { .. } => false,
        }
    }
}

/// Why a secret was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// This vault can never hold this value as it is stored now.
    #[error("{name} cannot hold the new secret: {problem}")]
    Unstorable {
        /// The parameter or secret.
        name: String,
        /// Why; never quotes the value.
        problem: String,
    },
    /// What is there cannot be built on.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        Self::Vault(error.into())
    }
}
