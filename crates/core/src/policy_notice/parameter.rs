//! What is known about the parameter of an event, and the facts that people read of it.

use std::collections::BTreeMap;
use std::slice;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::application::{Layout, Place, Role};
use crate::deadline::{Deadline, days};
use crate::event::{Event, EventKind, PolicyAction, PolicySpan};
use crate::notice::{Headline, Notice, Step};
use crate::outlook::Outlook;
use crate::ports::CallError;
use crate::rotation::policy::Policy;
use crate::secret::SecretRecord;
use crate::severity::Severity;
use crate::tags::SecretTags;
use crate::text::{after, elide_end, quotable, when};
use crate::vault::ports::ParameterMetadata;
use crate::{link, principal, wording};

/// What was looked up about the parameter of an event, each part on its own.
#[derive(Debug, Clone)]
pub struct Lookups {
    /// Its metadata; none when it does not exist.
    pub metadata: Result<Option<ParameterMetadata>, CallError>,
    /// Its tags.
    pub tags: Result<BTreeMap<String, String>, CallError>,
}

/// What a notice depends on besides the event.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// How parameters are named.
    pub layout: &'a Layout,
    /// When client secrets are rotated, and by whom.
    pub policy: Policy,
    /// The role that stores new secrets by itself, whose writes are no news.
    pub system_writer: Option<&'a str>,
    /// The team's own page.
    pub runbook_url: Option<&'a str>,
    /// The present instant.
    pub now: Timestamp,
}

/// The parameter of an event, with everything that is known about it.
pub(super) struct Parameter<'a> {
    event: &'a Event,
    pub(super) context: Context<'a>,
    name: &'a str,
    pub(super) place: Option<Place>,
    /// Its metadata, as far as they are known and it exists.
    pub(super) metadata: Option<&'a ParameterMetadata>,
    /// Whether it was looked for and does not exist.
    is_gone: bool,
    pub(super) tags: SecretTags,
    are_tags_known: bool,
    /// What is stored of the client secret; none for other parameters.
    record: Option<SecretRecord>,
    /// What could not be looked up, and why.
    pub(super) missing: Vec<String>,
}

impl<'a> Parameter<'a> {
    pub(super) fn new(
        event: &'a Event,
        name: &'a str,
        lookups: Option<&'a Lookups>,
        context: Context<'a>,
    ) -> Self {
        let place = context.layout.locate(name);
        let results = lookups.map(|found| (found.metadata.as_ref(), found.tags.as_ref()));
        let (metadata, tags) = results.unzip();
        let is_gone = matches!(metadata, Some(Ok(None)));
        let mut missing = Vec::new();
        let mut miss = |what: &str, why: &CallError| missing.push(format!("{what}, because {why}"));
        if let Some(Err(error)) = metadata {
            miss("who changed it last, when, and its policies", error);
        }
        if let Some(Err(error)) = tags {
            miss("the reported deadline", error);
        }
        let metadata = metadata.and_then(|found| found.ok()?.as_ref());
        let tags = tags.and_then(Result::ok);
        let are_tags_known = tags.is_some();
        let tags = tags.map(SecretTags::from_map).unwrap_or_default();
        let why = "because it is not an RFC 3339 instant";
        let unreadable = tags.unreadable.iter();
        missing.extend(unreadable.map(|tag| format!("the tag {tag}, {why}")));
        let record = |place: &Place| SecretRecord {
            application: place.application.clone(),
            version: metadata.and_then(ParameterMetadata::secret_version),
            written_at: metadata.and_then(|metadata| metadata.last_modified),
            tags: tags.clone(),
        };
        let secret = place.as_ref().filter(|it| it.role == Role::ClientSecret);
        let record = secret.map(record);
        Self {
            event,
            context,
            name,
            place,
            metadata,
            is_gone,
            tags,
            are_tags_known,
            record,
            missing,
        }
    }

    /// Takes the deadline from the event where nothing else tells it: when the policy acted, the
    /// secret had been unchanged for at least the policy's span.
    pub(super) fn assume_deadline(&mut self, action: &PolicyAction) {
        let span = action.span.as_ref().and_then(duration);
        let written = self.event.time.zip(span);
        let written = written.and_then(|(time, span)| time.checked_sub(span).ok());
        if let Some(record) = &mut self.record {
            record.written_at = record.written_at.or(written);
        }
    }

    /// When the client secret stops working; none for other parameters.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let lifetime_days = self.context.policy.secret_lifetime_days;
        self.record.as_ref()?.deadline(lifetime_days)
    }

    /// What happens next with the client secret; none for other parameters.
    pub(super) fn outlook(&self) -> Option<Outlook> {
        let record = slice::from_ref(self.record.as_ref()?);
        let now = self.context.now;
        Some(if self.are_tags_known {
            Outlook::new(record, &self.context.policy, now)
        } else {
            Outlook::unknown(self.deadline(), now)
        })
    }

    /// Whether everything that is stored of it was found.
    pub(super) const fn is_known(&self) -> bool {
        self.metadata.is_some() && self.missing.is_empty()
    }

    /// Whether this system wrote the parameter last.
    pub(super) fn is_own_write(&self) -> bool {
        let writer = self
            .metadata
            .and_then(|it| it.last_modified_user.as_deref());
        let own = self.context.system_writer.zip(writer);
        own.is_some_and(|(own, writer)| principal::is_same(own, writer))
    }

    pub(super) fn is_client_secret(&self) -> bool {
        self.role() == Some(&Role::ClientSecret)
    }

    pub(super) fn role(&self) -> Option<&Role> {
        self.place.as_ref().map(|place| &place.role)
    }

    /// The application's name, or the parameter's where it belongs to none.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Some(place) => place.application.to_string(),
            None => quotable(self.name),
        }
    }

    /// The words before the name: `client secret of `, or `parameter `.
    pub(super) fn what(&self) -> String {
        match &self.place {
            Some(place) => format!("{} of ", place.role),
            None => "parameter ".to_owned(),
        }
    }

    /// The deadline's day and how far away it is.
    pub(super) fn day(&self) -> Option<String> {
        let now = self.context.now;
        self.deadline().map(|deadline| wording::day(&deadline, now))
    }

    /// The parameter's page in the console.
    fn link(&self) -> String {
        let region = self.event.region.as_deref().unwrap_or_default();
        link::parameter(region, self.name)
    }

    /// A step on the parameter's page in the console.
    pub(super) fn step(&self, text: &str) -> Step {
        Step::at(text, self.link())
    }

    pub(super) fn steps_to_rotate(&self) -> Vec<Step> {
        let place = self.place.as_ref();
        let applications = place.map_or(&[][..], |place| slice::from_ref(&place.application));
        let now = self.context.now;
        let is_dead = self.deadline().is_some_and(|it| it.has_passed(now));
        let runbook = self.context.runbook_url;
        wording::steps_to_rotate(applications, |_| self.link(), is_dead, runbook)
    }

    pub(super) fn runbook(&self) -> Option<Step> {
        wording::runbook_step(self.context.runbook_url)
    }

    /// A notice with the name in its headline and everything that is known among its facts.
    pub(super) fn notice(
        &self,
        severity: Severity,
        kind: &'static str,
        before: impl Into<String>,
        after: impl Into<String>,
    ) -> Notice {
        let lifetime_days = self.context.policy.secret_lifetime_days;
        let now = self.context.now;
        let place = self.place.as_ref();
        let application = place.map(|place| place.application.to_string());
        let credential = place.map(|place| place.role.to_string());
        let credential = credential.unwrap_or("none of the configured applications'".into());
        let deadline = self.deadline();
        let deadline = deadline.map(|known| wording::deadline(&known, now, lifetime_days));
        let next = self.outlook().map(|outlook| outlook.phrase(now));
        let state = "the parameter does not exist any more";
        let last_change = self.metadata.map(|metadata| last_change(metadata, now));
        let requested = self.tags.rotation_requested_at;
        let requested = requested.map(|at| format!("requested on {}", wording::minute(at)));
        let headline = Headline::new(before, self.name(), after);
        let notice = event_notice(self.event, severity, kind, headline)
            .fact("Application", application.clone())
            .fact("Parameter", self.name.to_owned())
            .fact("Credential", credential)
            .fact("Deadline", deadline)
            .fact("Next", next)
            .fact("State", self.is_gone.then(|| state.to_owned()))
            .fact("Last change", last_change)
            .fact("Policies", self.metadata.and_then(policies))
            .fact("Owner", self.tags.owner.clone())
            .fact("Rotation", requested);
        let notice = match &self.event.kind {
            EventKind::PolicyAction(action) => notice
                .fact("Policy", acted(action))
                .fact("Reason", action.reason.clone()),
            EventKind::ParameterChange { description, .. } => {
                notice.fact("Description", description.clone())
            }
            EventKind::SecretRotation(_) | EventKind::Test { .. } | EventKind::Other => notice,
        };
        Notice {
            missing: self.missing.clone(),
            ..notice.about(application)
        }
    }
}

/// A notice that names its event in the last line.
pub(super) fn event_notice(
    event: &Event,
    severity: Severity,
    kind: &'static str,
    headline: Headline,
) -> Notice {
    let id = quotable(event.id.as_deref().unwrap_or("without an id"));
    let time = after(" of ", event.time.map(wording::minute));
    let account = after(", account ", event.account.as_deref().map(quotable));
    let region = after(", ", event.region.as_deref().map(quotable));
    let origin = format!("Event {id}{time}{account}{region}.");
    Notice::new(severity, kind, headline, origin).id(event.id.clone())
}

/// `150 days`.
pub(super) fn span(span: &PolicySpan) -> String {
    let unit = span.unit.to_lowercase();
    format!("{} {}", short(&span.amount), short(&unit))
}

/// A word from outside, short enough for a text message.
pub(super) fn short(text: &str) -> String {
    elide_end(&quotable(text), 24)
}

fn duration(span: &PolicySpan) -> Option<SignedDuration> {
    let amount: i64 = span.amount.parse().ok()?;
    let in_hours = span.unit.eq_ignore_ascii_case("hours");
    let unit = if in_hours {
        SignedDuration::from_hours
    } else {
        days
    };
    (0..=100_000).contains(&amount).then(|| unit(amount))
}

/// Which policy acted, its span or instant, and how that ended.
fn acted(action: &PolicyAction) -> String {
    let policy = match action.policy_type.as_str() {
        "" => "of no known type",
        name => name,
    };
    let status = match action.status.as_str() {
        _ if action.has_failed() => Some("failed".to_owned()),
        status if status.is_empty() || action.has_succeeded() => None,
        status => Some(format!("status {status}")),
    };
    let parts = [
        Some(policy.to_owned()),
        action.span.as_ref().map(span),
        action.expires_at.map(wording::minute),
        status,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Who wrote the parameter last, when, and which version that made.
fn last_change(metadata: &ParameterMetadata, now: Timestamp) -> String {
    let at = match metadata.last_modified {
        None => "at an unknown time".to_owned(),
        Some(at) => match now.duration_since(at).as_hours() / 24 {
            ..1 => format!("{} (today)", wording::minute(at)),
            age => format!("{} ({} ago)", wording::minute(at), wording::days(age)),
        },
    };
    let who = metadata.last_modified_user.as_deref();
    let who = who.filter(|user| user.starts_with("arn:"));
    let who = who.unwrap_or("an unknown principal");
    let version = after(", version ", metadata.version);
    format!("{at} by {who}{version}")
}

/// `NoChangeNotification 90, 150 days; Expiration 2026-12-31T00:00:00Z (failed)`.
fn policies(metadata: &ParameterMetadata) -> Option<String> {
    let mut groups: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for policy in &metadata.policies {
        let content: Value = serde_json::from_str(&policy.text).unwrap_or_default();
        let attribute = |name: &str| content["Attributes"][name].as_str();
        let mut amounts = ["After", "Before", "Timestamp"].into_iter();
        let amount = amounts.find_map(attribute).unwrap_or_default();
        let unit = attribute("Unit").unwrap_or_default().to_lowercase();
        let failed = when(policy.status == "Failed", " (failed)");
        let group = groups.entry((&policy.policy_type, unit)).or_default();
        group.push(format!("{amount}{failed}"));
    }
    let groups = groups.iter().map(|((name, unit), amounts)| {
        let group = format!("{name} {} {unit}", amounts.join(", "));
        group.trim_end().to_owned()
    });
    let groups = groups.collect::<Vec<_>>().join("; ");
    (!groups.is_empty()).then_some(groups)
}
