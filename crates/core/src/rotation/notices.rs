//! What people are told about a rotation.

use jiff::Timestamp;

use super::notification::{NEW_SECRET, NewSecret, SECRET_EXPIRY, SecretExpiry, Unusable};
use super::request::RefusalCause;
use crate::application::{ApplicationName, Layout, Role};
use crate::deadline::{Basis, Deadline, OVERLAP_DAYS};
use crate::lwa::LwaError;
use crate::message::{Fact, Line, Notice, Section, Step};
use crate::policy_notice::deadline_severity;
use crate::severity::Severity;
use crate::text::quotable;
use crate::vault::VaultKind;
use crate::{link, wording};

/// What a notice depends on besides what happened.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// How parameters are named.
    pub layout: &'a Layout,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The region of the vault, for links; none where it is not known.
    pub region: Option<&'a str>,
    /// How long a client secret lives, in days.
    pub secret_lifetime_days: u32,
    /// The team's own page.
    pub runbook_url: Option<&'a str>,
    /// Where the notice comes from, for its last line.
    pub origin: &'a str,
    /// The present instant.
    pub now: Timestamp,
}

/// Amazon reports a deadline that is not near enough to do anything.
pub fn expiry_reported(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: &Deadline,
    rotate_within_days: u32,
    auto_rotate: bool,
) -> Notice {
    let (name, day) = (names(applications), wording::date(deadline.at));
    let next = if auto_rotate {
        format!(
            "A new one will be requested {} before that.",
            wording::days(i64::from(rotate_within_days))
        )
    } else {
        "Rotating is left to you; reminders will follow.".to_owned()
    };
    let mut notice = base(
        context,
        Severity::Info,
        "secret-expiry-reported",
        applications,
    );
    notice.headline =
        format!("Amazon reports that the client secret of {name} stops working on {day}. {next}");
    notice.subject = Line::new("Client secret of ", &name, format!(" ends on {day}"));
    notice.sms = Line::new("client secret of ", &name, format!(" ends on {day}."));
    notice.sms_more = vec![next];
    notice.facts.push(deadline_fact(context, deadline));
    notice
}

/// A rotation is due and `AUTO_ROTATE` leaves it to people.
pub fn rotation_due(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: &Deadline,
) -> Notice {
    let (name, day) = (names(applications), wording::date(deadline.at));
    let remaining = wording::remaining(deadline, context.now);
    let verb = if deadline.has_passed(context.now) {
        "stopped"
    } else {
        "stops"
    };
    let severity = deadline_severity(deadline, context.now).max(Severity::Warning);
    let mut notice = base(context, severity, "rotation-due", applications);
    notice.headline = format!(
        "the client secret of {name} {verb} working on {day}: {remaining}. AUTO_ROTATE is \
         false, so nothing was requested."
    );
    notice.subject = Line::new(
        "Rotate the client secret of ",
        &name,
        format!(": {remaining}"),
    );
    notice.sms = Line::new(
        "client secret of ",
        &name,
        format!(" {verb} working on {day}: {remaining}."),
    );
    notice.sms_more = vec!["Rotate it: AUTO_ROTATE is false.".into()];
    notice.facts.push(deadline_fact(context, deadline));
    notice.sections = vec![what_happens(deadline, &name)];
    notice.steps = manual_steps(context, applications);
    notice
}

/// Amazon accepted a request for a new secret.
pub fn rotation_requested(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    requested_at: Timestamp,
    unanswered: Option<Timestamp>,
) -> Notice {
    let name = names(applications);
    let mut notice = base(context, Severity::Info, "rotation-requested", applications);
    notice.headline = format!(
        "a new client secret was requested for {name}. It arrives by queue, and is stored by \
         itself once Amazon accepts it; the present one works for {OVERLAP_DAYS} more days."
    );
    notice.subject = Line::new("New client secret requested for ", &name, "");
    notice.sms = Line::new("new client secret requested for ", &name, ".");
    notice.sms_more = vec!["It is stored by itself when it arrives.".into()];
    notice
        .facts
        .push(fact("Requested", wording::minute(requested_at)));
    notice
        .facts
        .extend(deadline.map(|known| deadline_fact(context, known)));
    if let Some(before) = unanswered {
        notice.severity = Severity::Warning;
        notice.facts.push(fact(
            "Earlier request",
            format!("{}, and no secret came", wording::minute(before)),
        ));
        notice.steps = vec![Step::at(
            "If none comes this time either, check that the queue for new secrets is the one \
             registered under Notification Preferences:",
            link::DEVELOPER_CONSOLE,
        )];
    }
    notice
}

/// Why a rotation could not be requested.
#[derive(Debug, Clone)]
pub enum Obstacle {
    /// SP-API refused it.
    SpApi(RefusalCause, String),
    /// LWA refused the stored secret, or the application.
    Lwa(LwaError),
    /// What is stored cannot be used.
    Vault(String),
}

/// Amazon refused to make a new secret: somebody has to act.
pub fn rotation_refused(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    obstacle: &Obstacle,
) -> Notice {
    let name = names(applications);
    let (short, cause, said, mut steps) = match obstacle {
        Obstacle::SpApi(RefusalCause::NoQueueRegistered, said) => (
            "no queue is registered",
            "no queue is registered for the new secret, so Amazon would have nowhere to send it"
                .to_owned(),
            said.clone(),
            vec![
                Step::at(
                    format!(
                        "As the account's primary user, open the developer console, choose \
                         Notification Preferences and register the queue for {NEW_SECRET}, and \
                         the other one for {SECRET_EXPIRY}:"
                    ),
                    link::DEVELOPER_CONSOLE,
                ),
                Step::new("The daily schedule then asks again by itself; lwa rotate does at once."),
            ],
        ),
        Obstacle::SpApi(RefusalCause::SecretExpired, said) => (
            "the stored secret has expired",
            "the stored secret has expired, and only a working one can ask for its successor"
                .to_owned(),
            said.clone(),
            manual_steps(context, applications),
        ),
        Obstacle::SpApi(RefusalCause::Other, said) => (
            "Amazon refused",
            "Amazon refused the request".to_owned(),
            said.clone(),
            manual_steps(context, applications),
        ),
        Obstacle::Lwa(error) => (
            "LWA refused",
            "Login with Amazon gave no token to ask with".to_owned(),
            error.to_string(),
            manual_steps(context, applications),
        ),
        Obstacle::Vault(problem) => (
            "credentials are unusable",
            "the stored credentials cannot be used".to_owned(),
            problem.clone(),
            [
                Step::at(
                    "Look at what is stored:",
                    credential_link(context, &applications[0]),
                ),
                Step::new("Put it right with lwa store; the daily schedule then asks again."),
            ]
            .to_vec(),
        ),
    };
    steps.dedup();
    let severity = deadline.map_or(Severity::Warning, |deadline| {
        deadline_severity(deadline, context.now).max(Severity::Warning)
    });
    let mut notice = base(context, severity, "rotation-refused", applications);
    notice.headline = format!("no new client secret can be requested for {name}: {cause}.");
    notice.subject = Line::new("Rotation of ", &name, format!(" refused: {short}"));
    notice.sms = Line::new("rotation of ", &name, format!(" refused: {short}."));
    if let Some(deadline) = deadline {
        notice.sms_more = vec![format!(
            "The secret {}.",
            wording::remaining(deadline, context.now)
        )];
        notice.facts.push(deadline_fact(context, deadline));
        notice.sections = vec![what_happens(deadline, &name)];
    }
    notice.facts.push(fact("Answer", said));
    notice.steps = steps;
    notice
}

/// A request whose outcome nobody knows.
pub fn rotation_unclear(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    said: &str,
) -> Notice {
    let name = names(applications);
    let mut notice = base(context, Severity::Warning, "rotation-unclear", applications);
    notice.headline = format!(
        "a new client secret was requested for {name}, and Amazon gave no clear answer. It may \
         have been made and be on its way, so nothing is requested again for 24 hours."
    );
    notice.subject = Line::new("Rotation of ", &name, ": no clear answer yet");
    notice.sms = Line::new("rotation of ", &name, ": no clear answer from Amazon.");
    notice.sms_more = vec!["Asked again after 24 hours if nothing comes.".into()];
    notice
        .facts
        .extend(deadline.map(|known| deadline_fact(context, known)));
    notice.facts.push(fact("Answer", said.to_owned()));
    notice
}

/// A request that could not be made for now.
pub fn rotation_postponed(
    context: Context<'_>,
    applications: &[ApplicationName],
    deadline: Option<&Deadline>,
    cause: &str,
) -> Notice {
    let name = names(applications);
    let severity = deadline.map_or(Severity::Warning, |deadline| {
        deadline_severity(deadline, context.now).max(Severity::Warning)
    });
    let mut notice = base(context, severity, "rotation-postponed", applications);
    notice.headline = format!(
        "a new client secret is due for {name} and could not be requested. The daily schedule \
         tries again."
    );
    notice.subject = Line::new("Rotation of ", &name, " postponed");
    notice.sms = Line::new("rotation of ", &name, " postponed; tried again daily.");
    notice
        .facts
        .extend(deadline.map(|known| deadline_fact(context, known)));
    notice.facts.push(fact("Cause", cause.to_owned()));
    notice
        .steps
        .extend(wording::runbook_step(context.runbook_url));
    notice
}

/// A new secret is stored, and LWA accepts it.
pub fn secret_stored(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    old_ends: Timestamp,
) -> Notice {
    let (name, day) = (names(applications), wording::date(new.expires_at));
    let mut notice = base(context, Severity::Info, "secret-stored", applications);
    notice.headline = format!(
        "the new client secret of {name} has arrived, was accepted by Login with Amazon, and is \
         stored. It works until {day}."
    );
    notice.subject = Line::new(
        "New client secret of ",
        &name,
        format!(" stored, good to {day}"),
    );
    notice.sms = Line::new(
        "new client secret of ",
        &name,
        format!(" stored, good to {day}."),
    );
    notice.sms_more = vec!["Nothing to do.".into()];
    notice.facts.extend(secret_facts(context, new, old_ends));
    notice.sections = vec![Section {
        title: "What that means".into(),
        lines: vec![format!(
            "Whatever reads the vault uses it from now on. Programs that keep a copy of their own \
             must read it again before {}.",
            wording::minute(old_ends)
        )],
        list: false,
    }];
    notice
}

/// A new secret is stored although LWA has not accepted it.
pub fn secret_stored_unverified(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    old_ends: Timestamp,
    said: &LwaError,
) -> Notice {
    let name = names(applications);
    let mut notice = base(
        context,
        Severity::Critical,
        "secret-stored-unverified",
        applications,
    );
    notice.headline = format!(
        "the new client secret of {name} is stored although Login with Amazon has not accepted \
         it yet, because the one before it ends on {}.",
        wording::minute(old_ends)
    );
    notice.subject = Line::new("New client secret of ", &name, " stored unverified");
    notice.sms = Line::new("new client secret of ", &name, " stored UNVERIFIED.");
    notice.sms_more = vec!["Check it now: lwa token.".into()];
    notice.facts.extend(secret_facts(context, new, old_ends));
    notice.facts.push(fact("Answer", said.to_string()));
    notice.steps = vec![Step::new(format!(
        "Check whether it works: lwa token --application {}",
        applications.first().map_or("NAME", ApplicationName::as_str)
    ))];
    notice.steps.extend(manual_steps(context, applications));
    notice
}

/// A new secret waits until LWA knows it, or answers at all.
pub fn secret_waiting(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    old_ends: Timestamp,
    said: &LwaError,
    is_first: bool,
) -> Notice {
    let name = names(applications);
    let severity = if is_first {
        Severity::Info
    } else {
        Severity::Warning
    };
    let mut notice = base(context, severity, "secret-waiting", applications);
    notice.headline = format!(
        "the new client secret of {name} has arrived and waits until Login with Amazon accepts \
         it. It is tried every quarter of an hour; the present one works until then."
    );
    notice.subject = Line::new("New client secret of ", &name, " arrived, not accepted yet");
    notice.sms = Line::new("new client secret of ", &name, " waits to be accepted.");
    notice.sms_more = vec![format!(
        "The old one works until {}.",
        wording::date(old_ends)
    )];
    notice.facts.extend(secret_facts(context, new, old_ends));
    notice.facts.push(fact("Answer", said.to_string()));
    notice.sections = vec![Section {
        title: "What happens next".into(),
        lines: vec![
            "A new secret takes a while to spread within Amazon, usually minutes. If it is not \
             accepted 24 hours before the old one ends, it is stored all the same, with a \
             critical message."
                .into(),
        ],
        list: false,
    }];
    notice
}

/// A new secret waits because somebody stored another value since, and nothing tells which of
/// the two is newer.
pub fn secret_contested(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    since: Option<Timestamp>,
    older_ends: Timestamp,
) -> Notice {
    let name = names(applications);
    let mut notice = base(context, Severity::Warning, "secret-contested", applications);
    notice.headline = format!(
        "a new client secret of {name} has arrived, but somebody stored another value after \
         Amazon had made it, without its dates. What is stored stays; whichever of the two is \
         older dies."
    );
    notice.subject = Line::new("Two client secrets of ", &name, ": which is newer?");
    notice.sms = Line::new("two client secrets of ", &name, ", and no dates.");
    notice.sms_more = vec![format!(
        "The older one works until {}.",
        wording::date(older_ends)
    )];
    let known = [("It was made", new.event_time), ("Stored one came", since)];
    let known = known
        .into_iter()
        .filter_map(|(label, at)| Some(fact(label, wording::minute(at?))));
    notice.facts.extend(known);
    notice
        .facts
        .push(fact("Older one ends", wording::minute(older_ends)));
    notice.sections = vec![Section {
        title: "What happens next".into(),
        lines: vec![
            "With AUTO_ROTATE the next daily run asks Amazon for another secret, which is newer \
             than both. Until then this one waits in its queue, and it is stored when Amazon \
             refuses what is stored and the older one has ended."
                .into(),
        ],
        list: false,
    }];
    notice.steps = vec![
        Step::at(
            "If you stored the newest secret, write down its dates: set the tag \
             lwa:secret-expires-at to the date in the developer console.",
            link::DEVELOPER_CONSOLE,
        ),
        Step::new("In doubt, rotate once more with `lwa rotate`."),
    ];
    notice
}

/// A secret that is older than the stored one was not stored.
pub fn secret_stale(
    context: Context<'_>,
    applications: &[ApplicationName],
    new: &NewSecret,
    stored: Timestamp,
) -> Notice {
    let name = names(applications);
    let mut notice = base(context, Severity::Warning, "secret-stale", applications);
    notice.headline = format!(
        "a client secret of {name} arrived that is older than the newest one, and was dropped."
    );
    notice.subject = Line::new("Older client secret of ", &name, " dropped");
    notice.sms = Line::new(
        "an older client secret of ",
        &name,
        " arrived and was dropped.",
    );
    notice.facts.extend([
        fact("It ends", wording::minute(new.expires_at)),
        fact("Newest ends", wording::minute(stored)),
    ]);
    notice
        .facts
        .extend(new.event_time.map(|at| fact("Issued", wording::minute(at))));
    notice.steps = vec![Step::at(
        "If the stored one was entered by hand, check that it works and that its tag \
         lwa:secret-expires-at is right:",
        credential_link(context, &applications[0]),
    )];
    notice
}

/// A new secret could not be stored yet; the message stays in the queue.
pub fn secret_not_stored(
    context: Context<'_>,
    applications: &[ApplicationName],
    old_ends: Option<Timestamp>,
    cause: &str,
) -> Notice {
    let name = names(applications);
    let mut notice = base(
        context,
        Severity::Critical,
        "secret-not-stored",
        applications,
    );
    notice.headline = format!(
        "a new client secret of {name} has arrived and could not be stored or recorded. It is \
         safe in the queue and tried every quarter of an hour."
    );
    notice.subject = Line::new("New client secret of ", &name, " cannot be stored");
    notice.sms = Line::new("new client secret of ", &name, " cannot be stored.");
    notice.facts.push(fact("Cause", cause.to_owned()));
    if let Some(ends) = old_ends {
        notice.sms_more = vec![format!("The old one works until {}.", wording::date(ends))];
        notice
            .facts
            .push(fact("Old one ends", wording::minute(ends)));
    }
    notice.steps = vec![Step::new(
        "Remove the cause. Nothing else is needed: the next try stores it. After a week the \
         message goes to the dead-letter queue, which keeps it until 14 days after it was sent.",
    )];
    notice
        .steps
        .extend(wording::runbook_step(context.runbook_url));
    notice
}

/// Why a message can never be handled as it is.
#[derive(Debug, Clone)]
pub enum Rejection<'a> {
    /// Nobody can read it.
    Unusable(&'a Unusable),
    /// A notification of expiry in the queue for new secrets.
    ExpiryInWrongQueue(&'a SecretExpiry),
    /// A new secret in the queue for expiry notices.
    NewSecretInWrongQueue(&'a NewSecret),
    /// A client id that no stored application has.
    UnknownClientId(&'a str),
    /// The vault cannot hold this secret.
    Unstorable(&'a [ApplicationName], &'a str),
}

/// A message goes to the dead-letter queue. `may_hold_secret` says that it may hold a secret
/// that is live.
pub fn message_rejected(
    context: Context<'_>,
    rejection: &Rejection<'_>,
    message_id: &str,
    may_hold_secret: bool,
) -> Notice {
    let applications: &[ApplicationName] = match rejection {
        Rejection::Unstorable(applications, _) => applications,
        _ => &[],
    };
    let holds_secret = may_hold_secret && !matches!(rejection, Rejection::ExpiryInWrongQueue(_))
        || matches!(rejection, Rejection::NewSecretInWrongQueue(_));
    let severity = if holds_secret {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let (kind, what, detail, steps) = explain(rejection);
    let mut notice = base(context, severity, kind, applications);
    notice.headline = format!("{what}. It goes to the dead-letter queue.");
    notice.subject = Line::new(capital(&what), "", "");
    notice.sms = Line::new(format!("{what}."), "", "");
    notice.sms_more = vec!["It goes to the dead-letter queue.".into()];
    notice.facts.extend([
        fact("Problem", detail),
        fact("Message", quotable(message_id)),
    ]);
    match rejection {
        Rejection::ExpiryInWrongQueue(expiry) => {
            notice
                .facts
                .push(fact("Client id", quotable(&expiry.client_id)));
        }
        Rejection::NewSecretInWrongQueue(new) => {
            notice
                .facts
                .push(fact("Client id", quotable(&new.client_id)));
            let ends = new.old_expires_at.map(wording::minute);
            notice
                .facts
                .extend(ends.map(|ends| fact("Old one ends", ends)));
        }
        _ => {}
    }
    if holds_secret {
        notice.sections = vec![Section {
            title: "What that means".into(),
            lines: vec![format!(
                "The message may hold a live client secret whose predecessor dies within \
                 {OVERLAP_DAYS} days. It is safe in the dead-letter queue until 14 days after it \
                 was sent, and nowhere else."
            )],
            list: false,
        }];
    }
    notice.steps = steps;
    notice
        .steps
        .extend(wording::runbook_step(context.runbook_url));
    notice
}

/// The kind, what happened, what is wrong and what to do.
fn explain(rejection: &Rejection<'_>) -> (&'static str, String, String, Vec<Step>) {
    let swapped = || {
        vec![
            Step::at(
                format!(
                    "Register the queues the right way round under Notification Preferences: one \
                     for {SECRET_EXPIRY}, the other for {NEW_SECRET}:"
                ),
                link::DEVELOPER_CONSOLE,
            ),
            Step::new(
                "Move the message from the dead-letter queue to the right queue, as the \
                 operations guide shows under Redrive.",
            ),
        ]
    };
    let redrive = "Then bring the message back from the dead-letter queue, as the operations \
                   guide shows under Redrive.";
    match rejection {
        Rejection::Unusable(problem) => (
            "message-unusable",
            "a message is no notification that anybody here can read".to_owned(),
            problem.to_string(),
            vec![
                Step::new("Find out who sent it: only Amazon's account should be able to."),
                Step::new(
                    "If it is a notification of a new shape, keep it: a later version may read \
                     it. Otherwise delete it from the dead-letter queue.",
                ),
            ],
        ),
        Rejection::ExpiryInWrongQueue(_) => (
            "wrong-queue",
            "a notice of expiry arrived in the queue for new secrets".to_owned(),
            "the two queues are registered the wrong way round".to_owned(),
            swapped(),
        ),
        Rejection::NewSecretInWrongQueue(_) => (
            "wrong-queue",
            "a new client secret arrived in the queue for notices of expiry".to_owned(),
            "the two queues are registered the wrong way round".to_owned(),
            swapped(),
        ),
        Rejection::UnknownClientId(client_id) => (
            "client-id-unknown",
            "a notification names a client id that no stored application has".to_owned(),
            format!("client id {}", quotable(client_id)),
            vec![
                Step::new(
                    "If it is one of yours, store the application with lwa store, and check that \
                     LWA_PARAMETER_PREFIX covers it.",
                ),
                Step::new(redrive),
            ],
        ),
        Rejection::Unstorable(_, problem) => (
            "secret-unstorable",
            "a new client secret cannot be stored where it belongs".to_owned(),
            (*problem).to_owned(),
            vec![
                Step::new("Make room for it, or rotate again for another one."),
                Step::new(redrive),
            ],
        ),
    }
}

fn base(
    context: Context<'_>,
    severity: Severity,
    kind: &'static str,
    applications: &[ApplicationName],
) -> Notice {
    let place = |application| {
        context
            .vault
            .place(context.layout, application, &Role::ClientSecret)
    };
    let facts = applications
        .iter()
        .map(|application| fact("Stored in", place(application)))
        .collect();
    Notice {
        severity,
        kind,
        application: match applications {
            [one] => Some(one.to_string()),
            _ => None,
        },
        subject: Line::default(),
        sms: Line::default(),
        sms_more: Vec::new(),
        headline: String::new(),
        facts,
        sections: Vec::new(),
        steps: Vec::new(),
        missing: Vec::new(),
        origin: context.origin.to_owned(),
        id: None,
    }
}

fn names(applications: &[ApplicationName]) -> String {
    match applications {
        [] => "an unknown application".to_owned(),
        all => all
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn fact(label: &'static str, value: String) -> Fact {
    Fact { label, value }
}

fn deadline_fact(context: Context<'_>, deadline: &Deadline) -> Fact {
    fact(
        "Deadline",
        wording::deadline(deadline, context.now, context.secret_lifetime_days),
    )
}

fn secret_facts(context: Context<'_>, new: &NewSecret, old_ends: Timestamp) -> Vec<Fact> {
    let deadline = Deadline {
        at: new.expires_at,
        basis: Basis::Reported,
    };
    let mut facts = vec![
        deadline_fact(context, &deadline),
        fact("Old one ends", wording::minute(old_ends)),
    ];
    facts.extend(new.event_time.map(|at| fact("Issued", wording::minute(at))));
    facts
}

fn what_happens(deadline: &Deadline, name: &str) -> Section {
    Section {
        title: format!("What happens on {}", wording::date(deadline.at)),
        lines: vec![wording::what_happens(name)],
        list: false,
    }
}

fn credential_link(context: Context<'_>, application: &ApplicationName) -> String {
    let region = context.region.unwrap_or_default();
    match context.vault {
        VaultKind::ParameterStore => link::parameter(
            region,
            &context.layout.parameter(application, &Role::ClientSecret),
        ),
        VaultKind::SecretsManager => link::secret(region, application.as_str()),
    }
}

/// How a person rotates by hand.
fn manual_steps(context: Context<'_>, applications: &[ApplicationName]) -> Vec<Step> {
    let name = names(applications);
    let mut steps = vec![Step::at(
        format!(
            "As the account's primary user, open the developer console, find {name}, view its \
             LWA credentials and rotate the secret:"
        ),
        link::DEVELOPER_CONSOLE,
    )];
    for application in applications {
        steps.push(Step::at(
            format!(
                "If the new secret does not arrive by itself within minutes, store it with lwa \
                 store --application {application}; it goes here:"
            ),
            credential_link(context, application),
        ));
    }
    steps.extend(wording::runbook_step(context.runbook_url));
    steps
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
