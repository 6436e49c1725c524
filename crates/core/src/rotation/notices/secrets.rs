//! What people read about a new secret.

use jiff::Timestamp;

use super::context::Context;
use crate::application::ApplicationName;
use crate::deadline::{Basis, Deadline};
use crate::lwa::LwaError;
use crate::notice::{Notice, Step};
use crate::rotation::notification::NewSecret;
use crate::severity::Severity;
use crate::{link, wording};

/// A new secret is stored, and LWA accepts it.
pub fn secret_stored(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    old_ends: Timestamp,
) -> Notice {
    let (before, day) = ("New client secret of ", wording::date(new.expires_at));
    let after = format!(" is stored and works until {day}");
    let notice = context
        .notice(
            Severity::Info,
            "secret-stored",
            applications,
            before,
            &after,
        )
        .say(["Login with Amazon accepts it.", "There is nothing to do."])
        .paragraph(
            "What that means",
            format!(
                "Services that read the vault use it from now on. Programs that keep their own \
                 copy must read it again before {}.",
                wording::minute(old_ends)
            ),
        );
    with_dates(notice, context, new, old_ends)
}

/// A new secret is stored although LWA has not accepted it.
pub fn secret_stored_unverified(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    old_ends: Timestamp,
    refusal: &LwaError,
) -> Notice {
    let kind = "secret-stored-unverified";
    let (before, after) = (
        "New client secret of ",
        " is stored, but Amazon has not accepted it",
    );
    let name = applications.first().map_or("NAME", ApplicationName::as_str);
    let notice = context
        .notice(Severity::Critical, kind, applications, before, after)
        .say([
            "Check it now: lwa token.".to_owned(),
            format!("The old one ends on {}.", wording::minute(old_ends)),
        ])
        .steps([Step::new(format!(
            "Check whether it works: lwa token --application {name}"
        ))])
        .steps(context.steps_to_rotate(applications));
    with_dates(notice, context, new, old_ends).fact("Answer", refusal.to_string())
}

/// A new secret waits until LWA knows it, or answers at all.
pub fn secret_waiting(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    old_ends: Timestamp,
    refusal: &LwaError,
    is_first: bool,
) -> Notice {
    let severity = if is_first {
        Severity::Info
    } else {
        Severity::Warning
    };
    let (before, after) = (
        "New client secret of ",
        " arrived, not accepted by Amazon yet",
    );
    let notice = context
        .notice(severity, "secret-waiting", applications, before, after)
        .say([
            old_works_until(old_ends),
            "secret-receiver tries the new one every 15 minutes.".to_owned(),
        ])
        .paragraph(
            "What happens next",
            "A new secret takes a while to spread within Amazon, usually minutes. If Login with \
             Amazon has not accepted it 24 hours before the old one ends, secret-receiver stores \
             it all the same and sends a critical message.",
        );
    with_dates(notice, context, new, old_ends).fact("Answer", refusal.to_string())
}

/// A new secret waits because another value was stored since, and nothing tells which of the two
/// is newer.
pub fn secret_contested(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    since: Option<Timestamp>,
    older_ends: Timestamp,
) -> Notice {
    let (before, after) = ("Two client secrets of ", ": which is newer?");
    context
        .notice(
            Severity::Warning,
            "secret-contested",
            applications,
            before,
            after,
        )
        .say([
            &*format!("The older one works until {}.", wording::date(older_ends)),
            "One has arrived from Amazon; the other was stored by hand after Amazon had made the \
             first, without its dates.",
            "The stored one stays.",
        ])
        .fact("It was made", new.event_time.map(wording::minute))
        .fact("Stored one came", since.map(wording::minute))
        .fact("Older one ends", wording::minute(older_ends))
        .paragraph(
            "What happens next",
            "With AUTO_ROTATE the next daily run asks Amazon for another secret, which is newer \
             than both. Until then this one waits in its queue. It is stored when Amazon refuses \
             what is stored and the older one has ended.",
        )
        .steps([
            Step::at(
                "If you stored the newest secret, set its tag lwa:secret-expires-at to the date \
                 in the developer console:",
                link::DEVELOPER_CONSOLE,
            ),
            Step::new("In doubt, rotate once more with `lwa rotate`."),
        ])
}

/// A secret that is older than the stored one was not stored.
pub fn secret_stale(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    newest_ends: Timestamp,
) -> Notice {
    let (before, after) = ("Client secret of ", " dropped: a newer one is known");
    let page = applications.first().map(|first| context.page(first));
    context
        .notice(
            Severity::Warning,
            "secret-stale",
            applications,
            before,
            after,
        )
        .fact("It ends", wording::minute(new.expires_at))
        .fact("Newest ends", wording::minute(newest_ends))
        .fact("Issued", new.event_time.map(wording::minute))
        .steps(page.map(|page| {
            Step::at(
                "If the stored one was entered by hand, check that it works and that its tag \
                 lwa:secret-expires-at is right:",
                page,
            )
        }))
}

/// A new secret could not be stored yet; the message stays in the queue.
pub fn secret_not_stored(
    context: Context<'_>,
    applications: &[ApplicationName],
    old_ends: Option<Timestamp>,
    cause: &str,
) -> Notice {
    let (before, after) = ("New client secret of ", " cannot be stored");
    context
        .notice(
            Severity::Critical,
            "secret-not-stored",
            applications,
            before,
            after,
        )
        .say(old_ends.map(old_works_until))
        .say(["It is safe in its queue, and secret-receiver tries again every 15 minutes."])
        .fact("Cause", cause.to_owned())
        .fact("Old one ends", old_ends.map(wording::minute))
        .steps([Step::new(
            "Remove the cause. Nothing else is needed: the next try stores it. After a week the \
             message goes to the dead-letter queue, which keeps it until 14 days after it was \
             sent.",
        )])
        .steps(context.runbook())
}

fn old_works_until(ends: Timestamp) -> String {
    format!("The old one works until {}.", wording::date(ends))
}

fn with_dates(
    notice: Notice,
    context: Context<'_>,
    new: &NewSecret,
    old_ends: Timestamp,
) -> Notice {
    let deadline = Deadline {
        at: new.expires_at,
        basis: Basis::Reported,
    };
    notice
        .fact("Deadline", context.deadline(Some(&deadline)))
        .fact("Old one ends", wording::minute(old_ends))
        .fact("Issued", new.event_time.map(wording::minute))
}
