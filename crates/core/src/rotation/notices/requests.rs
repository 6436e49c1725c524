//! What people read about a deadline and about the request for a new secret.

use jiff::Timestamp;

use super::causes::Obstacle;
use super::context::Context;
use crate::application::ApplicationName;
use crate::deadline::Deadline;
use crate::notice::{Notice, Step};
use crate::rotation::notification::{NEW_SECRET, SECRET_EXPIRY};
use crate::rotation::request::RefusalCause;
use crate::severity::Severity;
use crate::{link, wording};

/// A rotation is due and `AUTO_ROTATE` leaves it to people.
pub fn rotation_due(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: &Deadline,
    severity: Severity,
) -> Notice {
    ending(context, severity, "rotation-due", names, deadline)
        .say([wording::rotate(deadline.has_passed(context.now))])
        .say(["AUTO_ROTATE is false, so nothing was requested."])
        .consequence(&wording::names(names), Some(deadline), context.now)
        .steps(context.steps_to_rotate(names, deadline.has_passed(context.now)))
}

/// Amazon was asked again, because nothing came of an earlier request.
pub fn rotation_requested_again(
    context: Context<'_>,
    names: &[ApplicationName],
    deadline: Option<&Deadline>,
    requested_at: Timestamp,
    unanswered: Timestamp,
) -> Notice {
    let before = "New client secret requested again for ";
    let earlier = format!("{}, and no secret came", wording::minute(unanswered));
    let check = "If none comes this time either, check that the queue for new secrets is the one \
                 registered under Notification Preferences:";
    let severity = context.urgency(deadline);
    context
        .notice(severity, "rotation-requested-again", names, before, "")
        .say(["Do not rotate: it is stored when it arrives and Amazon accepts it."])
        .fact("Requested", wording::minute(requested_at))
        .fact("Deadline", context.deadline(deadline))
        .fact("Earlier request", earlier)
        .steps([Step::at(check, link::DEVELOPER_CONSOLE)])
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
        (cause, action, context.steps_to_rotate(names, true))
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
