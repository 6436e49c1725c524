//! What is going to be written, decided before anything is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::policies::{self, REMIND_AFTER_DAYS};
use super::{
    DEFAULT_KEY, Extent, Found, FoundParameter, FoundSecret, Order, STORE_PENDING, Write, input,
};
use crate::application::Role;
use crate::deadline::{self, Deadline, SecretTags, days, tag};
use crate::vault::document::{Document, new_document};
use crate::vault::parameter_store::value_problem;
use crate::vault::ports::{ParameterWrite, SecretValueWrite, Tier};
use crate::vault::{CredentialValues, SecretVersion, is_same_secret};

/// Longest parameter name, in characters: Parameter Store counts 1011 with the ARN before it,
/// whose longest prefix today has 55,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
const MAX_PARAMETER_NAME: usize = 1011 - 55;

/// Deepest hierarchy of a parameter, same source.
const MAX_LEVELS: usize = 15;

/// Longest name of a secret, in characters,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>.
const MAX_SECRET_NAME: usize = 512;

/// How far the clocks of this machine and of the vault may be apart.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Everything that is going to be written.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The writes, in their order.
    pub steps: Vec<Step>,
    /// Places that are as they should be.
    pub unchanged: Vec<String>,
    /// What else has to be said.
    pub notes: Vec<String>,
    /// The deadline of the client secret once all is written, where it is looked at.
    pub deadline: Option<Deadline>,
}

/// One write, in words.
#[derive(Debug, Clone)]
pub struct Step {
    /// The write.
    pub write: Write,
    /// Where to: a parameter, or a secret.
    pub place: String,
    /// What is going to be different.
    pub what: String,
}

/// Why nothing can be written. No value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The vault refuses the name.
    #[error("`{name}` cannot be a name: {problem}")]
    Name {
        /// The parameter or secret.
        name: String,
        /// Why not.
        problem: String,
    },
    /// The vault refuses the value, or what is stored cannot be built on.
    #[error("{place}: {problem}")]
    Value {
        /// The parameter or secret.
        place: String,
        /// Why.
        problem: String,
    },
    /// Part of the application would be missing.
    #[error(
        "neither stored nor given: {}; an application needs a client id and a client secret",
        missing.join(", ")
    )]
    Incomplete {
        /// What is missing, and where it should be.
        missing: Vec<String>,
    },
    /// The date cannot be the deadline.
    #[error("the secret cannot stop working at {at}: {problem}")]
    Deadline {
        /// The date.
        at: Timestamp,
        /// Why not.
        problem: String,
    },
}

/// Decides what to write so that `given` is stored and, as far as the extent goes, everything
/// is up to standard.
pub fn plan(
    order: &Order,
    given: &CredentialValues,
    found: &Found,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let now = whole_seconds(now);
    check_deadline(order, now)?;
    let mut plan = match found {
        Found::Parameters(found) => parameters(order, given, found, now)?,
        Found::Secret(found) => secret(order, given, found.as_ref(), now)?,
    };
    plan.notes.extend(input::oddities(given));
    Ok(plan)
}

/// Tags are read by people too.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn check_deadline(order: &Order, now: Timestamp) -> Result<(), Refusal> {
    let Some(at) = order.expires_at else {
        return Ok(());
    };
    let refuse = |problem: String| Err(Refusal::Deadline { at, problem });
    if at <= now {
        return refuse("that is past; make a new secret in the developer console".to_owned());
    }
    let furthest = now.saturating_add(days(i64::from(order.lifetime_days) + 1));
    if furthest.is_ok_and(|furthest| at > furthest) {
        return refuse(format!(
            "a secret lives {} days at most; check the year",
            order.lifetime_days
        ));
    }
    Ok(())
}

/// The tags of what is not there.
static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

/// What becomes of the tags of a client secret.
#[derive(Default)]
struct Dates {
    /// Written before the value.
    before: Vec<(&'static str, String)>,
    /// Written after the value; with it, where that is possible.
    after: Vec<(&'static str, String)>,
    /// Removed once all is written.
    removed: Vec<&'static str>,
    note: Option<String>,
    deadline: Option<Deadline>,
}

impl Dates {
    /// The deadline once all is written.
    fn deadline_ahead(
        &self,
        order: &Order,
        change: Change,
        stored: &Stored<'_>,
        now: Timestamp,
    ) -> Option<Deadline> {
        let mut tags = stored.tags.clone();
        for (key, value) in self.before.iter().chain(&self.after) {
            tags.insert((*key).to_owned(), value.clone());
        }
        for key in &self.removed {
            tags.remove(*key);
        }
        let stored = match change {
            // Its version is not known yet, and its dates are this command's word.
            Change::First | Change::Another => deadline::Stored {
                version: None,
                written_at: Some(now),
            },
            Change::Same | Change::Kept => deadline::Stored {
                version: stored.version.as_ref().filter(|_| !stored.is_rewritten),
                written_at: stored.written_at,
            },
        };
        Deadline::of(&SecretTags::from_map(&tags), &stored, order.lifetime_days)
    }
}

/// How a client secret is going to change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// There is none yet.
    First,
    /// Another one is stored.
    Another,
    /// The stored one was given again.
    Same,
    /// None was given.
    Kept,
}

impl Change {
    fn of(given: Option<&SecretString>, stored: Option<&SecretString>) -> Self {
        match (given, stored) {
            (None, _) => Self::Kept,
            (Some(_), None) => Self::First,
            (Some(given), Some(stored)) if is_same_secret(given, stored) => Self::Same,
            (Some(_), Some(_)) => Self::Another,
        }
    }
}

/// A client secret as it is stored.
struct Stored<'a> {
    tags: &'a BTreeMap<String, String>,
    version: Option<SecretVersion>,
    written_at: Option<Timestamp>,
    /// Whether the same value is about to be written again.
    is_rewritten: bool,
}

impl<'a> Stored<'a> {
    fn parameter(found: Option<&'a FoundParameter>, is_rewritten: bool) -> Self {
        Self {
            tags: found.map_or(&NO_TAGS, |found| &found.tags),
            version: found.and_then(|found| found.metadata.secret_version()),
            written_at: found.and_then(|found| found.metadata.last_modified),
            is_rewritten,
        }
    }

    fn secret(found: Option<&'a FoundSecret>, is_rewritten: bool) -> Self {
        Self {
            tags: found.map_or(&NO_TAGS, |found| &found.tags),
            version: found.and_then(|found| found.version.clone()),
            written_at: found.and_then(|found| found.written_at),
            is_rewritten,
        }
    }
}

fn dates(order: &Order, change: Change, stored: &Stored<'_>, now: Timestamp) -> Dates {
    let lifetime = days(i64::from(order.lifetime_days));
    let tags = SecretTags::from_map(stored.tags);
    let pending = stored.tags.get(STORE_PENDING);
    let mut dates = Dates::default();
    let reported = |issued_at: Timestamp, expires_at: Timestamp| {
        vec![
            (tag::SECRET_ISSUED_AT, issued_at.to_string()),
            (tag::SECRET_EXPIRES_AT, expires_at.to_string()),
        ]
    };
    let issue_of = |expires_at: Timestamp| {
        let issued_at = expires_at.checked_sub(lifetime).unwrap_or(now);
        issued_at.min(now)
    };
    let interrupted = pending
        .and_then(|text| Pending::read(text))
        .filter(|pending| pending.is_about(&tags, stored.written_at));
    match (change, order.expires_at, interrupted) {
        (Change::First, None, _) => {
            dates.note = Some(format!(
                "When the client secret stops working is estimated: {} days from now. If you know \
                 better (the developer console shows it), give it with --expires-at.",
                order.lifetime_days
            ));
        }
        (Change::Another, expires_at, _) => {
            let (issued_at, expires_at) = match expires_at {
                Some(at) => (issue_of(at), at),
                None => (now, now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)),
            };
            let mark = Pending {
                begun_at: now,
                issued_at,
                expires_at,
            };
            dates.before = vec![(STORE_PENDING, mark.to_text())];
            dates.after = reported(issued_at, expires_at);
            dates.removed = vec![STORE_PENDING];
            if stored.tags.contains_key(tag::ROTATION_REQUESTED_AT) {
                dates.removed.push(tag::ROTATION_REQUESTED_AT);
            }
        }
        // A run before this one wrote the value and not the dates.
        (Change::Same, expires_at, Some(pending)) => {
            let (issued_at, expires_at) = match expires_at {
                Some(at) => (issue_of(at), at),
                None => (pending.issued_at, pending.expires_at),
            };
            dates.after = reported(issued_at, expires_at);
            dates.removed = vec![STORE_PENDING];
            if stored.tags.contains_key(tag::ROTATION_REQUESTED_AT) {
                dates.removed.push(tag::ROTATION_REQUESTED_AT);
            }
        }
        (Change::First | Change::Same | Change::Kept, Some(at), _) => {
            dates.after = reported(issue_of(at), at);
        }
        (Change::Same | Change::Kept, None, _) => {
            // Writing a value again renews nothing, but moves the date that an estimate rests on.
            if stored.is_rewritten
                && tags.expires_at.is_none()
                && tags.issued_at.is_none()
                && tags.first_stored().is_none()
                && let Some(written_at) = stored.written_at
            {
                let written_at = whole_seconds(written_at);
                dates.before = vec![(tag::SECRET_ISSUED_AT, written_at.to_string())];
            }
        }
    }
    if change == Change::Same && dates.removed.is_empty() && pending.is_some() {
        dates.removed = vec![STORE_PENDING];
    }
    if change == Change::Kept && pending.is_some() {
        dates.note = Some(
            "A run of this command was interrupted while it stored another client secret. Run it \
             again with that secret, so that its dates are stored too."
                .to_owned(),
        );
    }
    // A date that is there, and was reported for another version perhaps, is confirmed by saying it
    // again.
    if let (Some(at), Some(known)) = (order.expires_at, &tags.provenance)
        && !known.vouches_for(at, stored.version.as_ref())
    {
        dates.removed.push(tag::SECRET_VERSION);
    }
    // What is there already needs no writing.
    dates.after.retain(|(key, value)| {
        stored
            .tags
            .get(*key)
            .and_then(|text| text.trim().parse::<Timestamp>().ok())
            != value.parse().ok()
    });
    dates.deadline = dates.deadline_ahead(order, change, stored, now);
    dates
}

/// The value of [`STORE_PENDING`].
#[expect(
    clippy::struct_field_names,
    reason = "instants are named so everywhere"
)]
struct Pending {
    begun_at: Timestamp,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

impl Pending {
    fn read(text: &str) -> Option<Self> {
        let mut instants = text.split_ascii_whitespace().map(|text| text.parse().ok());
        Some(Self {
            begun_at: instants.next()??,
            issued_at: instants.next()??,
            expires_at: instants.next()??,
        })
    }

    fn to_text(&self) -> String {
        format!("{} {} {}", self.begun_at, self.issued_at, self.expires_at)
    }

    /// Whether the value that is stored was written by the run that left the tag: it was not
    /// written before that began, and nobody has reported a later deadline since.
    fn is_about(&self, tags: &SecretTags, written_at: Option<Timestamp>) -> bool {
        let is_written = written_at
            .and_then(|at| at.checked_add(CLOCK_SKEW).ok())
            .is_some_and(|at| at >= self.begun_at);
        is_written && tags.expires_at.is_none_or(|at| at <= self.expires_at)
    }
}

fn parameters(
    order: &Order,
    given: &CredentialValues,
    found: &BTreeMap<Role, FoundParameter>,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let place = |role: &Role| order.layout.parameter(&order.application, role);
    check_complete(order, |role| {
        given.contains_key(role) || found.contains_key(role)
    })?;
    let mut plan = Plan::default();
    // The client secret comes last: with it, the application exists for everybody who looks.
    let roles: BTreeSet<&Role> = given
        .keys()
        .chain(found.keys().filter(|role| order.extent.includes(role)))
        .collect();
    let (secrets, others): (Vec<&Role>, Vec<&Role>) = roles
        .into_iter()
        .partition(|role| **role == Role::ClientSecret);
    for role in others.into_iter().chain(secrets) {
        let name = place(role);
        check_parameter_name(&name)?;
        let stored = found.get(role);
        let write = parameter_write(order, &name, role, given.get(role), found, &mut plan.notes)?;
        if *role == Role::ClientSecret {
            client_secret_parameter(order, &name, given.get(role), stored, write, now, &mut plan);
        } else if let Some((write, what)) = write {
            plan.steps.push(step(&name, what, Write::Parameter(write)));
        } else {
            plan.unchanged.push(name);
        }
    }
    Ok(plan)
}

fn client_secret_parameter(
    order: &Order,
    name: &str,
    given: Option<&SecretString>,
    stored: Option<&FoundParameter>,
    write: Option<(ParameterWrite, String)>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let change = Change::of(given, stored.and_then(|stored| stored.value.as_ref()));
    let dates = dates(
        order,
        change,
        &Stored::parameter(stored, write.is_some()),
        now,
    );
    let tag_step = |tags: Vec<(&'static str, String)>| {
        let what = tags_in_words(&tags);
        let name = name.to_owned();
        step(&name.clone(), what, Write::TagParameter { name, tags })
    };
    let before = plan.steps.len();
    plan.notes.extend(dates.note);
    plan.deadline = dates.deadline;
    if !dates.before.is_empty() {
        plan.steps.push(tag_step(dates.before));
    }
    let mut after = dates.after;
    if let Some((mut write, mut what)) = write {
        if !write.overwrite && !after.is_empty() {
            // A new parameter can be created with its tags, so that it is never without them.
            write.tags = std::mem::take(&mut after);
            what = format!("{what}, {}", tags_in_words(&write.tags));
        }
        plan.steps.push(step(name, what, Write::Parameter(write)));
    }
    if !after.is_empty() {
        plan.steps.push(tag_step(after));
    }
    if !dates.removed.is_empty() {
        let what = format!("remove tag {}", dates.removed.join(", "));
        let (name, keys) = (name.to_owned(), dates.removed);
        plan.steps.push(step(
            &name.clone(),
            what,
            Write::UntagParameter { name, keys },
        ));
    }
    if plan.steps.len() == before {
        plan.unchanged.push(name.to_owned());
    }
}

/// The write that a parameter needs, with what it changes; none when it needs none.
fn parameter_write(
    order: &Order,
    name: &str,
    role: &Role,
    given: Option<&SecretString>,
    all: &BTreeMap<Role, FoundParameter>,
    notes: &mut Vec<String>,
) -> Result<Option<(ParameterWrite, String)>, Refusal> {
    let found = all.get(role);
    let refuse = |problem: String| Refusal::Value {
        place: name.to_owned(),
        problem,
    };
    let stored = found.and_then(|found| found.value.as_ref());
    let value = given
        .or(stored)
        .ok_or_else(|| refuse("its value was not read".to_owned()))?;
    let trimmed: SecretString = value.expose_secret().trim().into();
    if trimmed.expose_secret().is_empty() {
        return Err(refuse("what is stored is blank; give a value".to_owned()));
    }
    let is_new_value = match (given, stored) {
        (Some(given), Some(stored)) => !is_same_secret(given, stored),
        (given, _) => given.is_some(),
    };
    let key = wanted_key(order, role, all);
    let tier = wanted_tier(role, &trimmed, found);
    if let Some(problem) = value_problem(&trimmed, tier) {
        return Err(refuse(problem));
    }
    let is_secret = *role == Role::ClientSecret;
    let mut changes = Vec::new();
    let mut policies = None;
    if let Some(found) = found {
        let metadata = &found.metadata;
        if is_new_value {
            changes.push("a new value".to_owned());
        }
        if metadata.parameter_type != "SecureString" {
            changes.push(format!(
                "SecureString instead of {}",
                metadata.parameter_type
            ));
            notes.push(format!(
                "{name} was stored in plain text, and its earlier versions stay readable in its \
                 history.{}",
                if is_secret {
                    " Make a new client secret soon."
                } else {
                    ""
                }
            ));
        }
        let has_key = metadata
            .key_id
            .as_deref()
            .is_some_and(|found| is_same_key(found, &key));
        if !has_key {
            changes.push(format!("key {key}"));
        }
        if tier != Tier::of(metadata.tier.as_deref()) {
            changes.push(format!("{} tier", tier.as_str()));
        }
        if is_secret && let Some(change) = policies::change(&metadata.policies) {
            changes.push(format!("reminders {}", reminders()));
            notes.extend(change.notes);
            policies = Some(change.text);
        }
        if changes.is_empty() {
            return Ok(None);
        }
        if !is_new_value && is_secret {
            notes.push(
                "The value stays and is written again, so Parameter Store's reminders count from \
                 today, while the deadline stays. The daily audit counts from the deadline."
                    .to_owned(),
            );
        }
    } else {
        changes = vec![
            "new: SecureString".to_owned(),
            format!("key {key}"),
            format!("{} tier", tier.as_str()),
        ];
        if is_secret {
            changes.push(format!("reminders {}", reminders()));
            policies = Some(policies::standard());
        }
    }
    let write = ParameterWrite {
        name: name.to_owned(),
        value: trimmed,
        parameter_type: "SecureString".to_owned(),
        key: Some(key),
        tier,
        policies,
        overwrite: found.is_some(),
        tags: Vec::new(),
    };
    Ok(Some((write, changes.join(", "))))
}

/// The key that was asked for; else the one it has; else the one that the rest of the
/// application has; else the deployment's.
fn wanted_key(order: &Order, role: &Role, all: &BTreeMap<Role, FoundParameter>) -> String {
    let customer_key = |found: &FoundParameter| {
        let key = found.metadata.key_id.clone()?;
        (found.metadata.parameter_type == "SecureString" && !is_aws_managed(&key)).then_some(key)
    };
    order
        .key
        .clone()
        .or_else(|| customer_key(all.get(role)?))
        .or_else(|| customer_key(all.get(&Role::ClientSecret)?))
        .or_else(|| all.values().find_map(customer_key))
        .unwrap_or_else(|| DEFAULT_KEY.to_owned())
}

/// Advanced where there are policies or a long value; never less than there is, because a tier
/// cannot be lowered.
fn wanted_tier(role: &Role, value: &SecretString, found: Option<&FoundParameter>) -> Tier {
    let present = found.map_or(Tier::Standard, |found| {
        Tier::of(found.metadata.tier.as_deref())
    });
    let needs_advanced = *role == Role::ClientSecret
        || (present == Tier::Standard && value_problem(value, Tier::Standard).is_some());
    if needs_advanced {
        Tier::Advanced
    } else {
        present
    }
}

fn secret(
    order: &Order,
    given: &CredentialValues,
    found: Option<&FoundSecret>,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let name = order.application.to_string();
    let place = format!("secret {name}");
    let refuse = |problem: String| Refusal::Value {
        place: place.clone(),
        problem,
    };
    check_secret(&name, found)?;
    let before = found.and_then(|found| found.document.as_ref());
    let before = before
        .map(Document::parse)
        .transpose()
        .map_err(|error| refuse(error.to_string()))?;
    let stored = before
        .as_ref()
        .map(Document::credentials)
        .unwrap_or_default();
    check_complete(order, |role| {
        given.contains_key(role) || stored.contains_key(role)
    })?;
    let changed: CredentialValues = given
        .iter()
        .filter(|(role, value)| {
            !stored
                .get(role)
                .is_some_and(|stored| is_same_secret(stored, value))
        })
        .map(|(role, value)| (role.clone(), value.clone()))
        .collect();
    let document = if changed.is_empty() {
        None
    } else {
        let document = match &before {
            Some(before) => before.with(&changed),
            None => new_document(&changed),
        };
        Some(document.map_err(|error| refuse(error.to_string()))?)
    };
    let roles: Vec<String> = changed.keys().map(ToString::to_string).collect();
    let change = Change::of(
        given.get(&Role::ClientSecret),
        stored.get(&Role::ClientSecret),
    );
    let dates = dates(
        order,
        change,
        &Stored::secret(found, document.is_some()),
        now,
    );
    let mut plan = Plan {
        notes: dates.note.into_iter().collect(),
        deadline: dates.deadline,
        ..Plan::default()
    };
    let mut push = |what: String, write| plan.steps.push(step(&place, what, write));
    let Some(found) = found else {
        let document = document.ok_or_else(|| Refusal::Incomplete {
            missing: vec![place.clone()],
        })?;
        let (key, tags) = (order.key.clone(), dates.after);
        let key = key.unwrap_or_else(|| DEFAULT_KEY.to_owned());
        let mut what = format!("new: {}, key {key}", roles.join(", "));
        if !tags.is_empty() {
            what = format!("{what}, {}", tags_in_words(&tags));
        }
        push(
            what,
            Write::CreateSecret {
                name,
                document,
                key,
                tags,
            },
        );
        return Ok(plan);
    };
    if let Some(key) = wanted_secret_key(order, found) {
        let name = name.clone();
        push(format!("key {key}"), Write::SecretKey { name, key });
    }
    if !dates.before.is_empty() {
        let (name, tags) = (name.clone(), dates.before);
        push(tags_in_words(&tags), Write::TagSecret { name, tags });
    }
    if let Some(document) = document {
        let name = name.clone();
        let what = format!("a new value: {}", roles.join(", "));
        let write = SecretValueWrite {
            name,
            document,
            request_token: None,
            stage: None,
        };
        push(what, Write::SecretValue(write));
    }
    if !dates.after.is_empty() {
        let (name, tags) = (name.clone(), dates.after);
        push(tags_in_words(&tags), Write::TagSecret { name, tags });
    }
    if !dates.removed.is_empty() {
        let keys = dates.removed;
        let what = format!("remove tag {}", keys.join(", "));
        push(what, Write::UntagSecret { name, keys });
    }
    if plan.steps.is_empty() {
        plan.unchanged.push(place);
    }
    Ok(plan)
}

/// The key that a secret has to move to; none when it stays. A single credential moves the
/// whole document only if somebody asks for it.
fn wanted_secret_key(order: &Order, found: &FoundSecret) -> Option<String> {
    let present = found.key_id.as_deref();
    if let Some(key) = &order.key {
        let has_key = present.is_some_and(|present| is_same_key(present, key));
        return (!has_key).then(|| key.clone());
    }
    let is_managed = present.is_none_or(is_aws_managed);
    (is_managed && order.extent == Extent::Application).then(|| DEFAULT_KEY.to_owned())
}

/// A whole application needs an id and a secret. A single credential is stored without them if
/// nobody minds: whoever verifies does.
fn check_complete(order: &Order, has: impl Fn(&Role) -> bool) -> Result<(), Refusal> {
    if order.extent != Extent::Application {
        return Ok(());
    }
    let missing: Vec<String> = [Role::ClientId, Role::ClientSecret]
        .iter()
        .filter(|role| !has(role))
        .map(|role| {
            let place = order.vault.place(&order.layout, &order.application, role);
            format!("the {role} ({place})")
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Incomplete { missing })
    }
}

/// Whether a secret of this name can be written.
fn check_secret(name: &str, found: Option<&FoundSecret>) -> Result<(), Refusal> {
    if name.len() > MAX_SECRET_NAME {
        return Err(Refusal::Name {
            name: name.to_owned(),
            problem: format!("it is longer than {MAX_SECRET_NAME} characters"),
        });
    }
    if found.is_some_and(|found| found.is_deleted) {
        return Err(Refusal::Value {
            place: format!("secret {name}"),
            problem: format!(
                "it is scheduled for deletion; bring it back with `aws secretsmanager \
                 restore-secret --secret-id {name}`, or wait until it is gone"
            ),
        });
    }
    Ok(())
}

fn check_parameter_name(name: &str) -> Result<(), Refusal> {
    let refuse = |problem: String| {
        Err(Refusal::Name {
            name: name.to_owned(),
            problem,
        })
    };
    let levels = name.trim_start_matches('/').split('/').count();
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if name.len() > MAX_PARAMETER_NAME {
        return refuse(format!(
            "it is longer than {MAX_PARAMETER_NAME} characters, which is what Parameter Store \
             leaves of 1011 beside the ARN"
        ));
    }
    if levels > MAX_LEVELS {
        return refuse(format!("it has more than {MAX_LEVELS} levels"));
    }
    if first.starts_with("aws") || first.starts_with("ssm") {
        return refuse(
            "it begins with `aws` or `ssm`, which Parameter Store keeps for itself".to_owned(),
        );
    }
    Ok(())
}

/// Whether both name the same key, as far as their texts tell: an alias and the id of its key
/// do not look alike.
fn is_same_key(one: &str, other: &str) -> bool {
    fn resource(key: &str) -> &str {
        let resource = key.rsplit(':').next().unwrap_or(key);
        resource.strip_prefix("key/").unwrap_or(resource)
    }
    resource(one) == resource(other)
}

fn is_aws_managed(key: &str) -> bool {
    key.rsplit(':')
        .next()
        .is_some_and(|resource| resource.starts_with("alias/aws/"))
}

fn step(place: &str, what: String, write: Write) -> Step {
    Step {
        write,
        place: place.to_owned(),
        what,
    }
}

fn tags_in_words(tags: &[(&'static str, String)]) -> String {
    let tags: Vec<String> = tags
        .iter()
        .map(|(key, value)| match *key {
            STORE_PENDING => format!("tag {key}, until all is written"),
            key => format!("tag {key} {value}"),
        })
        .collect();
    tags.join(", ")
}

fn reminders() -> String {
    let [first, second, third, last] = REMIND_AFTER_DAYS;
    format!("after {first}, {second}, {third} and {last} days without a change")
}

/// Whether a key that was typed can be one: an id, an alias, or the ARN of either.
pub fn is_key(text: &str) -> bool {
    let is_name = |name: &str, more: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(&b))
    };
    let resource = match text.strip_prefix("arn:") {
        None => text,
        Some(arn) => match arn.splitn(5, ':').collect::<Vec<_>>().as_slice() {
            [partition, "kms", region, account, resource]
                if partition.starts_with("aws") && is_name(region, "-") && is_name(account, "") =>
            {
                if !resource.starts_with("alias/") && !resource.starts_with("key/") {
                    return false;
                }
                resource
            }
            _ => return false,
        },
    };
    let is_resource = match resource.strip_prefix("alias/") {
        Some(alias) => is_name(alias, "/_-") && !alias.starts_with("aws/"),
        None => is_name(resource.strip_prefix("key/").unwrap_or(resource), "-"),
    };
    text.len() <= 256 && is_resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{ApplicationName, SellerId};
    use crate::config::Lookup;
    use crate::deadline::Basis;
    use crate::vault::VaultKind;
    use crate::vault::ports::{InlinePolicy, ParameterMetadata};

    const NOW: &str = "2026-11-23T06:00:00.5Z";
    const WRITTEN: &str = "2026-09-01T00:00:00Z";
    const OLD: &str = "amzn1.oa2-cs.v1.planted-old";
    const NEW: &str = "amzn1.oa2-cs.v1.planted-new";
    const REPORTED: (&str, &str) = (tag::SECRET_EXPIRES_AT, "2027-02-01T00:00:00Z");

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn order() -> Order {
        Order {
            application: ApplicationName::parse("my-erp").unwrap(),
            vault: VaultKind::ParameterStore,
            layout: Lookup::new(|_| None).layout().unwrap(),
            extent: Extent::Application,
            key: None,
            expires_at: None,
            lifetime_days: 180,
        }
    }

    fn given(pairs: &[(Role, &str)]) -> CredentialValues {
        pairs
            .iter()
            .map(|(role, value)| (role.clone(), (*value).into()))
            .collect()
    }

    fn of_seller(id: &str) -> Role {
        Role::RefreshToken {
            seller: Some(SellerId::parse(id).unwrap()),
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn parameter(value: &str, tier: &str) -> FoundParameter {
        FoundParameter {
            metadata: ParameterMetadata {
                parameter_type: "SecureString".to_owned(),
                key_id: Some("alias/own".to_owned()),
                last_modified: Some(at(WRITTEN)),
                tier: Some(tier.to_owned()),
                ..ParameterMetadata::default()
            },
            value: Some(value.into()),
            tags: BTreeMap::new(),
        }
    }

    /// Up to standard, and without a date.
    fn stored() -> BTreeMap<Role, FoundParameter> {
        let mut secret = parameter(OLD, "Advanced");
        secret.metadata.policies = REMIND_AFTER_DAYS
            .map(|days| InlinePolicy {
                text: format!(
                    "{{\"Type\":\"NoChangeNotification\",\"Version\":\"1.0\",\"Attributes\":\
                     {{\"After\":\"{days}\",\"Unit\":\"Days\"}}}}"
                ),
                policy_type: "NoChangeNotification".to_owned(),
                status: "Pending".to_owned(),
            })
            .to_vec();
        BTreeMap::from([
            (Role::ClientId, parameter("id", "Standard")),
            (Role::ClientSecret, secret),
        ])
    }

    fn planned(
        order: &Order,
        values: &[(Role, &str)],
        found: BTreeMap<Role, FoundParameter>,
    ) -> Plan {
        let plan = plan(order, &given(values), &Found::Parameters(found), at(NOW)).unwrap();
        for step in &plan.steps {
            if let Write::Parameter(write) = &step.write {
                assert!(write.tags.is_empty() || !write.overwrite, "{step:?}");
                assert!(write.policies.is_none() || write.tier == Tier::Advanced);
            }
        }
        assert!(!format!("{plan:?}").contains("planted"), "{plan:?}");
        plan
    }

    fn shown(plan: &Plan) -> Vec<String> {
        let show =
            |step: &Step| format!("{} {}: {}", step.write.operation(), step.place, step.what);
        plan.steps.iter().map(show).collect()
    }

    fn refusal(order: &Order, values: &[(Role, &str)]) -> String {
        let found = Found::Parameters(BTreeMap::new());
        let refusal = plan(order, &given(values), &found, at(NOW)).unwrap_err();
        let text = refusal.to_string();
        assert!(!text.contains("planted"), "{text}");
        text
    }

    #[test]
    fn a_new_application_gets_its_client_secret_last_and_its_date_with_it() {
        let mut order = order();
        order.expires_at = Some(at("2027-05-20T00:00:00Z"));
        let values = [
            (Role::ClientId, "id"),
            (Role::ClientSecret, NEW),
            (Role::RefreshToken { seller: None }, "own"),
            (of_seller("A1"), "one"),
        ];
        let plan = planned(&order, &values, BTreeMap::new());
        let new = "new: SecureString, key alias/lwa/credentials";
        assert_eq!(
            shown(&plan),
            [
                format!("PutParameter /my-erp/lwa/clientidentifier: {new}, Standard tier"),
                format!("PutParameter /my-erp/refreshToken: {new}, Standard tier"),
                format!("PutParameter /my-erp/sellers/A1/refreshToken: {new}, Standard tier"),
                format!(
                    "PutParameter /my-erp/lwa/clientsecret: {new}, Advanced tier, reminders \
                     after 90, 150, 165 and 173 days without a change, \
                     tag lwa:secret-issued-at 2026-11-21T00:00:00Z, \
                     tag lwa:secret-expires-at 2027-05-20T00:00:00Z"
                ),
            ]
        );
        assert_eq!(plan.deadline.unwrap().basis, Basis::Reported);
        order.expires_at = None;
        let plan = planned(&order, &values, BTreeMap::new());
        assert_eq!(plan.deadline.unwrap().basis, Basis::Estimated);
        assert!(plan.notes[0].contains("--expires-at"), "{:?}", plan.notes);
    }

    #[test]
    fn a_new_secret_gets_its_dates_and_ends_the_request_for_a_rotation() {
        let mut found = stored();
        let secret = found.get_mut(&Role::ClientSecret).unwrap();
        let requested = (tag::ROTATION_REQUESTED_AT, "2026-11-23T05:00:00Z");
        secret.tags = tags(&[REPORTED, requested, ("owner", "erp")]);
        let plan = planned(&order(), &[(Role::ClientSecret, NEW)], found);
        let place = "/my-erp/lwa/clientsecret";
        assert_eq!(
            shown(&plan),
            [
                format!("AddTagsToResource {place}: tag lwa:store-pending, until all is written"),
                format!("PutParameter {place}: a new value"),
                format!(
                    "AddTagsToResource {place}: tag lwa:secret-issued-at 2026-11-23T06:00:00Z, \
                     tag lwa:secret-expires-at 2027-05-22T06:00:00Z"
                ),
                format!(
                    "RemoveTagsFromResource {place}: remove tag lwa:store-pending, \
                     lwa:rotation-requested-at"
                ),
            ]
        );
        let Write::Parameter(write) = &plan.steps[1].write else {
            panic!("{:?}", plan.steps)
        };
        // Left out, they are kept; a write without a key would move to the default one.
        assert_eq!(write.policies, None);
        assert_eq!(write.key.as_deref(), Some("alias/own"));
        assert_eq!(plan.unchanged, ["/my-erp/lwa/clientidentifier"]);
    }

    #[test]
    fn the_same_value_again_moves_no_deadline() {
        for dates in [&[][..], &[REPORTED]] {
            let mut found = stored();
            found.get_mut(&Role::ClientSecret).unwrap().tags = tags(dates);
            let before = planned(&order(), &[], found.clone()).deadline;
            let same = format!(" {OLD}\n");
            let plan = planned(&order(), &[(Role::ClientSecret, &same)], found.clone());
            assert!(plan.steps.is_empty(), "{:?}", shown(&plan));
            assert_eq!(plan.deadline, before);

            // Even where it has to be written again.
            let secret = found.get_mut(&Role::ClientSecret).unwrap();
            secret.metadata.tier = Some("Standard".to_owned());
            secret.metadata.policies.clear();
            for values in [&[(Role::ClientSecret, OLD)][..], &[]] {
                let plan = planned(&order(), values, found.clone());
                let steps = shown(&plan);
                let last = steps.last().unwrap();
                assert!(last.starts_with("PutParameter"), "{steps:?}");
                assert_eq!(
                    steps.len(),
                    if dates.is_empty() { 2 } else { 1 },
                    "{steps:?}"
                );
                if dates.is_empty() {
                    let tag = format!("tag lwa:secret-issued-at {WRITTEN}");
                    assert!(steps[0].ends_with(&tag), "{steps:?}");
                }
                assert_eq!(plan.deadline.unwrap().at, before.unwrap().at);
            }
        }
    }

    #[test]
    fn an_interrupted_run_is_finished_and_a_stale_mark_is_not_believed() {
        let begun = "2026-11-23T05:00:00Z";
        let mark = format!("{begun} 2026-11-23T04:00:00Z 2027-05-22T04:00:00Z");
        let pending = (STORE_PENDING, mark.as_str());
        let steps = |written: &str, dates: &[(&str, &str)], values: &[(Role, &str)]| {
            let mut found = stored();
            let secret = found.get_mut(&Role::ClientSecret).unwrap();
            secret.metadata.last_modified = Some(at(written));
            secret.tags = tags(dates);
            shown(&planned(&order(), values, found))
        };
        let same = [(Role::ClientSecret, OLD)];
        let finished = steps("2026-11-23T05:00:01Z", &[pending, REPORTED], &same);
        assert_eq!(finished.len(), 2, "{finished:?}");
        assert!(finished[0].contains("expires-at 2027-05-22T04:00:00Z"));
        assert!(finished[1].contains("remove tag lwa:store-pending"));
        // The value was never written, or somebody has reported a later deadline since.
        let later = (tag::SECRET_EXPIRES_AT, "2027-05-23T00:00:00Z");
        for (written, dates) in [
            (WRITTEN, [pending, REPORTED]),
            ("2026-11-23T05:30:00Z", [pending, later]),
        ] {
            let steps = steps(written, &dates, &same);
            assert_eq!(steps.len(), 1, "{steps:?}");
            assert!(steps[0].contains("remove tag"), "{steps:?}");
        }
        assert!(steps("2026-11-23T05:00:01Z", &[pending], &[]).is_empty());
    }

    #[test]
    fn what_is_stored_is_brought_up_to_standard_and_no_tier_is_lowered() {
        let mut found = stored();
        let id = found.get_mut(&Role::ClientId).unwrap();
        id.metadata.parameter_type = "String".to_owned();
        id.metadata.key_id = None;
        id.metadata.tier = Some("Intelligent-Tiering".to_owned());
        let secret = found.get_mut(&Role::ClientSecret).unwrap();
        secret.metadata.key_id = Some("alias/aws/ssm".to_owned());
        secret.metadata.tier = Some("Intelligent-Tiering".to_owned());
        secret.metadata.policies.clear();
        secret.tags = tags(&[REPORTED]);
        let mut token = parameter("token", "Advanced");
        token.metadata.key_id = Some("arn:aws:kms:eu-west-1:111122223333:alias/aws/ssm".into());
        found.insert(of_seller("A1"), token);
        let plan = planned(&order(), &[], found);
        assert_eq!(
            shown(&plan),
            [
                "PutParameter /my-erp/lwa/clientidentifier: SecureString instead of String, key \
                 alias/lwa/credentials",
                "PutParameter /my-erp/sellers/A1/refreshToken: key alias/lwa/credentials",
                "PutParameter /my-erp/lwa/clientsecret: key alias/lwa/credentials, Advanced tier, \
                 reminders after 90, 150, 165 and 173 days without a change",
            ]
        );
        assert_eq!(plan.notes.len(), 2, "{:?}", plan.notes);
    }

    #[test]
    fn a_date_reported_for_what_was_there_before_is_confirmed_by_giving_it_again() {
        let known = "1 2026-08-05T00:00:00Z 2027-02-01T00:00:00Z";
        let mut found = stored();
        let secret = found.get_mut(&Role::ClientSecret).unwrap();
        secret.metadata.version = Some(2);
        secret.tags = tags(&[
            REPORTED,
            (tag::SECRET_ISSUED_AT, "2026-08-05T00:00:00Z"),
            (tag::SECRET_VERSION, known),
        ]);
        let mut order = order();
        let kept = planned(&order, &[], found.clone());
        assert_eq!(kept.deadline.unwrap().basis, Basis::Doubtful);
        order.expires_at = Some(at(REPORTED.1));
        let confirmed = planned(&order, &[], found.clone());
        let confirmation =
            "RemoveTagsFromResource /my-erp/lwa/clientsecret: remove tag lwa:secret-version";
        assert_eq!(shown(&confirmed), [confirmation]);
        assert_eq!(confirmed.deadline.unwrap().basis, Basis::Reported);
        // Nobody doubts it while the version is the one that was looked at.
        found.get_mut(&Role::ClientSecret).unwrap().metadata.version = Some(1);
        assert!(planned(&order, &[], found).steps.is_empty());
    }

    #[test]
    fn a_key_that_is_asked_for_goes_before_the_one_in_use_however_it_is_written() {
        let mut order = order();
        for (key, is_written) in [
            ("alias/own", false),
            ("arn:aws:kms:eu-west-1:111122223333:alias/own", false),
            ("alias/other", true),
        ] {
            order.key = Some(key.to_owned());
            let plan = planned(&order, &[], stored());
            assert_eq!(!plan.steps.is_empty(), is_written, "{key}");
        }
        order.key = None;
        order.extent = Extent::Only([of_seller("A1")].into());
        let plan = planned(&order, &[(of_seller("A1"), "one")], stored());
        assert!(
            shown(&plan)[0].contains("key alias/own"),
            "{:?}",
            shown(&plan)
        );
        assert_eq!(plan.steps.len(), 1);
    }

    #[test]
    fn what_aws_would_refuse_is_refused_before_anything_is_written() {
        let both = |secret: &'static str| [(Role::ClientId, "id"), (Role::ClientSecret, secret)];
        let long: &'static str = "x".repeat(8193).leak();
        assert!(refusal(&order(), &both("planted{{x")).contains("{{"));
        assert!(refusal(&order(), &both(long)).contains("8193 bytes"));
        let named = |name: &str| {
            let mut order = order();
            order.application = ApplicationName::parse(name).unwrap();
            refusal(&order, &both(NEW))
        };
        assert!(named("awsome/erp").contains("begins with `aws`"));
        assert!(named("SSM-erp").contains("begins with `aws` or `ssm`"));
        assert!(named(&["a"; 14].join("/")).contains("15 levels"));
        assert!(named(&"x".repeat(940)).contains("longer than 956"));
        assert!(refusal(&order(), &both(NEW)[1..]).contains("the client id (/my-erp/lwa/client"));
        let mut order = order();
        for (end, words) in [
            ("2026-11-22T00:00:00Z", "past"),
            ("2028-05-20T00:00:00Z", "180 days at most"),
        ] {
            order.expires_at = Some(at(end));
            assert!(refusal(&order, &both(NEW)).contains(words));
        }
    }

    #[test]
    fn a_long_token_takes_the_advanced_tier() {
        let long = "x".repeat(5000);
        let mut order = order();
        order.extent = Extent::Only([of_seller("A1")].into());
        let plan = planned(&order, &[(of_seller("A1"), &long)], stored());
        assert!(shown(&plan)[0].contains("Advanced tier"));
    }

    fn secret_planned(order: &Order, values: &[(Role, &str)], found: &FoundSecret) -> Plan {
        let found = Found::Secret(Some(found.clone()));
        plan(order, &given(values), &found, at(NOW)).unwrap()
    }

    #[test]
    fn a_secret_is_written_only_where_it_changes() {
        let mut order = order();
        order.vault = VaultKind::SecretsManager;
        let document = format!(r#"{{"AppClientId":"id","AppClientSecret":"{OLD}","note":1}}"#);
        let found = FoundSecret {
            document: Some(document.as_str().into()),
            written_at: Some(at(WRITTEN)),
            key_id: Some("alias/own".to_owned()),
            ..FoundSecret::default()
        };
        let same = [(Role::ClientId, "id"), (Role::ClientSecret, OLD)];
        let plan = secret_planned(&order, &same, &found);
        assert!(plan.steps.is_empty(), "{:?}", shown(&plan));
        let plan = secret_planned(&order, &[(of_seller("A1"), "one")], &found);
        assert_eq!(
            shown(&plan),
            [
                "TagResource secret my-erp: tag lwa:secret-issued-at 2026-09-01T00:00:00Z",
                "PutSecretValue secret my-erp: a new value: refresh token of seller A1",
            ]
        );
        let plan = secret_planned(&order, &[(Role::ClientSecret, NEW)], &found);
        let operations: Vec<_> = plan
            .steps
            .iter()
            .map(|step| step.write.operation())
            .collect();
        assert_eq!(
            operations,
            [
                "TagResource",
                "PutSecretValue",
                "TagResource",
                "UntagResource"
            ]
        );
        let managed = FoundSecret {
            key_id: None,
            ..found.clone()
        };
        let plan = secret_planned(&order, &[], &managed);
        assert_eq!(
            shown(&plan),
            ["UpdateSecret secret my-erp: key alias/lwa/credentials"]
        );
        let deleted = FoundSecret {
            is_deleted: true,
            ..found
        };
        let found = Found::Secret(Some(deleted));
        let refusal = super::plan(&order, &given(&same), &found, at(NOW)).unwrap_err();
        assert!(refusal.to_string().contains("restore-secret"), "{refusal}");
    }

    #[test]
    fn keys_are_ids_arns_and_aliases_of_customers() {
        for key in [
            "alias/lwa/credentials",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-1:111122223333:alias/lwa",
        ] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "",
            "alias/",
            "alias/aws/ssm",
            "my key",
            "arn:aws:s3:::bucket",
            "a/b",
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
