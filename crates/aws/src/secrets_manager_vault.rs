//! Credentials in Secrets Manager: one secret per application, a JSON object.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::ports::CallFailure;
use lwa_core::vault::{
    CredentialVault, Credentials, KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_REFRESH_TOKEN, KEY_SELLERS,
    RefreshTokenOf, SecretVersion, StoredSecret, VaultError, VaultKind,
};
use serde_json::{Map, Value};

use crate::call_error::call_error;
use crate::parameter_directory::timestamp;

/// The label of the version that is in use,
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>.
const CURRENT: &str = "AWSCURRENT";

/// The label of the version before it, same source.
const PREVIOUS: &str = "AWSPREVIOUS";

/// How many versions without a label to look through for another client secret. Storing one
/// more refresh token makes a version with the same client secret, so a few may have to be
/// passed over.
const MAX_UNLABELLED: usize = 5;

/// Most versions that one call lists,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html>.
const PAGE: i32 = 100;

/// Reads secrets by name.
#[derive(Debug, Clone)]
pub struct SecretsManagerVault {
    client: aws_sdk_secretsmanager::Client,
    layout: Layout,
}

/// Which version to read.
#[derive(Debug, Clone, Copy)]
enum Selector<'a> {
    Stage(&'a str),
    Id(&'a str),
}

/// A version of a secret, its document parsed.
struct Document {
    keys: Map<String, Value>,
    version: SecretVersion,
    written_at: Option<lwa_core::Timestamp>,
}

impl SecretsManagerVault {
    /// A vault over a client. The layout only serves to name places in errors.
    pub const fn new(client: aws_sdk_secretsmanager::Client, layout: Layout) -> Self {
        Self { client, layout }
    }

    /// One version; none when it does not exist.
    async fn document(
        &self,
        application: &ApplicationName,
        selector: Selector<'_>,
    ) -> Result<Option<Document>, VaultError> {
        let request = self
            .client
            .get_secret_value()
            .secret_id(application.as_str());
        let request = match selector {
            Selector::Stage(stage) => request.version_stage(stage),
            Selector::Id(id) => request.version_id(id),
        };
        match request.send().await {
            Ok(output) => document(application, output).map(Some),
            Err(error) => match call_error("GetSecretValue", &error) {
                error if error.failure == CallFailure::NotFound => Ok(None),
                error => Err(error.into()),
            },
        }
    }

    /// The versions that carry no label any more, newest first.
    async fn unlabelled(&self, application: &ApplicationName) -> Result<Vec<String>, VaultError> {
        let mut pages = self
            .client
            .list_secret_version_ids()
            .secret_id(application.as_str())
            .include_deprecated(true)
            .max_results(PAGE)
            .into_paginator()
            .send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error("ListSecretVersionIds", &error))?;
            for version in page.versions() {
                if version.version_stages().is_empty()
                    && let Some(id) = version.version_id()
                {
                    versions.push((version.created_date().and_then(timestamp), id.to_owned()));
                }
            }
        }
        versions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(versions.into_iter().map(|(_, id)| id).collect())
    }

    fn place(&self, application: &ApplicationName, role: &Role) -> String {
        VaultKind::SecretsManager.place(&self.layout, application, role)
    }
}

impl CredentialVault for SecretsManagerVault {
    async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> Result<Credentials, VaultError> {
        let Some(document) = self.document(application, Selector::Stage(CURRENT)).await? else {
            return Err(VaultError::Missing {
                names: vec![format!("secret {application}")],
            });
        };
        let token = refresh_token.role();
        let roles: Vec<&Role> = [
            Some(&Role::ClientId),
            Some(&Role::ClientSecret),
            token.as_ref(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut missing = Vec::new();
        for role in &roles {
            match document.text(role) {
                Some(Value::String(text)) if !text.trim().is_empty() => {}
                None | Some(Value::Null) => missing.push(self.place(application, role)),
                Some(found) => {
                    let problem = if found.is_string() {
                        "is blank"
                    } else {
                        "is not a string"
                    };
                    return Err(VaultError::Malformed {
                        name: self.place(application, role),
                        problem: problem.into(),
                    });
                }
            }
        }
        let (Some(client_id), Some(client_secret), true) = (
            document.trimmed(&Role::ClientId),
            document.stored_secret(),
            missing.is_empty(),
        ) else {
            return Err(VaultError::Missing { names: missing });
        };
        Ok(Credentials {
            client_id: client_id.to_owned(),
            client_secret,
            refresh_token: token.and_then(|role| document.trimmed(&role).map(Into::into)),
        })
    }

    async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let found = self.document(application, Selector::Id(version.as_str()));
        Ok(found.await?.and_then(|document| document.stored_secret()))
    }

    /// Looks no further back than the version before, because the roles that ask may not list
    /// versions.
    async fn in_place_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<lwa_core::Timestamp>, VaultError> {
        let previous = self
            .document(application, Selector::Stage(PREVIOUS))
            .await?
            .and_then(|document| document.stored_secret());
        Ok(match previous {
            Some(previous) if previous.has_same_value(current) => None,
            _ => current.written_at,
        })
    }

    async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let other = |document: Option<Document>| {
            document
                .and_then(|document| document.stored_secret())
                .filter(|secret| !secret.has_same_value(current))
        };
        let Some(previous) = self
            .document(application, Selector::Stage(PREVIOUS))
            .await?
        else {
            return Ok(None);
        };
        if let Some(secret) = other(Some(previous)) {
            return Ok(Some(secret));
        }
        for id in self
            .unlabelled(application)
            .await?
            .iter()
            .take(MAX_UNLABELLED)
        {
            if let Some(secret) = other(self.document(application, Selector::Id(id)).await?) {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }
}

impl Document {
    /// What stands where a role's value belongs.
    fn text(&self, role: &Role) -> Option<&Value> {
        match role {
            Role::ClientId => self.keys.get(KEY_CLIENT_ID),
            Role::ClientSecret => self.keys.get(KEY_CLIENT_SECRET),
            Role::RefreshToken { seller: None } => self.keys.get(KEY_REFRESH_TOKEN),
            Role::RefreshToken {
                seller: Some(seller),
            } => self.keys.get(KEY_SELLERS)?.get(seller.as_str()),
        }
    }

    /// The value, if there is one, without the white space around it: no credential has any.
    fn trimmed(&self, role: &Role) -> Option<&str> {
        let text = self.text(role)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    fn stored_secret(&self) -> Option<StoredSecret> {
        Some(StoredSecret {
            value: self.trimmed(&Role::ClientSecret)?.into(),
            version: self.version.clone(),
            written_at: self.written_at,
        })
    }
}

/// Parses the document. No parser's message is passed on, because it may quote the value.
fn document(
    application: &ApplicationName,
    output: GetSecretValueOutput,
) -> Result<Document, VaultError> {
    let parsed = output
        .secret_string
        .as_deref()
        .map(serde_json::from_str::<Value>);
    let Some(Ok(Value::Object(keys))) = parsed else {
        return Err(VaultError::Malformed {
            name: format!("secret {application}"),
            problem: format!(
                "does not hold a JSON object with the keys {KEY_CLIENT_ID} and {KEY_CLIENT_SECRET}"
            ),
        });
    };
    Ok(Document {
        keys,
        version: SecretVersion::new(output.version_id.unwrap_or_default()),
        written_at: output.created_date.as_ref().and_then(timestamp),
    })
}

#[cfg(test)]
mod tests {
    use lwa_core::ExposeSecret;
    use lwa_core::application::SellerId;
    use lwa_core::config::Lookup;
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, sdk_config};

    fn vault(canned: &Canned) -> SecretsManagerVault {
        let client = aws_sdk_secretsmanager::Client::new(&sdk_config(canned.clone()).build());
        SecretsManagerVault::new(client, Lookup::new(|_| None).layout().unwrap())
    }

    fn my_erp() -> ApplicationName {
        ApplicationName::parse("my-erp").unwrap()
    }

    fn version(id: &str, document: &str) -> (u16, String) {
        let body = json!({"Name": "my-erp", "VersionId": id, "SecretString": document,
            "CreatedDate": 1_767_225_600});
        (200, body.to_string())
    }

    fn with_secret(id: &str, secret: &str) -> (u16, String) {
        version(
            id,
            &json!({KEY_CLIENT_ID: "id", KEY_CLIENT_SECRET: secret}).to_string(),
        )
    }

    fn canned(answers: &[(u16, String)]) -> Canned {
        Canned::answers(
            answers
                .iter()
                .map(|(status, body)| (*status, body.as_str())),
        )
    }

    const NOT_FOUND: (u16, &str) = (400, r#"{"__type":"ResourceNotFoundException"}"#);

    #[tokio::test]
    async fn one_call_reads_the_document_of_the_current_version() {
        let document = json!({KEY_CLIENT_ID: "id", KEY_CLIENT_SECRET: "secret\n",
            KEY_SELLERS: {"A1": "the-token"}, "other": 1});
        let canned = canned(&[version("v7", &document.to_string())]);
        let seller = RefreshTokenOf::Seller(SellerId::parse("A1").unwrap());
        let read = vault(&canned).read(&my_erp(), &seller).await.unwrap();
        assert_eq!(read.client_id, "id");
        assert_eq!(read.client_secret.value.expose_secret(), "secret");
        assert_eq!(read.client_secret.version.as_str(), "v7");
        assert_eq!(
            read.client_secret.written_at,
            "2026-01-01T00:00:00Z".parse().ok()
        );
        assert_eq!(read.refresh_token.unwrap().expose_secret(), "the-token");
        let request: Value = serde_json::from_str(&canned.bodies()[0]).unwrap();
        assert_eq!(
            request,
            json!({"SecretId": "my-erp", "VersionStage": CURRENT})
        );
    }

    async fn read_error(answer: (u16, String), token: RefreshTokenOf) -> String {
        vault(&canned(&[answer]))
            .read(&my_erp(), &token)
            .await
            .unwrap_err()
            .to_string()
    }

    #[tokio::test]
    async fn what_is_missing_is_named_and_no_value_is_ever_quoted() {
        let error = read_error((400, NOT_FOUND.1.to_owned()), RefreshTokenOf::Nobody).await;
        assert_eq!(error, "not in the vault: secret my-erp");
        let error = read_error(
            version("v1", r#"{"sellers":{}}"#),
            RefreshTokenOf::Application,
        )
        .await;
        assert_eq!(
            error,
            "not in the vault: secret my-erp, key AppClientId, \
             secret my-erp, key AppClientSecret, secret my-erp, key refreshToken"
        );
        for document in ["planted", "\"planted\"", "[\"planted\"]", "{\"planted\":"] {
            let error = read_error(version("v1", document), RefreshTokenOf::Nobody).await;
            assert!(
                error.starts_with("secret my-erp does not hold a JSON object"),
                "{error}"
            );
            assert!(!error.contains("planted"), "{error}");
        }
        let document = json!({KEY_CLIENT_ID: ["planted"], KEY_CLIENT_SECRET: "s"}).to_string();
        let error = read_error(version("v1", &document), RefreshTokenOf::Nobody).await;
        assert_eq!(error, "secret my-erp, key AppClientId is not a string");
        let document = json!({KEY_CLIENT_ID: "id", KEY_CLIENT_SECRET: " "}).to_string();
        let error = read_error(version("v1", &document), RefreshTokenOf::Nobody).await;
        assert_eq!(error, "secret my-erp, key AppClientSecret is blank");
    }

    #[tokio::test]
    async fn a_version_is_read_by_its_id_unless_it_is_gone() {
        let canned = canned(&[
            with_secret("v7", "seven"),
            (NOT_FOUND.0, NOT_FOUND.1.into()),
        ]);
        let vault = vault(&canned);
        let read = async |version: &str| {
            let version = SecretVersion::new(version);
            let read = vault.read_version(&my_erp(), &version).await.unwrap();
            read.map(|secret| secret.value.expose_secret().to_owned())
        };
        assert_eq!(read("v7").await.as_deref(), Some("seven"));
        assert_eq!(read("v8").await, None);
        let request: Value = serde_json::from_str(&canned.bodies()[0]).unwrap();
        assert_eq!(request, json!({"SecretId": "my-erp", "VersionId": "v7"}));
    }

    async fn previous(canned: &Canned) -> Option<(String, String)> {
        let current = StoredSecret {
            value: "new".into(),
            version: SecretVersion::new("v9"),
            written_at: None,
        };
        let previous = vault(canned)
            .read_previous_secret(&my_erp(), &current)
            .await
            .unwrap()?;
        Some((
            previous.version.to_string(),
            previous.value.expose_secret().to_owned(),
        ))
    }

    #[tokio::test]
    async fn the_previous_secret_is_under_its_label() {
        let canned = canned(&[with_secret("v8", "old")]);
        assert_eq!(previous(&canned).await, Some(("v8".into(), "old".into())));
        assert!(previous(&Canned::answers([NOT_FOUND])).await.is_none());
    }

    #[tokio::test]
    async fn versions_that_changed_something_else_are_passed_over_newest_first() {
        let list = json!({"Versions": [
            {"VersionId": "v9", "VersionStages": [CURRENT], "CreatedDate": 9},
            {"VersionId": "v8", "VersionStages": [PREVIOUS], "CreatedDate": 8},
            {"VersionId": "v6", "CreatedDate": 6},
            {"VersionId": "v7", "CreatedDate": 7},
        ]});
        let canned = canned(&[
            with_secret("v8", "new"),
            (200, list.to_string()),
            with_secret("v7", "new"),
            with_secret("v6", "old"),
        ]);
        assert_eq!(previous(&canned).await, Some(("v6".into(), "old".into())));
        let asked: Vec<Value> = canned
            .bodies()
            .iter()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect();
        assert_eq!(asked[2]["VersionId"], "v7");
        assert_eq!(asked[3]["VersionId"], "v6");
    }
}
