//! Why a subcommand did not do its work.

use lwa_core::error::chain;

/// Why a subcommand did not do its work.
pub(crate) enum Failure {
    /// The command line or the settings ask for something impossible: exit code 2.
    Usage(String),
    /// The work failed: exit code 1.
    Other(anyhow::Error),
}

impl Failure {
    /// The error tells what is wrong with the command line or the settings.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(chain(error.into().as_ref()))
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}
