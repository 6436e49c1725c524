//! What is going to be written to Parameter Store.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::dates::{Change, Stored, dates};
use super::keys::{is_same_key, wanted_key};
use super::steps::{Plan, Refusal, check_complete, tags_in_words};
use crate::application::Role;
use crate::store::policies::{self, REMIND_AFTER_DAYS};
use crate::store::{FoundParameter, Order, Write};
use crate::text::when;
use crate::vault::parameter_store::value_problem;
use crate::vault::ports::{ParameterWrite, Tier};
use crate::vault::{CredentialValues, is_same_secret};

/// Longest parameter name, in characters: Parameter Store counts 1011 with the ARN before it,
/// whose longest prefix today has 55,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
const MAX_PARAMETER_NAME: usize = 1011 - 55;

/// Deepest hierarchy of a parameter, same source.
const MAX_LEVELS: usize = 15;

pub(super) fn plan(
    order: &Order,
    given: &CredentialValues,
    found: &BTreeMap<Role, FoundParameter>,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    check_complete(order, |role| {
        given.contains_key(role) || found.contains_key(role)
    })?;
    let mut plan = Plan::default();
    // The client secret comes last: once it is there, every function sees the application.
    let roles: BTreeSet<&Role> = given
        .keys()
        .chain(found.keys().filter(|role| order.extent.includes(role)))
        .collect();
    let (secrets, others): (Vec<&Role>, Vec<&Role>) = roles
        .into_iter()
        .partition(|role| **role == Role::ClientSecret);
    for role in others.into_iter().chain(secrets) {
        let name = order.layout.parameter(&order.application, role);
        check_name(&name)?;
        let write = parameter_write(order, &name, role, given.get(role), found, &mut plan.notes)?;
        if *role == Role::ClientSecret {
            let stored = found.get(role);
            client_secret(order, &name, given.get(role), stored, write, now, &mut plan);
        } else if let Some((write, what)) = write {
            plan.push(&name, what, Write::Parameter(write));
        } else {
            plan.unchanged.push(name);
        }
    }
    Ok(plan)
}

fn client_secret(
    order: &Order,
    name: &str,
    given: Option<&SecretString>,
    found: Option<&FoundParameter>,
    write: Option<(ParameterWrite, String)>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let change = Change::of(given, found.and_then(|found| found.value.as_ref()));
    let stored = Stored::new(
        order,
        found.map(|found| &found.tags),
        found.and_then(|found| found.metadata.secret_version()),
        found.and_then(|found| found.metadata.last_modified),
        write.is_some(),
    );
    let mut dates = dates(order, change, stored, now);
    let value = write.map(|(mut write, mut what)| {
        if !write.overwrite && !dates.after.is_empty() {
            // A new parameter can be created with its tags, so that it is never without them.
            write.tags = std::mem::take(&mut dates.after);
            what = format!("{what}, {}", tags_in_words(&write.tags));
        }
        (Write::Parameter(write), what)
    });
    plan.push_dated(order, name, name, value, dates);
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
            let before = &metadata.parameter_type;
            changes.push(format!("SecureString instead of {before}"));
            let advice = when(is_secret, " Make a new client secret soon.");
            notes.push(format!(
                "{name} was stored in plain text, and its earlier versions stay readable in its \
                 history.{advice}"
            ));
        }
        let present = metadata.key_id.as_deref();
        if !present.is_some_and(|present| is_same_key(present, &key)) {
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

fn check_name(name: &str) -> Result<(), Refusal> {
    let refuse = |problem: String| {
        Err(Refusal::Name {
            name: name.to_owned(),
            problem,
        })
    };
    let path = name.trim_start_matches('/').to_ascii_lowercase();
    if name.len() > MAX_PARAMETER_NAME {
        return refuse(format!(
            "it is longer than {MAX_PARAMETER_NAME} characters, which is what Parameter Store \
             leaves of 1011 beside the ARN"
        ));
    }
    if path.split('/').count() > MAX_LEVELS {
        return refuse(format!("it has more than {MAX_LEVELS} levels"));
    }
    if path.starts_with("aws") || path.starts_with("ssm") {
        let problem = "it begins with `aws` or `ssm`, which Parameter Store keeps for itself";
        return refuse(problem.to_owned());
    }
    Ok(())
}

fn reminders() -> String {
    let [first, second, third, last] = REMIND_AFTER_DAYS;
    format!("after {first}, {second}, {third} and {last} days without a change")
}
