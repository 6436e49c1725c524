//! What both functions of rotation do alike around their decisions: finding the applications of a
//! message, publishing, rejecting, and remembering what was published.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::client_ids::ClientIds;
use super::notices::{Context, Rejection, message_rejected};
use super::queue::{QueueMessage, should_notify_failure};
use super::rejections::Rejections;
use crate::config::Deployment;
use crate::notice::Notice;
use crate::ports::{CallError, Clock, Notifier};
use crate::secret::SecretRecord;
use crate::tags::SecretTags;
use crate::vault::ports::{ReadMetadata, ReadValues};
use crate::vault::{StoredApplication, Vault, VaultError};

/// The shared half of a function, over its ports.
pub struct Handling<A, N, C> {
    /// What the function shares with the others.
    pub deployment: Deployment,
    /// The applications, their credentials, and the tags of their client secrets.
    pub vault: Vault<A>,
    /// The time.
    pub clock: C,
    notifier: N,
    client_ids: Mutex<Option<ClientIds>>,
    rejections: Rejections,
}

impl<A, N, C> Handling<A, N, C>
where
    A: ReadMetadata + ReadValues,
    N: Notifier,
    C: Clock,
{
    /// One that has seen no message yet.
    pub fn new(deployment: Deployment, vault: Vault<A>, notifier: N, clock: C) -> Self {
        Self {
            deployment,
            vault,
            clock,
            notifier,
            client_ids: Mutex::new(None),
            rejections: Rejections::default(),
        }
    }

    /// The applications with a client id, from the last look at the estate if that still tells.
    pub async fn with_client_id(
        &self,
        client_id: &str,
    ) -> Result<Vec<StoredApplication>, VaultError> {
        let now = self.clock.now();
        let known = {
            let seen = self.client_ids.lock();
            let seen = seen.unwrap_or_else(PoisonError::into_inner);
            seen.as_ref()
                .filter(|seen| seen.is_good_for(client_id, now))
                .map(|seen| seen.with(client_id))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let seen = ClientIds::new(self.vault.applications().await?, now);
        let found = seen.with(client_id);
        self.remember(seen);
        Ok(found)
    }

    /// Keeps a look at the estate for the next message.
    pub fn remember(&self, seen: ClientIds) {
        let mut client_ids = self
            .client_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *client_ids = Some(seen);
    }

    /// The records of applications that were listed.
    pub async fn records(
        &self,
        group: &[StoredApplication],
    ) -> Result<Vec<SecretRecord>, CallError> {
        let mut records = Vec::with_capacity(group.len());
        for stored in group {
            let tags = self.vault.tags(&stored.name).await?;
            records.push(SecretRecord::new(stored, &tags));
        }
        Ok(records)
    }

    /// The same records with the tags as they are now.
    pub async fn refreshed(
        &self,
        records: &[SecretRecord],
    ) -> Result<Vec<SecretRecord>, CallError> {
        let mut refreshed = records.to_vec();
        for record in &mut refreshed {
            let tags = self.vault.tags(&record.application).await?;
            record.tags = SecretTags::from_map(&tags);
        }
        Ok(refreshed)
    }

    /// Publishes a notice.
    pub async fn publish(&self, notice: &Notice) -> Result<(), CallError> {
        let message = notice.render();
        let id = self.notifier.publish(&message).await?;
        tracing::info!(
            message.id = id,
            message.kind = message.attributes.kind,
            message.severity = message.attributes.severity.as_str(),
            "notification published"
        );
        Ok(())
    }

    /// Whether this execution environment has rejected a message.
    pub fn is_rejected(&self, id: &str) -> bool {
        self.rejections.remembers(id, self.clock.now())
    }

    /// Notes that a message can never be handled, for [`Self::publish_rejections`]. Returns what
    /// people are told of it.
    pub fn reject(
        &self,
        id: &str,
        rejection: &Rejection<'_>,
        holds_secret: bool,
        origin: &'static str,
    ) -> String {
        let now = self.clock.now();
        let notice = message_rejected(self.context(origin, now), rejection, id, holds_secret);
        let headline = notice.opening();
        self.rejections.note(id, notice, now);
        headline
    }

    /// Publishes what was rejected, once an hour for each kind, with the number of messages and
    /// the first of them as an example.
    pub async fn publish_rejections(&self) -> Result<(), CallError> {
        for told in self.rejections.due(self.clock.now()) {
            self.publish(&told.notice()).await?;
            self.rejections.is_told(&told, self.clock.now());
        }
        Ok(())
    }

    /// Publishes the notice about a message that goes back to its queue, if people should hear of
    /// it this time. If that fails too, the log has it.
    pub async fn notify_failure(
        &self,
        message: &QueueMessage,
        may_mend_itself: bool,
        notice: &Notice,
    ) {
        if should_notify_failure(message.receive_count(), may_mend_itself)
            && let Err(error) = self.publish(notice).await
        {
            tracing::error!(
                message.id = message.message_id,
                "no notification was published about a message that failed: {error}"
            );
        }
    }

    /// What a notice depends on besides what happened. Its last line says that it comes from
    /// `origin`.
    pub fn context(&self, origin: &'static str, now: Timestamp) -> Context<'_> {
        Context {
            layout: &self.deployment.layout,
            vault: self.vault.kind(),
            region: self.deployment.region.as_deref(),
            policy: self.deployment.policy,
            runbook_url: self.deployment.runbook_url.as_deref(),
            origin,
            now,
        }
    }
}
