//! What is known about the parameter of an event, and the facts that people read of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::application::{Layout, Place, Role};
use crate::deadline::{Basis, Deadline, SecretTags, Stored, days};
use crate::event::{ActionStatus, Event, EventKind, PolicyAction, PolicySpan};
use crate::notice::{Headline, Notice, Step};
use crate::ports::{CallError, ParameterMetadata};
use crate::severity::Severity;
use crate::text::{elide_end, quotable};
use crate::{link, wording};

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
    /// How long a client secret lives, in days.
    pub secret_lifetime_days: u32,
    /// The team's own page.
    pub runbook_url: Option<&'a str>,
    /// The present instant.
    pub now: Timestamp,
}

/// The parameter of an event, with everything that is known about it.
pub(super) struct Parameter<'a> {
    event: &'a Event,
    pub(super) context: Context<'a>,
    pub(super) parameter_name: &'a str,
    pub(super) place: Option<Place>,
    metadata: Option<&'a ParameterMetadata>,
    /// Whether it was looked for and does not exist.
    is_gone: bool,
    pub(super) tags: SecretTags,
    /// When the client secret stops working; none for other parameters.
    pub(super) deadline: Option<Deadline>,
    /// What could not be looked up, and why.
    pub(super) missing: Vec<String>,
}

impl<'a> Parameter<'a> {
    pub(super) fn new(
        event: &'a Event,
        parameter_name: &'a str,
        lookups: Option<&'a Lookups>,
        context: Context<'a>,
    ) -> Self {
        let mut parameter = Self {
            event,
            context,
            parameter_name,
            place: context.layout.locate(parameter_name),
            metadata: None,
            is_gone: false,
            tags: SecretTags::default(),
            deadline: None,
            missing: Vec::new(),
        };
        if let Some(lookups) = lookups {
            parameter.learn(lookups);
        }
        parameter
    }

    fn learn(&mut self, lookups: &'a Lookups) {
        match &lookups.metadata {
            Ok(found) => (self.metadata, self.is_gone) = (found.as_ref(), found.is_none()),
            Err(error) => self.missing.push(format!(
                "who changed it last, when, and its policies, because {error}"
            )),
        }
        match &lookups.tags {
            Ok(tags) => self.tags = SecretTags::from_map(tags),
            Err(error) => self
                .missing
                .push(format!("the reported deadline, because {error}")),
        }
        for name in &self.tags.unreadable {
            self.missing.push(format!(
                "the tag {name}, because it is not an RFC 3339 instant"
            ));
        }
        if self.is_client_secret() {
            let version = self.metadata.and_then(ParameterMetadata::secret_version);
            let stored = Stored {
                version: version.as_ref(),
                written_at: self.metadata.and_then(|metadata| metadata.last_modified),
            };
            self.deadline = Deadline::of(&self.tags, &stored, self.context.secret_lifetime_days);
        }
    }

    /// Takes the deadline from the event where nothing else tells it: when the policy acted, the
    /// secret had been unchanged for at least the policy's span.
    pub(super) fn assume_deadline(&mut self, action: &PolicyAction) {
        let written = self.event.time.zip(action.span.as_ref());
        let written = written.and_then(|(time, span)| time.checked_sub(duration(span)?).ok());
        let lifetime = days(self.context.secret_lifetime_days.into());
        let at = written.and_then(|written| written.checked_add(lifetime).ok());
        self.deadline = self.deadline.or(at.map(|at| Deadline {
            at,
            basis: Basis::Estimated,
        }));
    }

    pub(super) fn is_client_secret(&self) -> bool {
        self.role() == Some(&Role::ClientSecret)
    }

    pub(super) fn role(&self) -> Option<&Role> {
        self.place.as_ref().map(|place| &place.role)
    }

    pub(super) const fn exists(&self) -> bool {
        self.metadata.is_some()
    }

    /// The application's name, or the parameter's where it belongs to none.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Some(place) => place.application.to_string(),
            None => quotable(self.parameter_name),
        }
    }

    /// The words before the name: `client secret of`, or `parameter`.
    pub(super) fn what(&self) -> String {
        self.role()
            .map_or_else(|| "parameter ".to_owned(), |role| format!("{role} of "))
    }

    /// The parameter's page in the console.
    pub(super) fn link(&self) -> String {
        let region = self.event.region.as_deref().unwrap_or_default();
        link::parameter(region, self.parameter_name)
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
        let now = self.context.now;
        let place = self.place.as_ref();
        let application = place.map(|place| place.application.to_string());
        let headline = Headline::new(before, self.name(), after);
        let mut notice = event_notice(self.event, severity, kind, headline)
            .fact("Application", application.clone())
            .fact("Parameter", self.parameter_name.to_owned())
            .fact(
                "Credential",
                place.map_or_else(
                    || "none of the configured applications'".into(),
                    |place| place.role.to_string(),
                ),
            )
            .fact(
                "Deadline",
                self.deadline.map(|deadline| {
                    wording::deadline(&deadline, now, self.context.secret_lifetime_days)
                }),
            )
            .fact(
                "State",
                self.is_gone
                    .then(|| "the parameter does not exist any more".into()),
            )
            .fact(
                "Last change",
                self.metadata.map(|metadata| last_change(metadata, now)),
            )
            .fact("Policies", self.metadata.and_then(policies))
            .fact("Owner", self.tags.owner.clone())
            .fact(
                "Rotation",
                self.tags
                    .rotation_requested_at
                    .map(|at| format!("requested on {}", wording::minute(at))),
            );
        notice = match &self.event.kind {
            EventKind::PolicyAction(action) => notice
                .fact("Policy", acted(action))
                .fact("Reason", action.reason.clone()),
            EventKind::ParameterChange(change) => {
                notice.fact("Description", change.description.clone())
            }
            EventKind::SecretRotation(_) | EventKind::Other => notice,
        };
        notice.application = application;
        notice.missing.clone_from(&self.missing);
        notice
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
    let time = event
        .time
        .map(|time| format!(" of {}", wording::minute(time)));
    let mut origin = vec![format!("Event {id}{}", time.unwrap_or_default())];
    let account = event.account.as_deref();
    origin.extend(account.map(|account| format!("account {}", quotable(account))));
    origin.extend(event.region.as_deref().map(quotable));
    let mut notice = Notice::new(severity, kind, headline, format!("{}.", origin.join(", ")));
    notice.id.clone_from(&event.id);
    notice
}

/// `150 days`.
pub(super) fn span(span: &PolicySpan) -> String {
    format!(
        "{} {}",
        short(&span.amount),
        short(&span.unit.to_lowercase())
    )
}

/// A word from outside, short enough for a text message.
pub(super) fn short(text: &str) -> String {
    elide_end(&quotable(text), 24)
}

fn duration(span: &PolicySpan) -> Option<SignedDuration> {
    let amount: i64 = span.amount.parse().ok()?;
    let hours = if span.unit.eq_ignore_ascii_case("hours") {
        amount
    } else {
        amount.checked_mul(24)?
    };
    (0..=2_400_000)
        .contains(&hours)
        .then(|| SignedDuration::from_hours(hours))
}

/// Which policy acted, its span or instant, and how that ended.
fn acted(action: &PolicyAction) -> String {
    let policy = match action.policy_type.as_str() {
        "" => "of no known type",
        name => name,
    };
    let status = match &action.status {
        ActionStatus::Success => None,
        ActionStatus::Failure => Some("failed".to_owned()),
        ActionStatus::Unknown(status) if status.is_empty() => None,
        ActionStatus::Unknown(status) => Some(format!("status {status}")),
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
    let when = metadata.last_modified.map_or_else(
        || "at an unknown time".to_owned(),
        |at| {
            let age = match now.duration_since(at).as_hours() / 24 {
                ..1 => "today".to_owned(),
                age => format!("{} ago", wording::days(age)),
            };
            format!("{} ({age})", wording::minute(at))
        },
    );
    let who = metadata.last_modified_user.as_deref();
    let who = who.filter(|user| user.starts_with("arn:"));
    let who = who.unwrap_or("an unknown principal");
    let version = metadata
        .version
        .map(|version| format!(", version {version}"));
    format!("{when} by {who}{}", version.unwrap_or_default())
}

/// `NoChangeNotification 90, 150 days; Expiration 2026-12-31T00:00:00Z (failed)`.
fn policies(metadata: &ParameterMetadata) -> Option<String> {
    let mut groups: Vec<(&str, String, Vec<String>)> = Vec::new();
    for policy in &metadata.policies {
        let content: Value = serde_json::from_str(&policy.text).unwrap_or_default();
        let attribute = |name: &str| content["Attributes"][name].as_str();
        let amount = ["After", "Before", "Timestamp"]
            .into_iter()
            .find_map(attribute);
        let unit = attribute("Unit").unwrap_or_default().to_lowercase();
        let failed = if policy.status == "Failed" {
            " (failed)"
        } else {
            ""
        };
        let amount = format!("{}{failed}", amount.unwrap_or_default());
        match groups
            .iter_mut()
            .find(|(name, its_unit, _)| *name == policy.policy_type && *its_unit == unit)
        {
            Some((_, _, amounts)) => amounts.push(amount),
            None => groups.push((&policy.policy_type, unit, vec![amount])),
        }
    }
    let groups = groups.iter().map(|(name, unit, amounts)| {
        let group = format!("{name} {} {unit}", amounts.join(", "));
        group.trim_end().to_owned()
    });
    let groups = groups.collect::<Vec<_>>().join("; ");
    (!groups.is_empty()).then_some(groups)
}
