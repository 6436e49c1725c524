//! secret-receiver: verifies the new client secret that Amazon sends, and stores it.
//!
//! Amazon sends a new secret once, in a message of a queue. Until it is stored the queue is the
//! only place that has it, so a message is acknowledged only after that. What to do with it is
//! decided in [`lwa_core::rotation::receive`]; what is read, tried, stored and told is here.
//!
//! # The order of things
//!
//! For one message: find the applications by client id; read tags and value of each; try the
//! secret with LWA; store it; write the tags with its dates and [`NEW_SECRET_PENDING`]; tell
//! people; remove that tag and `lwa:rotation-requested-at`; acknowledge. An invocation that
//! dies between any two of them is followed by one that finds the secret stored, and goes on
//! with the first thing that is not done. People hear twice only if it died after telling them
//! and before it removed the tag.
//!
//! # Messages that wait, and messages without hope
//!
//! LWA may not know a new secret for a while, and any service may be down. Such a message goes
//! back to the queue: sooner than the queue's visibility timeout at first
//! ([`retry_after`]), and from then on with it. The queue's visibility
//! timeout times its `maxReceiveCount` is therefore how long a message is tried, and it holds
//! even when this function cannot start at all: with 15 minutes and 700 it is a little over
//! seven days, as long as the old secret lives. When less than a day of that is left the secret
//! is stored whether LWA knows it or not.
//!
//! A message that no try can ever handle would go round for a week, too. SQS moves a message to
//! the dead-letter queue when it has been received `maxReceiveCount` times, however quickly, so
//! such a message is made visible again at once (`ChangeMessageVisibility` with 0) and reported
//! as failed: it has been received 700 times, and is in the dead-letter queue, within minutes.
//! SQS itself moves it, whole and with its history; no copy is made that could be lost or
//! doubled, the function needs no permission on the dead-letter queue, and
//! `start-message-move-task` knows where it came from. All but the first of those receptions
//! cost nothing: the execution environment remembers the message and does not look at it again.

mod report;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::SecretString;
use lwa_core::application::ApplicationName;
use lwa_core::config::{ConfigError, Deployment, Lookup};
use lwa_core::deadline::tag;
use lwa_core::lwa::{Grant, LwaError, Scope, TokenEndpoint, TokenRequest};
use lwa_core::memory::{HOPELESS_FOR, Memory};
use lwa_core::notice::Notice;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::client_ids::ClientIds;
use lwa_core::rotation::notices::{self, Context, Rejection};
use lwa_core::rotation::notification::{NewSecret, Notification, Unusable};
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::{Payload, QueueMessage, Trigger, is_failure_told, retry_after};
use lwa_core::rotation::receive::{
    Judgement, Place, Verdict, is_answer, is_spreading, is_stored_since, is_waiting_told, judge,
    old_secret_ends, stays, verdict,
};
use lwa_core::rotation::tags::{
    NEW_SECRET_PENDING, Pending, RotationTags, contested, notification_key, pending, stored,
};
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};
use lwa_core::vault::{
    RefreshTokenOf, SecretVersion, StoreError, StoredApplication, StoredSecret, Vault, VaultError,
    VaultKind, is_same_secret,
};

pub use crate::report::{MessageReport, Outcome, ReceiverError, Report};

/// Longest wait for LWA's answer. A message whose secret could not be tried comes again.
const LWA_TIMEOUT: Duration = Duration::from_secs(10);

/// What one message may take. None is begun with less time left: a message that is cut off
/// takes the whole batch with it.
const LONGEST_MESSAGE: SignedDuration = SignedDuration::from_secs(25);

/// How long removing the tags of a rotation that is over is tried.
const FINISH_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// What the receiver is told by its environment.
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
    settings: Settings,
    ports: Ports<A, T, Q, N, C, M>,
    client_ids: Mutex<Option<ClientIds>>,
    hopeless: Memory,
}

/// One place that a new secret belongs to.
struct Member {
    application: ApplicationName,
    tags: RotationTags,
    judgement: Judgement,
    /// What is stored there.
    current: Option<StoredSecret>,
    /// Since when, where that matters.
    since: Option<Timestamp>,
}

/// A message whose secret can be stored.
struct Delivery {
    new: NewSecret,
    /// Amazon's id of the notification, or else the queue's of the message.
    id: String,
    old_ends: Timestamp,
}

impl Delivery {
    /// When the tags of a stored secret were first written: by an earlier try, or now.
    fn begun_at(&self, member: &Member, now: Timestamp) -> Timestamp {
        member
            .tags
            .pending
            .as_ref()
            .filter(|pending| {
                member.judgement == Judgement::Finish
                    && pending.notification == notification_key(&self.id)
            })
            .map_or(now, |pending| pending.told_at)
    }
}

/// How handling a message ended, if it did not end well.
enum Trouble {
    /// Something outside does not work.
    Failed {
        error: String,
        may_mend_itself: bool,
    },
    /// The vault can never hold this secret.
    Unstorable(Vec<ApplicationName>, String),
    /// LWA does not accept the secret yet.
    Waits(LwaError),
    /// Something else was stored since, and nobody can tell which is newer.
    Contested,
}

impl From<VaultError> for Trouble {
    fn from(error: VaultError) -> Self {
        Self::Failed {
            error: error.to_string(),
            may_mend_itself: error.is_transient(),
        }
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        VaultError::from(error).into()
    }
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
        Self {
            settings,
            ports,
            client_ids: Mutex::new(None),
            hopeless: Memory::new(HOPELESS_FOR),
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
        let mut parsed: Vec<_> = messages
            .iter()
            .map(|message| (message, parse(message)))
            .collect();
        // Of two secrets of one application the newer goes first: the older is then stale, and
        // need not be tried and stored for nothing.
        parsed.sort_by_key(|(_, parsed)| match parsed {
            Ok(Notification::NewSecret(new)) => Some(std::cmp::Reverse(new.expires_at)),
            _ => None,
        });
        let mut reports = Vec::with_capacity(parsed.len());
        for (message, parsed) in parsed {
            let now = self.ports.clock.now();
            let report = if until.is_some_and(|until| until.duration_since(now) < LONGEST_MESSAGE) {
                MessageReport::new(message, &[], Outcome::OutOfTime)
            } else {
                self.message(message, parsed).await
            };
            tracing::info!(
                message.id = report.message_id,
                message.returned = report.returned(),
                message.receive_count = message.receive_count(),
                outcome = report.outcome.as_str(),
                detail = report.detail,
                "handled a message about {}",
                if report.applications.is_empty() {
                    "nobody known".to_owned()
                } else {
                    report.applications.join(", ")
                }
            );
            reports.push(report);
        }
        let report = Report { messages: reports };
        if let Some(metrics) = report.metrics(&self.settings.deployment.metrics_namespace) {
            self.ports.metrics.record(&metrics, self.ports.clock.now());
        }
        Ok(report)
    }

    async fn message(
        &self,
        message: &QueueMessage,
        parsed: Result<Notification, Unusable>,
    ) -> MessageReport {
        let now = self.ports.clock.now();
        if self.hopeless.contains(&message.message_id, now) {
            self.come_back(message, Duration::ZERO).await;
            return MessageReport::new(message, &[], Outcome::Rejected);
        }
        let new = match parsed {
            Ok(Notification::NewSecret(new)) => new,
            Ok(Notification::SecretExpiry(expiry)) => {
                return self
                    .reject(message, &Rejection::ExpiryInWrongQueue(&expiry))
                    .await;
            }
            Err(problem) => return self.reject(message, &Rejection::Unusable(&problem)).await,
        };
        let group = match self.with_client_id(&new.client_id).await {
            Ok(group) => group,
            Err(error) => return self.trouble(message, &[], None, error.into()).await,
        };
        if group.is_empty() {
            let rejection = Rejection::UnknownClientId(&new.client_id);
            return self.reject(message, &rejection).await;
        }
        let names: Vec<_> = group.iter().map(|found| found.name.clone()).collect();
        let delivery = Delivery {
            id: new
                .notification_id
                .clone()
                .unwrap_or_else(|| message.message_id.clone()),
            old_ends: old_secret_ends(&new, message.sent_at(), now),
            new,
        };
        match self.deliver(&delivery, &group).await {
            Ok(outcome) => MessageReport::new(message, &names, outcome),
            Err(trouble) => {
                self.trouble(message, &names, Some(&delivery), trouble)
                    .await
            }
        }
    }

    /// Takes one new secret to where it belongs.
    async fn deliver(
        &self,
        delivery: &Delivery,
        group: &[StoredApplication],
    ) -> Result<Outcome, Trouble> {
        let new = &delivery.new;
        let mut members = Vec::with_capacity(group.len());
        for found in group {
            members.push(self.look_at(delivery, &found.name).await?);
        }
        let is_contested = self.settle_contests(delivery, &mut members).await?;
        let is_open =
            |member: &Member| matches!(member.judgement, Judgement::Store | Judgement::Finish);
        if !members.iter().any(is_open) {
            if is_contested {
                return Err(Trouble::Contested);
            }
            return self.nothing_to_store(delivery, &members).await;
        }
        members.retain(is_open);
        let tried = self.try_secret(new).await;
        let now = self.ports.clock.now();
        let is_replaced = members.iter().any(|member| {
            let written_at = member.current.as_ref().and_then(|it| it.written_at);
            new.event_time
                .zip(written_at)
                .is_some_and(|(issued, written)| written > issued)
        });
        let verdict = verdict(&tried, delivery.old_ends, is_replaced, now);
        if let (Verdict::Wait, Err(refusal)) = (verdict, &tried) {
            self.wait(delivery, &members, refusal).await?;
            return Err(Trouble::Waits(refusal.clone()));
        }
        let names: Vec<_> = members
            .iter()
            .map(|member| member.application.clone())
            .collect();
        let mut versions = Vec::with_capacity(members.len());
        for member in &members {
            versions.push(match &member.current {
                Some(current) if member.judgement == Judgement::Finish => {
                    (current.version.clone(), current.written_at.unwrap_or(now))
                }
                _ => (self.store(delivery, member).await?, now),
            });
        }
        for (member, (version, since)) in members.iter().zip(&versions) {
            let begun_at = delivery.begun_at(member, now);
            let tags = stored(new, version, *since, begun_at, &delivery.id);
            self.ports
                .vault
                .write_tags(&member.application, &tags)
                .await?;
        }
        let context = self.context(now);
        let notice = match &tried {
            Ok(()) => notices::secret_stored(context, &names, new, delivery.old_ends),
            Err(refusal) => {
                notices::secret_stored_unverified(context, &names, new, delivery.old_ends, refusal)
            }
        };
        self.publish(&notice).await?;
        for member in &members {
            self.finish(member, new, delivery.begun_at(member, now))
                .await?;
        }
        if is_contested {
            return Err(Trouble::Contested);
        }
        Ok(if tried.is_ok() {
            Outcome::Stored
        } else {
            Outcome::StoredUnverified
        })
    }

    /// Where somebody stored a value since, without dates, LWA is asked whether it works. Answers
    /// whether one [`stays`], of which people hear.
    async fn settle_contests(
        &self,
        delivery: &Delivery,
        members: &mut [Member],
    ) -> Result<bool, Trouble> {
        let new = &delivery.new;
        let mut is_contested = false;
        for member in members {
            let (Judgement::Contested, Some(current)) = (member.judgement, &member.current) else {
                continue;
            };
            let tried = self.try_value(&new.client_id, &current.value).await;
            if let Err(error) = &tried
                && !is_spreading(error.failure)
            {
                return Err(Trouble::Failed {
                    error: error.to_string(),
                    may_mend_itself: true,
                });
            }
            if stays(&tried, delivery.old_ends, self.ports.clock.now()) {
                is_contested = true;
                self.tell_of_contest(delivery, member).await?;
            } else {
                member.judgement = Judgement::Store;
            }
        }
        Ok(is_contested)
    }

    /// Once a day, like every secret that waits. The tag keeps no rotation off: another one is
    /// newer than both, and settles the matter.
    async fn tell_of_contest(&self, delivery: &Delivery, member: &Member) -> Result<(), Trouble> {
        let now = self.ports.clock.now();
        if !is_waiting_told(&member.tags, now) {
            return Ok(());
        }
        let names = [member.application.clone()];
        let (context, older_ends) = (self.context(now), delivery.old_ends);
        let notice =
            notices::secret_contested(context, &names, &delivery.new, member.since, older_ends);
        self.publish(&notice).await?;
        let tags = [(NEW_SECRET_PENDING, contested(now, &delivery.id, older_ends))];
        self.ports
            .vault
            .write_tags(&member.application, &tags)
            .await?;
        Ok(())
    }

    /// Reads what stands in one place, and judges it.
    async fn look_at(
        &self,
        delivery: &Delivery,
        application: &ApplicationName,
    ) -> Result<Member, Trouble> {
        let tags = RotationTags::from_map(&self.ports.vault.tags(application).await?);
        let read = self.ports.vault.read(application, &RefreshTokenOf::Nobody);
        let current = match read.await {
            Ok(credentials) => Some(credentials.client_secret),
            // An application without a secret is one that waits for its first.
            Err(VaultError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let since = match &current {
            Some(current) if is_stored_since(&delivery.new, current.written_at) => {
                self.ports
                    .vault
                    .value_unchanged_since(application, current)
                    .await?
            }
            _ => None,
        };
        let place = Place {
            version: current.as_ref().map(|current| current.version.clone()),
            holds_the_new_one: current
                .as_ref()
                .is_some_and(|current| is_same_secret(&current.value, &delivery.new.secret)),
            tags,
            since,
        };
        let judgement = judge(
            &delivery.new,
            &delivery.id,
            &place,
            self.settings.deployment.secret_lifetime_days,
            self.ports.clock.now(),
        );
        Ok(Member {
            application: application.clone(),
            tags: place.tags,
            judgement,
            current,
            since,
        })
    }

    async fn nothing_to_store(
        &self,
        delivery: &Delivery,
        members: &[Member],
    ) -> Result<Outcome, Trouble> {
        let new = &delivery.new;
        let stale = members.iter().filter_map(|member| match member.judgement {
            Judgement::Stale { stored } => Some((member.application.clone(), stored)),
            _ => None,
        });
        let (names, ends): (Vec<_>, Vec<_>) = stale.unzip();
        // Where it is stored in one place and stale in another, nothing is lost.
        let Some(ends) = ends
            .into_iter()
            .min()
            .filter(|_| names.len() == members.len())
        else {
            return Ok(Outcome::Duplicate);
        };
        let context = self.context(self.ports.clock.now());
        self.publish(&notices::secret_stale(context, &names, new, ends))
            .await?;
        for member in members {
            let is_of_this =
                |pending: &Pending| pending.notification == notification_key(&delivery.id);
            if member.tags.pending.as_ref().is_some_and(is_of_this) {
                let vault = &self.ports.vault;
                vault
                    .remove_tags(&member.application, &[NEW_SECRET_PENDING])
                    .await?;
            }
        }
        Ok(Outcome::Stale)
    }

    /// Asks LWA whether it knows the secret, with the scope that a rotation needs: whoever has
    /// rotated has it.
    async fn try_secret(&self, new: &NewSecret) -> Result<(), LwaError> {
        self.try_value(&new.client_id, &new.secret).await
    }

    async fn try_value(&self, client_id: &str, value: &SecretString) -> Result<(), LwaError> {
        let request = TokenRequest {
            client_id: client_id.to_owned(),
            client_secret: value.clone(),
            grant: Grant::ClientCredentials(Scope::CLIENT_SECRET_ROTATION),
        };
        self.ports
            .lwa
            .exchange(&request, LWA_TIMEOUT)
            .await
            .map(drop)
    }

    async fn store(&self, delivery: &Delivery, member: &Member) -> Result<SecretVersion, Trouble> {
        let new = &delivery.new;
        let stored = self
            .ports
            .vault
            .store(&member.application, &new.secret, &delivery.id)
            .await;
        match stored {
            Ok(version) => {
                tracing::info!(
                    application.name = member.application.as_str(),
                    secret.version = version.as_str(),
                    notification.id = delivery.id,
                    "stored a new client secret"
                );
                Ok(version)
            }
            Err(StoreError::Vault(error)) => Err(error.into()),
            Err(error @ StoreError::Unstorable { .. }) => Err(Trouble::Unstorable(
                vec![member.application.clone()],
                error.to_string(),
            )),
        }
    }

    /// Tells people, when it begins and daily, that a secret waits, and keeps others from being
    /// asked for. Neither is worth losing a try for.
    async fn wait(
        &self,
        delivery: &Delivery,
        members: &[Member],
        refusal: &LwaError,
    ) -> Result<(), Trouble> {
        let now = self.ports.clock.now();
        let untold: Vec<_> = members
            .iter()
            .filter(|member| is_waiting_told(&member.tags, now))
            .collect();
        if untold.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = members
            .iter()
            .map(|member| member.application.clone())
            .collect();
        let is_first = untold.iter().all(|member| member.tags.pending.is_none());
        let notice = notices::secret_waiting(
            self.context(now),
            &names,
            &delivery.new,
            delivery.old_ends,
            refusal,
            is_first,
        );
        self.publish(&notice).await?;
        for member in untold {
            let tags = [(NEW_SECRET_PENDING, pending(now, &delivery.id))];
            self.ports
                .vault
                .write_tags(&member.application, &tags)
                .await?;
        }
        Ok(())
    }

    /// Removes the tags of a rotation that is over. If that cannot be done, or not within half
    /// an hour `since` they were written, they are left: the secret is stored and people know,
    /// and every further try would tell them again.
    async fn finish(
        &self,
        member: &Member,
        new: &NewSecret,
        since: Timestamp,
    ) -> Result<(), Trouble> {
        let application = &member.application;
        let keys: &[&'static str] = if is_answer(new, &member.tags) {
            &[tag::ROTATION_REQUESTED_AT, NEW_SECRET_PENDING]
        } else {
            // What was requested since is still to come.
            &[NEW_SECRET_PENDING]
        };
        match self.ports.vault.remove_tags(application, keys).await {
            Err(error)
                if error.failure.is_transient()
                    && self.ports.clock.now().duration_since(since) < FINISH_WITHIN =>
            {
                Err(error.into())
            }
            Err(error) => {
                tracing::error!(
                    application.name = application.as_str(),
                    "the tags {} were left behind: {error}",
                    keys.join(" and ")
                );
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Gives a message back to the queue, to be tried again or, without hope, to be moved away.
    async fn trouble(
        &self,
        message: &QueueMessage,
        names: &[ApplicationName],
        delivery: Option<&Delivery>,
        trouble: Trouble,
    ) -> MessageReport {
        let (outcome, detail) = match trouble {
            Trouble::Unstorable(names, problem) => {
                return self
                    .reject(message, &Rejection::Unstorable(&names, &problem))
                    .await;
            }
            Trouble::Waits(refusal) => (Outcome::Waits, refusal.to_string()),
            Trouble::Contested => (
                Outcome::Waits,
                "somebody stored another value since, without its dates".to_owned(),
            ),
            Trouble::Failed {
                error,
                may_mend_itself,
            } => {
                if is_failure_told(message.receive_count(), may_mend_itself) {
                    let context = self.context(self.ports.clock.now());
                    let ends = delivery.map(|delivery| delivery.old_ends);
                    let notice = notices::secret_not_stored(context, names, ends, &error);
                    if let Err(error) = self.publish(&notice).await {
                        tracing::error!("people were not told that a secret waits: {error}");
                    }
                }
                (Outcome::Failed, error)
            }
        };
        if let Some(delay) = retry_after(message.receive_count()) {
            self.come_back(message, delay).await;
        }
        MessageReport::new(message, names, outcome).because(detail)
    }

    /// Puts a message that can never be handled on its way to the dead-letter queue, once
    /// people know of it.
    async fn reject(&self, message: &QueueMessage, rejection: &Rejection<'_>) -> MessageReport {
        let now = self.ports.clock.now();
        let id = &message.message_id;
        let notice = notices::message_rejected(self.context(now), rejection, id, true);
        let report = MessageReport::new(message, &[], Outcome::Rejected);
        match self.publish(&notice).await {
            Ok(()) => {
                self.hopeless.insert(id.clone(), now);
                self.come_back(message, Duration::ZERO).await;
                report.because(notice.opening())
            }
            Err(error) => {
                if let Some(delay) = retry_after(message.receive_count()) {
                    self.come_back(message, delay).await;
                }
                report.because(format!("people were not told: {error}"))
            }
        }
    }

    /// If it fails, the message comes back by itself, only later.
    async fn come_back(&self, message: &QueueMessage, delay: Duration) {
        if let Err(error) = self.ports.queue.set_visibility(message, delay).await {
            tracing::warn!(
                message.id = message.message_id,
                "the message comes back when the queue's visibility timeout has passed: {error}"
            );
        }
    }

    /// The applications with a client id.
    async fn with_client_id(&self, client_id: &str) -> Result<Vec<StoredApplication>, VaultError> {
        let cloned = |found: Vec<&StoredApplication>| found.into_iter().cloned().collect();
        let now = self.ports.clock.now();
        let known = {
            let seen = self
                .client_ids
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            seen.as_ref()
                .filter(|seen| seen.is_good_for(client_id, now))
                .map(|seen| cloned(seen.with(client_id)))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let seen = ClientIds::new(self.ports.vault.applications().await?, now);
        let found = cloned(seen.with(client_id));
        *self
            .client_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(found)
    }

    async fn publish(&self, notice: &Notice) -> Result<(), CallError> {
        let message = notice.render();
        let id = self.ports.notifier.publish(&message).await?;
        tracing::info!(
            message.id = id,
            message.kind = message.attributes.kind,
            message.severity = message.attributes.severity.as_str(),
            "told people"
        );
        Ok(())
    }

    fn context(&self, now: Timestamp) -> Context<'_> {
        Context {
            layout: &self.settings.deployment.layout,
            vault: self.settings.vault,
            region: self.settings.deployment.region.as_deref(),
            secret_lifetime_days: self.settings.deployment.secret_lifetime_days,
            runbook_url: self.settings.deployment.runbook_url.as_deref(),
            origin: "From secret-receiver, upon a notification from Amazon.",
            now,
        }
    }
}

fn parse(message: &QueueMessage) -> Result<Notification, Unusable> {
    message
        .body
        .as_ref()
        .ok_or(Unusable::Missing("body"))
        .and_then(Notification::parse)
}
