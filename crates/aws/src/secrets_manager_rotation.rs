//! What rotation does in Secrets Manager.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use lwa_core::ExposeSecret;
use lwa_core::SecretString;
use lwa_core::application::{ApplicationName, Layout};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::rotation::document::{DocumentError, with_client_secret};
use lwa_core::rotation::ports::{RotationLedger, SecretStore, StoreError, StoredApplication};
use lwa_core::rotation::receive::{is_same_secret, request_token, request_token_after};
use lwa_core::vault::{KEY_CLIENT_ID, KEY_CLIENT_SECRET, SecretVersion, VaultError};
use serde_json::{Map, Value};

use crate::call_error::{call_error, secret_call_error};
use crate::parameter_directory::timestamp;

/// The label of the version that is in use.
const CURRENT: &str = "AWSCURRENT";

/// The label of a version that is about to be.
const PENDING: &str = "AWSPENDING";

/// Most secrets in one page,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>.
const PAGE_SIZE: i32 = 100;

/// Applications, tags and new secrets in Secrets Manager.
///
/// Finding whose a client id is costs one `ListSecrets` per 100 secrets and prefix, and one
/// `GetSecretValue` per application: a client id shares its document with the rest, so the
/// whole is decrypted.
#[derive(Debug, Clone)]
pub struct SecretsManagerRotation {
    client: aws_sdk_secretsmanager::Client,
    layout: Layout,
}

/// The current version of a secret.
struct Current {
    document: SecretString,
    version: String,
    written_at: Option<lwa_core::Timestamp>,
}

impl SecretsManagerRotation {
    /// Works through a client, on the secrets below the layout's prefixes.
    pub const fn new(client: aws_sdk_secretsmanager::Client, layout: Layout) -> Self {
        Self { client, layout }
    }

    /// The names of the secrets below a prefix.
    async fn names(&self, prefix: &str) -> Result<Vec<ApplicationName>, CallError> {
        let filter = Filter::builder()
            .key(FilterNameStringType::Name)
            .values(&prefix[1..])
            .build();
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .list_secrets()
                .filters(filter.clone())
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
            let page = Box::pin(request.send())
                .await
                .map_err(|error| call_error("ListSecrets", &error))?;
            for secret in page.secret_list() {
                // Two prefixes may begin alike, and a name may have a character of its own.
                if let Some(name) = secret.name()
                    && self.layout.contains(name)
                    && let Ok(name) = ApplicationName::parse(name)
                {
                    names.push(name);
                }
            }
            // A page may be empty and still not be the last.
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// A version by its label; none when there is none.
    async fn labelled(
        &self,
        application: &ApplicationName,
        label: &str,
    ) -> Result<Option<Current>, CallError> {
        let request = self
            .client
            .get_secret_value()
            .secret_id(application.as_str())
            .version_stage(label);
        found(Box::pin(request.send()).await)
    }

    async fn put(
        &self,
        application: &ApplicationName,
        document: &SecretString,
        token: &str,
    ) -> Result<(), CallError> {
        let request = self
            .client
            .put_secret_value()
            .secret_id(application.as_str())
            .client_request_token(token)
            .secret_string(document.expose_secret())
            .version_stages(PENDING);
        Box::pin(request.send())
            .await
            .map_err(|error| secret_call_error("PutSecretValue", &error))?;
        Ok(())
    }

    /// Whether a version has this document already.
    async fn holds(
        &self,
        application: &ApplicationName,
        version: &str,
        document: &SecretString,
    ) -> Result<bool, CallError> {
        let request = self
            .client
            .get_secret_value()
            .secret_id(application.as_str())
            .version_id(version);
        let stored = found(Box::pin(request.send()).await)?;
        Ok(stored.is_some_and(|stored| is_same_secret(&stored.document, document)))
    }
}

fn found<E>(
    answer: Result<
        GetSecretValueOutput,
        aws_smithy_runtime_api::client::result::SdkError<
            E,
            aws_smithy_runtime_api::client::orchestrator::HttpResponse,
        >,
    >,
) -> Result<Option<Current>, CallError>
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(output) => Ok(Some(Current {
            document: output.secret_string.unwrap_or_default().into(),
            version: output.version_id.unwrap_or_default(),
            written_at: output.created_date.as_ref().and_then(timestamp),
        })),
        Err(error) => match call_error("GetSecretValue", &error) {
            error if error.failure == CallFailure::NotFound => Ok(None),
            error => Err(error),
        },
    }
}

impl RotationLedger for SecretsManagerRotation {
    async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        let mut names = Vec::new();
        for prefix in &self.layout.prefixes {
            names.extend(self.names(prefix).await?);
        }
        names.sort();
        names.dedup();
        let mut applications = Vec::new();
        for name in names {
            let Some(current) = self.labelled(&name, CURRENT).await? else {
                continue;
            };
            // Another secret may live below the prefix; only ours have these keys.
            let document: Map<String, Value> =
                serde_json::from_str(current.document.expose_secret()).unwrap_or_default();
            if !document.contains_key(KEY_CLIENT_ID) && !document.contains_key(KEY_CLIENT_SECRET) {
                continue;
            }
            let client_id = document
                .get(KEY_CLIENT_ID)
                .and_then(Value::as_str)
                .map(|id| id.trim().to_owned())
                .filter(|id| !id.is_empty());
            applications.push(StoredApplication {
                name,
                client_id,
                version: Some(SecretVersion::new(current.version)),
                written_at: current.written_at,
            });
        }
        Ok(applications)
    }

    async fn tags(
        &self,
        application: &ApplicationName,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let request = self
            .client
            .describe_secret()
            .secret_id(application.as_str());
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("DescribeSecret", &error))?;
        let tags = answer.tags.unwrap_or_default();
        Ok(tags
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect())
    }

    async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[(&'static str, String)],
    ) -> Result<(), CallError> {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(value).build())
            .collect();
        let request = self
            .client
            .tag_resource()
            .secret_id(application.as_str())
            .set_tags(Some(tags));
        Box::pin(request.send())
            .await
            .map_err(|error| call_error("TagResource", &error))?;
        Ok(())
    }

    async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        let request = self
            .client
            .untag_resource()
            .secret_id(application.as_str())
            .set_tag_keys(Some(keys.iter().map(ToString::to_string).collect()));
        Box::pin(request.send())
            .await
            .map_err(|error| call_error("UntagResource", &error))?;
        Ok(())
    }
}

impl SecretStore for SecretsManagerRotation {
    /// Puts the document with the new secret as `AWSPENDING`, with the notification's id as
    /// request token and so as version id, and then moves `AWSCURRENT` to it. Moving it names
    /// the version that it is taken from, so a write in between makes it fail, and the next
    /// try begins with what was written.
    async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        let name = format!("secret {application}");
        let Some(current) = self.labelled(application, CURRENT).await? else {
            return Err(VaultError::Missing { names: vec![name] }.into());
        };
        let document =
            with_client_secret(&current.document, secret).map_err(|error| match error {
                DocumentError::TooLong(_) => StoreError::Unstorable {
                    name: name.clone(),
                    problem: format!("its document {error}"),
                },
                DocumentError::Shape { .. } => StoreError::Vault(VaultError::Malformed {
                    name: name.clone(),
                    problem: error.to_string(),
                }),
            })?;
        if is_same_secret(&document, &current.document) {
            return Ok(SecretVersion::new(current.version));
        }
        let mut token = request_token(notification);
        if let Err(error) = self.put(application, &document, &token).await {
            // A token that was used for another document is refused. That is the case when an
            // invocation died after the put and somebody changed another key since.
            if error.failure != CallFailure::Refused
                || self.holds(application, &token, &document).await?
            {
                return Err(error.into());
            }
            token = request_token_after(notification, &current.version);
            self.put(application, &document, &token).await?;
        }
        let request = self
            .client
            .update_secret_version_stage()
            .secret_id(application.as_str())
            .version_stage(CURRENT)
            .move_to_version_id(&token)
            .remove_from_version_id(&current.version);
        Box::pin(request.send())
            .await
            .map_err(|error| call_error("UpdateSecretVersionStage", &error))?;
        Ok(SecretVersion::new(token))
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::config::Lookup;
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, sdk_config};

    const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    fn rotation(canned: &Canned) -> SecretsManagerRotation {
        let client = aws_sdk_secretsmanager::Client::new(&sdk_config(canned.clone()).build());
        SecretsManagerRotation::new(client, Lookup::new(|_| None).layout().unwrap())
    }

    fn my_erp() -> ApplicationName {
        ApplicationName::parse("my-erp").unwrap()
    }

    fn requests(canned: &Canned) -> Vec<Value> {
        let json = |body: &String| serde_json::from_str(body).unwrap();
        canned.bodies().iter().map(json).collect()
    }

    fn version(id: &str, document: &str) -> String {
        json!({"Name": "my-erp", "VersionId": id, "SecretString": document}).to_string()
    }

    const OLD: &str = r#"{"AppClientId":"id","AppClientSecret":"old","note": 1.50}"#;
    const NEW: &str = r#"{"AppClientId":"id","AppClientSecret":"new","note": 1.50}"#;

    #[tokio::test]
    async fn a_new_secret_is_put_aside_under_the_notifications_id_and_then_made_current() {
        let canned =
            Canned::answers([(200, version("v1", OLD).as_str()), (200, "{}"), (200, "{}")]);
        let stored = rotation(&canned).store(&my_erp(), &"new".into(), ID).await;
        assert_eq!(stored.unwrap().as_str(), ID);
        let requests = requests(&canned);
        assert_eq!(
            requests[0],
            json!({"SecretId": "my-erp", "VersionStage": "AWSCURRENT"})
        );
        assert_eq!(
            requests[1],
            json!({"SecretId": "my-erp", "ClientRequestToken": ID, "SecretString": NEW,
                   "VersionStages": ["AWSPENDING"]})
        );
        assert_eq!(
            requests[2],
            json!({"SecretId": "my-erp", "VersionStage": "AWSCURRENT", "MoveToVersionId": ID,
                   "RemoveFromVersionId": "v1"})
        );
    }

    #[tokio::test]
    async fn a_secret_that_is_current_already_is_left_alone() {
        let canned = Canned::answers([(200, version("v1", NEW).as_str())]);
        let stored = rotation(&canned).store(&my_erp(), &"new".into(), ID).await;
        assert_eq!(stored.unwrap().as_str(), "v1");
        assert_eq!(canned.bodies().len(), 1);
    }

    #[tokio::test]
    async fn a_document_that_changed_since_it_was_put_is_put_under_another_token() {
        let refused = r#"{"__type":"ResourceExistsException","message":"planted"}"#;
        let canned = Canned::answers([
            (200, version("v1", OLD).as_str()),
            (400, refused),
            (200, version(ID, r#"{"AppClientSecret":"new"}"#).as_str()),
            (200, "{}"),
            (200, "{}"),
        ]);
        let stored = rotation(&canned).store(&my_erp(), &"new".into(), ID).await;
        let token = stored.unwrap().as_str().to_owned();
        assert_ne!(token, ID);
        let requests = requests(&canned);
        assert_eq!(requests[3]["ClientRequestToken"], token.as_str());
        assert_eq!(requests[4]["MoveToVersionId"], token.as_str());
    }

    #[tokio::test]
    async fn a_refusal_for_another_reason_is_an_error_without_the_services_words() {
        let refused = r#"{"__type":"LimitExceededException","message":"planted"}"#;
        let canned = Canned::answers([
            (200, version("v1", OLD).as_str()),
            (400, refused),
            (200, version(ID, NEW).as_str()),
        ]);
        let error = rotation(&canned).store(&my_erp(), &"new".into(), ID).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("LimitExceededException"), "{error}");
        assert!(!error.contains("planted"), "{error}");
    }

    #[tokio::test]
    async fn only_documents_with_our_keys_are_applications() {
        let list = json!({"SecretList": [
            {"Name": "my-erp/us"}, {"Name": "my-erp"}, {"Name": "my-erp2"},
            {"Name": "my-erp/database"}, {"Name": "my-erp/new"},
        ]});
        let canned = Canned::answers([
            (200, list.to_string().as_str()),
            (200, version("v1", OLD).as_str()),
            (200, version("v1", r#"{"password":"x"}"#).as_str()),
            (400, r#"{"__type":"ResourceNotFoundException"}"#),
            (200, version("v1", r#"{"AppClientSecret":"x"}"#).as_str()),
        ]);
        let found = rotation(&canned).applications().await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.name.as_str(), found.client_id.as_deref()))
            .collect();
        assert_eq!(found, [("my-erp", Some("id")), ("my-erp/us", None)]);
    }
}
