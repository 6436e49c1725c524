//! policy-formatter: EventBridge events about parameters, as messages a person can act on.
//!
//! The handler is a shell: it looks up what the event lacks, lets
//! [`lwa_core::policy_notice::notice`] decide what to say, and publishes it. A look-up that
//! fails or dawdles costs its lines, never the message; only a failed publish is an error, and
//! the platform then delivers the event again.

use std::time::Duration;

use jiff::SignedDuration;
use lwa_core::config::{ConfigError, Deployment, Lookup, SYSTEM_WRITER_ARN};
use lwa_core::error::FunctionError;
use lwa_core::event::{Event, EventKind};
use lwa_core::memory::Memory;
use lwa_core::message::Message;
use lwa_core::metrics::{Metric, MetricSet};
use lwa_core::payload::Payload;
use lwa_core::policy_notice::{self, Context, Lookups, Withheld};
use lwa_core::ports::{CallError, CallFailure, Clock, Metrics, Notifier};
use lwa_core::redaction::clean;
use lwa_core::text::quotable;
use lwa_core::vault::parameter_store;
use lwa_core::vault::ports::{ReadMetadata, WriteTags};
use serde::Serialize;
use serde_json::{Value, json};

/// The event of an invocation. One that cannot be read becomes an event that says so: it may have
/// been a reminder, and people must hear that there was one.
pub fn event(payload: &Payload) -> Value {
    payload.json().unwrap_or_else(|error| {
        tracing::warn!("an event could not be read: {error}");
        json!({"detail-type": "unreadable event", "detail": {"problem": error.to_string()}})
    })
}

/// What the environment configures.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// The role that stores new secrets by itself.
    pub system_writer: Option<String>,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        Ok(Self {
            deployment: Deployment::from_lookup(lookup)?,
            system_writer: lookup.principal(SYSTEM_WRITER_ARN)?,
        })
    }
}

/// How long the look-ups may take before the message goes out without them. They run side by
/// side; the function's own timeout has to leave room for the publish after them.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an event may be delivered again: EventBridge tries for a day,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>, and
/// Lambda for six hours more,
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
const DELIVERED_AGAIN_FOR: SignedDuration = SignedDuration::from_hours(30);

/// How long after a test message another one is left out. Anyone who may put events can ask for
/// them, and people must not be flooded.
const ONE_TEST_IN: SignedDuration = SignedDuration::from_mins(1);

/// The key of every test message in the memory of them.
const TEST: &str = "test";

/// What the function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The event's id.
    pub event_id: Option<String>,
    /// Whether this environment had published the event before, or another test message within
    /// the minute, and so did nothing.
    pub duplicate: bool,
    /// Why people need not hear of the event, and nothing was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// The id that SNS gave the message.
    pub message_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// How urgent it is: `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// What kind of message it is.
    pub kind: &'static str,
    /// The application it is about.
    pub application: Option<String>,
    /// What the message lacks because a look-up failed, one entry each.
    pub missing: Vec<String>,
}

/// Why the function failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatterError {
    /// The message could not be published; delivering the event again may succeed.
    #[error("the message about event {event_id} was not published")]
    PublishFailed {
        /// The event's id, or `without an id`.
        event_id: String,
        /// What SNS said.
        source: CallError,
    },
}

impl FunctionError for FormatterError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::PublishFailed { .. } => "PublishFailed",
        }
    }
}

/// The function over its ports.
pub struct PolicyFormatter<A, N, C, M> {
    settings: Settings,
    account: A,
    notifier: N,
    clock: C,
    metrics: M,
    published: Memory,
    tested: Memory,
}

impl<A: ReadMetadata + WriteTags, N: Notifier, C: Clock, M: Metrics> PolicyFormatter<A, N, C, M> {
    /// A formatter that has published nothing yet.
    pub fn new(settings: Settings, account: A, notifier: N, clock: C, metrics: M) -> Self {
        Self {
            settings,
            account,
            notifier,
            clock,
            metrics,
            published: Memory::new(DELIVERED_AGAIN_FOR),
            tested: Memory::new(ONE_TEST_IN),
        }
    }

    /// Turns one event into one published message.
    pub async fn handle(&self, event: Value) -> Result<Response, FormatterError> {
        let event = Event::parse(&event);
        let id = event.id.as_deref();
        let is_known = self.is_known(&event);
        let lookups = if is_known {
            None
        } else {
            self.look_up(&event).await
        };
        let context = Context {
            layout: &self.settings.deployment.layout,
            policy: self.settings.deployment.policy,
            system_writer: self.settings.system_writer.as_deref(),
            runbook_url: self.settings.deployment.runbook_url.as_deref(),
            now: self.clock.now(),
        };
        let notice = policy_notice::notice(&event, lookups.as_ref(), context);
        let message = notice.render();
        let withheld = policy_notice::withheld(&event, lookups.as_ref(), context);
        let message_id = if is_known {
            let shown = id.map(quotable);
            tracing::info!(event.id = shown, "event published before: nothing to do");
            None
        } else if let Some(reason) = withheld {
            let shown = id.map(quotable);
            tracing::info!(
                event.id = shown,
                ?reason,
                "nothing that people need to hear"
            );
            None
        } else {
            let published = self.publish(id, &message).await?;
            self.remember(&event);
            self.note_reminder(&event, lookups.as_ref(), context).await;
            Some(published)
        };
        self.count(lookups.as_ref(), message_id.is_some(), is_known);
        Ok(Response {
            event_id: event.id.as_deref().map(clean),
            duplicate: is_known,
            withheld,
            message_id,
            subject: message.subject,
            severity: message.attributes.severity.as_str(),
            kind: message.attributes.kind,
            application: message.attributes.application,
            missing: notice.missing.iter().map(|line| clean(line)).collect(),
        })
    }

    async fn publish(&self, id: Option<&str>, message: &Message) -> Result<String, FormatterError> {
        let shown = quotable(id.unwrap_or("without an id"));
        let published = self.notifier.publish(message).await.map_err(|source| {
            FormatterError::PublishFailed {
                event_id: shown.clone(),
                source,
            }
        })?;
        tracing::info!(
            event.id = shown,
            message.id = published,
            message.kind = message.attributes.kind,
            message.severity = message.attributes.severity.as_str(),
            "notification published"
        );
        Ok(published)
    }

    /// Notes that people were reminded, so that the audit of the day does not repeat it. If that
    /// fails, it does.
    async fn note_reminder(&self, event: &Event, lookups: Option<&Lookups>, context: Context<'_>) {
        let outlook = policy_notice::reminder(event, lookups, context);
        let Some(need) = outlook.and_then(|outlook| outlook.need()) else {
            return;
        };
        let Some(name) = policy_notice::parameter_name(event, &self.settings.deployment.layout)
        else {
            return;
        };
        let tag = [need.noted(context.now).to_tag()];
        let noted = self.limited(
            "AddTagsToResource",
            self.account.add_parameter_tags(name, &tag),
        );
        if let Err(error) = noted.await {
            tracing::warn!("people may be reminded a second time today: {error}");
        }
    }

    /// Whether people need not hear of an event any more.
    fn is_known(&self, event: &Event) -> bool {
        let now = self.clock.now();
        let id = event.id.as_deref();
        let is_test = matches!(event.kind, EventKind::Test { .. });
        id.is_some_and(|id| self.published.contains(id, now))
            || is_test && self.tested.contains(TEST, now)
    }

    /// Remembers an event only after its publish: if that fails, the event comes again and has to
    /// go out.
    fn remember(&self, event: &Event) {
        let now = self.clock.now();
        if let Some(id) = &event.id {
            self.published.insert(id.clone(), now);
        }
        if matches!(event.kind, EventKind::Test { .. }) {
            self.tested.insert(TEST.to_owned(), now);
        }
    }

    async fn look_up(&self, event: &Event) -> Option<Lookups> {
        let name = policy_notice::parameter_name(event, &self.settings.deployment.layout)?;
        let (metadata, tags) = tokio::join!(
            self.limited(
                "DescribeParameters",
                parameter_store::describe(&self.account, name)
            ),
            self.limited(
                "ListTagsForResource",
                parameter_store::tags(&self.account, name)
            ),
        );
        for error in [metadata.as_ref().err(), tags.as_ref().err()]
            .into_iter()
            .flatten()
        {
            tracing::warn!(
                operation = error.operation,
                "the message goes out without a look-up: {error}"
            );
        }
        Some(Lookups { metadata, tags })
    }

    fn count(&self, lookups: Option<&Lookups>, is_published: bool, is_known: bool) {
        let failed = lookups.map_or(0, |lookups| {
            usize::from(lookups.metadata.is_err()) + usize::from(lookups.tags.is_err())
        });
        let set = MetricSet {
            namespace: self.settings.deployment.metrics_namespace.clone(),
            dimensions: Vec::new(),
            metrics: vec![
                Metric::count("MessagesPublished", usize::from(is_published)),
                Metric::count("DuplicatesSuppressed", usize::from(is_known)),
                Metric::count("LookupsFailed", failed),
            ],
        };
        self.metrics.record(&set, self.clock.now());
    }

    async fn limited<T>(
        &self,
        operation: &'static str,
        lookup: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        tokio::select! {
            biased;
            result = lookup => result,
            () = self.clock.sleep(LOOKUP_TIMEOUT) => Err(CallError {
                operation,
                failure: CallFailure::TimedOut,
                code: None,
                detail: format!("no answer within {} s", LOOKUP_TIMEOUT.as_secs()),
            }),
        }
    }
}
