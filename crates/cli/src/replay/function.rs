//! The functions, by name, and how each is called on a world in memory.

use std::fmt;

use clap::ValueEnum;
use lwa_core::config::{ConfigError, Lookup};
use lwa_core::ports::{Clock, Metrics, Notifier, ParameterDirectory};
use lwa_local::World;
use policy_formatter::PolicyFormatter;
use serde_json::Value;

use super::live::{LiveRun, NoMetrics};
use super::outcome::Failed;

/// One of the deployed functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Function {
    /// Stored credentials to access tokens.
    TokenExchanger,
    /// Events about credentials to messages.
    PolicyFormatter,
    /// The daily look at the whole estate.
    Auditor,
    /// Asks Amazon for a new client secret.
    RotationRequester,
    /// Stores the new client secret.
    SecretReceiver,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TokenExchanger,
        Self::PolicyFormatter,
        Self::Auditor,
        Self::RotationRequester,
        Self::SecretReceiver,
    ];

    /// The name it is deployed under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenExchanger => "token-exchanger",
            Self::PolicyFormatter => "policy-formatter",
            Self::Auditor => "auditor",
            Self::RotationRequester => "rotation-requester",
            Self::SecretReceiver => "secret-receiver",
        }
    }

    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.as_str() == name)
    }

    /// Invokes it, as its `main` would on AWS.
    pub(super) async fn invoke<F>(
        self,
        event: Value,
        stage: &Stage,
        lookup: &Lookup<F>,
    ) -> Result<Value, Failed>
    where
        F: Fn(&str) -> Option<String>,
    {
        match (self, stage) {
            (Self::PolicyFormatter, Stage::Memory(world)) => {
                let settings = policy_formatter::Settings::from_lookup(lookup)?;
                let world = || world.clone();
                let formatter = PolicyFormatter::new(settings, world(), world(), world(), world());
                format(event, formatter).await
            }
            (Self::PolicyFormatter, Stage::Live(live)) => {
                let settings = policy_formatter::Settings::from_lookup(lookup)?;
                let (directory, notifier) = (live.directory(), live.notifier());
                let formatter =
                    PolicyFormatter::new(settings, directory, notifier, live.clock(), NoMetrics);
                format(event, formatter).await
            }
            (_, Stage::Live(_)) => Err(Failed::new(
                "FunctionNotLive",
                format_args!(
                    "the {self} changes what it finds, or costs money, so it is not replayed \
                     against a real account; leave `--live` out"
                ),
            )),
            (
                Self::TokenExchanger
                | Self::Auditor
                | Self::RotationRequester
                | Self::SecretReceiver,
                Stage::Memory(_),
            ) => Err(Failed::new(
                "FunctionNotBuilt",
                format_args!(
                    "the {self} is not part of this build yet, so nothing was run; the event and \
                     how it arrives were understood"
                ),
            )),
        }
    }
}

/// What a function runs on.
pub(super) enum Stage {
    /// An account in memory.
    Memory(World),
    /// A real account.
    Live(Box<LiveRun>),
}

async fn format<D, N, C, M>(
    event: Value,
    formatter: PolicyFormatter<D, N, C, M>,
) -> Result<Value, Failed>
where
    D: ParameterDirectory,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    match formatter.handle(event).await {
        Ok(response) => to_value(&response),
        Err(error) => Err(Failed::new(error.error_type(), error)),
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::new("InvalidConfiguration", error)
    }
}

fn to_value(response: &impl serde::Serialize) -> Result<Value, Failed> {
    serde_json::to_value(response).map_err(|error| Failed::new("InvalidResponse", error))
}
