//! Secrets Manager as the auditor sees it: names, keys, tags and labels, and never a value.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};
use lwa_core::audit::estate::{LabelledVersion, SecretEstate, SecretMetadata, SecretPage};
use lwa_core::ports::CallError;

use crate::call_error::call_error;
use crate::clients::{Aws, Lazy, lazy};
use crate::parameter_directory::timestamp;
use crate::parameter_store_estate::patient;

/// Most secrets, and most versions, in one page,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>.
const PAGE_SIZE: i32 = 100;

/// Metadata through `ListSecrets`, which brings tags and labels along, and
/// `ListSecretVersionIds`, which dates a version.
#[derive(Debug, Clone)]
pub struct SecretsManagerEstate(Lazy<aws_sdk_secretsmanager::Client>);

impl SecretsManagerEstate {
    /// Asks through this client.
    pub fn new(client: aws_sdk_secretsmanager::Client) -> Self {
        Self(lazy(|| client))
    }

    /// Asks through a client that bears with throttling. It is made with the first question:
    /// most audits are of Parameter Store alone.
    pub fn from_aws(aws: &Aws) -> Self {
        let aws = aws.clone();
        Self(lazy(move || {
            let config = aws_sdk_secretsmanager::config::Builder::from(aws.sdk_config())
                .retry_config(patient(&aws))
                .build();
            aws_sdk_secretsmanager::Client::from_conf(config)
        }))
    }
}

impl SecretEstate for SecretsManagerEstate {
    async fn page(&self, name_prefix: &str, token: Option<&str>) -> Result<SecretPage, CallError> {
        let filter = Filter::builder()
            .key(FilterNameStringType::Name)
            .values(name_prefix)
            .build();
        let request = self
            .0
            .list_secrets()
            .filters(filter)
            .max_results(PAGE_SIZE)
            .set_next_token(token.map(str::to_owned));
        // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListSecrets", &error))?;
        Ok(SecretPage {
            secrets: answer.secret_list().iter().map(metadata).collect(),
            next: answer.next_token.filter(|token| !token.is_empty()),
        })
    }

    async fn versions(&self, name: &str) -> Result<Vec<LabelledVersion>, CallError> {
        let mut versions = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .0
                .list_secret_version_ids()
                .secret_id(name)
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            let answer = Box::pin(request.send())
                .await
                .map_err(|error| call_error("ListSecretVersionIds", &error))?;
            versions.extend(answer.versions().iter().map(|version| LabelledVersion {
                id: version.version_id().unwrap_or_default().to_owned(),
                created_at: version.created_date().and_then(timestamp),
                stages: version.version_stages().to_vec(),
            }));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(versions);
            }
        }
    }
}

fn metadata(entry: &SecretListEntry) -> SecretMetadata {
    let tags = entry.tags().iter().filter_map(|tag| {
        Some((
            tag.key()?.to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        ))
    });
    SecretMetadata {
        name: entry.name().unwrap_or_default().to_owned(),
        key_id: entry.kms_key_id().map(str::to_owned),
        tags: tags.collect(),
        stages: entry
            .secret_versions_to_stages()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    fn estate(canned: &Canned) -> SecretsManagerEstate {
        let config = sdk_config(canned.clone()).build();
        SecretsManagerEstate::new(aws_sdk_secretsmanager::Client::new(&config))
    }

    #[tokio::test]
    async fn a_listing_brings_key_tags_and_labels_along() {
        let canned = Canned::answers([(
            200,
            r#"{"SecretList":[{"Name":"my-erp","KmsKeyId":"alias/lwa",
                "Tags":[{"Key":"owner","Value":"erp"}],
                "SecretVersionsToStages":{"v1":["AWSCURRENT"]}}],"NextToken":"2"}"#,
        )]);
        let page = estate(&canned).page("my-erp", None).await.unwrap();
        assert_eq!(page.next.as_deref(), Some("2"));
        let secret = &page.secrets[0];
        assert_eq!(
            (secret.name.as_str(), secret.key_id.as_deref()),
            ("my-erp", Some("alias/lwa"))
        );
        assert_eq!(secret.tags["owner"], "erp");
        assert_eq!(secret.stages["v1"], ["AWSCURRENT"]);
        let request: Value = serde_json::from_str(&canned.bodies()[0]).unwrap();
        assert_eq!(
            request,
            json!({"Filters": [{"Key": "name", "Values": ["my-erp"]}], "MaxResults": 100})
        );
    }

    #[tokio::test]
    async fn versions_are_read_to_the_last_page() {
        let canned = Canned::answers([
            (200, r#"{"Versions":[],"NextToken":"2"}"#),
            (
                200,
                r#"{"Versions":[{"VersionId":"v1","CreatedDate":1767225600,
                    "VersionStages":["AWSCURRENT"]}]}"#,
            ),
        ]);
        let versions = estate(&canned).versions("my-erp").await.unwrap();
        assert_eq!(
            versions,
            [LabelledVersion {
                id: "v1".into(),
                created_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
                stages: vec!["AWSCURRENT".into()],
            }]
        );
    }
}
