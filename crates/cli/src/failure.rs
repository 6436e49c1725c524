//! Why a subcommand did not do its work.

use lwa_core::config::ConfigError;
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

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Other(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}
