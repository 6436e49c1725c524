//! The procedures of a vault in Secrets Manager: one secret for each application, a JSON object.

use secrecy::{ExposeSecret, SecretString};

use super::credentials::{
    Credentials, LookBack, MAX_VERSIONS_BACK, SecretVersion, StoredApplication, StoredSecret,
    is_same_secret,
};
use super::document::{Document, DocumentError, Field};
use super::error::{StoreError, VaultError};
use super::kind::{KEY_CLIENT_ID, VaultKind};
use super::ports::{
    ReadMetadata, ReadValues, SecretValue, SecretValueWrite, SecretVersionEntry, VersionSelector,
    WriteValues, all_pages, stage,
};
use crate::application::{ApplicationName, Layout, Role};
use crate::ports::{CallError, CallFailure};

/// A version of a secret; none when it does not exist.
pub async fn value(
    account: &impl ReadValues,
    name: &str,
    version: VersionSelector<'_>,
) -> Result<Option<SecretValue>, CallError> {
    match account.get_secret_value(name, version).await {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.failure == CallFailure::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The versions of a secret, to the last page of the listing.
pub async fn versions(
    account: &impl ReadMetadata,
    name: &str,
    include_deprecated: bool,
) -> Result<Vec<SecretVersionEntry>, CallError> {
    all_pages(|token| async move {
        let token = token.as_deref();
        account
            .list_secret_version_ids(name, include_deprecated, token)
            .await
    })
    .await
}

/// The secrets of an account, named by the applications of a layout.
pub(super) struct SecretsManager<'a, A> {
    pub(super) account: &'a A,
    pub(super) layout: &'a Layout,
}

impl<A: ReadMetadata + ReadValues> SecretsManager<'_, A> {
    pub(super) async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: Option<&Role>,
    ) -> Result<Credentials, VaultError> {
        let current = self.current(application).await?;
        let document = parse(application, &current)?;
        let mut missing = Vec::new();
        let mut read = |role: &Role| {
            let name = VaultKind::SecretsManager.place(self.layout, application, role);
            let problem = match document.field(role) {
                Field::Text(text) => return Ok(Some(text)),
                Field::Absent => {
                    missing.push(name);
                    return Ok(None);
                }
                Field::Blank => "is blank",
                Field::NotText => "is not a string",
            };
            Err(VaultError::malformed(name, problem))
        };
        let (id, secret) = (read(&Role::ClientId)?, read(&Role::ClientSecret)?);
        let refresh_token = refresh_token.map(read).transpose()?.flatten();
        let (Some(id), Some(secret), true) = (id, secret, missing.is_empty()) else {
            return Err(VaultError::Missing { names: missing });
        };
        Ok(Credentials {
            client_id: id.expose_secret().to_owned(),
            client_secret: stored(&current, secret),
            refresh_token,
        })
    }

    pub(super) async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let id = VersionSelector::Id(version.as_str());
        let Some(value) = value(self.account, application.as_str(), id).await? else {
            return Ok(None);
        };
        let secret = parse(application, &value)?.field(&Role::ClientSecret);
        Ok(secret.text().map(|secret| stored(&value, secret)))
    }

    /// Looks back from `current`. Storing one more refresh token makes a version with the same
    /// client secret, so a few may have to be passed over; versions are listed only then. One
    /// without a client secret is passed over too, whatever it holds: what was written into an
    /// earlier version must not keep a new secret from being stored.
    pub(super) async fn look_back(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<LookBack, VaultError> {
        let mut back = LookBack::from(current);
        let mut ends_with = |version: &SecretValue| {
            let document = parse(application, version).ok();
            let secret = document.and_then(|document| document.field(&Role::ClientSecret).text());
            match secret.map(|secret| stored(version, secret)) {
                Some(same) if same.has_same_value(current) => {
                    back.unchanged_since = same.written_at;
                }
                other => back.other = other,
            }
            back.other.is_some()
        };
        let name = application.as_str();
        let label = VersionSelector::Stage(stage::PREVIOUS);
        let Some(previous) = value(self.account, name, label).await? else {
            return Ok(back);
        };
        if ends_with(&previous) {
            return Ok(back);
        }
        let mut unlabelled = versions(self.account, name, true).await?;
        unlabelled.retain(|version| version.stages.is_empty());
        unlabelled.sort_unstable_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        for version in unlabelled.iter().take(MAX_VERSIONS_BACK) {
            let id = VersionSelector::Id(&version.id);
            if let Some(version) = value(self.account, name, id).await?
                && ends_with(&version)
            {
                return Ok(back);
            }
        }
        let reaches_the_first = unlabelled.len() + 1 < MAX_VERSIONS_BACK;
        back.unchanged_since = back.unchanged_since.filter(|_| reaches_the_first);
        Ok(back)
    }

    async fn current(&self, application: &ApplicationName) -> Result<SecretValue, VaultError> {
        let label = VersionSelector::Stage(stage::CURRENT);
        value(self.account, application.as_str(), label)
            .await?
            .ok_or_else(|| VaultError::Missing {
                names: vec![format!("secret {application}")],
            })
    }

    /// One `ListSecrets` per 100 secrets and prefix, and one `GetSecretValue` per secret: a client
    /// id shares its document with the rest, so the whole is decrypted.
    pub(super) async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        let mut names = Vec::new();
        for prefix in &self.layout.prefixes {
            let (account, prefix) = (self.account, &prefix[1..]);
            let page = |token: Option<String>| async move {
                account.list_secrets(prefix, token.as_deref()).await
            };
            let found = all_pages(page).await?.into_iter().map(|secret| secret.name);
            // Two prefixes may begin alike, and a name may have a character of its own.
            let ours = found.filter(|name| self.layout.contains(name));
            names.extend(ours.filter_map(|name| ApplicationName::parse(&name).ok()));
        }
        names.sort();
        names.dedup();
        let mut applications = Vec::new();
        for name in names {
            let label = VersionSelector::Stage(stage::CURRENT);
            let Some(current) = value(self.account, name.as_str(), label).await? else {
                continue;
            };
            // Another secret may live below the prefix; only ours have these keys.
            let Ok(document) = parse(&name, &current) else {
                continue;
            };
            if document.is_an_applications() {
                let id = document.field(&Role::ClientId).text();
                applications.push(StoredApplication {
                    client_id: id.map(|id| id.expose_secret().to_owned()),
                    version: Some(SecretVersion::new(&*current.version)),
                    written_at: current.created_at,
                    // A write cannot choose a key: the secret's owner has.
                    write_problem: None,
                    name,
                });
            }
        }
        Ok(applications)
    }
}

impl<A: ReadMetadata + ReadValues + WriteValues> SecretsManager<'_, A> {
    /// Puts the document with the new secret as `AWSPENDING`, with the notification's id as
    /// request token and so as version id, and then moves `AWSCURRENT` to it. Moving it names
    /// the version that it is taken from, so a write in between makes it fail, and the next
    /// try begins with what was written.
    pub(super) async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        let name = application.as_str();
        let current = self.current(application).await?;
        let document = with_client_secret(application, &current, secret)?;
        let stored = current.document.as_ref();
        if stored.is_some_and(|stored| is_same_secret(stored, &document)) {
            return Ok(SecretVersion::new(current.version));
        }
        let mut write = SecretValueWrite {
            name: name.to_owned(),
            document,
            request_token: Some(request_token(notification)),
            stage: Some(stage::PENDING),
        };
        if let Err(error) = self.account.put_secret_value(&write).await {
            // A token that was used for another document is refused. That is the case when an
            // invocation died after the put and another key of the document changed since.
            if error.failure != CallFailure::Refused || self.is_put(&write).await? {
                return Err(error.into());
            }
            let token = request_token_after(notification, &current.version);
            write.request_token = Some(token);
            self.account.put_secret_value(&write).await?;
        }
        let token = write.request_token.unwrap_or_default();
        self.account
            .update_secret_version_stage(name, stage::CURRENT, &current.version, &token)
            .await?;
        Ok(SecretVersion::new(token))
    }

    /// Whether the version of a write's token has its document already.
    async fn is_put(&self, write: &SecretValueWrite) -> Result<bool, CallError> {
        let token = write.request_token.as_deref().unwrap_or_default();
        let put = value(self.account, &write.name, VersionSelector::Id(token)).await?;
        Ok(put
            .and_then(|put| put.document)
            .is_some_and(|put| is_same_secret(&put, &write.document)))
    }
}

/// The current document with another client secret. A document without a client id belongs to no
/// application that could have received one.
fn with_client_secret(
    application: &ApplicationName,
    current: &SecretValue,
    secret: &SecretString,
) -> Result<SecretString, StoreError> {
    let name = format!("secret {application}");
    let document = parse(application, current)?;
    if matches!(document.field(&Role::ClientId), Field::Absent) {
        let names = vec![format!("{name}, key {KEY_CLIENT_ID}")];
        return Err(VaultError::Missing { names }.into());
    }
    document
        .with_client_secret(secret)
        .map_err(|error| match error {
            DocumentError::TooLong(_) => StoreError::Unstorable {
                problem: format!("its document {error}"),
                name,
            },
            DocumentError::Shape { .. } | DocumentError::Sellers => {
                VaultError::malformed(name, error.to_string()).into()
            }
        })
}

/// Parses the document of a version. No parser's message is passed on, because it may quote the
/// value.
fn parse<'a>(
    application: &ApplicationName,
    value: &'a SecretValue,
) -> Result<Document<'a>, VaultError> {
    Document::parse(text(application, value)?)
        .map_err(|error| VaultError::malformed(format!("secret {application}"), error.to_string()))
}

/// The text of a version, whatever it is.
pub(crate) fn text<'a>(
    application: &ApplicationName,
    value: &'a SecretValue,
) -> Result<&'a SecretString, VaultError> {
    let problem = "holds bytes, not a JSON document";
    let document = value.document.as_ref();
    document.ok_or_else(|| VaultError::malformed(format!("secret {application}"), problem))
}

fn stored(value: &SecretValue, secret: SecretString) -> StoredSecret {
    StoredSecret {
        value: secret,
        version: SecretVersion::new(&*value.version),
        written_at: value.created_at,
    }
}

/// Shortest and longest `ClientRequestToken`,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>.
const REQUEST_TOKEN: std::ops::RangeInclusive<usize> = 32..=64;

/// The id of a notification as a `ClientRequestToken`, which Secrets Manager makes the id of
/// the version: 32 to 64 characters, and the same for the same notification every time. Amazon's
/// ids are UUIDs of 36 characters and stay as they are.
fn request_token(notification: &str) -> String {
    let (shortest, longest) = (*REQUEST_TOKEN.start(), *REQUEST_TOKEN.end());
    let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let token: String = notification.chars().map(legal).take(longest).collect();
    format!("{token:-<shortest$}")
}

/// Another token for the same notification, for a document that has changed since it was put
/// under the first one. It changes with the version that is current, so that putting the same
/// document again is idempotent.
fn request_token_after(notification: &str, current_version: &str) -> String {
    let half = REQUEST_TOKEN.start() / 2;
    let part = |text: &str| -> String { request_token(text).chars().take(half).collect() };
    format!("{}-{}", part(notification), part(current_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_token_is_always_legal_and_the_same_for_the_same_notification() {
        let uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        for (id, expected) in [
            (uuid, uuid.to_owned()),
            ("n 1", format!("n-1{}", "-".repeat(29))),
            (&"x".repeat(100), "x".repeat(64)),
            ("", "-".repeat(32)),
        ] {
            assert_eq!(request_token(id), expected);
            assert_eq!(request_token_after(id, "v1").len(), 33);
        }
        assert_ne!(
            request_token_after(uuid, "v1"),
            request_token_after(uuid, "v2")
        );
    }
}
