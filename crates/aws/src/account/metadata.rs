//! What the vaults tell without a value.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag as SecretTag};
use aws_sdk_ssm::types::{
    ParameterInlinePolicy, ParameterMetadata as SdkMetadata, ParameterStringFilter,
    ResourceTypeForTagging,
};
use lwa_core::ports::CallError;
use lwa_core::vault::ports::{
    InlinePolicy, Page, ParameterFilter, ParameterMetadata, ReadMetadata, SecretMetadata,
    SecretVersionEntry, Tags,
};

use super::{Account, next_page, timestamp, unbuilt};
use crate::call_error::call_error;

/// Most parameters in one page,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>.
const PARAMETERS: i32 = 50;

/// Most secrets, and most versions, in one page,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>.
const SECRETS: i32 = 100;

// Each request is boxed: the SDK's futures inside a handler's are too deep for the compiler.
impl ReadMetadata for Account {
    async fn describe_parameters(
        &self,
        filter: ParameterFilter<'_>,
        token: Option<&str>,
    ) -> Result<Page<ParameterMetadata>, CallError> {
        let operation = "DescribeParameters";
        let (key, option, values) = match filter {
            ParameterFilter::Below(path) => ("Path", "Recursive", vec![path.to_owned()]),
            ParameterFilter::Named(names) => ("Name", "Equals", names.to_vec()),
            ParameterFilter::NameContains(part) => ("Name", "Contains", vec![part.to_owned()]),
            ParameterFilter::NameBeginsWith(start) => {
                ("Name", "BeginsWith", vec![start.to_owned()])
            }
        };
        let filter = ParameterStringFilter::builder()
            .key(key)
            .option(option)
            .set_values(Some(values))
            .build()
            .map_err(unbuilt(operation))?;
        let request = self
            .ssm
            .describe_parameters()
            .parameter_filters(filter)
            .max_results(PARAMETERS)
            .set_next_token(token.map(str::to_owned));
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error(operation, &error))?;
        Ok(Page {
            items: answer.parameters().iter().map(parameter).collect(),
            next: next_page(answer.next_token),
        })
    }

    async fn list_parameter_tags(&self, name: &str) -> Result<Tags, CallError> {
        let request = self
            .ssm
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListTagsForResource", &error))?;
        let tags = answer.tag_list.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        let filter = Filter::builder()
            .key(FilterNameStringType::Name)
            .values(name_prefix)
            .build();
        let request = self
            .secrets_manager
            .list_secrets()
            .filters(filter)
            .max_results(SECRETS)
            .set_next_token(token.map(str::to_owned));
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListSecrets", &error))?;
        let secrets = answer.secret_list.unwrap_or_default().into_iter();
        Ok(Page {
            items: secrets
                .map(|secret| SecretMetadata {
                    name: secret.name.unwrap_or_default(),
                    key_id: secret.kms_key_id,
                    tags: secret_tags(secret.tags),
                    stages: secret
                        .secret_versions_to_stages
                        .unwrap_or_default()
                        .into_iter()
                        .collect(),
                    deleted_at: secret.deleted_date.as_ref().and_then(timestamp),
                })
                .collect(),
            next: next_page(answer.next_token),
        })
    }

    async fn describe_secret(&self, name: &str) -> Result<SecretMetadata, CallError> {
        let request = self.secrets_manager.describe_secret().secret_id(name);
        let secret = Box::pin(request.send())
            .await
            .map_err(|error| call_error("DescribeSecret", &error))?;
        Ok(SecretMetadata {
            name: secret.name.unwrap_or_default(),
            key_id: secret.kms_key_id,
            tags: secret_tags(secret.tags),
            stages: secret
                .version_ids_to_stages
                .unwrap_or_default()
                .into_iter()
                .collect(),
            deleted_at: secret.deleted_date.as_ref().and_then(timestamp),
        })
    }

    async fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        let request = self
            .secrets_manager
            .list_secret_version_ids()
            .secret_id(name)
            .set_include_deprecated(include_deprecated.then_some(true))
            .max_results(SECRETS)
            .set_next_token(token.map(str::to_owned));
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListSecretVersionIds", &error))?;
        let versions = answer.versions.unwrap_or_default().into_iter();
        Ok(Page {
            items: versions
                .map(|version| SecretVersionEntry {
                    id: version.version_id.unwrap_or_default(),
                    created_at: version.created_date.as_ref().and_then(timestamp),
                    stages: version.version_stages.unwrap_or_default(),
                })
                .collect(),
            next: next_page(answer.next_token),
        })
    }
}

fn parameter(found: &SdkMetadata) -> ParameterMetadata {
    ParameterMetadata {
        name: found.name().unwrap_or_default().to_owned(),
        parameter_type: found
            .r#type()
            .map(|kind| kind.as_str().to_owned())
            .unwrap_or_default(),
        key_id: found.key_id().map(str::to_owned),
        last_modified: found.last_modified_date().and_then(timestamp),
        last_modified_user: found.last_modified_user().map(str::to_owned),
        version: Some(found.version()).filter(|version| *version > 0),
        tier: found.tier().map(|tier| tier.as_str().to_owned()),
        policies: found.policies().iter().map(policy).collect(),
    }
}

fn policy(found: &ParameterInlinePolicy) -> InlinePolicy {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    InlinePolicy {
        text: text(found.policy_text()),
        policy_type: text(found.policy_type()),
        status: text(found.policy_status()),
    }
}

fn secret_tags(tags: Option<Vec<SecretTag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests {
    use lwa_core::ports::CallFailure;
    use serde_json::json;

    use super::super::tests::{account, requests};
    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn a_parameters_metadata_comes_in_pages_and_an_empty_token_ends_them() {
        let canned = Canned::answers([
            (200, r#"{"Parameters":[],"NextToken":"2"}"#),
            (
                200,
                r#"{"Parameters":[{"Name":"/my-erp/lwa/clientsecret","Type":"SecureString",
                    "KeyId":"alias/lwa","LastModifiedDate":1767225600.5,
                    "LastModifiedUser":"arn:aws:iam::111122223333:user/ada","Version":3,
                    "Tier":"Advanced","Policies":[{"PolicyText":"{}",
                    "PolicyType":"NoChangeNotification","PolicyStatus":"Pending"}]}],
                    "NextToken":""}"#,
            ),
        ]);
        let account = account(&canned);
        let below = ParameterFilter::Below("/my-erp");
        let first = account.describe_parameters(below, None).await.unwrap();
        assert_eq!((first.items.len(), first.next.as_deref()), (0, Some("2")));
        let second = account
            .describe_parameters(below, first.next.as_deref())
            .await;
        let expected = ParameterMetadata {
            name: "/my-erp/lwa/clientsecret".into(),
            parameter_type: "SecureString".into(),
            key_id: Some("alias/lwa".into()),
            last_modified: Some("2026-01-01T00:00:00.5Z".parse().unwrap()),
            last_modified_user: Some("arn:aws:iam::111122223333:user/ada".into()),
            version: Some(3),
            tier: Some("Advanced".into()),
            policies: vec![InlinePolicy {
                text: "{}".into(),
                policy_type: "NoChangeNotification".into(),
                status: "Pending".into(),
            }],
        };
        let page = Page {
            items: vec![expected],
            next: None,
        };
        assert_eq!(second, Ok(page));
        assert_eq!(
            requests(&canned)[1],
            json!({
                "ParameterFilters": [{"Key": "Path", "Option": "Recursive", "Values": ["/my-erp"]}],
                "MaxResults": 50,
                "NextToken": "2",
            })
        );
    }

    #[tokio::test]
    async fn a_filter_is_spelled_as_the_service_spells_it() {
        let names = ["/a".to_owned(), "/b".to_owned()];
        for (filter, expected) in [
            (
                ParameterFilter::Named(&names),
                json!({"Key": "Name", "Option": "Equals", "Values": ["/a", "/b"]}),
            ),
            (
                ParameterFilter::NameContains("lwa/clientsecret"),
                json!({"Key": "Name", "Option": "Contains", "Values": ["lwa/clientsecret"]}),
            ),
            (
                ParameterFilter::NameBeginsWith("/a/"),
                json!({"Key": "Name", "Option": "BeginsWith", "Values": ["/a/"]}),
            ),
        ] {
            let canned = Canned::answers([(200, "{}")]);
            let page = account(&canned).describe_parameters(filter, None).await;
            assert_eq!(page, Ok(Page::default()));
            assert_eq!(requests(&canned)[0]["ParameterFilters"], json!([expected]));
        }
    }

    #[tokio::test]
    async fn the_tags_of_a_deleted_parameter_are_not_found() {
        let canned = Canned::answers([
            (200, r#"{"TagList":[{"Key":"owner","Value":"erp"}]}"#),
            (400, r#"{"__type":"InvalidResourceId"}"#),
            (400, r#"{"__type":"AccessDeniedException"}"#),
        ]);
        let account = account(&canned);
        let tags = account.list_parameter_tags("/a").await;
        assert_eq!(tags, Ok(Tags::from([("owner".into(), "erp".into())])));
        let failure = async || {
            let error = account.list_parameter_tags("/a").await.unwrap_err();
            (error.operation, error.failure)
        };
        let operation = "ListTagsForResource";
        assert_eq!(failure().await, (operation, CallFailure::NotFound));
        assert_eq!(failure().await, (operation, CallFailure::Denied));
        assert_eq!(
            requests(&canned)[0],
            json!({"ResourceType": "Parameter", "ResourceId": "/a"})
        );
    }

    #[tokio::test]
    async fn a_listing_of_secrets_brings_key_tags_and_labels_along() {
        let canned = Canned::answers([(
            200,
            r#"{"SecretList":[{"Name":"my-erp","KmsKeyId":"alias/lwa",
                "Tags":[{"Key":"owner","Value":"erp"}],
                "SecretVersionsToStages":{"v1":["AWSCURRENT"]}}],"NextToken":"2"}"#,
        )]);
        let page = account(&canned).list_secrets("my-erp", None).await.unwrap();
        assert_eq!(page.next.as_deref(), Some("2"));
        let secret = &page.items[0];
        assert_eq!(
            (secret.name.as_str(), secret.key_id.as_deref()),
            ("my-erp", Some("alias/lwa"))
        );
        assert_eq!(secret.tags["owner"], "erp");
        assert_eq!(secret.current_version().unwrap().as_str(), "v1");
        assert_eq!(
            requests(&canned)[0],
            json!({"Filters": [{"Key": "name", "Values": ["my-erp"]}], "MaxResults": 100})
        );
    }

    #[tokio::test]
    async fn versions_are_listed_with_their_dates_and_labels() {
        let canned = Canned::answers([(
            200,
            r#"{"Versions":[{"VersionId":"v1","CreatedDate":1767225600,
                "VersionStages":["AWSCURRENT"]}],"NextToken":"2"}"#,
        )]);
        let account = account(&canned);
        let page = account.list_secret_version_ids("my-erp", true, None).await;
        let version = SecretVersionEntry {
            id: "v1".into(),
            created_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            stages: vec!["AWSCURRENT".into()],
        };
        let page_of_one = Page {
            items: vec![version],
            next: Some("2".into()),
        };
        assert_eq!(page, Ok(page_of_one));
        assert_eq!(
            requests(&canned)[0],
            json!({"SecretId": "my-erp", "IncludeDeprecated": true, "MaxResults": 100})
        );
    }
}
