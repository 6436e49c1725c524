//! Doing what was decided: reminding people, or requesting a rotation.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::application::ApplicationName;
use lwa_core::audit::utc_date;
use lwa_core::deadline::Deadline;
use lwa_core::exchange::pause;
use lwa_core::lwa::{AccessToken, LwaError, TokenEndpoint, TokenRequest};
use lwa_core::notice::Notice;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::notices::{self, Context, Obstacle};
use lwa_core::rotation::request::{
    Answer, Decision, decide, decide_now, is_scheduled_reminder_day,
};
use lwa_core::secret::SecretRecord;
use lwa_core::sp_api::{Operation, SellingPartnerApi};
use lwa_core::tags;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};

use crate::report::{ApplicationReport, Outcome};
use crate::requester::RotationRequester;

/// Longest wait for one answer of LWA.
const LWA_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the answer to the request itself. It is not repeated, so it may take time.
const ROTATION_TIMEOUT: Duration = Duration::from_secs(20);

/// How long exchanges are tried in one invocation.
const EXCHANGE_FOR: Duration = Duration::from_secs(10);

/// How often a notice is given back without a notification when nothing could be requested for a
/// passing reason. Then people hear of it, and the schedule takes over.
const SILENT_TRIES: u32 = 2;

/// The last line of a notification that a message of the queue has caused.
pub(crate) const UPON_A_NOTICE: &str = "From rotation-requester, upon a notification from Amazon.";

/// The last line of a notification that the schedule has caused.
pub(crate) const BY_SCHEDULE: &str = "From rotation-requester's daily schedule.";

/// What a rotation is considered for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asker {
    /// A notice.
    Notice {
        /// How often it has been received.
        receive_count: u32,
        /// Whether its deadline was not known before.
        is_news: bool,
    },
    /// The schedule.
    Schedule,
    /// A person at a terminal.
    Person,
}

/// What came of it.
pub(crate) struct Acted {
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<String>,
    /// Whether it has to be tried again.
    pub(crate) again: bool,
}

impl Acted {
    pub(crate) const fn done(outcome: Outcome) -> Self {
        Self {
            outcome,
            detail: None,
            again: false,
        }
    }

    fn because(outcome: Outcome, detail: String) -> Self {
        Self {
            detail: Some(detail),
            ..Self::done(outcome)
        }
    }

    fn again(outcome: Outcome, detail: String) -> Self {
        Self {
            again: true,
            ..Self::because(outcome, detail)
        }
    }

    pub(crate) fn failed(error: &impl Display) -> Self {
        Self::again(Outcome::Failed, error.to_string())
    }

    pub(crate) fn report(self, records: &[SecretRecord], decision: &Decision) -> ApplicationReport {
        ApplicationReport {
            applications: names(records).iter().map(ToString::to_string).collect(),
            decision: decision.as_str(),
            deadline: decision.deadline().map(|deadline| deadline.at),
            outcome: if self.again {
                Outcome::Failed
            } else {
                self.outcome
            },
            detail: self.detail,
        }
    }
}

/// Why nothing was requested.
pub(crate) enum Hindrance {
    /// An operator has to act.
    Obstacle(Obstacle),
    /// It may pass: people hear of it after this many tries.
    Passing(String, u32),
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
    /// Does what was decided.
    pub(crate) async fn act(
        &self,
        records: &[SecretRecord],
        decision: &Decision,
        asker: Asker,
    ) -> Acted {
        let policy = &self.policy;
        let names = names(records);
        let context = self.context(asker);
        // An invocation may have died with this message before it published anything.
        let (is_notice, is_news, is_repeated) = match asker {
            Asker::Notice {
                receive_count,
                is_news,
            } => (true, is_news, receive_count > 1),
            Asker::Schedule | Asker::Person => (false, false, false),
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
            // A notice of a date that is known says nothing new: the schedule reminds of it.
            Decision::Remind(deadline)
                if is_news
                    || is_repeated
                    || (!is_notice && is_scheduled_reminder_day(deadline, policy, context.now)) =>
            {
                return self.remind(records, deadline, asker).await;
            }
            Decision::Request { deadline, .. } => {
                return self.request(records, *deadline, asker).await;
            }
            _ => return Acted::done(Outcome::Nothing),
        };
        self.publish(&notice, Acted::done(Outcome::Nothing)).await
    }

    /// Reminds people to rotate; once a day, where the schedule or the queue delivers twice.
    async fn remind(&self, records: &[SecretRecord], deadline: &Deadline, asker: Asker) -> Acted {
        let context = self.context(asker);
        let (names, now) = (names(records), context.now);
        let key = format!("{} {} {}", names[0], deadline.at, utc_date(now));
        if self.reminded.contains(&key, now) {
            return Acted::done(Outcome::Nothing);
        }
        let notice = notices::rotation_due(context, &names, deadline);
        let acted = self.publish(&notice, Acted::done(Outcome::Reminded)).await;
        if !acted.again {
            self.reminded.insert(key, now);
        }
        acted
    }

    /// Asks Amazon for a new secret.
    pub(crate) async fn request(
        &self,
        records: &[SecretRecord],
        deadline: Option<Deadline>,
        asker: Asker,
    ) -> Acted {
        let token = match self.token(records).await {
            Ok(token) => token,
            Err(hindrance) => {
                let names = names(records);
                return self.hindered(&names, deadline, asker, hindrance).await;
            }
        };
        // Another invocation may have asked while the token was fetched.
        let records = match self.shared.refreshed(records).await {
            Ok(records) => records,
            Err(error) => return Acted::failed(&error),
        };
        let requested_at = self.shared.clock.now();
        let decision = match asker {
            Asker::Person => decide_now(&records, deadline, requested_at),
            _ => decide(&records, &self.policy, requested_at),
        };
        let Decision::Request { unanswered, .. } = decision else {
            return Acted::done(Outcome::Nothing);
        };
        if let Err(error) = self.announce(&records, requested_at).await {
            // It may have been written all the same, and would block the next try for four days.
            self.withdraw(&records).await;
            return Acted::failed(&error);
        }
        let rotate = Operation::RotateApplicationClientSecret;
        let answer = self.sp_api.perform(rotate, &token, ROTATION_TIMEOUT);
        let answer = answer.await;
        let said = answer
            .as_ref()
            .err()
            .map(ToString::to_string)
            .unwrap_or_default();
        let names = names(&records);
        let known = deadline.as_ref();
        let context = self.context(asker);
        match Answer::of(&answer) {
            Answer::Accepted => {
                let notice =
                    notices::rotation_requested(context, &names, known, requested_at, unanswered);
                self.publish(&notice, Acted::done(Outcome::Requested)).await
            }
            Answer::Refused(cause) => {
                self.withdraw(&records).await;
                let hindrance = Hindrance::Obstacle(Obstacle::SpApi(cause, said));
                self.hindered(&names, deadline, asker, hindrance).await
            }
            Answer::NotDone => {
                self.withdraw(&records).await;
                let is_throttled = answer.is_err_and(|error| error.status.is_some());
                // One call a minute is allowed, so another try at once would be no use.
                let silent_tries = if is_throttled { 0 } else { SILENT_TRIES };
                let hindrance = Hindrance::Passing(said, silent_tries);
                self.hindered(&names, deadline, asker, hindrance).await
            }
            Answer::Unclear => {
                let notice = notices::rotation_unclear(context, &names, known, &said);
                let acted = Acted::because(Outcome::Unclear, said);
                self.publish(&notice, acted).await
            }
        }
    }

    /// Notifies people that nothing was requested, or gives a notice back without a notification.
    pub(crate) async fn hindered(
        &self,
        names: &[ApplicationName],
        deadline: Option<Deadline>,
        asker: Asker,
        hindrance: Hindrance,
    ) -> Acted {
        let (context, known) = (self.context(asker), deadline.as_ref());
        let (notice, acted) = match hindrance {
            Hindrance::Obstacle(obstacle) => {
                let notice = notices::rotation_refused(context, names, known, &obstacle);
                (notice, Acted::because(Outcome::Refused, obstacle.answer()))
            }
            Hindrance::Passing(cause, silent_tries) => {
                if let Asker::Notice { receive_count, .. } = asker
                    && receive_count <= silent_tries
                {
                    return Acted::again(Outcome::Postponed, cause);
                }
                let notice = notices::rotation_postponed(context, names, known, &cause);
                (notice, Acted::because(Outcome::Postponed, cause))
            }
        };
        self.publish(&notice, acted).await
    }

    /// A token to ask with, by a secret that is in use. Of several places one may hold the secret
    /// before, so each is tried.
    async fn token(&self, records: &[SecretRecord]) -> Result<AccessToken, Hindrance> {
        let mut hindrance = None;
        for record in records {
            match self.token_of(&record.application).await {
                Ok(token) => return Ok(token),
                Err(found) => hindrance = hindrance.or(Some(found)),
            }
        }
        Err(hindrance.unwrap_or_else(|| {
            Hindrance::Obstacle(Obstacle::Vault("no secret is stored".to_owned()))
        }))
    }

    async fn token_of(&self, application: &ApplicationName) -> Result<AccessToken, Hindrance> {
        let hindrance = |is_transient, said, obstacle: Obstacle| {
            if is_transient {
                Hindrance::Passing(said, SILENT_TRIES)
            } else {
                Hindrance::Obstacle(obstacle)
            }
        };
        let vault = &self.shared.vault;
        let read = vault.read(application, None).await;
        let credentials = read.map_err(|error| {
            let said = error.to_string();
            hindrance(error.is_transient(), said.clone(), Obstacle::Vault(said))
        })?;
        let secret = credentials.client_secret.value;
        let request = TokenRequest::for_rotation(credentials.client_id, secret);
        self.exchange(&request).await.map_err(|error| {
            let said = error.to_string();
            hindrance(error.is_transient(), said, Obstacle::Lwa(error))
        })
    }

    /// An exchange, repeated for a while as long as that may help.
    async fn exchange(&self, request: &TokenRequest) -> Result<AccessToken, LwaError> {
        let clock = &self.shared.clock;
        let began = clock.now();
        let mut attempts = 0;
        loop {
            let error = match self.lwa.exchange(request, LWA_TIMEOUT).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            attempts += 1;
            let spent = clock.now().duration_since(began);
            let left = EXCHANGE_FOR.saturating_sub(Duration::try_from(spent).unwrap_or_default());
            match pause(attempts, fastrand::f64(), error.retry_after, left) {
                Some(wait) if error.is_transient() => clock.sleep(wait).await,
                _ => return Err(error),
            }
        }
    }

    /// Writes down that a rotation is about to be requested.
    async fn announce(&self, records: &[SecretRecord], at: Timestamp) -> Result<(), CallError> {
        let tag = [tags::instant(tags::ROTATION_REQUESTED_AT, at)];
        for record in records {
            let vault = &self.shared.vault;
            vault.write_tags(&record.application, &tag).await?;
        }
        Ok(())
    }

    /// Takes it back, because nothing was requested. An earlier request that no secret has
    /// answered stays known: it may have begun the end of the stored secret. If taking back fails,
    /// the next request is a day late, which is no reason to fail.
    async fn withdraw(&self, records: &[SecretRecord]) {
        let vault = &self.shared.vault;
        let key = tags::ROTATION_REQUESTED_AT;
        for record in records {
            let name = &record.application;
            let withdrawn = match record.tags.rotation_requested_at {
                Some(earlier) => vault.write_tags(name, &[tags::instant(key, earlier)]).await,
                None => vault.remove_tags(name, &[key]).await,
            };
            if let Err(error) = withdrawn {
                tracing::warn!(
                    application.name = name.as_str(),
                    "the tag {key} was left behind, and nothing is requested for 4 days: {error}"
                );
            }
        }
    }

    /// Publishes what was done. If that fails, the whole is tried again: the second time it
    /// publishes and does nothing else.
    async fn publish(&self, notice: &Notice, acted: Acted) -> Acted {
        match self.shared.publish(notice).await {
            Ok(()) => acted,
            Err(error) => Acted::again(acted.outcome, error.to_string()),
        }
    }

    fn context(&self, asker: Asker) -> Context<'_> {
        let origin = match asker {
            Asker::Notice { .. } => UPON_A_NOTICE,
            Asker::Schedule => BY_SCHEDULE,
            Asker::Person => "From a rotation that a person asked for.",
        };
        self.shared.context(origin, self.shared.clock.now())
    }
}

pub(crate) fn names(records: &[SecretRecord]) -> Vec<ApplicationName> {
    records
        .iter()
        .map(|record| record.application.clone())
        .collect()
}
