//! The function over its ports.

use lwa_core::config::{ConfigError, Deployment, Lookup};
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::handling::Handling;
use lwa_core::rotation::policy::Policy;
use lwa_core::rotation::queue::{Payload, Trigger};
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};
use lwa_core::vault::{Vault, VaultKind};

use crate::report::{Report, RequesterError};

/// What the environment configures.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The LWA token endpoint.
    pub token_url: String,
    /// The base URL of SP-API.
    pub sp_api_endpoint: String,
    /// Days before the deadline on which people are reminded where they rotate.
    pub reminder_days: Vec<u32>,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        let deployment = Deployment::from_lookup(lookup)?;
        Ok(Self {
            deployment,
            vault: VaultKind::from_lookup(lookup)?,
            token_url: lookup.token_url()?,
            sp_api_endpoint: lookup.sp_api_endpoint()?,
            reminder_days: lookup.reminder_days()?,
        })
    }
}

/// What the requester works with.
#[derive(Debug, Clone)]
pub struct Ports<A, T, S, N, C, M> {
    /// The applications, their credentials, and the tags of their client secrets.
    pub vault: Vault<A>,
    /// The LWA token endpoint.
    pub lwa: T,
    /// SP-API.
    pub sp_api: S,
    /// Where messages to people go.
    pub notifier: N,
    /// The time.
    pub clock: C,
    /// Where metrics go.
    pub metrics: M,
}

/// The function over its ports.
pub struct RotationRequester<A, T, S, N, C, M> {
    pub(crate) shared: Handling<A, N, C>,
    pub(crate) lwa: T,
    pub(crate) sp_api: S,
    pub(crate) reminder_days: Vec<u32>,
    metrics: M,
}

impl<A, T, S, N, C, M> RotationRequester<A, T, S, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags,
    T: TokenEndpoint,
    S: SellingPartnerApi,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// A requester that has seen nothing yet.
    pub fn new(settings: Settings, ports: Ports<A, T, S, N, C, M>) -> Self {
        let (vault, notifier, clock) = (ports.vault, ports.notifier, ports.clock);
        Self {
            shared: Handling::new(settings.deployment, vault, notifier, clock),
            lwa: ports.lwa,
            sp_api: ports.sp_api,
            reminder_days: settings.reminder_days,
            metrics: ports.metrics,
        }
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.shared.deployment.policy
    }

    /// Handles one invocation: messages of the queue, or the schedule.
    pub async fn handle(&self, payload: Payload) -> Result<Report, RequesterError> {
        let report = match payload.parse()? {
            Trigger::Messages(messages) => Report::Messages(self.messages(&messages).await),
            Trigger::Schedule { dry_run } => Report::Schedule(self.schedule(dry_run).await?),
        };
        if let Some(metrics) = report.metrics(&self.shared.deployment.metrics_namespace) {
            self.metrics.record(&metrics, self.shared.clock.now());
        }
        report.check()
    }
}
