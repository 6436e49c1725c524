//! Storing credentials in Secrets Manager by hand.

use aws_sdk_secretsmanager::types::Tag;
use lwa_core::ExposeSecret;
use lwa_core::application::ApplicationName;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::store::{CredentialStore, Extent, Found, FoundSecret, Write};
use lwa_core::vault::{SecretVersion, VaultError};

use crate::call_error::{call_error, secret_call_error};
use crate::parameter_directory::timestamp;

/// The label of the version that is in use.
const CURRENT: &str = "AWSCURRENT";

/// Reads an application's secret and writes it.
#[derive(Debug, Clone)]
pub struct SecretsManagerStore {
    client: aws_sdk_secretsmanager::Client,
}

impl SecretsManagerStore {
    /// Works through a client.
    pub const fn new(client: aws_sdk_secretsmanager::Client) -> Self {
        Self { client }
    }

    async fn describe(&self, name: &str) -> Result<Option<FoundSecret>, CallError> {
        let request = self.client.describe_secret().secret_id(name);
        match Box::pin(request.send()).await {
            Ok(found) => Ok(Some(FoundSecret {
                key_id: found.kms_key_id,
                tags: found
                    .tags
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                    .collect(),
                is_deleted: found.deleted_date.is_some(),
                ..FoundSecret::default()
            })),
            Err(error) => match call_error("DescribeSecret", &error) {
                error if error.failure == CallFailure::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }
}

impl CredentialStore for SecretsManagerStore {
    async fn look(
        &self,
        application: &ApplicationName,
        _extent: &Extent,
    ) -> Result<Found, VaultError> {
        let name = application.as_str();
        let Some(mut found) = self.describe(name).await? else {
            return Ok(Found::Secret(None));
        };
        if found.is_deleted {
            return Ok(Found::Secret(Some(found)));
        }
        let request = self
            .client
            .get_secret_value()
            .secret_id(name)
            .version_stage(CURRENT);
        match Box::pin(request.send()).await {
            Ok(current) => {
                if current.secret_string.is_none() {
                    return Err(VaultError::Malformed {
                        name: format!("secret {name}"),
                        problem: "holds bytes, not a JSON document".to_owned(),
                    });
                }
                found.version = current.version_id.map(SecretVersion::new);
                found.written_at = current.created_date.as_ref().and_then(timestamp);
                found.document = current.secret_string.map(Into::into);
            }
            // A secret without a value is one that nobody has filled yet.
            Err(error) => match call_error("GetSecretValue", &error) {
                error if error.failure == CallFailure::NotFound => {}
                error => return Err(error.into()),
            },
        }
        Ok(Found::Secret(Some(found)))
    }

    async fn write(&self, write: &Write) -> Result<(), CallError> {
        let operation = write.operation();
        match write {
            Write::CreateSecret {
                name,
                document,
                key,
                tags,
            } => {
                let request = self
                    .client
                    .create_secret()
                    .name(name)
                    .secret_string(document.expose_secret())
                    .kms_key_id(key)
                    .set_tags(sdk_tags(tags));
                Box::pin(request.send())
                    .await
                    .map(drop)
                    .map_err(|error| secret_call_error(operation, &error))
            }
            Write::PutSecretValue { name, document } => {
                let request = self
                    .client
                    .put_secret_value()
                    .secret_id(name)
                    .secret_string(document.expose_secret());
                Box::pin(request.send())
                    .await
                    .map(drop)
                    .map_err(|error| secret_call_error(operation, &error))
            }
            Write::SecretKey { name, key } => {
                let request = self.client.update_secret().secret_id(name).kms_key_id(key);
                Box::pin(request.send())
                    .await
                    .map(drop)
                    .map_err(|error| call_error(operation, &error))
            }
            Write::TagSecret { name, tags } => {
                let request = self
                    .client
                    .tag_resource()
                    .secret_id(name)
                    .set_tags(sdk_tags(tags));
                Box::pin(request.send())
                    .await
                    .map(drop)
                    .map_err(|error| call_error(operation, &error))
            }
            Write::UntagSecret { name, keys } => {
                let request = self
                    .client
                    .untag_resource()
                    .secret_id(name)
                    .set_tag_keys(Some(keys.iter().map(ToString::to_string).collect()));
                Box::pin(request.send())
                    .await
                    .map(drop)
                    .map_err(|error| call_error(operation, &error))
            }
            _ => Err(CallError {
                operation,
                failure: CallFailure::Refused,
                detail: "not for Secrets Manager".to_owned(),
            }),
        }
    }
}

fn sdk_tags(tags: &[(&'static str, String)]) -> Option<Vec<Tag>> {
    let tag = |(key, value): &(&'static str, String)| Tag::builder().key(*key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::canned::{Canned, sdk_config};

    fn store(canned: &Canned) -> SecretsManagerStore {
        SecretsManagerStore::new(aws_sdk_secretsmanager::Client::new(
            &sdk_config(canned.clone()).build(),
        ))
    }

    fn my_erp() -> ApplicationName {
        ApplicationName::parse("my-erp").unwrap()
    }

    async fn look(answers: &[(u16, &str)]) -> Result<Option<FoundSecret>, VaultError> {
        let canned = Canned::answers(answers.iter().copied());
        match store(&canned).look(&my_erp(), &Extent::Application).await? {
            Found::Secret(found) => Ok(found),
            Found::Parameters(_) => panic!("no secret"),
        }
    }

    #[tokio::test]
    async fn a_secret_may_be_absent_empty_deleted_or_no_text() {
        let missing = (400, r#"{"__type":"ResourceNotFoundException"}"#);
        assert!(look(&[missing]).await.unwrap().is_none());
        let described = (
            200,
            r#"{"Name":"my-erp","Tags":[{"Key":"owner","Value":"erp"}]}"#,
        );
        let empty = look(&[described, missing]).await.unwrap().unwrap();
        assert!(empty.document.is_none());
        assert_eq!(empty.tags["owner"], "erp");
        let deleted = (200, r#"{"Name":"my-erp","DeletedDate":1767225600}"#);
        assert!(look(&[deleted]).await.unwrap().unwrap().is_deleted);
        let bytes = (200, r#"{"Name":"my-erp","SecretBinary":"cGxhbnRlZA=="}"#);
        let error = look(&[described, bytes]).await.unwrap_err();
        assert!(matches!(error, VaultError::Malformed { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_new_secret_is_created_with_key_and_tags_and_an_error_shows_no_value() {
        let refusal = r#"{"__type":"InvalidRequestException","message":"planted-document"}"#;
        let canned = Canned::answers([(200, "{}"), (400, refusal)]);
        let store = store(&canned);
        let create = Write::CreateSecret {
            name: "my-erp".into(),
            document: "planted-document".into(),
            key: "alias/lwa/credentials".into(),
            tags: vec![("lwa:secret-issued-at", "2026-01-01T00:00:00Z".into())],
        };
        store.write(&create).await.unwrap();
        let error = store.write(&create).await.unwrap_err().to_string();
        assert!(!error.contains("planted"), "{error}");
        let body: Value = serde_json::from_str(&canned.bodies()[0]).unwrap();
        assert_eq!(body["KmsKeyId"], "alias/lwa/credentials");
        assert_eq!(body["Tags"][0]["Key"], "lwa:secret-issued-at");
        // The SDK's own token makes its retries harmless.
        assert_eq!(body["ClientRequestToken"].as_str().unwrap().len(), 36);
    }
}
