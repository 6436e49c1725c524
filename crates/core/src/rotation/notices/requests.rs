//! What people read about a deadline and about the request for a new secret.

use jiff::Timestamp;

use super::causes::Obstacle;
use super::context::Context;
use crate::application::ApplicationName;
use crate::deadline::{Deadline, OVERLAP_DAYS};
use crate::notice::{Notice, Step};
use crate::rotation::notification::{NEW_SECRET, SECRET_EXPIRY};
use crate::rotation::request::RefusalCause;
use crate::severity::Severity::{self, Info, Warning};
use crate::{link, wording};

/// Amazon reports a deadline that is not near enough to do anything.
pub fn expiry_reported(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: &Deadline,
    rotate_within_days: u32,
    auto_rotate: bool,
) -> Notice {
    let next = if auto_rotate {
        let days = wording::days(rotate_within_days.into());
        format!("This system requests a new one {days} before that.")
    } else {
        "AUTO_ROTATE is false: you rotate it, and reminders will follow.".to_owned()
    };
    ending(context, Info, "secret-expiry-reported", names, deadline)
        .say([&*next, "Amazon reported the date."])
}

/// A rotation is due and `AUTO_ROTATE` leaves it to people.
pub fn rotation_due(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: &Deadline,
) -> Notice {
    let severity = context.urgency(Some(deadline));
    ending(context, severity, "rotation-due", names, deadline)
        .say([wording::ROTATE])
        .say(["AUTO_ROTATE is false, so nothing was requested."])
        .consequence(&wording::names(names), Some(deadline), context.now)
        .steps(context.steps_to_rotate(names))
}

/// Amazon accepted a request for a new secret.
pub fn rotation_requested(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: Option<&Deadline>,
    requested_at: Timestamp,
    unanswered: Option<Timestamp>,
) -> Notice {
    let severity = unanswered.map_or(Info, |_| Warning);
    let before = "New client secret requested for ";
    let overlap = format!("The present one works for {OVERLAP_DAYS} more days.");
    let earlier = unanswered.map(|at| format!("{}, and no secret came", wording::minute(at)));
    let check = "If none comes this time either, check that the queue for new secrets is the one \
                 registered under Notification Preferences:";
    context
        .notice(severity, "rotation-requested", names, before, "")
        .say(["secret-receiver stores it when it arrives and Login with Amazon accepts it."])
        .say([overlap])
        .fact("Requested", wording::minute(requested_at))
        .fact("Deadline", context.deadline(deadline))
        .fact("Earlier request", earlier)
        .steps(unanswered.map(|_| Step::at(check, link::DEVELOPER_CONSOLE)))
}

/// Amazon did not make a new secret, and a person has to act.
pub fn rotation_refused(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: Option<&Deadline>,
    obstacle: &Obstacle,
) -> Notice {
    let by_hand = |cause| {
        let action = "Rotate by hand in the SP-API developer console.";
        (cause, action, context.steps_to_rotate(names))
    };
    let (cause, action, steps) = match obstacle {
        Obstacle::SpApi(RefusalCause::NoQueueRegistered, _) => {
            let register = format!(
                "As the account's primary user, open the developer console, choose Notification \
                 Preferences and register the queue for {NEW_SECRET}, and the other one for \
                 {SECRET_EXPIRY}:"
            );
            let again = "The daily schedule then asks again; lwa rotate does at once.";
            (
                "no queue is registered for it",
                "Register the queue in the developer console.",
                vec![
                    Step::at(register, link::DEVELOPER_CONSOLE),
                    Step::new(again),
                ],
            )
        }
        Obstacle::SpApi(RefusalCause::SecretExpired, _) => by_hand("the stored one has expired"),
        Obstacle::SpApi(RefusalCause::Other, _) => by_hand("Amazon refused the request"),
        Obstacle::Lwa(_) => by_hand("Login with Amazon gave no token"),
        Obstacle::Vault(_) => {
            let look = |name| Step::at("Look at what is stored:", context.page(name));
            let correct = "Correct it with lwa store; the daily schedule then asks again.";
            let first = names.first().map(look).into_iter();
            (
                "the stored credentials cannot be used",
                "Correct them with lwa store.",
                first.chain([Step::new(correct)]).collect(),
            )
        }
    };
    let ending = deadline.map(|deadline| wording::stops_working(deadline, context.now));
    let severity = context.urgency(deadline);
    let (before, after) = ("No new client secret for ", format!(": {cause}"));
    let notice = context
        .notice(severity, "rotation-refused", names, before, &after)
        .say([action])
        .say(ending.map(|ending| format!("The present one {ending}.")))
        .fact("Deadline", context.deadline(deadline))
        .fact("Answer", obstacle.answer())
        .steps(steps);
    match deadline {
        Some(_) => notice.consequence(&wording::names(names), deadline, context.now),
        None => notice,
    }
}

/// A request whose outcome is unknown.
pub fn rotation_unclear(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: Option<&Deadline>,
    answer: &str,
) -> Notice {
    let (before, after) = ("Rotation of ", ": no clear answer from Amazon");
    context
        .notice(Warning, "rotation-unclear", names, before, after)
        .say([
            "The new secret may be on its way, so nothing is requested again for 4 days.",
            "After that the daily schedule asks again if none has come.",
        ])
        .fact("Deadline", context.deadline(deadline))
        .fact("Answer", answer.to_owned())
}

/// A request that could not be made for now.
pub fn rotation_postponed(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: Option<&Deadline>,
    cause: &str,
) -> Notice {
    let severity = context.urgency(deadline);
    let before = "New client secret of ";
    let after = " is due and could not be requested";
    context
        .notice(severity, "rotation-postponed", names, before, after)
        .say(["The daily schedule tries again."])
        .fact("Deadline", context.deadline(deadline))
        .fact("Cause", cause.to_owned())
        .steps(context.runbook())
}

/// A notice that says when the present secret stops working.
fn ending(
    context: Context<'_>,
    severity: Severity,
    kind: &'static str,
    names: &[ApplicationName],
    deadline: &Deadline,
) -> Notice {
    let after = format!(" {}", wording::stops_working(deadline, context.now));
    context
        .notice(severity, kind, names, "Client secret of ", &after)
        .fact("Deadline", context.deadline(Some(deadline)))
}
