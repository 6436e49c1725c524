//! What findings and notes say, in one sentence each.

use jiff::Timestamp;

use crate::application::Role;
use crate::deadline::{Basis, Deadline};
use crate::outlook::Outlook;
use crate::tags::{self, SecretTags};
use crate::text::quotable;
use crate::wording::{date, days, minute, remaining};

pub(super) const UNKNOWN_DEADLINE: &str =
    "Neither a tag nor a write date shows when it was issued, so its deadline is unknown.";

pub(super) const NO_REMINDER: &str =
    "It has no reminder policy, so only this audit reminds of its deadline.";

pub(super) fn passed(deadline: &Deadline, basis: &str, now: Timestamp) -> String {
    let (how_long, at) = (remaining(deadline, now), minute(deadline.at));
    format!("The deadline {how_long}, at {at}, {basis}.")
}

pub(super) fn near(deadline: &Deadline, basis: &str, outlook: &Outlook, now: Timestamp) -> String {
    let when = match deadline.days_left(now) {
        0 => "today".to_owned(),
        left => format!("in {}", days(left)),
    };
    let at = minute(deadline.at);
    let next = outlook.sentence(now);
    format!("It stops working {when}, at {at}, {basis}. {next}")
}

pub(super) fn estimated(deadline: &Deadline, basis: &str) -> String {
    let problem = match deadline.basis {
        Basis::Doubtful => "The deadline is not certain",
        _ => "The deadline was not reported",
    };
    format!("{problem}; {} is {basis}.", date(deadline.at))
}

/// How a reported deadline is known, as the end of a sentence. `written` is when a value was
/// written that the date may not be about.
pub(super) fn reported(written: Option<Timestamp>) -> String {
    let Some(written) = written.map(date) else {
        return "as reported".to_owned();
    };
    let tag = tags::SECRET_EXPIRES_AT;
    format!(
        "as reported; it was written on {written}, and if that was a rotation, its tag {tag} is \
         out of date"
    )
}

/// The same of a deadline that is doubtful.
pub(super) fn doubtful() -> String {
    "an estimate, because another value may have been stored since it was reported".to_owned()
}

/// The same of a deadline that is estimated, from the first of the dates that are known.
pub(super) fn counted(lifetime: u32, tags: &SecretTags, are_tags_known: bool) -> String {
    let lifetime = days(lifetime.into());
    let from = match (tags.issued_at, tags.first_stored()) {
        (Some(_), _) => "its issue",
        (None, Some(_)) => "when it was first stored",
        (None, None) if are_tags_known => "its last write",
        (None, None) => "its last write, because its tags could not be read",
    };
    format!("an estimate of {lifetime} from {from}")
}

pub(super) fn unanswered(requested: Timestamp) -> String {
    let at = minute(requested);
    format!("A rotation was requested at {at}, and no new secret has been stored since.")
}

pub(super) fn unproven(since: Timestamp) -> String {
    let at = minute(since);
    format!(
        "Found at {at}: it has the client id of another application, and a secret that Amazon \
         does not accept with it."
    )
}

pub(super) fn plain_text(parameter_type: &str) -> String {
    let found = quotable(parameter_type);
    format!("It is a {found}, so its value is stored in plain text.")
}

pub(super) fn aws_managed(alias: &str) -> String {
    format!("It is encrypted under {alias}.")
}

pub(super) fn late_reminder(first: Timestamp, deadline: Timestamp) -> String {
    let relation = if first >= deadline {
        "after"
    } else {
        "less than 7 days before"
    };
    let (first, deadline) = (minute(first), minute(deadline));
    format!("Its first reminder fires at {first}, {relation} the deadline at {deadline}.")
}

pub(super) fn failed_policies(types: &[String]) -> String {
    format!("Failed policies: {}.", types.join(", "))
}

pub(super) fn deletion(at: Option<Timestamp>) -> String {
    match at {
        Some(at) => format!("Parameter Store deletes it at {}.", minute(at)),
        None => "Parameter Store deletes it at a time that its policy does not show.".to_owned(),
    }
}

pub(super) fn writer(found: &str) -> String {
    format!("It was last changed by {}.", quotable(found))
}

pub(super) fn pending_version(id: &str, stage: &str, since: Timestamp) -> String {
    let (id, since) = (quotable(id), minute(since));
    format!("Version {id} has been {stage} since {since}.")
}

pub(super) fn absent(role: &Role, name: &str) -> String {
    format!("Its {role} {name} does not exist.")
}

pub(super) fn only_refresh_token(client_secret: &str) -> String {
    format!("It has a refresh token, but neither a client id nor a client secret {client_secret}.")
}

pub(super) fn no_application(prefix: &str, leaf: &str, others: u64) -> String {
    let found = match others {
        0 => "there is nothing at all".to_owned(),
        1 => "there is 1 other name".to_owned(),
        others => format!("there are {others} other names"),
    };
    format!("No client secret is stored below {prefix}: none ends in /{leaf}, and {found}.")
}

pub(super) fn unreadable_tag(name: &str, credential: &str) -> String {
    format!(
        "tag {name} of {credential} was not used, because it is not an instant such as \
         2026-06-30T00:00:00Z"
    )
}

pub(super) fn unusable_exemption(credential: &str, problem: &str) -> String {
    let tag = tags::EXEMPT_UNTIL;
    format!("{tag} of {credential} mutes nothing: {problem}")
}
