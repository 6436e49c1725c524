//! Doing what was decided: reminding people, or requesting a rotation.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::application::ApplicationName;
use lwa_core::deadline::Deadline;
use lwa_core::exchange::pause;
use lwa_core::lwa::{AccessToken, LwaError, TokenEndpoint, TokenRequest};
use lwa_core::notice::Notice;
use lwa_core::outlook::{Need, Outlook, last_reminded};
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::notices::{self, Context, Obstacle};
use lwa_core::rotation::request::{Answer, Decision, decide, decide_now};
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
/// passing reason. Then the schedule takes over, and people hear of it if the rotation is late.
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
        match decision {
            Decision::Remind(deadline) => self.remind(records, deadline, asker).await,
            Decision::Request { deadline, .. } => self.request(records, *deadline, asker).await,
            _ => Acted::done(Outcome::Nothing),
        }
    }

    /// Reminds people to rotate, unless another function did today.
    async fn remind(&self, records: &[SecretRecord], deadline: &Deadline, asker: Asker) -> Acted {
        let context = self.context(asker);
        let outlook = Outlook::new(records, &context.policy, context.now);
        let Some(need) = outlook.need() else {
            return Acted::done(Outcome::Nothing);
        };
        let notice = notices::rotation_due(context, &names(records), deadline, need.severity);
        let reminded = Acted::done(Outcome::Reminded);
        self.tell(records, &notice, &need, reminded).await
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
                return self.hindered(records, deadline, asker, hindrance).await;
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
            _ => decide(&records, self.policy(), requested_at),
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
        match Answer::of(&answer) {
            Answer::Accepted => match unanswered {
                None => Acted::done(Outcome::Requested),
                Some(earlier) => {
                    self.tell_again(&records, deadline, requested_at, earlier, asker)
                        .await
                }
            },
            Answer::Refused(cause) => {
                self.withdraw(&records).await;
                let hindrance = Hindrance::Obstacle(Obstacle::SpApi(cause, said));
                self.hindered(&records, deadline, asker, hindrance).await
            }
            Answer::NotDone => {
                self.withdraw(&records).await;
                let is_throttled = answer.is_err_and(|error| error.status.is_some());
                // One call a minute is allowed, so another try at once would be no use.
                let silent_tries = if is_throttled { 0 } else { SILENT_TRIES };
                let hindrance = Hindrance::Passing(said, silent_tries);
                self.hindered(&records, deadline, asker, hindrance).await
            }
            // If no secret comes, the audit says so after a day.
            Answer::Unclear => Acted::because(Outcome::Unclear, said),
        }
    }

    /// Tells people that Amazon was asked a second time.
    async fn tell_again(
        &self,
        records: &[SecretRecord],
        deadline: Option<Deadline>,
        requested_at: Timestamp,
        earlier: Timestamp,
        asker: Asker,
    ) -> Acted {
        let (context, names) = (self.context(asker), names(records));
        let known = deadline.as_ref();
        let notice =
            notices::rotation_requested_again(context, &names, known, requested_at, earlier);
        let need = Need {
            what: "requested-again",
            severity: notice.severity,
            deadline,
        };
        let requested = Acted::done(Outcome::Requested);
        self.tell(records, &notice, &need, requested).await
    }

    /// Tells people that nothing was requested and they have to act, or gives a notice back. What
    /// may pass by itself is tried again every day, and told once the rotation is late.
    pub(crate) async fn hindered(
        &self,
        records: &[SecretRecord],
        deadline: Option<Deadline>,
        asker: Asker,
        hindrance: Hindrance,
    ) -> Acted {
        let (context, known) = (self.context(asker), deadline.as_ref());
        let names = names(records);
        let (what, notice, acted) = match hindrance {
            Hindrance::Obstacle(obstacle) => {
                let notice = notices::rotation_refused(context, &names, known, &obstacle);
                let acted = Acted::because(Outcome::Refused, obstacle.answer());
                ("refused", notice, acted)
            }
            Hindrance::Passing(cause, silent_tries) => {
                if let Asker::Notice { receive_count, .. } = asker
                    && receive_count <= silent_tries
                {
                    return Acted::again(Outcome::Postponed, cause);
                }
                let outlook = Outlook::new(records, &context.policy, context.now);
                let notice = notices::rotation_postponed(context, &names, known, &cause);
                let acted = Acted::because(Outcome::Postponed, cause);
                if outlook.need().is_none() {
                    return acted;
                }
                ("postponed", notice, acted)
            }
        };
        let need = Need {
            what,
            severity: notice.severity,
            deadline,
        };
        self.tell(records, &notice, &need, acted).await
    }

    /// Publishes what people have to do, if that is due, and notes it.
    async fn tell(
        &self,
        records: &[SecretRecord],
        notice: &Notice,
        need: &Need,
        acted: Acted,
    ) -> Acted {
        let now = self.shared.clock.now();
        if !need.is_due(last_reminded(records), &self.reminder_days, now) {
            return Acted {
                outcome: match acted.outcome {
                    Outcome::Reminded => Outcome::Nothing,
                    outcome => outcome,
                },
                ..acted
            };
        }
        // If it cannot be published, all is tried again: what was done is not done twice.
        if let Err(error) = self.shared.publish(notice).await {
            return Acted::again(acted.outcome, error.to_string());
        }
        let tag = [need.noted(now).to_tag()];
        for record in records {
            let name = &record.application;
            if let Err(error) = self.shared.vault.write_tags(name, &tag).await {
                tracing::warn!(
                    application.name = name.as_str(),
                    "people may be reminded a second time today: {error}"
                );
            }
        }
        acted
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
