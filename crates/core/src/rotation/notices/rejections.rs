//! What people read about a message that cannot be processed.

use super::causes::Rejection;
use super::context::Context;
use crate::deadline::OVERLAP_DAYS;
use crate::link;
use crate::notice::{Headline, Notice, Step};
use crate::rotation::notification::{NEW_SECRET, SECRET_EXPIRY};
use crate::severity::Severity;
use crate::text::quotable;
use crate::wording;

const REDRIVE: &str = "Then bring the message back from the dead-letter queue, as the operations \
                       guide shows under Redrive.";

/// A message goes to the dead-letter queue. `is_secret_queue` tells whether it came from the
/// queue for new secrets.
pub fn message_rejected(
    context: Context<'_>,
    rejection: &Rejection<'_>,
    message_id: &str,
    is_secret_queue: bool,
) -> Notice {
    let (kind, headline, problem, steps) = explain(rejection);
    let severity = rejection.severity(is_secret_queue);
    let (client_id, old_ends) = match rejection {
        Rejection::ExpiryInWrongQueue(expiry) => (Some(&expiry.client_id), None),
        Rejection::NewSecretInWrongQueue(new) => (Some(&new.client_id), new.old_expires_at),
        _ => (None, None),
    };
    let notice = context
        .unnamed(severity, kind, rejection.applications(), headline)
        .say(["It goes to the dead-letter queue."])
        .fact("Problem", problem)
        .fact("Message", quotable(message_id))
        .fact("Client id", client_id.map(|id| quotable(id)))
        .fact("Old one ends", old_ends.map(wording::minute))
        .steps(steps)
        .steps(context.runbook());
    if severity < Severity::Critical {
        return notice;
    }
    let meaning = format!(
        "The message may hold a live client secret, and the secret before it dies within \
         {OVERLAP_DAYS} days. The dead-letter queue has the only copy, until 14 days after the \
         message was sent."
    );
    notice.paragraph("What that means", meaning)
}

/// The kind, what happened, what is wrong and what to do.
fn explain(rejection: &Rejection<'_>) -> (&'static str, Headline, String, Vec<Step>) {
    let plain = |text| Headline::new(text, "", "");
    let swapped = |headline| {
        let problem = "the two queues are registered the wrong way round";
        let register = format!(
            "Register the queues the right way round under Notification Preferences: one for \
             {SECRET_EXPIRY}, the other for {NEW_SECRET}:"
        );
        let redrive = "Move the message from the dead-letter queue to the right queue, as the \
                       operations guide shows under Redrive.";
        let steps = vec![
            Step::at(register, link::DEVELOPER_CONSOLE),
            Step::new(redrive),
        ];
        ("wrong-queue", plain(headline), problem.to_owned(), steps)
    };
    match rejection {
        Rejection::ExpiryInWrongQueue(_) => {
            swapped("Expiry notice arrived in the queue for new secrets")
        }
        Rejection::NewSecretInWrongQueue(_) => {
            swapped("New client secret arrived in the queue for expiry notices")
        }
        Rejection::Unusable(problem) => {
            let sender = "Find out who sent it: only Amazon's account should be able to.";
            let keep = "If it is a notification of a new shape, keep it: a later version may read \
                        it. Otherwise delete it from the dead-letter queue.";
            (
                "message-unusable",
                plain("Message is not a notification that this system can read"),
                problem.to_string(),
                vec![Step::new(sender), Step::new(keep)],
            )
        }
        Rejection::UnknownClientId(client_id) => {
            let store = "If it is one of yours, store the application with lwa store, and check \
                         that LWA_PARAMETER_PREFIX covers it.";
            (
                "client-id-unknown",
                plain("Notification names a client id that no stored application has"),
                format!("client id {}", quotable(client_id)),
                vec![Step::new(store), Step::new(REDRIVE)],
            )
        }
        Rejection::DoubtfulDate {
            applications,
            reported,
            stored,
        } => {
            let (reported, stored) = (wording::date(*reported), wording::date(*stored));
            let newer = "If another client secret was made in the developer console, store it \
                         with lwa store; it is not the stored one:";
            let right = "If the date is that of the stored secret, set its tag \
                         lwa:secret-expires-at to it.";
            (
                "date-doubtful",
                Headline::new(
                    "Notification gives a deadline of ",
                    wording::names(applications),
                    " that its stored secret cannot have",
                ),
                format!("it says {reported}; the stored secret ends on {stored}, which stays"),
                vec![Step::at(newer, link::DEVELOPER_CONSOLE), Step::new(right)],
            )
        }
        Rejection::Unstorable(names, problem) => {
            let after = " cannot be stored where it belongs";
            let room = "Make room for it, or rotate again for another one.";
            (
                "secret-unstorable",
                Headline::new("New client secret of ", wording::names(names), after),
                (*problem).to_owned(),
                vec![Step::new(room), Step::new(REDRIVE)],
            )
        }
    }
}
