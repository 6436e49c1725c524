//! What people read about an event, one function for each kind of notice.

use serde_json::Value;

use super::parameter::{Context, Parameter, event_notice, short, span};
use crate::audit::findings::Code;
use crate::event::{Event, PolicyAction, RotationOutcome, SecretRotation};
use crate::notice::{Headline, Notice, Step, TEST_KIND};
use crate::outlook::Next;
use crate::redaction::without_named;
use crate::severity::Severity::{self, Critical, Info, Warning};
use crate::text::{capital, quotable};
use crate::{link, wording};

/// Most fields of an unrecognised event that are listed.
const MAX_FIELDS: usize = 20;

const REMOVE_EXPIRATION: &str =
    "Remove the Expiration policy and keep the NoChangeNotification policies:";

/// The reminder that this system exists for. Where the system rotates by itself and is on time,
/// there is nothing to do.
pub(super) fn secret_unchanged(parameter: &Parameter<'_>, action: &PolicyAction) -> Notice {
    let (name, now) = (parameter.name(), parameter.context.now);
    let known = parameter.deadline();
    let deadline = known.as_ref();
    let outlook = parameter.outlook();
    let severity = outlook.map_or(Warning, |outlook| outlook.severity);
    let ending = deadline.map(|deadline| wording::stops_working(deadline, now));
    let unknown = "needs to be rotated; its deadline is unknown";
    let ending = format!(" {}", ending.as_deref().unwrap_or(unknown));
    let unchanged = action.span.as_ref().map(span);
    let is_dead = deadline.is_some_and(|deadline| deadline.has_passed(now));
    let (to_do, steps) = match outlook {
        Some(outlook) if !outlook.needs_people() => (outlook.sentence(now), Vec::new()),
        Some(outlook) if matches!(outlook.next, Next::FindSecret { .. }) => {
            let remedy = Code::Lwa009.explanation().remedy;
            let steps = vec![Step::at(remedy, link::DEVELOPER_CONSOLE)];
            (outlook.sentence(now), steps)
        }
        Some(outlook) if matches!(outlook.next, Next::RotateLate { .. }) => {
            (outlook.sentence(now), parameter.steps_to_rotate())
        }
        Some(outlook) if outlook.next == Next::Unknown => {
            let look = format!(
                "See what the system does about it: lwa rotate --application {name} --dry-run"
            );
            let steps = vec![Step::new(look)];
            (
                outlook.sentence(now),
                steps.into_iter().chain(parameter.runbook()).collect(),
            )
        }
        _ => {
            let to_do = wording::rotate(is_dead).to_owned();
            (to_do, parameter.steps_to_rotate())
        }
    };
    let notice = parameter
        .notice(severity, "secret-unchanged", "Client secret of ", ending)
        .say([to_do])
        .say(unchanged.map(|span| format!("It has not been changed for {span}.")));
    if steps.is_empty() {
        return notice;
    }
    notice.consequence(&name, deadline, now).steps(steps)
}

pub(super) fn needs_no_rotation(parameter: &Parameter<'_>, is_client_id: bool) -> Notice {
    let why = if is_client_id {
        "A client id never changes."
    } else {
        "A refresh token outlives every rotation of the client secret; it ends with the seller's \
         yearly authorisation."
    };
    let what = capital(&parameter.what());
    parameter
        .notice(Info, "no-rotation-needed", what, " needs no rotation")
        .say([why])
        .steps([parameter.step(
            "To silence this reminder, remove the NoChangeNotification policy from the parameter:",
        )])
}

pub(super) fn expiration_announced(parameter: &Parameter<'_>, action: &PolicyAction) -> Notice {
    let when = action.span.as_ref();
    let when = when.map_or(" soon".to_owned(), |left| format!(" within {}", span(left)));
    let before = format!("Parameter Store will delete the {}", parameter.what());
    let then = format!(
        "The value is gone for good, and {} gets no more access tokens. Writing a new value does \
         not move the date: an Expiration policy is never right on a credential in use.",
        parameter.name()
    );
    parameter
        .notice(Critical, "expiration-announced", before, when)
        .say(["Remove its Expiration policy."])
        .paragraph("What happens then", then)
        .steps([parameter.step(REMOVE_EXPIRATION)])
        .steps(parameter.runbook())
}

/// A parameter that no longer exists.
pub(super) fn gone(parameter: &Parameter<'_>, severity: Severity, is_expired: bool) -> Notice {
    let (kind, how, who) = if is_expired {
        (
            "parameter-expired",
            " was deleted by its Expiration policy",
            "Store it without an Expiration policy. CloudTrail tells who set that policy: event \
             name PutParameter.",
        )
    } else {
        (
            "parameter-deleted",
            " was deleted",
            "Find out who deleted it: CloudTrail, event name DeleteParameter or DeleteParameters.",
        )
    };
    let again = parameter.metadata.map(|_| "It exists again.");
    let notice = parameter
        .notice(severity, kind, capital(&parameter.what()), how)
        .say(again);
    if parameter.place.is_none() {
        return notice;
    }
    let again = if parameter.is_client_secret() {
        "Store the client secret again. If it is lost, rotate it in the developer console \
         first; sellers need not authorise again:"
    } else {
        "Store the value again, as a SecureString under the customer key:"
    };
    let meaning = format!(
        "Services that ask for a token of {} get an error as soon as the cached one ends, at the \
         latest in one hour.",
        parameter.name()
    );
    notice
        .paragraph("What that means", meaning)
        .steps([parameter.step(again), Step::new(who)])
        .steps(parameter.runbook())
}

pub(super) fn policy_failed(
    parameter: &Parameter<'_>,
    severity: Severity,
    action: &PolicyAction,
) -> Notice {
    let policy = short(&action.policy_type);
    let (consequence, step) = if action.policy_type == "Expiration" {
        (
            "The policy would have deleted a credential in use.",
            REMOVE_EXPIRATION,
        )
    } else {
        (
            "Its reminders may not come; the daily audit does not depend on them.",
            "Open the parameter, read the policy's status, and save its policies again:",
        )
    };
    let before = format!("{policy} policy of the {}", parameter.what());
    parameter
        .notice(severity, "policy-failed", before, " failed")
        .say(parameter.day().map(|day| format!("Deadline {day}.")))
        .say([consequence])
        .steps([parameter.step(step)])
        .steps(parameter.runbook())
}

pub(super) fn policy_acted(parameter: &Parameter<'_>, action: &PolicyAction) -> Notice {
    let policy = match action.policy_type.as_str() {
        "" => "Unnamed".to_owned(),
        name => short(name),
    };
    let before = format!("{policy} policy acted on the {}", parameter.what());
    parameter
        .notice(Warning, "policy-action", before, "")
        .steps([parameter.step("Look at the parameter and its policies:")])
}

pub(super) fn parameter_changed(parameter: &Parameter<'_>, operation: &str) -> Notice {
    let done = match operation {
        "Create" => " was created".to_owned(),
        "Update" => " has a new version".to_owned(),
        "LabelParameterVersion" => " has a label moved".to_owned(),
        other => format!(" was changed ({})", short(other)),
    };
    let what = capital(&parameter.what());
    parameter.notice(Info, "parameter-changed", what, done)
}

/// A new version of a client secret. A severity above info means that the reported deadline is
/// near although a new version was stored.
pub(super) fn secret_updated(parameter: &Parameter<'_>, severity: Severity) -> Notice {
    let day = parameter.day().unwrap_or("unknown".to_owned());
    let after = format!(" was updated; deadline {day}");
    let notice = parameter.notice(severity, "secret-updated", "Client secret of ", after);
    if severity == Info {
        return notice;
    }
    notice
        .say(["If this was a rotation, the reported deadline is still that of the old secret."])
        .steps([parameter
            .step("If this was a rotation, set the tag lwa:secret-expires-at to the new date:")])
}

pub(super) fn secret_rotation(
    event: &Event,
    rotation: &SecretRotation,
    context: Context<'_>,
) -> Notice {
    let name = rotation.secret_name();
    let (severity, kind, how) = match rotation.outcome {
        RotationOutcome::Succeeded => (Info, "rotation-succeeded", "succeeded"),
        RotationOutcome::Failed => (Critical, "rotation-failed", "failed"),
        RotationOutcome::Abandoned => (Warning, "rotation-abandoned", "was abandoned"),
    };
    let after = format!(" in Secrets Manager {how}");
    let headline = Headline::new("Rotation of ", quotable(name), after);
    let notice = event_notice(event, severity, kind, headline)
        .about(context.layout.contains(name).then(|| name.to_owned()))
        .fact("Secret", rotation.secret_arn.clone())
        .fact("Error", rotation.error.clone());
    if rotation.outcome == RotationOutcome::Succeeded {
        return notice;
    }
    let region = event.region.as_deref().unwrap_or_default();
    notice
        .steps([Step::at(
            "Open the secret and look for a version that is left in AWSPENDING:",
            link::secret(region, name),
        )])
        .steps(wording::runbook_step(context.runbook_url))
}

/// A test of the way that messages take. Anyone who may put events on the bus can ask for one, so
/// all that it shows of the event is the name of a client secret, if Parameter Store has it. The
/// event's id, account and region are set by EventBridge.
pub(super) fn test_message(event: &Event, parameter: Option<&Parameter<'_>>) -> Notice {
    let no_action = "Nothing has to be done about this test.".to_owned();
    let notice = match parameter {
        Some(parameter) if parameter.metadata.is_some() => {
            let day = parameter.day().unwrap_or("unknown".to_owned());
            parameter
                .notice(Info, TEST_KIND, "Alerts reach you (test with ", ")")
                .say([no_action, format!("Its true deadline: {day}.")])
        }
        _ => {
            // What AWS says about the failure may quote the name.
            let why = if parameter.is_some_and(|parameter| !parameter.missing.is_empty()) {
                "its look-up failed: the log of policy-formatter says why"
            } else {
                "its event names no client secret that is in Parameter Store"
            };
            let headline = Headline::new("Alerts reach you", "", "");
            event_notice(event, Info, TEST_KIND, headline)
                .say([no_action, format!("It shows no deadline, because {why}.")])
        }
    };
    notice.as_test().paragraph(
        "What this shows",
        "If you can read this, alerts reach you. This message went the way of every event of the \
         vault: EventBridge, a rule, policy-formatter, the topic, your subscription.",
    )
}

/// An event of a shape that this version does not know still reaches people, with its fields.
pub(super) fn unrecognised(event: &Event) -> Notice {
    let detail_type = event.detail_type.as_deref().unwrap_or("no detail-type");
    let source = event.source.as_deref().unwrap_or("no source");
    let resources = (!event.resources.is_empty()).then(|| event.resources.join(", "));
    let headline = Headline::new("Unrecognised event: ", quotable(detail_type), "");
    event_notice(event, Warning, "unrecognised-event", headline)
        .say(["This version does not understand it."])
        .fact("Source", source.to_owned())
        .fact("Type", detail_type.to_owned())
        .fact("Resources", resources)
        .list("Its fields", fields(&event.detail))
}

/// The fields of an object, one line each; nested ones as JSON. An event that is not understood
/// may hold anything: should a notification with a new client secret be wired to the wrong
/// function, the secret must not go to everybody's mailbox.
fn fields(detail: &Value) -> Vec<String> {
    let detail = &without_named(detail);
    let Value::Object(object) = detail else {
        return vec![detail.to_string()];
    };
    let line = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    };
    let none = object.is_empty().then(|| "none".to_owned());
    let lines = object.iter().map(line).chain(none);
    wording::first(lines, MAX_FIELDS, object.len() as u64)
}
