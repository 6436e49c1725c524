//! What the versions of a client secret tell about one that is given: whether it was stored
//! before, and since when it has been known. A secret that is stored again is not a new one.

use jiff::Timestamp;
use secrecy::SecretString;

use super::plan::Refusal;
use super::{Found, Order};
use crate::application::Role;
use crate::deadline::{OVERLAP_DAYS, days};
use crate::ports::CallError;
use crate::tags::whole_seconds;
use crate::vault::document::Document;
use crate::vault::ports::{
    ReadMetadata, ReadValues, SecretValue, VersionSelector, has_stage, stage,
};
use crate::vault::{CredentialValues, SecretVersion, is_same_secret, secrets_manager};
use crate::wording;

/// Most versions that Parameter Store keeps of a parameter,
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html>.
const KEPT_VERSIONS: i64 = 100;

/// A client secret in one version of what is stored.
struct Stored {
    version: SecretVersion,
    value: SecretString,
    written_at: Option<Timestamp>,
}

/// Completes an order by what the versions tell of the client secret that is given, and says in
/// words where the date is from. Nothing is looked up where no client secret is given, or with its
/// date.
pub async fn dated(
    account: &(impl ReadMetadata + ReadValues),
    mut order: Order,
    given: &CredentialValues,
    found: &Found,
    now: Timestamp,
) -> Result<(Order, Option<String>), Refusal> {
    let Some(secret) = given.get(&Role::ClientSecret) else {
        return Ok((order, None));
    };
    if order.expires_at.is_some() {
        return Ok((order, None));
    }
    let unknown = |problem: String| Refusal::History { problem };
    let versions = versions(account, &order, found)
        .await
        .map_err(|error| unknown(format!("its earlier versions cannot be read ({error})")))?;
    let Some(position) = first_position(&versions, secret) else {
        return Ok((order, None));
    };
    let first = &versions[position];
    let Some(since) = first.written_at.map(whole_seconds) else {
        let version = &first.version;
        return Err(unknown(format!(
            "version {version} holds it and has no date"
        )));
    };
    order.first_stored = Some(since);
    let current = versions.first();
    if current.is_some_and(|current| is_same_secret(&current.value, secret)) {
        // Its dates are there, and stay.
        return Ok((order, None));
    }
    let lifetime = days(i64::from(order.lifetime_days));
    let end = since.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
    let stored = format!(
        "This client secret was stored before, first on {} (version {}), so it is not dated today",
        wording::date(since),
        first.version
    );
    let better = "If you know better (the developer console shows it), give it with --expires-at.";
    // What was in the vault before it, and was put back, does not end it.
    let successor = successor(&versions, position).map(whole_seconds);
    let overlap = days(i64::from(OVERLAP_DAYS));
    let overlap_end = successor.and_then(|at| at.checked_add(overlap).ok());
    let (end, words) = match (successor, overlap_end) {
        (Some(at), Some(ends)) if ends < end => {
            let words = format!(
                "{stored}: a newer one was stored on {}, and the older works for {OVERLAP_DAYS} \
                 days beside it. {better}",
                wording::date(at)
            );
            (ends, words)
        }
        _ => {
            let words = format!(
                "{stored}: its {} days count from then. {better}",
                order.lifetime_days
            );
            (end, words)
        }
    };
    if end <= now {
        return Err(unknown(format!(
            "it was stored before, first on {} (version {}), and by that it stopped working on {}",
            wording::date(since),
            first.version,
            wording::date(end)
        )));
    }
    order.expires_at = Some(end);
    Ok((order, Some(words)))
}

/// Where a secret is in the first version that holds it, among versions that begin with the
/// current one.
fn first_position(versions: &[Stored], secret: &SecretString) -> Option<usize> {
    let is_held = |version: &Stored| is_same_secret(&version.value, secret);
    versions.iter().rposition(is_held)
}

/// When the first secret was stored that was not there before the one at a position.
fn successor(versions: &[Stored], position: usize) -> Option<Timestamp> {
    let later = versions[..position].iter().enumerate().rev();
    let mut new =
        later.filter(|(at, version)| first_position(versions, &version.value) == Some(*at));
    new.find_map(|(_, version)| version.written_at)
}

/// The client secret in every version that is kept, the current one first.
async fn versions(
    account: &(impl ReadMetadata + ReadValues),
    order: &Order,
    found: &Found,
) -> Result<Vec<Stored>, CallError> {
    match found {
        Found::Parameters(found) => {
            let current = found.get(&Role::ClientSecret);
            let version = current.and_then(|current| current.metadata.version);
            of_parameter(account, order, version.unwrap_or(0)).await
        }
        Found::Secret(Some(found)) if !found.is_deleted => of_secret(account, order).await,
        Found::Secret(_) => Ok(Vec::new()),
    }
}

/// One version after the other, because a call takes a parameter's name only once.
async fn of_parameter(
    account: &impl ReadValues,
    order: &Order,
    current: i64,
) -> Result<Vec<Stored>, CallError> {
    let name = order
        .layout
        .parameter(&order.application, &Role::ClientSecret);
    let mut versions = Vec::new();
    let oldest = 1.max(current - KEPT_VERSIONS + 1);
    for version in (oldest..=current).rev() {
        let name = format!("{name}:{version}");
        let read = account.get_parameters(&[name]).await?;
        // One that is missing was deleted, and those before it too.
        let Some(read) = read.into_iter().find(|read| read.version == version) else {
            break;
        };
        versions.push(Stored {
            version: SecretVersion::new(version.to_string()),
            value: read.value,
            written_at: read.written_at,
        });
    }
    Ok(versions)
}

async fn of_secret(
    account: &(impl ReadMetadata + ReadValues),
    order: &Order,
) -> Result<Vec<Stored>, CallError> {
    let name = order.application.as_str();
    let mut entries = secrets_manager::versions(account, name, true).await?;
    entries.sort_by_key(|entry| {
        let has = |label| has_stage(&entry.stages, label);
        // Labels tell apart what was written at the same time.
        (has(stage::CURRENT), entry.created_at, has(stage::PREVIOUS))
    });
    let mut versions = Vec::new();
    for entry in entries.iter().rev() {
        let id = VersionSelector::Id(&entry.id);
        if let Some(read) = secrets_manager::value(account, name, id).await?
            && let Some(value) = client_secret(&read)
        {
            versions.push(Stored {
                version: SecretVersion::new(&*entry.id),
                value,
                written_at: read.created_at.or(entry.created_at),
            });
        }
    }
    Ok(versions)
}

/// The client secret of a version. One that holds something else holds none.
fn client_secret(version: &SecretValue) -> Option<SecretString> {
    let document = Document::parse(version.document.as_ref()?).ok()?;
    document.field(&Role::ClientSecret).text()
}
