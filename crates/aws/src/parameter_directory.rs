//! Parameter Store's metadata, which never includes a value.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{
    ParameterInlinePolicy, ParameterMetadata as SdkMetadata, ParameterStringFilter,
    ResourceTypeForTagging,
};
use jiff::Timestamp;
use lwa_core::ports::{
    CallError, CallFailure, InlinePolicy, ParameterDirectory, ParameterMetadata,
};

use crate::call_error::call_error;

/// Most parameters in one page,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>.
pub const PAGE_SIZE: i32 = 50;

/// Metadata through DescribeParameters and `ListTagsForResource`.
#[derive(Debug, Clone)]
pub struct SsmDirectory(aws_sdk_ssm::Client);

impl SsmDirectory {
    /// Asks through this client.
    pub const fn new(client: aws_sdk_ssm::Client) -> Self {
        Self(client)
    }

    async fn find(&self, name: &str) -> Result<Option<ParameterMetadata>, CallError> {
        let operation = "DescribeParameters";
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .values(name)
            .build()
            .map_err(|error| CallError {
                operation,
                failure: CallFailure::Refused,
                detail: error.to_string(),
            })?;
        let mut next_token = None;
        loop {
            let request = self
                .0
                .describe_parameters()
                .parameter_filters(filter.clone())
                .max_results(PAGE_SIZE)
                .set_next_token(next_token);
            // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
            let page = Box::pin(request.send())
                .await
                .map_err(|error| call_error(operation, &error))?;
            // A filter that is ignored must not show somebody else's parameter.
            let found = page.parameters().iter().find(|parameter| {
                parameter
                    .name()
                    .is_some_and(|found| unslashed(found) == unslashed(name))
            });
            if let Some(found) = found {
                return Ok(Some(metadata(found)));
            }
            // A page may be empty and still not be the last.
            match page.next_token {
                Some(token) if !token.is_empty() => next_token = Some(token),
                _ => return Ok(None),
            }
        }
    }
}

impl ParameterDirectory for SsmDirectory {
    async fn describe(&self, name: &str) -> Result<Option<ParameterMetadata>, CallError> {
        self.find(&qualified(name)).await
    }

    async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        let request = self
            .0
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(qualified(name));
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListTagsForResource", &error));
        match answer {
            Ok(answer) => Ok(answer
                .tag_list
                .unwrap_or_default()
                .into_iter()
                .map(|tag| (tag.key, tag.value))
                .collect()),
            // A parameter that does not exist has no tags.
            Err(error) if error.failure == CallFailure::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }
}

/// A name with more than one level has a leading slash; events may lack it,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
fn qualified(name: &str) -> String {
    if name.contains('/') && !name.starts_with('/') {
        format!("/{name}")
    } else {
        name.to_owned()
    }
}

fn unslashed(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// The service's words in ours.
pub(crate) fn metadata(found: &SdkMetadata) -> ParameterMetadata {
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

/// An instant that the service told; none when it lies outside of what can be represented.
pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    fn directory(canned: &Canned) -> SsmDirectory {
        SsmDirectory::new(aws_sdk_ssm::Client::new(
            &sdk_config(canned.clone()).build(),
        ))
    }

    fn requests(canned: &Canned) -> Vec<Value> {
        let bodies = canned.bodies();
        bodies
            .iter()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn an_empty_page_with_a_token_is_not_the_end() {
        let canned = Canned::answers([
            (200, r#"{"Parameters":[],"NextToken":"2"}"#),
            (
                200,
                r#"{"Parameters":[{"Name":"/my-erp/lwa/clientsecret","Type":"SecureString",
                    "KeyId":"alias/lwa","LastModifiedDate":1767225600.5,
                    "LastModifiedUser":"arn:aws:iam::111122223333:user/ada","Version":3,
                    "Tier":"Advanced","Policies":[{"PolicyText":"{}",
                    "PolicyType":"NoChangeNotification","PolicyStatus":"Pending"}]}]}"#,
            ),
        ]);
        let found = directory(&canned)
            .describe("/my-erp/lwa/clientsecret")
            .await
            .unwrap();
        assert_eq!(
            found,
            Some(ParameterMetadata {
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
            })
        );
        let requests = requests(&canned);
        assert_eq!(
            requests[0],
            json!({
                "ParameterFilters": [
                    {"Key": "Name", "Option": "Equals", "Values": ["/my-erp/lwa/clientsecret"]}
                ],
                "MaxResults": 50,
            })
        );
        assert_eq!(requests[1]["NextToken"], "2");
    }

    #[tokio::test]
    async fn a_filter_that_is_ignored_does_not_show_another_parameter() {
        let canned = Canned::answers([(
            200,
            r#"{"Parameters":[{"Name":"/my-erp/lwa/clientsecret2"},{"Name":"/other"}]}"#,
        )]);
        let found = directory(&canned)
            .describe("/my-erp/lwa/clientsecret")
            .await;
        assert_eq!(found, Ok(None));
    }

    #[tokio::test]
    async fn a_missing_leading_slash_is_put_back() {
        let canned = Canned::answers([
            (200, r#"{"Parameters":[{"Name":"/my-erp/refreshToken"}]}"#),
            (200, r#"{"TagList":[{"Key":"owner","Value":"erp"}]}"#),
        ]);
        let directory = directory(&canned);
        let found = directory.describe("my-erp/refreshToken").await.unwrap();
        assert_eq!(found.unwrap().name, "/my-erp/refreshToken");
        let tags = directory.tags("my-erp/refreshToken").await.unwrap();
        assert_eq!(tags, BTreeMap::from([("owner".into(), "erp".into())]));
        assert_eq!(
            requests(&canned)[1],
            json!({"ResourceType": "Parameter", "ResourceId": "/my-erp/refreshToken"})
        );
    }

    #[tokio::test]
    async fn a_parameter_that_does_not_exist_has_no_tags() {
        let canned = Canned::answers([(400, r#"{"__type":"InvalidResourceId"}"#)]);
        let tags = directory(&canned).tags("/gone").await;
        assert_eq!(tags, Ok(BTreeMap::new()));
    }

    #[tokio::test]
    async fn a_denied_call_names_its_operation() {
        let canned = Canned::answers([(400, r#"{"__type":"AccessDeniedException"}"#)]);
        let error = directory(&canned).tags("/my-erp").await.unwrap_err();
        assert_eq!(
            (error.operation, error.failure),
            ("ListTagsForResource", CallFailure::Denied)
        );
    }
}
