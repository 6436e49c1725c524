//! Parameter Store as the auditor sees it: names, dates, keys and policies, and never a value.

use std::collections::BTreeMap;
use std::slice;

use aws_sdk_ssm::operation::describe_parameters::DescribeParametersOutput;
use aws_sdk_ssm::types::{ParameterStringFilter, ResourceTypeForTagging};
use aws_smithy_types::retry::RetryConfig;
use lwa_core::audit::estate::{ParameterEstate, ParameterPage};
use lwa_core::ports::{CallError, CallFailure, ParameterMetadata};

use crate::call_error::call_error;
use crate::clients::Aws;
use crate::parameter_directory::{PAGE_SIZE, metadata};

/// How often a call of the audit is tried. Throttling is normal while thousands of pages are
/// read, and nobody waits.
const ATTEMPTS: u32 = 8;

/// Retries for an audit: the SDK's adaptive mode, which also slows down before it is told to.
/// What `AWS_RETRY_MODE` and `AWS_MAX_ATTEMPTS` say comes first where they ask for more.
pub(crate) fn patient(aws: &Aws) -> RetryConfig {
    let attempts = aws
        .sdk_config()
        .retry_config()
        .map_or(0, RetryConfig::max_attempts);
    RetryConfig::adaptive().with_max_attempts(attempts.max(ATTEMPTS))
}

/// Metadata through DescribeParameters and `ListTagsForResource`.
#[derive(Debug, Clone)]
pub struct ParameterStoreEstate(aws_sdk_ssm::Client);

impl ParameterStoreEstate {
    /// Asks through this client.
    pub const fn new(client: aws_sdk_ssm::Client) -> Self {
        Self(client)
    }

    /// Asks through a client that bears with throttling.
    pub fn from_aws(aws: &Aws) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(aws.sdk_config())
            .retry_config(patient(aws))
            .build();
        Self::new(aws_sdk_ssm::Client::from_conf(config))
    }

    async fn describe(
        &self,
        filter: (&str, &str, &[String]),
        token: Option<&str>,
    ) -> Result<DescribeParametersOutput, CallError> {
        let operation = "DescribeParameters";
        let (key, option, values) = filter;
        let filter = ParameterStringFilter::builder()
            .key(key)
            .option(option)
            .set_values(Some(values.to_vec()))
            .build()
            .map_err(|error| CallError {
                operation,
                failure: CallFailure::Refused,
                detail: error.to_string(),
            })?;
        let request = self
            .0
            .describe_parameters()
            .parameter_filters(filter)
            .max_results(PAGE_SIZE)
            .set_next_token(token.map(str::to_owned));
        // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
        Box::pin(request.send())
            .await
            .map_err(|error| call_error(operation, &error))
    }
}

impl ParameterEstate for ParameterStoreEstate {
    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<ParameterPage, CallError> {
        let prefix = prefix.to_owned();
        let filter = ("Path", "Recursive", slice::from_ref(&prefix));
        let answer = self.describe(filter, token).await?;
        Ok(ParameterPage {
            parameters: answer.parameters().iter().map(metadata).collect(),
            next: answer.next_token.filter(|token| !token.is_empty()),
        })
    }

    async fn find(&self, names: &[String]) -> Result<Vec<ParameterMetadata>, CallError> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .describe(("Name", "Equals", names), token.as_deref())
                .await?;
            found.extend(
                answer
                    .parameters()
                    .iter()
                    .map(metadata)
                    .filter(|parameter| {
                        // A filter that is ignored must not show somebody else's parameter.
                        names.contains(&parameter.name)
                    }),
            );
            // A page may be empty and still not be the last.
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        let request = self
            .0
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListTagsForResource", &error))?;
        let tags = answer.tag_list.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    fn estate(canned: &Canned) -> ParameterStoreEstate {
        ParameterStoreEstate::new(aws_sdk_ssm::Client::new(
            &sdk_config(canned.clone()).build(),
        ))
    }

    fn requests(canned: &Canned) -> Vec<Value> {
        canned
            .bodies()
            .iter()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_page_is_asked_for_by_path_and_leads_to_the_next() {
        let canned = Canned::answers([
            (200, r#"{"Parameters":[],"NextToken":"2"}"#),
            (
                200,
                r#"{"Parameters":[{"Name":"/a/lwa/clientsecret"}],"NextToken":""}"#,
            ),
        ]);
        let estate = estate(&canned);
        let first = estate.page("/a", None).await.unwrap();
        assert_eq!(
            (first.parameters.len(), first.next.as_deref()),
            (0, Some("2"))
        );
        let second = estate.page("/a", first.next.as_deref()).await.unwrap();
        assert_eq!((second.parameters.len(), second.next), (1, None));
        assert_eq!(
            requests(&canned)[1],
            json!({
                "ParameterFilters": [{"Key": "Path", "Option": "Recursive", "Values": ["/a"]}],
                "MaxResults": 50,
                "NextToken": "2",
            })
        );
    }

    #[tokio::test]
    async fn several_names_are_found_in_one_call() {
        let canned =
            Canned::answers([(200, r#"{"Parameters":[{"Name":"/b"},{"Name":"/other"}]}"#)]);
        let names = ["/a".to_owned(), "/b".to_owned()];
        let found = estate(&canned).find(&names).await.unwrap();
        assert_eq!(
            found.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            ["/b"]
        );
        assert_eq!(
            requests(&canned)[0]["ParameterFilters"],
            json!([{"Key": "Name", "Option": "Equals", "Values": ["/a", "/b"]}])
        );
    }

    #[tokio::test]
    async fn the_tags_of_a_deleted_parameter_are_not_found() {
        let canned = Canned::answers([(400, r#"{"__type":"InvalidResourceId"}"#)]);
        let error = estate(&canned).tags("/a").await.unwrap_err();
        assert_eq!(error.failure, CallFailure::NotFound);
    }

    #[test]
    fn an_audit_bears_with_throttling_and_the_environment_may_ask_for_more() {
        let retries = |attempts: &'static str| {
            let get = |name: &str| match name {
                "AWS_REGION" => Some("eu-west-1".to_owned()),
                "AWS_MAX_ATTEMPTS" => Some(attempts.to_owned()),
                _ => None,
            };
            let timeouts = crate::clients::Timeouts {
                attempt: std::time::Duration::from_secs(1),
                operation: std::time::Duration::from_secs(1),
            };
            patient(&Aws::from_environment(get, timeouts).unwrap())
        };
        assert_eq!(retries("2").max_attempts(), 8);
        assert_eq!(retries("20").max_attempts(), 20);
        assert_eq!(
            retries("2").mode(),
            aws_smithy_types::retry::RetryMode::Adaptive
        );
    }
}
