//! auditor: the whole estate, every day, without decrypting anything.
//!
//! The handler is a shell around [`scan`], which streams metadata past the decisions of
//! [`lwa_core::audit`]. An estate of any size is finished by invoking the function again with
//! the continuation it answered; the digest goes out once, at the end.
//!
//! A second invocation on one day, which Scheduler may cause, costs at most one more digest:
//! an environment that has published the same digest on the same day does not repeat it.
//!
//! Every reminder reaches people on its day. Those that the digest has no room for go out in
//! messages of their own, before the digest and before the state is handed on.

pub mod continuation;
pub mod response;
pub mod scan;
pub mod settings;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use lwa_core::Severity;
use lwa_core::audit::assessment::Assessment;
use lwa_core::audit::digest::{self, Context};
use lwa_core::audit::estate::{ParameterEstate, SecretEstate};
use lwa_core::audit::tally::{Limits, Tally};
use lwa_core::audit::utc_date;
use lwa_core::message::Message;
use lwa_core::metrics::{Metric, MetricSet, Unit};
use lwa_core::notice::Notice;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::text::{elide_end, printable};
use serde_json::Value;

pub use crate::continuation::Continuation;
use crate::continuation::{InvalidContinuation, MAX_REMINDERS};
use crate::response::DigestOutcome;
pub use crate::response::Response;
use crate::scan::{Budget, Observation, Observer, State};
pub use crate::settings::Settings;

/// Most invocations that one audit may take. The largest estate that AWS allows takes a
/// handful; what takes more does not come to an end.
const MAX_INVOCATIONS: u32 = 100;

/// How old a continuation may be, in hours: Parameter Store's page tokens are not for keeps,
/// and tomorrow has an audit of its own.
const MAX_AGE_HOURS: i64 = 24;

/// Longest account of what is wrong with a continuation, in characters: it may quote anything.
const MAX_PROBLEM: usize = 400;

/// Why the function failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditorError {
    /// The input holds a continuation that cannot be used; nothing was done.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidContinuation),
    /// The digest could not be published; invoking the function again may succeed.
    #[error("the digest \"{subject}\" was not published: {source}")]
    PublishFailed {
        /// What it would have said first.
        subject: String,
        /// What SNS said.
        source: CallError,
    },
}

impl AuditorError {
    /// The `errorType` of the function's error response; stable.
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::PublishFailed { .. } => "PublishFailed",
        }
    }
}

/// The function over its ports.
pub struct Auditor<P, S, N, C, M> {
    settings: Settings,
    parameters: P,
    secrets: S,
    notifier: N,
    clock: C,
    metrics: M,
    published: Mutex<Option<(Date, Vec<Notice>)>>,
}

impl<P, S, N, C, M> Auditor<P, S, N, C, M>
where
    P: ParameterEstate,
    S: SecretEstate,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// An auditor that has published nothing yet.
    pub fn new(
        settings: Settings,
        parameters: P,
        secrets: S,
        notifier: N,
        clock: C,
        metrics: M,
    ) -> Self {
        Self {
            settings,
            parameters,
            secrets,
            notifier,
            clock,
            metrics,
            published: Mutex::new(None),
        }
    }

    /// Audits for as long as an invocation that ends after `remaining` allows, beginning anew
    /// or, where the input has a `continuation`, going on. Anything else in the input is
    /// ignored: schedules and events start an audit alike.
    pub async fn handle(
        &self,
        mut event: Value,
        remaining: Duration,
    ) -> Result<Response, AuditorError> {
        let now = self.clock.now();
        let continuation = event
            .get_mut("continuation")
            .map(Value::take)
            .unwrap_or_default();
        let mut state = match continuation {
            Value::Null => State::begin(&self.settings, Limits::FUNCTION, now),
            continuation => self.resume(continuation, now)?,
        };
        let budget = Budget::of(now, remaining);
        scan::scan(
            &mut state,
            &self.settings,
            &self.parameters,
            &self.secrets,
            &self.clock,
            budget,
            &|observation| self.observe(observation),
        )
        .await;
        let took = self.clock.now().duration_since(now).as_millis();
        state.elapsed_ms += u64::try_from(took).unwrap_or_default();
        state.invocations += 1;
        if state.position.is_some() {
            if state.invocations < MAX_INVOCATIONS {
                self.publish_reminders_beyond(MAX_REMINDERS, &mut state)
                    .await?;
                tracing::info!(
                    credentials = state.tally.credentials,
                    "{} credentials seen so far; the audit goes on in another invocation",
                    state.tally.credentials
                );
                return Ok(Response::to_be_continued(state));
            }
            state.position = None;
            state.tally.miss(
                "the rest of the estate",
                &format!("the audit did not end in {MAX_INVOCATIONS} invocations"),
            );
            state.tally.sort();
        }
        self.finish(state).await
    }

    fn resume(&self, continuation: Value, now: Timestamp) -> Result<State, AuditorError> {
        // What serde says of a misfit quotes parts of it; none of them is a secret.
        let continuation: Continuation = serde_json::from_value(continuation).map_err(|error| {
            let problem = elide_end(&printable(&error.to_string()), MAX_PROBLEM);
            InvalidContinuation(format!("cannot be read: {problem}"))
        })?;
        let state = continuation.into_state(Limits::FUNCTION)?;
        let age = now.duration_since(state.started_at);
        if age.as_hours() >= MAX_AGE_HOURS || age.is_negative() {
            let began = lwa_core::wording::minute(state.started_at);
            return Err(InvalidContinuation(format!(
                "is of an audit that began at {began}, not within the last {MAX_AGE_HOURS} hours"
            ))
            .into());
        }
        let is_target = state.position.as_ref().is_some_and(|position| {
            self.settings
                .targets()
                .contains(&(position.vault, position.prefix.as_str()))
        });
        if !is_target {
            return Err(InvalidContinuation(
                "is at a vault or prefix that is not configured".to_owned(),
            )
            .into());
        }
        Ok(state)
    }

    async fn finish(&self, mut state: State) -> Result<Response, AuditorError> {
        // First, because a digest that cannot be published must not take the metrics with it.
        self.report(&state);
        self.publish_reminders_beyond(digest::LISTED, &mut state)
            .await?;
        let digest = self.digest(&state).await?;
        let tally = &state.tally;
        tracing::info!(
            applications = tally.applications,
            credentials = tally.credentials,
            critical = tally.count(Severity::Critical),
            warning = tally.count(Severity::Warning),
            partial = tally.is_partial(),
            digest.sent = digest.sent,
            "audited {} credentials of {} applications",
            tally.credentials,
            tally.applications
        );
        Ok(Response::finished(&state, digest))
    }

    async fn digest(&self, state: &State) -> Result<DigestOutcome, AuditorError> {
        let rules = &self.settings.rules;
        let reasons = digest::reasons(&state.tally, rules, state.started_at);
        if reasons.is_empty() {
            return Ok(DigestOutcome::silence());
        }
        let scope = self.settings.scope();
        let notice = digest::notice(&state.tally, &reasons, self.context(state, &scope));
        let message = notice.render();
        let mut outcome = DigestOutcome {
            sent: false,
            duplicate: self.was_published(state, &notice),
            reasons: DigestOutcome::words(&reasons),
            subject: Some(message.subject.clone()),
            severity: Some(message.attributes.severity.as_str()),
            message_id: None,
        };
        if outcome.duplicate {
            tracing::info!("the same digest went out today: not repeated");
            return Ok(outcome);
        }
        let id = self.publish(state, notice, &message).await?;
        tracing::info!(message.id = id, "published the digest");
        outcome.sent = true;
        outcome.message_id = Some(id);
        Ok(outcome)
    }

    /// The digest lists the nearest deadlines; the others are told here.
    async fn publish_reminders_beyond(
        &self,
        listed: usize,
        state: &mut State,
    ) -> Result<(), AuditorError> {
        let further = state.tally.reminders.split_off(listed);
        let scope = self.settings.scope();
        for notice in digest::further_reminders(&further, self.context(state, &scope)) {
            if !self.was_published(state, &notice) {
                let message = notice.render();
                let id = self.publish(state, notice, &message).await?;
                tracing::info!(message.id = id, "published further reminders");
            }
        }
        Ok(())
    }

    async fn publish(
        &self,
        state: &State,
        notice: Notice,
        message: &Message,
    ) -> Result<String, AuditorError> {
        let id =
            self.notifier
                .publish(message)
                .await
                .map_err(|source| AuditorError::PublishFailed {
                    subject: message.subject.clone(),
                    source,
                })?;
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let today = utc_date(state.started_at);
        let (_, notices) = published
            .take_if(|(date, _)| *date == today)
            .unwrap_or_default();
        *published = Some((today, [notices, vec![without_minute(notice)]].concat()));
        Ok(id)
    }

    fn context<'a>(&'a self, state: &State, scope: &'a str) -> Context<'a> {
        Context {
            now: state.started_at,
            region: &self.settings.region,
            scope,
            runbook_url: self.settings.runbook_url.as_deref(),
        }
    }

    fn was_published(&self, state: &State, notice: &Notice) -> bool {
        let published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        published.as_ref().is_some_and(|(date, earlier)| {
            *date == utc_date(state.started_at) && earlier.contains(&without_minute(notice.clone()))
        })
    }

    fn observe(&self, observation: Observation<'_>) {
        let Observation::Application(assessment) = observation else {
            return;
        };
        if let Some(set) = days_to_deadline(assessment, &self.settings.metrics_namespace) {
            self.metrics.record(&set, self.clock.now());
        }
    }

    fn report(&self, state: &State) {
        let now = self.clock.now();
        for set in totals(
            &state.tally,
            state.elapsed_ms,
            &self.settings.metrics_namespace,
        ) {
            self.metrics.record(&set, now);
        }
    }
}

/// Audits everything in one go and keeps everything it finds, for a report to a person at a
/// terminal. Publishes nothing and writes no metrics; [`Response::report`] is it as JSON.
pub async fn survey<P: ParameterEstate, S: SecretEstate, C: Clock>(
    settings: &Settings,
    parameters: &P,
    secrets: &S,
    clock: &C,
    observer: Observer<'_>,
) -> State {
    let began = clock.now();
    let mut state = State::begin(settings, Limits::NONE, began);
    let budget = Budget::UNLIMITED;
    scan::scan(
        &mut state, settings, parameters, secrets, clock, budget, observer,
    )
    .await;
    let took = clock.now().duration_since(began).as_millis();
    state.elapsed_ms = u64::try_from(took).unwrap_or_default();
    state.invocations = 1;
    state
}

/// The digest without the time of day that its last line tells.
fn without_minute(mut notice: Notice) -> Notice {
    notice.origin.clear();
    notice
}

/// `DaysToDeadline` of one application.
fn days_to_deadline(assessment: &Assessment, namespace: &str) -> Option<MetricSet> {
    Some(MetricSet {
        namespace: namespace.to_owned(),
        dimensions: vec![("Application", assessment.application.to_string())],
        metrics: vec![days(assessment.days_left?)],
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of days is far below 2^53"
)]
const fn days(days: i64) -> Metric {
    Metric {
        name: "DaysToDeadline",
        unit: Unit::None,
        value: days as f64,
    }
}

/// The metrics of a whole audit. The nearest deadline is written once more without a
/// dimension, for an alarm that no new application escapes; muted ones do not count there.
fn totals(tally: &Tally, elapsed_ms: u64, namespace: &str) -> Vec<MetricSet> {
    let set = |dimensions, metrics| MetricSet {
        namespace: namespace.to_owned(),
        dimensions,
        metrics,
    };
    let count =
        |name, count: u64| Metric::count(name, usize::try_from(count).unwrap_or(usize::MAX));
    let mut all = vec![
        count("CredentialsAudited", tally.credentials),
        Metric {
            unit: Unit::Milliseconds,
            ..count("AuditDurationMs", elapsed_ms)
        },
        count("PartialScans", u64::from(tally.is_partial())),
    ];
    all.extend(tally.nearest_days.map(days));
    let mut sets = vec![set(Vec::new(), all)];
    sets.extend(Severity::ALL.map(|severity| {
        set(
            vec![("Severity", severity.as_str().to_owned())],
            vec![count("Findings", tally.count(severity))],
        )
    }));
    sets
}
