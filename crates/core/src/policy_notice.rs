//! From an event and what could be found out about its parameter to a notice for people.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::application::{Layout, Place, Role};
use crate::deadline::Deadline;
use crate::event::{
    ActionStatus, ChangeOperation, Event, EventKind, ParameterChange, PolicyAction, PolicyType,
    RotationOutcome, SecretRotation,
};
use crate::message::{Fact, Line, Notice, Section, Step};
use crate::ports::CallError;
use crate::redaction::without_credentials;
use crate::secret::SecretRecord;
use crate::severity::Severity;
use crate::tags::SecretTags;
use crate::text::quotable;
use crate::vault::ports::ParameterMetadata;
use crate::{link, wording};

/// What was found out about the parameter of an event, each part on its own.
#[derive(Debug, Clone)]
pub struct Findings {
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

/// Days before the deadline from which a reminder is critical.
const CRITICAL_DAYS: i64 = 7;

/// Days before the deadline from which a reminder is a warning.
const WARNING_DAYS: i64 = 30;

/// Most fields of an unrecognised event that are listed.
const MAX_FIELDS: usize = 20;

/// How grave the distance to a deadline is.
pub fn deadline_severity(deadline: &Deadline, now: Timestamp) -> Severity {
    let left = deadline.days_left(now);
    if deadline.has_passed(now) || left <= CRITICAL_DAYS {
        Severity::Critical
    } else if left <= WARNING_DAYS {
        Severity::Warning
    } else {
        Severity::Info
    }
}

/// The parameter that an event is about, if it is about one.
pub fn parameter_name(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::PolicyAction(action) => Some(&action.parameter_name),
        EventKind::ParameterChange(change) => Some(&change.parameter_name),
        EventKind::SecretRotation(_) | EventKind::Other => None,
    }
}

/// The notice for an event. `findings` is none where nothing was looked up.
pub fn notice(event: &Event, findings: Option<&Findings>, context: Context<'_>) -> Notice {
    match &event.kind {
        EventKind::PolicyAction(action) => {
            let subject = Subject::new(event, &action.parameter_name, findings, context);
            subject.policy_action(action)
        }
        EventKind::ParameterChange(change) => {
            let subject = Subject::new(event, &change.parameter_name, findings, context);
            subject.parameter_change(change)
        }
        EventKind::SecretRotation(rotation) => secret_rotation(event, rotation, context),
        EventKind::Other => unrecognised(event),
    }
}

/// One parameter that an event is about, with everything known about it.
struct Subject<'a> {
    event: &'a Event,
    context: Context<'a>,
    parameter_name: &'a str,
    place: Option<Place>,
    metadata: Option<&'a ParameterMetadata>,
    /// Whether it was looked for and is not there.
    is_gone: bool,
    tags: SecretTags,
    deadline: Option<Deadline>,
    missing: Vec<String>,
}

impl<'a> Subject<'a> {
    fn new(
        event: &'a Event,
        parameter_name: &'a str,
        findings: Option<&'a Findings>,
        context: Context<'a>,
    ) -> Self {
        let place = context.layout.locate(parameter_name);
        let is_secret = place
            .as_ref()
            .is_some_and(|place| place.role == Role::ClientSecret);
        let mut missing = Vec::new();
        let mut metadata = None;
        let is_gone = findings.is_some_and(|findings| findings.metadata == Ok(None));
        let mut tags = SecretTags::default();
        if let Some(findings) = findings {
            match &findings.metadata {
                Ok(found) => metadata = found.as_ref(),
                Err(error) => missing.push(format!(
                    "who changed it last, when, and its policies, because {error}"
                )),
            }
            match &findings.tags {
                Ok(map) => tags = SecretTags::from_map(map),
                Err(error) => missing.push(format!("the reported deadline, because {error}")),
            }
        }
        for name in &tags.unreadable {
            missing.push(format!("the tag {name}, because it is no RFC 3339 instant"));
        }
        let deadline = place.as_ref().filter(|_| is_secret).and_then(|place| {
            let record = SecretRecord {
                application: place.application.clone(),
                version: metadata.and_then(ParameterMetadata::secret_version),
                written_at: metadata.and_then(|metadata| metadata.last_modified),
                tags: tags.clone(),
            };
            record.deadline(context.secret_lifetime_days)
        });
        Self {
            event,
            context,
            parameter_name,
            place,
            metadata,
            is_gone,
            tags,
            deadline,
            missing,
        }
    }

    fn role(&self) -> Option<&Role> {
        self.place.as_ref().map(|place| &place.role)
    }

    fn is_client_secret(&self) -> bool {
        self.role() == Some(&Role::ClientSecret)
    }

    /// The application's name, or the parameter's where it belongs to none.
    fn name(&self) -> String {
        match &self.place {
            Some(place) => place.application.to_string(),
            None => quotable(self.parameter_name),
        }
    }

    /// `client secret of`, or `parameter` where it belongs to no application.
    fn what(&self) -> String {
        self.role()
            .map_or_else(|| "parameter".to_owned(), |role| format!("{role} of"))
    }

    fn region(&self) -> &'a str {
        self.event.region.as_deref().unwrap_or_default()
    }

    fn parameter_link(&self) -> String {
        link::parameter(self.region(), self.parameter_name)
    }

    fn policy_action(self, action: &PolicyAction) -> Notice {
        let failed = action.status == ActionStatus::Failure;
        match &action.policy_type {
            _ if failed => self.policy_failed(action),
            PolicyType::NoChangeNotification if self.is_client_secret() => {
                self.secret_unchanged(action)
            }
            PolicyType::NoChangeNotification if self.place.is_some() => {
                self.needs_no_rotation(action)
            }
            PolicyType::ExpirationNotification => self.expiration_announced(action),
            PolicyType::Expiration => self.expired(action),
            _ => self.other_policy_action(action),
        }
    }

    /// The reminder that this system exists for.
    fn secret_unchanged(mut self, action: &PolicyAction) -> Notice {
        self.deadline = self
            .deadline
            .or_else(|| self.deadline_at_the_latest(action));
        let (name, now) = (self.name(), self.context.now);
        let unchanged = action.span.as_ref().map_or_else(String::new, |span| {
            format!(
                " It has not been changed for {} {}.",
                span.amount,
                span.unit.to_lowercase()
            )
        });
        let steps = wording::rotation_steps(
            &name,
            self.parameter_name,
            self.region(),
            self.context.runbook_url,
        );
        let Some(deadline) = self.deadline else {
            let mut notice = self.base(Severity::Warning, "secret-unchanged", action_facts(action));
            notice.headline =
                format!("the client secret of {name} needs to be rotated.{unchanged}");
            notice.subject = Line::new("Client secret of ", &name, " needs rotation, date unknown");
            notice.sms = Line::new(
                "client secret of ",
                &name,
                " needs rotation; deadline unknown.",
            );
            notice.sms_more = vec!["Rotate it in the SP-API developer console.".into()];
            notice.sections = vec![Section {
                title: "What happens 180 days after its issue".into(),
                lines: vec![wording::what_happens(&name)],
                list: false,
            }];
            notice.steps = steps;
            return notice;
        };
        let day = wording::date(deadline.at);
        let remaining = wording::remaining(&deadline, now);
        let passed = deadline.has_passed(now);
        let ending = wording::stops_working(&deadline, now);
        let severity = deadline_severity(&deadline, now);
        let mut notice = self.base(severity, "secret-unchanged", action_facts(action));
        notice.headline = format!("the client secret of {name} {ending}.{unchanged}");
        notice.subject = Line::new("Client secret of ", &name, format!(": {day}, {remaining}"));
        notice.sms = Line::new("client secret of ", &name, format!(" {ending}."));
        notice.sms_more = vec!["Rotate it in the SP-API developer console.".into()];
        notice.sections = vec![Section {
            title: if passed {
                "What that means".into()
            } else {
                format!("What happens on {day}")
            },
            lines: vec![wording::what_happens(&name)],
            list: false,
        }];
        notice.steps = steps;
        notice
    }

    /// The deadline as far as the event itself tells: when it was sent, the secret had been
    /// unchanged for at least the policy's span.
    fn deadline_at_the_latest(&self, action: &PolicyAction) -> Option<Deadline> {
        let span = action.span.as_ref()?;
        let amount: i64 = span
            .amount
            .parse()
            .ok()
            .filter(|amount| (0..=100_000).contains(amount))?;
        let hours = if span.unit.eq_ignore_ascii_case("hours") {
            amount
        } else {
            amount * 24
        };
        let written = self
            .event
            .time?
            .checked_sub(SignedDuration::from_hours(hours))
            .ok()?;
        Deadline::estimated(written, self.context.secret_lifetime_days)
    }

    fn needs_no_rotation(self, action: &PolicyAction) -> Notice {
        let (name, what) = (self.name(), self.what());
        let why = match self.role() {
            Some(Role::ClientId) => "A client id never changes.",
            _ => {
                "A refresh token outlives every rotation of the client secret; it ends when the \
                  seller's yearly authorisation does."
            }
        };
        let link = self.parameter_link();
        let mut notice = self.base(Severity::Info, "no-rotation-needed", action_facts(action));
        notice.headline = format!("the {what} {name} needs no rotation. {why}");
        notice.subject = Line::new(capital(&what), format!(" {name}"), ": no rotation needed");
        notice.sms = Line::new(format!("the {what} "), &name, " needs no rotation.");
        notice.steps = vec![Step::at(
            "To silence this reminder, remove the NoChangeNotification policy from the parameter:",
            link,
        )];
        notice
    }

    fn expiration_announced(self, action: &PolicyAction) -> Notice {
        let (name, what, link) = (self.name(), self.what(), self.parameter_link());
        let when = action.span.as_ref().map_or_else(
            || "soon".to_owned(),
            |span| format!("within {} {}", span.amount, span.unit.to_lowercase()),
        );
        let runbook = wording::runbook_step(self.context.runbook_url);
        let mut notice = self.base(
            Severity::Critical,
            "expiration-announced",
            action_facts(action),
        );
        notice.headline = format!(
            "Parameter Store will delete the {what} {name} {when}, because an Expiration policy \
             says so."
        );
        notice.subject = Line::new(
            capital(&what),
            format!(" {name}"),
            format!(" is deleted {when}"),
        );
        notice.sms = Line::new(
            format!("AWS deletes the {what} "),
            &name,
            format!(" {when} (Expiration policy). Remove that policy."),
        );
        notice.sections = vec![Section {
            title: "What happens then".into(),
            lines: vec![format!(
                "The value is gone for good, and {name} gets no more access tokens. Writing a new \
                 value does not move the date: an Expiration policy is never right on a \
                 credential in use."
            )],
            list: false,
        }];
        notice.steps = vec![Step::at(
            "Remove the Expiration policy and keep the NoChangeNotification ones:",
            link,
        )];
        notice.steps.extend(runbook);
        notice
    }

    fn expired(self, action: &PolicyAction) -> Notice {
        let mut notice = self.gone(
            "parameter-expired",
            "was deleted by its Expiration policy",
            action_facts(action),
        );
        notice.missing.clear();
        notice
    }

    fn deleted(self, change: &ParameterChange) -> Notice {
        let facts = change_facts(change);
        let mut notice = self.gone("parameter-deleted", "was deleted", facts);
        notice.missing.clear();
        notice
    }

    /// A credential that no longer exists. That its metadata cannot be read any more is no
    /// omission, so the caller clears what is missing.
    fn gone(self, kind: &'static str, how: &str, facts: Vec<Fact>) -> Notice {
        let (name, what) = (self.name(), self.what());
        let (link, known) = (self.parameter_link(), self.place.is_some());
        let runbook = wording::runbook_step(self.context.runbook_url);
        let is_secret = self.is_client_secret();
        let exists = self.metadata.is_some();
        let severity = if known {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let mut notice = self.base(severity, kind, facts);
        notice.headline = format!("the {what} {name} {how}.");
        notice.subject = Line::new(capital(&what), format!(" {name}"), format!(" {how}"));
        notice.sms = Line::new(format!("the {what} "), &name, format!(" {how}."));
        if exists {
            notice
                .headline
                .push_str(" A parameter of that name exists again.");
            notice.sms_more = vec!["It exists again.".into()];
        }
        if known {
            notice.sections = vec![Section {
                title: "What that means".into(),
                lines: vec![format!(
                    "Services that ask for a token of {name} get an error as soon as the cached \
                     one ends, at the latest in one hour."
                )],
                list: false,
            }];
            let again = if is_secret {
                "Store the client secret again. If nobody has it, rotate it in the developer \
                 console first; sellers need not authorise again:"
            } else {
                "Store the value again, as a SecureString under the customer key:"
            };
            let who = if kind == "parameter-expired" {
                "Store it without an Expiration policy. Who had set that one is in CloudTrail, \
                 event name PutParameter."
            } else {
                "Find out who did it: CloudTrail, event name DeleteParameter or DeleteParameters."
            };
            notice.steps = vec![Step::at(again, link), Step::new(who)];
            notice.steps.extend(runbook);
        }
        notice
    }

    fn policy_failed(self, action: &PolicyAction) -> Notice {
        let (name, what, link) = (self.name(), self.what(), self.parameter_link());
        let policy = quotable(action.policy_type.as_str());
        let severity = match self.deadline {
            Some(deadline) => deadline_severity(&deadline, self.context.now).max(Severity::Warning),
            None => Severity::Warning,
        };
        let distance = self
            .deadline
            .map(|deadline| {
                let (day, now) = (wording::date(deadline.at), self.context.now);
                format!(" Deadline {day}: {}.", wording::remaining(&deadline, now))
            })
            .unwrap_or_default();
        let runbook = wording::runbook_step(self.context.runbook_url);
        let mut notice = self.base(severity, "policy-failed", action_facts(action));
        let deletes = action.policy_type == PolicyType::Expiration;
        let consequence = if deletes {
            "It would have deleted a credential in use."
        } else {
            "Reminders from it may not come; the daily audit does not depend on it."
        };
        notice.headline = format!("the {policy} policy of the {what} {name} failed. {consequence}");
        notice.subject = Line::new(format!("{policy} policy failed: {what} "), &name, "");
        notice.sms = Line::new(
            format!("the {} policy of the {what} ", short(&policy)),
            &name,
            format!(" failed.{distance}"),
        );
        let step = if deletes {
            "Remove the Expiration policy and keep the NoChangeNotification ones:"
        } else {
            "Open the parameter, read the policy's status, and save its policies again:"
        };
        notice.steps = vec![Step::at(step, link)];
        notice.steps.extend(runbook);
        notice
    }

    fn other_policy_action(self, action: &PolicyAction) -> Notice {
        let (name, what) = (self.name(), self.what());
        let policy = quotable(action.policy_type.as_str());
        let policy = if policy.is_empty() {
            "unnamed".to_owned()
        } else {
            policy
        };
        let link = self.parameter_link();
        let mut notice = self.base(Severity::Warning, "policy-action", action_facts(action));
        notice.headline = format!("a policy of type {policy} acted on the {what} {name}.");
        notice.subject = Line::new(format!("{policy} policy acted: {what} "), &name, "");
        notice.sms = Line::new(
            format!("a policy of type {} acted on the {what} ", short(&policy)),
            &name,
            ".",
        );
        notice.steps = vec![Step::at("Look at the parameter and its policies:", link)];
        notice
    }

    fn parameter_change(self, change: &ParameterChange) -> Notice {
        match &change.operation {
            ChangeOperation::Delete => self.deleted(change),
            ChangeOperation::Update if self.is_client_secret() => self.secret_updated(change),
            operation => {
                let (name, what) = (self.name(), self.what());
                let done = match operation {
                    ChangeOperation::Create => "was created".to_owned(),
                    ChangeOperation::Update => "has a new version".to_owned(),
                    ChangeOperation::LabelParameterVersion => "has a label moved".to_owned(),
                    other => format!("was changed ({})", short(&quotable(other.as_str()))),
                };
                let mut notice =
                    self.base(Severity::Info, "parameter-changed", change_facts(change));
                notice.headline = format!("the {what} {name} {done}.");
                notice.subject = Line::new(capital(&what), format!(" {name}"), format!(" {done}"));
                notice.sms = Line::new(format!("the {what} "), &name, format!(" {done}."));
                notice
            }
        }
    }

    fn secret_updated(self, change: &ParameterChange) -> Notice {
        let (name, now) = (self.name(), self.context.now);
        let link = self.parameter_link();
        let deadline = self.deadline;
        let reported = self.tags.expires_at.is_some();
        let severity = deadline.map_or(Severity::Info, |deadline| {
            if reported {
                deadline_severity(&deadline, now)
            } else {
                Severity::Info
            }
        });
        let mut notice = self.base(severity, "secret-updated", change_facts(change));
        notice.headline = format!("a new version of the client secret of {name} was stored.");
        let after = match deadline {
            Some(deadline) => {
                let (day, left) = (
                    wording::date(deadline.at),
                    wording::remaining(&deadline, now),
                );
                format!(" was updated; deadline {day}, {left}")
            }
            None => " was updated; deadline unknown".to_owned(),
        };
        notice.subject = Line::new("Client secret of ", &name, &after);
        notice.sms = Line::new("client secret of ", &name, format!("{after}."));
        if reported && severity > Severity::Info {
            notice.headline.push_str(
                " Its reported deadline is still the old one: if this was a rotation, the tag \
                 lwa:secret-expires-at has to move too.",
            );
            notice.steps = vec![Step::at(
                "If this was a rotation, set the tag lwa:secret-expires-at to the new date:",
                link,
            )];
        }
        notice
    }

    /// What all notices about a parameter share.
    fn base(self, severity: Severity, kind: &'static str, more: Vec<Fact>) -> Notice {
        let now = self.context.now;
        let mut facts = Vec::new();
        let mut fact = |label, value: String| facts.push(Fact { label, value });
        if let Some(place) = &self.place {
            fact("Application", place.application.to_string());
        }
        fact("Parameter", self.parameter_name.to_owned());
        match &self.place {
            Some(place) => fact("Credential", place.role.to_string()),
            None => fact("Credential", "none of the configured applications'".into()),
        }
        if let Some(deadline) = &self.deadline {
            let lifetime = self.context.secret_lifetime_days;
            fact("Deadline", wording::deadline(deadline, now, lifetime));
        }
        if self.is_gone {
            fact("State", "the parameter does not exist any more".into());
        }
        if let Some(metadata) = self.metadata {
            fact("Last change", last_change(metadata, now));
            if !metadata.policies.is_empty() {
                fact("Policies", policies(metadata));
            }
        }
        if let Some(owner) = &self.tags.owner {
            fact("Owner", owner.clone());
        }
        if let Some(requested) = self.tags.rotation_requested_at {
            fact(
                "Rotation",
                format!("requested on {}", wording::minute(requested)),
            );
        }
        facts.extend(more);
        Notice {
            severity,
            kind,
            application: self
                .place
                .as_ref()
                .map(|place| place.application.to_string()),
            subject: Line::default(),
            sms: Line::default(),
            sms_more: Vec::new(),
            headline: String::new(),
            facts,
            sections: Vec::new(),
            steps: Vec::new(),
            missing: self.missing,
            origin: origin(self.event),
            id: self.event.id.clone(),
        }
    }
}

fn secret_rotation(event: &Event, rotation: &SecretRotation, context: Context<'_>) -> Notice {
    let name = quotable(rotation.secret_name());
    let known = context.layout.contains(rotation.secret_name());
    let region = event.region.as_deref().unwrap_or_default();
    let (severity, kind, how) = match rotation.outcome {
        RotationOutcome::Succeeded => (Severity::Info, "rotation-succeeded", "succeeded"),
        RotationOutcome::Failed => (Severity::Critical, "rotation-failed", "failed"),
        RotationOutcome::Abandoned => (Severity::Warning, "rotation-abandoned", "was abandoned"),
    };
    let mut facts = vec![Fact {
        label: "Secret",
        value: rotation.secret_arn.clone(),
    }];
    if let Some(error) = &rotation.error {
        facts.push(Fact {
            label: "Error",
            value: error.clone(),
        });
    }
    let mut steps = Vec::new();
    if rotation.outcome != RotationOutcome::Succeeded {
        steps.push(Step::at(
            "Open the secret and look for a version that is left in AWSPENDING:",
            link::secret(region, rotation.secret_name()),
        ));
        steps.extend(wording::runbook_step(context.runbook_url));
    }
    Notice {
        severity,
        kind,
        application: known.then(|| rotation.secret_name().to_owned()),
        subject: Line::new("Rotation of secret ", &name, format!(" {how}")),
        sms: Line::new("rotation of secret ", &name, format!(" {how}.")),
        sms_more: Vec::new(),
        headline: format!("the rotation of the secret {name} in Secrets Manager {how}."),
        facts,
        sections: Vec::new(),
        steps,
        missing: Vec::new(),
        origin: origin(event),
        id: event.id.clone(),
    }
}

/// An event of a shape we do not know still reaches people, with its fields.
fn unrecognised(event: &Event) -> Notice {
    let detail_type = event.detail_type.as_deref().unwrap_or("no detail-type");
    let source = event.source.as_deref().unwrap_or("no source");
    let mut facts = vec![
        Fact {
            label: "Source",
            value: source.to_owned(),
        },
        Fact {
            label: "Type",
            value: detail_type.to_owned(),
        },
    ];
    if !event.resources.is_empty() {
        facts.push(Fact {
            label: "Resources",
            value: event.resources.join(", "),
        });
    }
    Notice {
        severity: Severity::Warning,
        kind: "unrecognised-event",
        application: None,
        subject: Line::new("Unrecognised event: ", quotable(detail_type), ""),
        sms: Line::new("unrecognised event: ", quotable(detail_type), "."),
        sms_more: vec!["See the e-mail for its fields.".into()],
        headline: "an event arrived that this version does not understand.".into(),
        facts,
        sections: vec![Section {
            title: "Its fields".into(),
            lines: fields(&event.detail),
            list: true,
        }],
        steps: Vec::new(),
        missing: Vec::new(),
        origin: origin(event),
        id: event.id.clone(),
    }
}

/// The fields of an object, one line each; nested ones as JSON. Nobody knows what an event that
/// is not understood holds, so credentials in it are hidden.
fn fields(detail: &Value) -> Vec<String> {
    let detail = &without_credentials(detail);
    let Value::Object(object) = detail else {
        return vec![detail.to_string()];
    };
    let line = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    };
    let mut lines: Vec<String> = object.iter().take(MAX_FIELDS).map(line).collect();
    if object.len() > MAX_FIELDS {
        lines.push(format!("and {} more", object.len() - MAX_FIELDS));
    }
    if lines.is_empty() {
        lines.push("none".into());
    }
    lines
}

fn action_facts(action: &PolicyAction) -> Vec<Fact> {
    let mut policy = vec![match action.policy_type.as_str() {
        "" => "of no known type".to_owned(),
        name => name.to_owned(),
    }];
    if let Some(span) = &action.span {
        policy.push(format!("{} {}", span.amount, span.unit.to_lowercase()));
    }
    policy.extend(action.expires_at.map(wording::minute));
    match &action.status {
        ActionStatus::Success => {}
        ActionStatus::Failure => policy.push("failed".into()),
        ActionStatus::Unknown(status) if status.is_empty() => {}
        ActionStatus::Unknown(status) => policy.push(format!("status {status}")),
    }
    let mut facts = vec![Fact {
        label: "Policy",
        value: policy.join(", "),
    }];
    if let Some(reason) = &action.reason {
        facts.push(Fact {
            label: "Reason",
            value: reason.clone(),
        });
    }
    facts
}

fn change_facts(change: &ParameterChange) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(description) = &change.description {
        facts.push(Fact {
            label: "Description",
            value: description.clone(),
        });
    }
    facts
}

/// Who wrote the parameter last, when, and which version that made.
fn last_change(metadata: &ParameterMetadata, now: Timestamp) -> String {
    let when = metadata.last_modified.map_or_else(
        || "at an unknown time".to_owned(),
        |at| {
            let age = now.duration_since(at).as_hours() / 24;
            let age = if age < 1 {
                "today".to_owned()
            } else {
                format!("{} ago", wording::days(age))
            };
            format!("{} ({age})", wording::minute(at))
        },
    );
    let who = metadata
        .last_modified_user
        .as_deref()
        .filter(|user| user.starts_with("arn:"));
    let who = who.unwrap_or("an unknown principal");
    let version = metadata
        .version
        .map_or_else(String::new, |version| format!(", version {version}"));
    format!("{when} by {who}{version}")
}

/// `NoChangeNotification 90, 150 days; Expiration 2026-12-31T00:00:00Z (failed)`.
fn policies(metadata: &ParameterMetadata) -> String {
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
    let group = |(name, unit, amounts): &(&str, String, Vec<String>)| {
        format!("{name} {} {unit}", amounts.join(", "))
            .trim_end()
            .to_owned()
    };
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

fn origin(event: &Event) -> String {
    let id = event.id.as_deref().unwrap_or("without an id");
    let time = event
        .time
        .map(|time| format!("of {}", wording::minute(time)));
    let event_time = [Some(format!("Event {}", quotable(id))), time];
    let mut parts = vec![
        event_time
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    ];
    parts.extend(
        event
            .account
            .as_ref()
            .map(|account| format!("account {}", quotable(account))),
    );
    parts.extend(event.region.as_deref().map(quotable));
    format!("{}.", parts.join(", "))
}

/// A word from outside, short enough for a text message.
fn short(text: &str) -> String {
    crate::text::elide_end(text, 24)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
