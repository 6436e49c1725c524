//! What people read about a deadline and about the request for a new secret.

use jiff::Timestamp;

use super::causes::Obstacle;
use super::context::Context;
use crate::application::ApplicationName;
use crate::deadline::{Deadline, OVERLAP_DAYS};
use crate::notice::{Notice, Step};
use crate::rotation::notification::{NEW_SECRET, SECRET_EXPIRY};
use crate::rotation::request::RefusalCause;
use crate::severity::Severity;
use crate::{link, wording};

/// Amazon reports a deadline that is not near enough to do anything.
pub fn expiry_reported(
    context: Context<'_>,
    applications: &[ApplicationName],
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
    ending(
        context,
        Severity::Info,
        "secret-expiry-reported",
        applications,
        deadline,
    )
    .say([&*next, "Amazon reported the date."])
}

/// A rotation is due and `AUTO_ROTATE` leaves it to people.
pub fn rotation_due(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: &Deadline,
) -> Notice {
    let severity = context.urgency(Some(deadline));
    ending(context, severity, "rotation-due", applications, deadline)
        .say([
            wording::ROTATE,
            "AUTO_ROTATE is false, so nothing was requested.",
        ])
        .consequence(&wording::names(applications), Some(deadline), context.now)
        .steps(context.steps_to_rotate(applications))
}

/// Amazon accepted a request for a new secret.
pub fn rotation_requested(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    requested_at: Timestamp,
    unanswered: Option<Timestamp>,
) -> Notice {
    let severity = unanswered.map_or(Severity::Info, |_| Severity::Warning);
    let before = "New client secret requested for ";
    let earlier = unanswered.map(|at| format!("{}, and no secret came", wording::minute(at)));
    let check = earlier.as_ref().map(|_| {
        Step::at(
            "If none comes this time either, check that the queue for new secrets is the one \
             registered under Notification Preferences:",
            link::DEVELOPER_CONSOLE,
        )
    });
    context
        .notice(severity, "rotation-requested", applications, before, "")
        .say(["secret-receiver stores it when it arrives and Login with Amazon accepts it."])
        .say([format!(
            "The present one works for {OVERLAP_DAYS} more days."
        )])
        .fact("Requested", wording::minute(requested_at))
        .fact("Deadline", context.deadline(deadline))
        .fact("Earlier request", earlier)
        .steps(check)
}

/// Amazon did not make a new secret, and a person has to act.
pub fn rotation_refused(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    obstacle: &Obstacle,
) -> Notice {
    let by_hand = || context.steps_to_rotate(applications);
    let (cause, action, answer, steps) = match obstacle {
        Obstacle::SpApi(RefusalCause::NoQueueRegistered, answer) => (
            "no queue is registered for it",
            "Register the queue in the developer console.",
            answer.clone(),
            vec![
                Step::at(
                    format!(
                        "As the account's primary user, open the developer console, choose \
                         Notification Preferences and register the queue for {NEW_SECRET}, and \
                         the other one for {SECRET_EXPIRY}:"
                    ),
                    link::DEVELOPER_CONSOLE,
                ),
                Step::new("The daily schedule then asks again; lwa rotate does at once."),
            ],
        ),
        Obstacle::SpApi(RefusalCause::SecretExpired, answer) => (
            "the stored one has expired",
            "Only a working one can request its successor, so rotate in the developer console.",
            answer.clone(),
            by_hand(),
        ),
        Obstacle::SpApi(RefusalCause::Other, answer) => (
            "Amazon refused the request",
            wording::ROTATE,
            answer.clone(),
            by_hand(),
        ),
        Obstacle::Lwa(error) => (
            "Login with Amazon gave no token to request it with",
            wording::ROTATE,
            error.to_string(),
            by_hand(),
        ),
        Obstacle::Vault(problem) => {
            let pages = applications.first().map(|first| context.page(first));
            let look = pages.map(|page| Step::at("Look at what is stored:", page));
            let mend = "Put it right with lwa store; the daily schedule then asks again.";
            (
                "the stored credentials cannot be used",
                "Put them right with lwa store.",
                problem.clone(),
                look.into_iter().chain([Step::new(mend)]).collect(),
            )
        }
    };
    let ending = deadline.map(|deadline| wording::stops_working(deadline, context.now));
    let severity = context.urgency(deadline);
    let (before, after) = ("No new client secret for ", format!(": {cause}"));
    let notice = context
        .notice(severity, "rotation-refused", applications, before, &after)
        .say([action])
        .say(ending.map(|ending| format!("The present one {ending}.")))
        .fact("Deadline", context.deadline(deadline))
        .fact("Answer", answer)
        .steps(steps);
    match deadline {
        Some(_) => notice.consequence(&wording::names(applications), deadline, context.now),
        None => notice,
    }
}

/// A request whose outcome is unknown.
pub fn rotation_unclear(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    answer: &str,
) -> Notice {
    let (before, after) = ("Rotation of ", ": no clear answer from Amazon");
    context
        .notice(
            Severity::Warning,
            "rotation-unclear",
            applications,
            before,
            after,
        )
        .say([
            "The new secret may be on its way, so nothing is requested again for 24 hours.",
            "After that the daily schedule asks again if none has come.",
        ])
        .fact("Deadline", context.deadline(deadline))
        .fact("Answer", answer.to_owned())
}

/// A request that could not be made for now.
pub fn rotation_postponed(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    cause: &str,
) -> Notice {
    let (before, after) = (
        "New client secret of ",
        " is due and could not be requested",
    );
    context
        .notice(
            context.urgency(deadline),
            "rotation-postponed",
            applications,
            before,
            after,
        )
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
    applications: &[ApplicationName],
    deadline: &Deadline,
) -> Notice {
    let after = format!(" {}", wording::stops_working(deadline, context.now));
    context
        .notice(severity, kind, applications, "Client secret of ", &after)
        .fact("Deadline", context.deadline(Some(deadline)))
}
