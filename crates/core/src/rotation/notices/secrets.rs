//! What people read about a new secret.

use jiff::Timestamp;

use super::context::Context;
use crate::application::{ApplicationName, Role};
use crate::deadline::{Basis, Deadline};
use crate::lwa::LwaError;
use crate::notice::{Notice, Step};
use crate::rotation::notification::NewSecret;
use crate::rotation::receive::Delivery;
use crate::secret::SecretRecord;
use crate::severity::Severity::{Critical, Info, Warning};
use crate::vault::StoredApplication;
use crate::{link, wording};

/// How most of these headlines begin.
const NEW: &str = "New client secret of ";

/// A new secret is stored, and LWA accepts it.
pub fn secret_stored(
    context: Context<'_>,
    names: &[ApplicationName],
    delivery: &Delivery,
) -> Notice {
    let (new, old_ends) = (&delivery.new, delivery.old_ends);
    let until = wording::date(new.expires_at);
    let after = format!(" is stored and works until {until}");
    let copies = format!(
        "Services that read the vault use it from now on. Programs that keep their own copy must \
         read it again before {}.",
        wording::minute(old_ends)
    );
    let notice = context
        .notice(Info, "secret-stored", names, NEW, &after)
        .say(["Login with Amazon accepts it.", "There is nothing to do."])
        .paragraph("What that means", copies);
    with_dates(notice, context, delivery)
}

/// A new secret is stored although LWA has not accepted it.
pub fn secret_stored_unverified(
    context: Context<'_>,
    names: &[ApplicationName],
    delivery: &Delivery,
    refusal: &LwaError,
) -> Notice {
    let old_ends = delivery.old_ends;
    let after = " is stored, but Amazon has not accepted it";
    let name = names.first().map_or("NAME", ApplicationName::as_str);
    let ends = wording::minute(old_ends);
    let check = format!("Check it: lwa token --application {name}. If it works, you are done.");
    let notice = context
        .notice(Critical, "secret-stored-unverified", names, NEW, after)
        .say(["Check it now: lwa token."])
        .say([format!("The old one ends on {ends}.")])
        .steps([Step::new(check)])
        .steps(context.steps_to_rotate(names, true));
    with_dates(notice, context, delivery).fact("Answer", refusal.to_string())
}

/// A new secret waits until LWA knows it, or answers at all.
pub fn secret_waiting(
    context: Context<'_>,
    names: &[ApplicationName],
    delivery: &Delivery,
    refusal: &LwaError,
) -> Notice {
    let old_ends = delivery.old_ends;
    let severity = if delivery.is_dying(context.now) {
        Critical
    } else {
        Warning
    };
    let after = " has arrived, but Amazon does not accept it yet";
    let next = "A new secret takes a while to spread within Amazon, usually minutes. If Login \
                with Amazon has not accepted it 24 hours before the old one ends, you get a \
                critical message; once the old one does not work any more, secret-receiver \
                stores the new one all the same.";
    let notice = context
        .notice(severity, "secret-waiting", names, NEW, after)
        .say(["Do not rotate."])
        .say([works_until("old", old_ends)])
        .say(["secret-receiver tries the new one every 15 minutes."])
        .paragraph("What happens next", next);
    with_dates(notice, context, delivery).fact("Answer", refusal.to_string())
}

/// A new secret waits because another value was stored since, and nothing tells which of the two
/// is newer.
pub fn secret_contested(
    context: Context<'_>,
    names: &[ApplicationName],
    new: &NewSecret,
    since: Option<Timestamp>,
    older_ends: Timestamp,
) -> Notice {
    let (before, after) = ("Two client secrets of ", ": which is newer?");
    let next = "With AUTO_ROTATE the next daily run asks Amazon for another secret, which is \
                newer than both. Until then the one that arrived waits in its queue. It is \
                stored when Amazon refuses what is stored and the older one has ended.";
    let set_date = "If you stored the newest secret, set its tag lwa:secret-expires-at to the \
                    date in the developer console:";
    context
        .notice(Warning, "secret-contested", names, before, after)
        .say([works_until("older", older_ends)])
        .say([
            "One has arrived from Amazon; the other was stored by hand after Amazon had made the \
             first, without its dates.",
            "The stored one stays.",
        ])
        .fact("It was made", new.event_time.map(wording::minute))
        .fact("Stored one came", since.map(wording::minute))
        .fact("Older one ends", wording::minute(older_ends))
        .paragraph("What happens next", next)
        .steps([
            Step::at(set_date, link::DEVELOPER_CONSOLE),
            Step::new("In doubt, rotate once more with `lwa rotate`."),
        ])
}

/// A secret that is older than the newest known one was not stored.
pub fn secret_stale(
    context: Context<'_>,
    names: &[ApplicationName],
    new: &NewSecret,
    newest_ends: Timestamp,
) -> Notice {
    let after = " dropped: a newer one is known";
    let check = "If the stored one was entered by hand, check that it works and that its tag \
                 lwa:secret-expires-at is right:";
    let page = names.first().map(|name| context.page(name));
    context
        .notice(Warning, "secret-stale", names, "Client secret of ", after)
        .fact("It ends", wording::minute(new.expires_at))
        .fact("Newest ends", wording::minute(newest_ends))
        .fact("Issued", new.event_time.map(wording::minute))
        .steps(page.map(|page| Step::at(check, page)))
}

/// A new secret could not be stored yet; the message stays in the queue.
pub fn secret_not_stored(
    context: Context<'_>,
    names: &[ApplicationName],
    old_ends: Option<Timestamp>,
    cause: &str,
) -> Notice {
    let after = " cannot be stored";
    let remove = "Remove the cause. Nothing else is needed: the next try stores it. After a week \
                  the message goes to the dead-letter queue, which keeps it until 14 days after \
                  it was sent.";
    context
        .notice(Critical, "secret-not-stored", names, NEW, after)
        .say(old_ends.map(|ends| works_until("old", ends)))
        .say(["The message is safe in its queue; secret-receiver tries again every 15 minutes."])
        .fact("Cause", cause.to_owned())
        .fact("Old one ends", old_ends.map(wording::minute))
        .steps([Step::new(remove)])
        .steps(context.runbook())
}

fn works_until(which: &str, ends: Timestamp) -> String {
    format!("The {which} one works until {}.", wording::date(ends))
}

fn with_dates(notice: Notice, context: Context<'_>, delivery: &Delivery) -> Notice {
    let new = &delivery.new;
    let basis = if delivery.is_doubtful {
        Basis::Doubtful
    } else {
        Basis::Reported
    };
    let at = new.expires_at;
    let doubt = "A date of the message cannot be true: look the deadline up in the console.";
    notice
        .fact("Deadline", context.deadline(Some(&Deadline { at, basis })))
        .fact("Old one ends", wording::minute(delivery.old_ends))
        .fact("Issued", new.event_time.map(wording::minute))
        .fact("In doubt", delivery.is_doubtful.then(|| doubt.to_owned()))
}

/// Adds to a notice where a new secret was not stored, because what is there is not proven to be
/// the application's.
pub fn without_look_alikes(
    context: Context<'_>,
    notice: Notice,
    look_alikes: &[(StoredApplication, String)],
) -> Notice {
    let lines = look_alikes.iter().map(|(place, reason)| {
        let place = context
            .vault
            .place(context.layout, &place.name, &Role::ClientSecret);
        format!("{place} {reason}.")
    });
    notice.list(
        "Not stored where only the client id is the same",
        lines.collect(),
    )
}

/// A place has the client id of an application, and not its secret.
pub fn look_alike(
    context: Context<'_>,
    place: &StoredApplication,
    reason: &str,
    members: &[SecretRecord],
) -> Notice {
    let names = members.iter().map(|member| member.application.clone());
    let names: Vec<_> = names.collect();
    let after = format!(
        " has the client id of {} but not its secret",
        wording::names(&names)
    );
    let next = "It gets no new secret, and its tags count for nothing. Anyone who may write there \
                can have copied the client id, which is no secret.";
    let ours = "If it should share the secret, store the secret that is in use there with lwa \
                store.";
    let theirs = "If not, find out who wrote it, and delete it or give it its own client id.";
    context
        .notice(
            Warning,
            "look-alike",
            std::slice::from_ref(&place.name),
            "",
            &after,
        )
        .fact("Reason", format!("It {reason}."))
        .paragraph("What that means", next)
        .steps([Step::new(ours), Step::new(theirs)])
        .steps(context.runbook())
}
