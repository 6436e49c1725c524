//! rotation-requester: asks Amazon for a new client secret before the old one dies.
//!
//! It is woken by Amazon's notices of expiry, and daily by a schedule. A notice's deadline goes
//! into the tags of the client secret, and what is due is then decided from the tags alone, so
//! that a notice that is lost, early, late or doubled changes nothing. What to do is decided in
//! [`lwa_core::rotation::request`]; what is read, asked and told is here.
//!
//! The request is not idempotent. `lwa:rotation-requested-at` is therefore written before it,
//! removed when Amazon clearly refuses, and left when nobody knows: no other request is made
//! for 24 hours after it, whoever asks. Tags have no compare-and-set, so two invocations at the
//! very same time could still both ask; the deployed function runs one at a time.
//!
//! Before the schedule decides, it makes sure of the dates that it decides by: where a version is
//! stored that nobody has looked at, its value is compared with the one before, and dates of
//! another secret are removed ([`lwa_core::provenance`]).
//!
//! A message goes back to its queue only when its deadline could not be stored or people could
//! not be told. From then on the schedule sees to the rest. A message that can never be handled
//! goes back every time, until the queue moves it to its dead-letter queue; people are told
//! once by each execution environment that sees it.

mod report;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::application::{ApplicationName, Role};
use lwa_core::audit::utc_date;
use lwa_core::config::{ConfigError, Deployment, Lookup};
use lwa_core::deadline::{Deadline, SecretTags, tag};
use lwa_core::exchange::pause;
use lwa_core::lwa::{AccessToken, Grant, LwaError, Scope, TokenEndpoint, TokenRequest};
use lwa_core::memory::{HOPELESS_FOR, Memory};
use lwa_core::notice::Notice;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::provenance::{
    Look, Question, Value, correct, is_predecessor_wanted, is_predecessors, is_too_early, question,
};
use lwa_core::rotation::client_ids::ClientIds;
use lwa_core::rotation::notices::{self, Context, Obstacle, Rejection};
use lwa_core::rotation::notification::{Notification, SecretExpiry};
use lwa_core::rotation::queue::{Payload, QueueMessage, Trigger, is_failure_told};
use lwa_core::rotation::request::{
    Answer, Decision, Member, Policy, Reported, deadline, decide, decide_now,
    is_scheduled_reminder_day, reported, take,
};
use lwa_core::rotation::tags::{RotationTags, instant};
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};
use lwa_core::vault::{
    RefreshTokenOf, SecretVersion, StoredApplication, Vault, VaultError, VaultKind,
};

pub use crate::report::{
    ApplicationReport, MessageReport, Outcome, Report, RequesterError, ScheduleReport,
};

/// Longest wait for one answer of LWA.
const LWA_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the answer to the request itself. It is not repeated, so it may take time.
const ROTATION_TIMEOUT: Duration = Duration::from_secs(20);

/// How long exchanges are tried in one invocation.
const EXCHANGE_FOR: Duration = Duration::from_secs(10);

/// For how long in one run of the schedule values are looked at whose dates are not certain. The
/// first run after the deployment finds every one so, and nobody's rotation may wait for that:
/// those that are left have their turn in the next run.
const LOOK_FOR: SignedDuration = SignedDuration::from_secs(15);

/// How often a notice is given back without a word when nothing could be requested for a
/// passing reason. Then people are told, and the schedule takes over.
const SILENT_TRIES: u32 = 2;

/// What the requester is told by its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// Where credentials live.
    pub vault: VaultKind,
    /// When rotations are requested.
    pub policy: Policy,
    /// The LWA token endpoint.
    pub token_url: String,
    /// The base URL of SP-API.
    pub sp_api_endpoint: String,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        let deployment = Deployment::from_lookup(lookup)?;
        let secret_lifetime_days = deployment.secret_lifetime_days;
        Ok(Self {
            deployment,
            vault: VaultKind::from_lookup(lookup)?,
            policy: Policy::from_lookup(lookup, secret_lifetime_days)?,
            token_url: lookup.token_url()?,
            sp_api_endpoint: lookup.sp_api_endpoint()?,
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
    settings: Settings,
    ports: Ports<A, T, S, N, C, M>,
    client_ids: Mutex<Option<ClientIds>>,
    rejected: Memory,
    reminded: Memory,
}

/// A rotation that somebody asks for, before it is done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The client id whose secret is rotated.
    pub client_id: String,
    /// Everywhere the secret is stored.
    pub members: Vec<Member>,
    /// What would be done: request, or nothing because a rotation is under way.
    pub decision: Decision,
}

/// How far a rotation has come, as the tags tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Asked for, and nothing has arrived.
    Requested,
    /// The new secret has arrived and waits until LWA accepts it.
    Arrived,
    /// The new secret is stored everywhere.
    Stored {
        /// Its deadline.
        expires_at: Timestamp,
    },
    /// Nothing is under way.
    Nothing,
}

/// Who wants to know.
#[derive(Debug, Clone, Copy)]
enum Asker {
    /// A notice.
    Notice {
        /// How often it has been received.
        receive_count: u32,
        /// Whether its deadline was not known before.
        is_news: bool,
    },
    /// The schedule.
    Schedule,
    /// Somebody at a terminal.
    Person,
}

/// One run of the schedule.
struct Run {
    /// Whether nothing is written, asked or told.
    dry_run: bool,
    /// How long values may still be looked at whose dates are not certain.
    looks: SignedDuration,
}

/// What came of it.
struct Acted {
    outcome: Outcome,
    detail: Option<String>,
    /// Whether it has to be tried again.
    again: bool,
}

impl Acted {
    const fn done(outcome: Outcome) -> Self {
        Self {
            outcome,
            detail: None,
            again: false,
        }
    }

    const fn because(outcome: Outcome, detail: String) -> Self {
        Self {
            outcome,
            detail: Some(detail),
            again: false,
        }
    }

    fn failed(error: &dyn std::fmt::Display) -> Self {
        Self {
            outcome: Outcome::Failed,
            detail: Some(error.to_string()),
            again: true,
        }
    }
}

/// Why there is no token to ask with.
enum NoToken {
    /// Somebody has to act.
    Obstacle(Obstacle),
    /// It may pass.
    Later(String),
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
        Self {
            settings,
            ports,
            client_ids: Mutex::new(None),
            rejected: Memory::new(HOPELESS_FOR),
            reminded: Memory::new(SignedDuration::from_hours(24)),
        }
    }

    /// Handles one invocation: messages of the queue, or the schedule.
    pub async fn handle(&self, payload: Payload) -> Result<Report, RequesterError> {
        let report = match payload.parse()? {
            Trigger::Messages(messages) => Report::Messages(self.messages(&messages).await),
            Trigger::Schedule { dry_run } => Report::Schedule(self.schedule(dry_run).await?),
        };
        let now = self.ports.clock.now();
        if let Some(metrics) = report.metrics(&self.settings.deployment.metrics_namespace) {
            self.ports.metrics.record(&metrics, now);
        }
        report.check()
    }

    /// What a rotation of an application would do, whatever its deadline.
    pub async fn plan(&self, application: &ApplicationName) -> Result<Plan, RequesterError> {
        let stored = self.ports.vault.applications().await?;
        let Some(found) = stored.iter().find(|found| found.name == *application) else {
            return Err(RequesterError::UnknownApplication {
                application: application.to_string(),
                known: stored.iter().map(|found| found.name.to_string()).collect(),
            });
        };
        let Some(client_id) = found.client_id.clone() else {
            return Err(VaultError::Missing {
                names: vec![self.place(application, &Role::ClientId)],
            }
            .into());
        };
        let group: Vec<_> = stored
            .iter()
            .filter(|other| other.client_id.as_ref() == Some(&client_id))
            .collect();
        let members = self.members(&group).await?;
        let now = self.ports.clock.now();
        let known = deadline(&members, self.settings.policy.secret_lifetime_days, now);
        let decision = decide_now(&members, known, now);
        Ok(Plan {
            client_id,
            members,
            decision,
        })
    }

    /// Does what a plan says, if it still holds, and tells people.
    pub async fn rotate(&self, plan: &Plan) -> ApplicationReport {
        let acted = match plan.decision {
            Decision::Request { deadline, .. } => {
                self.request(&plan.members, deadline, Asker::Person).await
            }
            _ => Acted::done(Outcome::Nothing),
        };
        report_of(&plan.members, &plan.decision, acted)
    }

    /// How far a planned rotation has come.
    pub async fn progress(&self, plan: &Plan) -> Result<Progress, CallError> {
        let now = self.members_again(&plan.members).await?;
        if now.iter().any(|member| member.tags.pending.is_some()) {
            return Ok(Progress::Arrived);
        }
        if now
            .iter()
            .any(|member| member.tags.secret.rotation_requested_at.is_some())
        {
            return Ok(Progress::Requested);
        }
        let renewed = now.iter().zip(&plan.members).all(|(now, before)| {
            let (now, before) = (&now.tags.secret, &before.tags.secret);
            now.expires_at.is_some()
                && (now.expires_at, now.issued_at) != (before.expires_at, before.issued_at)
        });
        let expires_at = now
            .iter()
            .filter_map(|member| member.tags.secret.expires_at)
            .min();
        Ok(match expires_at {
            Some(expires_at) if renewed => Progress::Stored { expires_at },
            _ => Progress::Nothing,
        })
    }

    async fn messages(&self, messages: &[QueueMessage]) -> Vec<MessageReport> {
        let mut reports = Vec::with_capacity(messages.len());
        for message in messages {
            let report = self.message(message).await;
            tracing::info!(
                message.id = report.message_id,
                message.returned = report.returned,
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
        reports
    }

    async fn message(&self, message: &QueueMessage) -> MessageReport {
        let id = &message.message_id;
        let expiry = match message.body.as_ref().map(Notification::parse) {
            Some(Ok(Notification::SecretExpiry(expiry))) => expiry,
            Some(Ok(Notification::NewSecret(new))) => {
                let rejection = Rejection::NewSecretInWrongQueue(&new);
                return self.reject(id, &rejection).await;
            }
            Some(Err(problem)) => return self.reject(id, &Rejection::Unusable(&problem)).await,
            None => {
                let problem = lwa_core::rotation::notification::Unusable::Missing("body");
                return self.reject(id, &Rejection::Unusable(&problem)).await;
            }
        };
        let group = match self.with_client_id(&expiry.client_id).await {
            Ok(group) => group,
            Err(error) => return self.vault_failed(message, &error).await,
        };
        if group.is_empty() {
            let rejection = Rejection::UnknownClientId(&expiry.client_id);
            return self.reject(id, &rejection).await;
        }
        let group: Vec<&StoredApplication> = group.iter().collect();
        let members = match self.members(&group).await {
            Ok(members) => members,
            Err(error) => return self.vault_failed(message, &error.into()).await,
        };
        let acted = self.expiry(message, &expiry, members).await;
        MessageReport {
            message_id: id.clone(),
            applications: group.iter().map(|found| found.name.to_string()).collect(),
            outcome: acted.outcome,
            detail: acted.detail,
            returned: acted.again,
        }
    }

    /// Stores the deadline of a notice, and acts on what is then known.
    async fn expiry(
        &self,
        message: &QueueMessage,
        expiry: &SecretExpiry,
        mut members: Vec<Member>,
    ) -> Acted {
        let policy = &self.settings.policy;
        let now = self.ports.clock.now();
        let (mut is_news, mut is_outdated) = (false, true);
        for member in &mut members {
            let reported = reported(expiry, member, policy, now);
            is_outdated &= reported == Reported::Outdated;
            if reported != Reported::New {
                continue;
            }
            is_news = true;
            let tags = take(expiry, member);
            if let Err(error) = self
                .ports
                .vault
                .write_tags(&member.application, &tags)
                .await
            {
                return Acted::failed(&error);
            }
        }
        if is_outdated {
            return Acted::done(Outcome::Outdated);
        }
        let decision = decide(&members, policy, now);
        let asker = Asker::Notice {
            receive_count: message.receive_count(),
            is_news,
        };
        self.act(&members, &decision, asker).await
    }

    async fn schedule(&self, dry_run: bool) -> Result<ScheduleReport, RequesterError> {
        let stored = self.ports.vault.applications().await?;
        let now = self.ports.clock.now();
        let estate = ClientIds::new(stored.clone(), now);
        let (groups, missing) = estate.groups();
        let mut run = Run {
            dry_run,
            looks: LOOK_FOR,
        };
        let mut reports = Vec::new();
        for group in groups {
            reports.push(self.scheduled(&group, &mut run, None).await);
        }
        for name in missing {
            let group: Vec<_> = stored.iter().filter(|found| found.name == *name).collect();
            let problem = format!("{} is missing", self.place(name, &Role::ClientId));
            reports.push(self.scheduled(&group, &mut run, Some(problem)).await);
        }
        for report in &reports {
            tracing::info!(
                decision = report.decision,
                outcome = report.outcome.as_str(),
                detail = report.detail,
                dry_run,
                "looked at {}",
                report.applications.join(", ")
            );
        }
        if !dry_run {
            *self
                .client_ids
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(estate);
        }
        Ok(ScheduleReport {
            dry_run,
            applications: reports,
        })
    }

    async fn scheduled(
        &self,
        group: &[&StoredApplication],
        run: &mut Run,
        problem: Option<String>,
    ) -> ApplicationReport {
        let mut members = match self.members(group).await {
            Ok(members) => members,
            Err(error) => {
                return ApplicationReport {
                    applications: group.iter().map(|found| found.name.to_string()).collect(),
                    decision: "unknown",
                    deadline: None,
                    outcome: Outcome::Failed,
                    detail: Some(error.to_string()),
                };
            }
        };
        for member in &mut members {
            if run.dry_run || run.looks <= SignedDuration::ZERO {
                break;
            }
            let began = self.ports.clock.now();
            if let Err(error) = self.look_whose_dates(member).await {
                tracing::warn!(
                    application.name = member.application.as_str(),
                    "the deadline may be an estimate, because the stored value could not be \
                     compared with the one before it: {error}"
                );
            }
            run.looks -= self.ports.clock.now().duration_since(began);
        }
        let decision = decide(&members, &self.settings.policy, self.ports.clock.now());
        let acted = match (&decision, problem) {
            (Decision::Request { .. } | Decision::Remind(_), _) if run.dry_run => {
                Acted::done(Outcome::DryRun)
            }
            _ if run.dry_run => Acted::done(Outcome::Nothing),
            (Decision::Request { deadline, .. }, Some(problem)) => {
                let obstacle = Obstacle::Vault(problem);
                self.refused(&members, *deadline, Asker::Schedule, &obstacle)
                    .await
            }
            _ => self.act(&members, &decision, Asker::Schedule).await,
        };
        report_of(&members, &decision, acted)
    }

    /// Finds out whether the dates in the tags are those of the stored value, where a version is
    /// stored that nobody has looked at, and corrects the tags. Usually there is nothing to find
    /// out, and nothing is read.
    async fn look_whose_dates(&self, member: &mut Member) -> Result<(), VaultError> {
        let vault = &self.ports.vault;
        let (name, tags) = (&member.application, &member.tags.secret);
        let Some(version) = &member.version else {
            return Ok(());
        };
        let look = match question(tags, version) {
            Question::None => return Ok(()),
            Question::Date => Look {
                value: Value::Same,
                since: None,
                is_date_inherited: false,
            },
            Question::Value => match self.look(name, tags, version).await? {
                Some(look) => look,
                // It is not kept any more, so others are; the next run looks at the last of them.
                None => return Ok(()),
            },
        };
        let lifetime_days = self.settings.policy.secret_lifetime_days;
        let now = self.ports.clock.now();
        if is_too_early(tags, &look, lifetime_days, now) {
            return Ok(());
        }
        // Somebody may have stored and dated another secret meanwhile.
        if RotationTags::from_map(&vault.tags(name).await?) != member.tags {
            return Ok(());
        }
        let correction = correct(tags, version, &look, lifetime_days);
        if !correction.removed.is_empty() {
            vault.remove_tags(name, &correction.removed).await?;
        }
        vault.write_tags(name, &correction.written).await?;
        if correction.is_replaced {
            tracing::warn!(
                application.name = name.as_str(),
                secret.version = version.as_str(),
                "somebody stored another client secret without its dates"
            );
        }
        member.tags = RotationTags::from_map(&vault.tags(name).await?);
        Ok(())
    }

    /// Looks at the value of a version, and at those before it as far as they matter; none where
    /// the version is not kept any more.
    async fn look(
        &self,
        name: &ApplicationName,
        tags: &SecretTags,
        version: &SecretVersion,
    ) -> Result<Option<Look>, VaultError> {
        let vault = &self.ports.vault;
        let Some(current) = vault.read_version(name, version).await? else {
            return Ok(None);
        };
        let value = match &tags.provenance {
            None => Value::New,
            Some(known) => match vault.read_version(name, &known.version()).await? {
                None => Value::Untold,
                Some(before) if before.has_same_value(&current) => Value::Same,
                Some(_) => Value::Another,
            },
        };
        let mut look = Look {
            value,
            since: None,
            is_date_inherited: false,
        };
        if matches!(value, Value::New | Value::Another) {
            let lifetime_days = self.settings.policy.secret_lifetime_days;
            look.since = vault.value_unchanged_since(name, &current).await?;
            if let Some(since) = look.since
                && is_predecessor_wanted(tags, value, since, lifetime_days)
            {
                let before = vault.read_previous_secret(name, &current).await?;
                look.is_date_inherited = before
                    .is_some_and(|before| is_predecessors(tags, before.written_at, lifetime_days));
            }
        }
        if value == Value::Another {
            look.since = look.since.or(current.written_at);
        }
        Ok(Some(look))
    }

    /// Does what was decided.
    async fn act(&self, members: &[Member], decision: &Decision, asker: Asker) -> Acted {
        let policy = &self.settings.policy;
        let now = self.ports.clock.now();
        let names = names(members);
        let context = self.context(asker, now);
        // A message that comes again may have died before it told anybody.
        let (is_news, is_repeated) = match asker {
            Asker::Notice {
                receive_count,
                is_news,
            } => (is_news, receive_count > 1),
            Asker::Schedule | Asker::Person => (false, false),
        };
        let notice = match decision {
            Decision::NotDue(deadline) if is_news || is_repeated => notices::expiry_reported(
                context,
                &names,
                deadline,
                policy.rotate_within_days,
                policy.auto_rotate,
            ),
            Decision::AlreadyRequested { deadline, at } if is_repeated => {
                notices::rotation_requested(context, &names, deadline.as_ref(), *at, None)
            }
            Decision::Remind(deadline) => {
                // A notice of a date that is known says nothing new: the schedule reminds of it.
                let is_due = match asker {
                    Asker::Notice { .. } => is_news || is_repeated,
                    Asker::Schedule | Asker::Person => {
                        is_scheduled_reminder_day(deadline, policy, now)
                    }
                };
                return if is_due {
                    self.remind(members, deadline, asker).await
                } else {
                    Acted::done(Outcome::Nothing)
                };
            }
            Decision::Request { deadline, .. } => {
                return self.request(members, *deadline, asker).await;
            }
            _ => return Acted::done(Outcome::Nothing),
        };
        self.told(&notice, Acted::done(Outcome::Nothing)).await
    }

    /// Tells people to rotate; once a day, where the schedule or the queue delivers twice.
    async fn remind(&self, members: &[Member], deadline: &Deadline, asker: Asker) -> Acted {
        let now = self.ports.clock.now();
        let names = names(members);
        let key = format!("{} {} {}", names[0], deadline.at, utc_date(now));
        if self.reminded.contains(&key, now) {
            return Acted::done(Outcome::Nothing);
        }
        let notice = notices::rotation_due(self.context(asker, now), &names, deadline);
        let acted = self.told(&notice, Acted::done(Outcome::Reminded)).await;
        if !acted.again {
            self.reminded.insert(key, now);
        }
        acted
    }

    /// Asks Amazon for a new secret.
    async fn request(&self, members: &[Member], deadline: Option<Deadline>, asker: Asker) -> Acted {
        let token = match self.token(&members[0].application).await {
            Ok(token) => token,
            Err(NoToken::Obstacle(obstacle)) => {
                return self.refused(members, deadline, asker, &obstacle).await;
            }
            Err(NoToken::Later(cause)) => {
                return self
                    .postponed(members, deadline, asker, cause, SILENT_TRIES)
                    .await;
            }
        };
        // Somebody else may have asked while the token was fetched.
        let members = match self.members_again(members).await {
            Ok(members) => members,
            Err(error) => return Acted::failed(&error),
        };
        let requested_at = self.ports.clock.now();
        let Decision::Request { unanswered, .. } = decide_now(&members, deadline, requested_at)
        else {
            return Acted::done(Outcome::Nothing);
        };
        if let Err(error) = self.announce(&members, requested_at).await {
            // It may have been written all the same, and would block the next try for a day.
            self.withdraw(&members).await;
            return Acted::failed(&error);
        }
        let answer = self
            .ports
            .sp_api
            .rotate_client_secret(&token, ROTATION_TIMEOUT)
            .await;
        let said = answer
            .as_ref()
            .err()
            .map(ToString::to_string)
            .unwrap_or_default();
        let names = names(&members);
        let context = self.context(asker, self.ports.clock.now());
        match Answer::of(&answer) {
            Answer::Accepted => {
                let notice = notices::rotation_requested(
                    context,
                    &names,
                    deadline.as_ref(),
                    requested_at,
                    unanswered,
                );
                self.told(&notice, Acted::done(Outcome::Requested)).await
            }
            Answer::Refused(cause) => {
                self.withdraw(&members).await;
                let obstacle = Obstacle::SpApi(cause, said);
                self.refused(&members, deadline, asker, &obstacle).await
            }
            Answer::NotDone => {
                self.withdraw(&members).await;
                let is_throttled = answer.is_err_and(|error| error.status.is_some());
                // One call a minute is allowed, so coming back at once would be no use.
                let silent_tries = if is_throttled { 0 } else { SILENT_TRIES };
                self.postponed(&members, deadline, asker, said, silent_tries)
                    .await
            }
            Answer::Unclear => {
                let notice = notices::rotation_unclear(context, &names, deadline.as_ref(), &said);
                self.told(&notice, Acted::because(Outcome::Unclear, said))
                    .await
            }
        }
    }

    async fn refused(
        &self,
        members: &[Member],
        deadline: Option<Deadline>,
        asker: Asker,
        obstacle: &Obstacle,
    ) -> Acted {
        let context = self.context(asker, self.ports.clock.now());
        let notice =
            notices::rotation_refused(context, &names(members), deadline.as_ref(), obstacle);
        let said = match obstacle {
            Obstacle::SpApi(_, said) | Obstacle::Vault(said) => said.clone(),
            Obstacle::Lwa(error) => error.to_string(),
        };
        self.told(&notice, Acted::because(Outcome::Refused, said))
            .await
    }

    async fn postponed(
        &self,
        members: &[Member],
        deadline: Option<Deadline>,
        asker: Asker,
        cause: String,
        silent_tries: u32,
    ) -> Acted {
        if let Asker::Notice { receive_count, .. } = asker
            && receive_count <= silent_tries
        {
            return Acted {
                outcome: Outcome::Postponed,
                detail: Some(cause),
                again: true,
            };
        }
        let context = self.context(asker, self.ports.clock.now());
        let notice =
            notices::rotation_postponed(context, &names(members), deadline.as_ref(), &cause);
        self.told(&notice, Acted::because(Outcome::Postponed, cause))
            .await
    }

    /// A token to ask with, by the secret that is in use.
    async fn token(&self, application: &ApplicationName) -> Result<AccessToken, NoToken> {
        let read = self.ports.vault.read(application, &RefreshTokenOf::Nobody);
        let credentials = read.await.map_err(|error| {
            if error.is_transient() {
                NoToken::Later(error.to_string())
            } else {
                NoToken::Obstacle(Obstacle::Vault(error.to_string()))
            }
        })?;
        let request = TokenRequest {
            client_id: credentials.client_id,
            client_secret: credentials.client_secret.value,
            grant: Grant::ClientCredentials(Scope::CLIENT_SECRET_ROTATION),
        };
        self.exchange(&request).await.map_err(|error| {
            if error.is_transient() {
                NoToken::Later(error.to_string())
            } else {
                NoToken::Obstacle(Obstacle::Lwa(error))
            }
        })
    }

    /// An exchange, repeated for a while as long as that may help.
    async fn exchange(&self, request: &TokenRequest) -> Result<AccessToken, LwaError> {
        let began = self.ports.clock.now();
        let mut attempts = 0;
        loop {
            let error = match self.ports.lwa.exchange(request, LWA_TIMEOUT).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            attempts += 1;
            let spent = self.ports.clock.now().duration_since(began);
            let left = EXCHANGE_FOR.saturating_sub(Duration::try_from(spent).unwrap_or_default());
            let wait = pause(attempts, fastrand::f64(), error.retry_after, left);
            match wait {
                Some(wait) if error.is_transient() => self.ports.clock.sleep(wait).await,
                _ => return Err(error),
            }
        }
    }

    /// Writes down that a rotation is about to be requested.
    async fn announce(&self, members: &[Member], at: Timestamp) -> Result<(), CallError> {
        for member in members {
            let tags = [(tag::ROTATION_REQUESTED_AT, instant(at))];
            self.ports
                .vault
                .write_tags(&member.application, &tags)
                .await?;
        }
        Ok(())
    }

    /// Takes it back, because nothing was requested. An earlier request that nothing came of
    /// stays known: it may have begun the end of the stored secret. If taking back fails, the
    /// next request is a day late, which is nothing to fail for.
    async fn withdraw(&self, members: &[Member]) {
        let vault = &self.ports.vault;
        for member in members {
            let name = &member.application;
            let key = tag::ROTATION_REQUESTED_AT;
            let withdrawn = match member.tags.secret.rotation_requested_at {
                Some(earlier) => vault.write_tags(name, &[(key, instant(earlier))]).await,
                None => vault.remove_tags(name, &[key]).await,
            };
            if let Err(error) = withdrawn {
                tracing::warn!(
                    application.name = name.as_str(),
                    "the tag {key} was left behind, and nothing is requested for 24 hours: {error}"
                );
            }
        }
    }

    /// Puts a message that can never be handled on its way to the dead-letter queue.
    async fn reject(&self, id: &str, rejection: &Rejection<'_>) -> MessageReport {
        let now = self.ports.clock.now();
        let mut detail = None;
        if !self.rejected.contains(id, now) {
            let asker = Asker::Notice {
                receive_count: 1,
                is_news: false,
            };
            let notice = notices::message_rejected(self.context(asker, now), rejection, id, false);
            match self.publish(&notice).await {
                Ok(()) => self.rejected.insert(id.to_owned(), now),
                Err(error) => detail = Some(error.to_string()),
            }
        }
        MessageReport {
            message_id: id.to_owned(),
            applications: Vec::new(),
            outcome: Outcome::Rejected,
            detail,
            returned: true,
        }
    }

    /// Gives a message back because the vault cannot be reached.
    async fn vault_failed(&self, message: &QueueMessage, error: &VaultError) -> MessageReport {
        if is_failure_told(message.receive_count(), error.is_transient()) {
            let asker = Asker::Notice {
                receive_count: message.receive_count(),
                is_news: false,
            };
            let context = self.context(asker, self.ports.clock.now());
            let notice = notices::rotation_postponed(context, &[], None, &error.to_string());
            if let Err(error) = self.publish(&notice).await {
                tracing::error!("people were not told that a notice waits: {error}");
            }
        }
        MessageReport {
            message_id: message.message_id.clone(),
            applications: Vec::new(),
            outcome: Outcome::Failed,
            detail: Some(error.to_string()),
            returned: true,
        }
    }

    /// The applications with a client id.
    async fn with_client_id(&self, client_id: &str) -> Result<Vec<StoredApplication>, VaultError> {
        let now = self.ports.clock.now();
        let known = {
            let seen = self
                .client_ids
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            seen.as_ref()
                .filter(|seen| seen.is_good_for(client_id, now))
                .map(|seen| cloned(&seen.with(client_id)))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let seen = ClientIds::new(self.ports.vault.applications().await?, now);
        let found = cloned(&seen.with(client_id));
        *self
            .client_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(found)
    }

    async fn members(&self, group: &[&StoredApplication]) -> Result<Vec<Member>, CallError> {
        let mut members = Vec::with_capacity(group.len());
        for stored in group {
            let tags = self.ports.vault.tags(&stored.name).await?;
            members.push(Member {
                application: stored.name.clone(),
                tags: RotationTags::from_map(&tags),
                version: stored.version.clone(),
                written_at: stored.written_at,
            });
        }
        Ok(members)
    }

    async fn members_again(&self, members: &[Member]) -> Result<Vec<Member>, CallError> {
        let mut again = Vec::with_capacity(members.len());
        for member in members {
            let tags = self.ports.vault.tags(&member.application).await?;
            again.push(Member {
                tags: RotationTags::from_map(&tags),
                ..member.clone()
            });
        }
        Ok(again)
    }

    /// Tells people. If that fails, what was done has to be gone through once more: the second
    /// time it tells them and does nothing else.
    async fn told(&self, notice: &Notice, acted: Acted) -> Acted {
        match self.publish(notice).await {
            Ok(()) => acted,
            Err(error) => Acted {
                outcome: acted.outcome,
                detail: Some(error.to_string()),
                again: true,
            },
        }
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

    fn context(&self, asker: Asker, now: Timestamp) -> Context<'_> {
        Context {
            layout: &self.settings.deployment.layout,
            vault: self.settings.vault,
            region: self.settings.deployment.region.as_deref(),
            secret_lifetime_days: self.settings.policy.secret_lifetime_days,
            runbook_url: self.settings.deployment.runbook_url.as_deref(),
            origin: match asker {
                Asker::Notice { .. } => "From rotation-requester, upon a notification from Amazon.",
                Asker::Schedule => "From rotation-requester's daily schedule.",
                Asker::Person => "From a rotation that somebody asked for.",
            },
            now,
        }
    }

    fn place(&self, application: &ApplicationName, role: &Role) -> String {
        self.settings
            .vault
            .place(&self.settings.deployment.layout, application, role)
    }
}

fn names(members: &[Member]) -> Vec<ApplicationName> {
    members
        .iter()
        .map(|member| member.application.clone())
        .collect()
}

fn cloned(found: &[&StoredApplication]) -> Vec<StoredApplication> {
    found.iter().map(|&found| found.clone()).collect()
}

fn report_of(members: &[Member], decision: &Decision, acted: Acted) -> ApplicationReport {
    ApplicationReport {
        applications: members
            .iter()
            .map(|member| member.application.to_string())
            .collect(),
        decision: decision.as_str(),
        deadline: decision.deadline().map(|deadline| deadline.at),
        outcome: if acted.again {
            Outcome::Failed
        } else {
            acted.outcome
        },
        detail: acted.detail,
    }
}
