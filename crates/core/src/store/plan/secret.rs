//! What is going to be written to Secrets Manager.

use jiff::Timestamp;

use super::dates::{Change, Stored, dates};
use super::keys::wanted_secret_key;
use super::steps::{Plan, Refusal, check_complete, tags_in_words};
use crate::application::Role;
use crate::store::{DEFAULT_KEY, FoundSecret, Order, Write};
use crate::vault::document::{Document, new_document};
use crate::vault::ports::SecretValueWrite;
use crate::vault::{CredentialValues, is_stored};

/// Longest name of a secret, in characters,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>.
const MAX_SECRET_NAME: usize = 512;

pub(super) fn plan(
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
    let before = before.map(Document::parse).transpose();
    let before = before.map_err(|error| refuse(error.to_string()))?;
    let stored = before.as_ref().map(Document::credentials);
    let stored = stored.unwrap_or_default();
    check_complete(order, |role| {
        given.contains_key(role) || stored.contains_key(role)
    })?;
    let mut changed = given.clone();
    changed.retain(|role, value| !is_stored(&stored, role, value));
    let document = match &before {
        _ if changed.is_empty() => None,
        Some(before) => Some(before.with(&changed)),
        None => Some(new_document(&changed)),
    };
    let document = document.transpose();
    let document = document.map_err(|error| refuse(error.to_string()))?;
    let roles: Vec<String> = changed.keys().map(ToString::to_string).collect();
    let change = Change::of(
        given.get(&Role::ClientSecret),
        stored.get(&Role::ClientSecret),
    );
    let stored = Stored::new(
        order,
        found.map(|found| &found.tags),
        found.and_then(|found| found.version.clone()),
        found.and_then(|found| found.written_at),
        document.is_some(),
    );
    let mut dates = dates(order, change, stored, now);
    let mut plan = Plan::default();
    let value = if let Some(found) = found {
        if let Some(key) = wanted_secret_key(order, found) {
            let (what, name) = (format!("key {key}"), name.clone());
            plan.push(&place, what, Write::SecretKey { name, key });
        }
        document.map(|document| {
            let write = SecretValueWrite {
                name: name.clone(),
                document,
                request_token: None,
                stage: None,
            };
            let what = format!("a new value: {}", roles.join(", "));
            (Write::SecretValue(write), what)
        })
    } else {
        let document = document.ok_or_else(|| Refusal::Incomplete {
            missing: vec![place.clone()],
        })?;
        let (key, tags) = (order.key.clone(), std::mem::take(&mut dates.after));
        let key = key.unwrap_or_else(|| DEFAULT_KEY.to_owned());
        let mut what = format!("new: {}, key {key}", roles.join(", "));
        if !tags.is_empty() {
            what = format!("{what}, {}", tags_in_words(&tags));
        }
        let write = Write::CreateSecret {
            name: name.clone(),
            document,
            key,
            tags,
        };
        Some((write, what))
    };
    plan.push_dated(order, &name, &place, value, dates);
    Ok(plan)
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
