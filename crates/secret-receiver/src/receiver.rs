//! The function over its ports: its messages, in their order.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use lwa_core::config::{ConfigError, Deployment, Lookup};
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::handling::Handling;
use lwa_core::rotation::notices::Rejection;
use lwa_core::rotation::notification::{Notification, Unusable};
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::{Payload, QueueMessage, Trigger};
use lwa_core::rotation::receive::Delivery;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};
use lwa_core::vault::{Vault, VaultKind};

use crate::report::{MessageReport, Outcome, ReceiverError, Report, report};

/// What one message may take. None is begun with less time left: a message that is cut off
/// takes the whole batch with it.
const LONGEST_MESSAGE: SignedDuration = SignedDuration::from_secs(25);

/// What the environment configures.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The LWA token endpoint.
    pub token_url: String,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        Ok(Self {
            deployment: Deployment::from_lookup(lookup)?,
            vault: VaultKind::from_lookup(lookup)?,
            token_url: lookup.token_url()?,
        })
    }
}

/// What the receiver works with.
#[derive(Debug, Clone)]
pub struct Ports<A, T, Q, N, C, M> {
    /// The applications, their credentials, and the tags of their client secrets.
    pub vault: Vault<A>,
    /// The LWA token endpoint.
    pub lwa: T,
    /// The queue that the messages come from.
    pub queue: Q,
    /// Where messages to people go.
    pub notifier: N,
    /// The time.
    pub clock: C,
    /// Where metrics go.
    pub metrics: M,
}

/// The function over its ports.
pub struct SecretReceiver<A, T, Q, N, C, M> {
    pub(crate) shared: Handling<A, N, C>,
    pub(crate) lwa: T,
    pub(crate) queue: Q,
    metrics: M,
}

impl<A, T, Q, N, C, M> SecretReceiver<A, T, Q, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags + WriteValues,
    T: TokenEndpoint,
    Q: MessageQueue,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// A receiver that has seen nothing yet.
    pub fn new(settings: Settings, ports: Ports<A, T, Q, N, C, M>) -> Self {
        let (vault, notifier, clock) = (ports.vault, ports.notifier, ports.clock);
        Self {
            shared: Handling::new(settings.deployment, vault, notifier, clock),
            lwa: ports.lwa,
            queue: ports.queue,
            metrics: ports.metrics,
        }
    }

    /// Handles the messages of one invocation, which the platform ends at `until`.
    pub async fn handle(
        &self,
        payload: Payload,
        until: Option<Timestamp>,
    ) -> Result<Report, ReceiverError> {
        let Trigger::Messages(messages) = payload.parse()? else {
            return Err(ReceiverError::NoMessages);
        };
        let parsed = messages
            .iter()
            .map(|message| (message, message.notification()));
        let mut parsed: Vec<_> = parsed.collect();
        // Of two secrets of one application the newer goes first: the older is then stale, and
        // need not be tried and stored for nothing.
        parsed.sort_by_key(|(_, parsed)| match parsed {
            Ok(Notification::NewSecret(new)) => Some(Reverse(new.expires_at)),
            _ => None,
        });
        let clock = &self.shared.clock;
        let (mut messages, mut rejected) = (Vec::new(), Vec::new());
        for (message, parsed) in parsed {
            let now = clock.now();
            let report = if until.is_some_and(|until| until.duration_since(now) < LONGEST_MESSAGE) {
                report(message, &[], Outcome::OutOfTime, None)
            } else {
                self.message(message, parsed).await
            };
            report.log(message, report.outcome.as_str());
            if report.outcome == Outcome::Rejected {
                rejected.push(message);
            }
            messages.push(report);
        }
        self.dispose(&rejected).await;
        let report = Report { messages };
        if let Some(metrics) = report.metrics(&self.shared.deployment.metrics_namespace) {
            self.metrics.record(&metrics, clock.now());
        }
        Ok(report)
    }

    async fn message(
        &self,
        message: &QueueMessage,
        parsed: Result<Notification, Unusable>,
    ) -> MessageReport {
        if self.shared.is_rejected(&message.message_id) {
            return report(message, &[], Outcome::Rejected, None);
        }
        let new = match parsed {
            Ok(Notification::NewSecret(new)) => new,
            Ok(Notification::SecretExpiry(expiry)) => {
                let rejection = Rejection::ExpiryInWrongQueue(&expiry);
                return self.reject(message, &rejection);
            }
            Err(problem) => return self.reject(message, &Rejection::Unusable(&problem)),
        };
        let group = match self.shared.with_client_id(&new.client_id).await {
            Ok(group) if group.is_empty() => {
                let rejection = Rejection::UnknownClientId(&new.client_id);
                return self.reject(message, &rejection);
            }
            Ok(group) => group,
            Err(error) => return self.give_back(message, &[], None, error.into()).await,
        };
        let names: Vec<_> = group.iter().map(|found| found.name.clone()).collect();
        let (id, now) = (&message.message_id, self.shared.clock.now());
        let lifetime_days = self.shared.deployment.policy.secret_lifetime_days;
        let delivery = Delivery::new(new, id, message.sent_at(), lifetime_days, now);
        match self.deliver(&delivery, group).await {
            Ok(outcome) => report(message, &names, outcome, None),
            Err(trouble) => {
                self.give_back(message, &names, Some(&delivery), trouble)
                    .await
            }
        }
    }
}
