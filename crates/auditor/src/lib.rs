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

mod budget;
pub mod continuation;
mod metrics;
pub mod response;
pub mod scan;
pub mod settings;
pub mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use lwa_core::Severity;
use lwa_core::audit::digest::{self, Context, Reason};
use lwa_core::audit::tally::{ApplicationDeadline, Limits, Top};
use lwa_core::error::FunctionError;
use lwa_core::lwa::safe_words;
use lwa_core::message::Message;
use lwa_core::notice::Notice;
use lwa_core::payload::UnreadableEvent;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::vault::VaultKind;
use lwa_core::vault::ports::{ReadMetadata, WriteTags};
use serde_json::Value;

use crate::budget::Budget;
pub use crate::continuation::Continuation;
use crate::continuation::{InvalidContinuation, MAX_REMINDERS};
use crate::response::DigestOutcome;
pub use crate::response::Response;
use crate::scan::{Observation, Observer, Scan};
pub use crate::settings::Settings;
use crate::state::State;

/// Most invocations that one audit may take. The largest estate that AWS allows takes a
/// handful; what takes more does not come to an end.
const MAX_INVOCATIONS: u32 = 100;

/// Why the function failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditorError {
    /// The input holds a continuation that cannot be used; nothing was done.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidContinuation),
    /// The input cannot be read; nothing was done.
    #[error(transparent)]
    Unreadable(#[from] UnreadableEvent),
    /// The input is none that starts or continues an audit; nothing was done.
    #[error(
        "the input is refused: {0}; allowed are `{{}}`, an EventBridge event, and \
         `{{\"continuation\": …}}` with the continuation of an audit that has not ended"
    )]
    UnknownInput(String),
    /// The digest could not be published; invoking the function again may succeed.
    #[error("the digest \"{subject}\" was not published")]
    PublishFailed {
        /// What it would have said first.
        subject: String,
        /// What SNS said.
        source: CallError,
    },
}

impl FunctionError for AuditorError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::Unreadable(_) | Self::UnknownInput(_) => {
                "InvalidRequest"
            }
            Self::PublishFailed { .. } => "PublishFailed",
        }
    }
}

/// The function over its ports.
pub struct Auditor<A, N, C, M> {
    settings: Settings,
    account: A,
    notifier: N,
    clock: C,
    metrics: M,
    /// What went out today, so that it is not repeated.
    published: Mutex<Vec<Notice>>,
}

impl<A, N, C, M> Auditor<A, N, C, M>
where
    A: ReadMetadata + WriteTags,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// An auditor that has published nothing yet.
    pub fn new(settings: Settings, account: A, notifier: N, clock: C, metrics: M) -> Self {
        Self {
            settings,
            account,
            notifier,
            clock,
            metrics,
            published: Mutex::default(),
        }
    }

    /// Audits for as long as an invocation that ends after `remaining` allows, from the start
    /// or, where the input is a `continuation`, from there. Schedules and events start an audit
    /// alike; what is neither is refused.
    pub async fn handle(
        &self,
        event: Value,
        remaining: Duration,
    ) -> Result<Response, AuditorError> {
        let now = self.clock.now();
        let mut state = match continuation(event)? {
            None => State::begin(&self.settings, Limits::FUNCTION, now),
            Some(continuation) => Continuation::resume(continuation, &self.settings, now)?,
        };
        let scan = Scan {
            state: &mut state,
            settings: &self.settings,
            account: &self.account,
            clock: &self.clock,
            budget: Budget::of(now, remaining),
            observer: &|observation| self.observe(observation),
            progressed: false,
        };
        scan.run().await;
        state.count_invocation(now, self.clock.now());
        if state.position.is_some() && state.invocations < MAX_INVOCATIONS {
            self.publish_reminders_beyond(MAX_REMINDERS, &mut state)
                .await?;
            tracing::info!(
                credentials = state.tally.credentials,
                "{} credentials seen so far; the audit continues in another invocation",
                state.tally.credentials
            );
            return Ok(Response::to_be_continued(state));
        }
        if state.position.take().is_some() {
            let why = format!("the audit did not end in {MAX_INVOCATIONS} invocations");
            state.tally.miss("the rest of the estate", &why);
            state.tally.sort();
        }
        self.finish(state).await
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
        let reasons = digest::reasons(&state.tally, &self.settings.rules, state.started_at);
        if reasons.is_empty() {
            return Ok(DigestOutcome::default());
        }
        let scope = self.settings.scope();
        let context = self.context(state, &scope);
        let notice = digest::notice(&state.tally, &reasons, context);
        let (message, id) = self.publish(notice).await?;
        self.note_reminders(state.tally.reminders.items()).await;
        self.expect_again(state, &reasons, context);
        Ok(DigestOutcome {
            sent: id.is_some(),
            duplicate: id.is_none(),
            reasons,
            subject: Some(message.subject),
            severity: Some(message.attributes.severity),
            message_id: id,
        })
    }

    /// Remembers the digest as a second audit of the day would make it, which reminds of nothing.
    fn expect_again(&self, state: &State, reasons: &[Reason], context: Context<'_>) {
        let mut tally = state.tally.clone();
        tally.reminders = Top::default();
        let others = reasons
            .iter()
            .copied()
            .filter(|it| *it != Reason::ReminderDay);
        let others: Vec<_> = others.collect();
        let mut notice = digest::notice(&tally, &others, context);
        notice.origin.clear();
        self.published().push(notice);
    }

    /// The digest lists the nearest deadlines; messages of their own list the others.
    async fn publish_reminders_beyond(
        &self,
        listed: usize,
        state: &mut State,
    ) -> Result<(), AuditorError> {
        let further = state.tally.reminders.split_off(listed);
        let scope = self.settings.scope();
        for notice in digest::further_reminders(&further, self.context(state, &scope)) {
            self.publish(notice).await?;
        }
        self.note_reminders(&further).await;
        Ok(())
    }

    /// Notes what people were reminded of, so that no other function repeats it today. If that
    /// fails, one may.
    async fn note_reminders(&self, rows: &[ApplicationDeadline]) {
        let now = self.clock.now();
        let noted = rows
            .iter()
            .filter_map(|row| Some((row, row.outlook?.need()?)));
        stream::iter(noted)
            .for_each_concurrent(scan::CONCURRENCY, async |(row, need)| {
                let tag = [need.noted(now).to_tag()];
                let written = match row.vault {
                    VaultKind::ParameterStore => {
                        self.account.add_parameter_tags(&row.credential, &tag).await
                    }
                    VaultKind::SecretsManager => {
                        self.account.tag_secret(&row.credential, &tag).await
                    }
                };
                if let Err(error) = written {
                    tracing::warn!(
                        application.name = row.application.as_str(),
                        "people may be reminded a second time today: {error}"
                    );
                }
            })
            .await;
    }

    /// Publishes a notice, whose id names the day; no id of the message where it went out on
    /// that day already.
    async fn publish(&self, mut notice: Notice) -> Result<(Message, Option<String>), AuditorError> {
        let message = notice.render();
        // The last line tells the minute.
        notice.origin.clear();
        if self.published().contains(&notice) {
            tracing::info!(
                kind = notice.kind,
                "not repeated: the same notification went out today"
            );
            return Ok((message, None));
        }
        let id = self.notifier.publish(&message).await;
        let id = id.map_err(|source| AuditorError::PublishFailed {
            subject: message.subject.clone(),
            source,
        })?;
        tracing::info!(
            message.id = id,
            kind = notice.kind,
            "notification published"
        );
        let mut published = self.published();
        published.retain(|earlier| earlier.id == notice.id);
        published.push(notice);
        Ok((message, Some(id)))
    }

    fn published(&self) -> MutexGuard<'_, Vec<Notice>> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn context<'a>(&'a self, state: &State, scope: &'a str) -> Context<'a> {
        let deployment = &self.settings.deployment;
        Context {
            now: state.started_at,
            region: deployment.region.as_deref().unwrap_or_default(),
            scope,
            runbook_url: deployment.runbook_url.as_deref(),
        }
    }

    fn observe(&self, observation: Observation<'_>) {
        let namespace = &self.settings.deployment.metrics_namespace;
        if let Observation::Application(row) = observation
            && let Some(set) = metrics::days_to_deadline(row, namespace)
        {
            self.metrics.record(&set, self.clock.now());
        }
    }

    fn report(&self, state: &State) {
        let namespace = &self.settings.deployment.metrics_namespace;
        for set in metrics::totals(&state.tally, state.elapsed_ms, namespace) {
            self.metrics.record(&set, self.clock.now());
        }
    }
}

/// The continuation in an input; none in one that starts an audit.
fn continuation(input: Value) -> Result<Option<Value>, AuditorError> {
    let mut fields = match input {
        Value::Null => return Ok(None),
        Value::Object(fields) => fields,
        _ => {
            let problem = "it is not a JSON object".to_owned();
            return Err(AuditorError::UnknownInput(problem));
        }
    };
    let is_envelope = ["source", "detail-type"]
        .iter()
        .all(|name| fields.get(*name).is_some_and(Value::is_string));
    if is_envelope {
        return Ok(None);
    }
    let continuation = fields.remove("continuation");
    match fields.keys().next() {
        None => Ok(continuation.filter(|value| !value.is_null())),
        Some(name) => {
            let name = safe_words(name);
            let problem = format!("it has the field `{name}`");
            Err(AuditorError::UnknownInput(problem))
        }
    }
}

/// Audits everything in one go and keeps everything it finds, for a report to a person at a
/// terminal. Publishes nothing and writes no metrics; [`Response::report`] makes JSON of it.
pub async fn survey<A: ReadMetadata, C: Clock>(
    settings: &Settings,
    account: &A,
    clock: &C,
    observer: Observer<'_>,
) -> State {
    let began = clock.now();
    let mut state = State::begin(settings, Limits::NONE, began);
    let scan = Scan {
        state: &mut state,
        settings,
        account,
        clock,
        budget: Budget::UNLIMITED,
        observer,
        progressed: false,
    };
    scan.run().await;
    state.count_invocation(began, clock.now());
    state
}
