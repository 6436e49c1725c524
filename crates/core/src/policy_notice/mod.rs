//! From an event and what was looked up about its parameter to a notice for people.
//!
//! Here is decided which notice an event gets, how urgent it is and what it lacks;
//! `parameter` gathers what is known, `wording` says it.

mod parameter;
mod wording;

use serde::Serialize;

use self::parameter::Parameter;
pub use self::parameter::{Context, Lookups};
use crate::application::{Layout, Role};
use crate::deadline::Basis;
use crate::event::{Event, EventKind, PolicyAction};
use crate::notice::Notice;
use crate::outlook::Outlook;
use crate::severity::Severity::{self, Critical, Info, Warning};
use crate::urgency::deadline_severity;

/// The parameter to look up for an event, if it is about one.
pub fn parameter_name<'a>(event: &'a Event, layout: &Layout) -> Option<&'a str> {
    match &event.kind {
        EventKind::PolicyAction(action) => Some(&action.parameter_name),
        EventKind::ParameterChange { parameter_name, .. } => Some(parameter_name),
        // Anyone who may put events can name what they like.
        EventKind::Test { parameter_name } => parameter_name.as_deref().filter(|name| {
            let place = layout.locate(name);
            place.is_some_and(|place| place.role == Role::ClientSecret)
        }),
        EventKind::SecretRotation(_) | EventKind::Other => None,
    }
}

/// The notice for an event. `lookups` is none where nothing was looked up.
pub fn notice(event: &Event, lookups: Option<&Lookups>, context: Context<'_>) -> Notice {
    let parameter = |name| Parameter::new(event, name, lookups, context);
    match &event.kind {
        EventKind::PolicyAction(action) => policy_action(parameter(&action.parameter_name), action),
        EventKind::ParameterChange {
            parameter_name,
            operation,
            ..
        } => parameter_change(parameter(parameter_name), operation),
        EventKind::SecretRotation(rotation) => wording::secret_rotation(event, rotation, context),
        EventKind::Test { .. } => {
            let name = parameter_name(event, context.layout);
            wording::test_message(event, name.map(parameter).as_ref())
        }
        EventKind::Other => wording::unrecognised(event),
    }
}

/// What happens next with the client secret of which an event reminds; none for other events.
pub fn reminder(event: &Event, lookups: Option<&Lookups>, context: Context<'_>) -> Option<Outlook> {
    let EventKind::PolicyAction(action) = &event.kind else {
        return None;
    };
    let mut parameter = Parameter::new(event, &action.parameter_name, lookups, context);
    let is_reminder = action.policy_type == "NoChangeNotification" && !action.has_failed();
    if !is_reminder {
        return None;
    }
    parameter.assume_deadline(action);
    parameter.outlook()
}

/// Why people need not hear of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// A reminder of a client secret that the system rotates by itself, and is on time.
    OnSchedule,
    /// A reminder of something that people were reminded of today.
    ToldToday,
    /// A new client secret that the system stored: `secret-receiver` tells of it.
    OwnWrite,
}

/// Why people need not hear of an event, if they need not. They hear of it where anything that
/// this rests on is not known for certain.
pub fn withheld(
    event: &Event,
    lookups: Option<&Lookups>,
    context: Context<'_>,
) -> Option<Withheld> {
    let parameter = Parameter::new(
        event,
        parameter_name(event, context.layout)?,
        lookups,
        context,
    );
    if !parameter.is_known() || !parameter.is_client_secret() {
        return None;
    }
    if let EventKind::ParameterChange { operation, .. } = &event.kind {
        let is_own = operation == "Update" && parameter.is_own_write();
        return is_own.then_some(Withheld::OwnWrite);
    }
    let outlook = reminder(event, lookups, context)?;
    let Some(need) = outlook.need() else {
        let basis = outlook.deadline.map(|deadline| deadline.basis);
        return (basis == Some(Basis::Reported)).then_some(Withheld::OnSchedule);
    };
    let reminded = parameter.tags.reminded.as_ref();
    let is_told = need.is_told_today(reminded, context.now);
    is_told.then_some(Withheld::ToldToday)
}

fn policy_action(mut parameter: Parameter<'_>, action: &PolicyAction) -> Notice {
    match action.policy_type.as_str() {
        _ if action.has_failed() => {
            let severity = urgency(&parameter).unwrap_or(Warning);
            wording::policy_failed(&parameter, severity.max(Warning), action)
        }
        "NoChangeNotification" if parameter.is_client_secret() => {
            parameter.assume_deadline(action);
            wording::secret_unchanged(&parameter, action)
        }
        "NoChangeNotification" if parameter.place.is_some() => {
            let is_client_id = parameter.role() == Some(&Role::ClientId);
            wording::needs_no_rotation(&parameter, is_client_id)
        }
        "ExpirationNotification" => wording::expiration_announced(&parameter, action),
        "Expiration" => gone(parameter, true),
        _ => wording::policy_acted(&parameter, action),
    }
}

fn parameter_change(parameter: Parameter<'_>, operation: &str) -> Notice {
    match operation {
        "Delete" => gone(parameter, false),
        "Update" if parameter.is_client_secret() => {
            // An estimate counts from this very update, so it is no cause for concern.
            let reported = parameter.tags.expires_at.and(urgency(&parameter));
            wording::secret_updated(&parameter, reported.unwrap_or(Info))
        }
        operation => wording::parameter_changed(&parameter, operation),
    }
}

/// A parameter that was deleted. That its metadata cannot be read any more is no omission.
fn gone(mut parameter: Parameter<'_>, is_expired: bool) -> Notice {
    parameter.missing.clear();
    let is_ours = parameter.place.is_some();
    let severity = if is_ours { Critical } else { Warning };
    wording::gone(&parameter, severity, is_expired)
}

/// How urgent the parameter's deadline is, if it has one.
fn urgency(parameter: &Parameter<'_>) -> Option<Severity> {
    let deadline = parameter.deadline()?;
    Some(deadline_severity(&deadline, parameter.context.now))
}
