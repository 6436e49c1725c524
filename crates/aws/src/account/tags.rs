//! Tags of the vaults, changed.

use aws_sdk_secretsmanager::types::Tag as SecretTag;
use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag as ParameterTag};
use lwa_core::ports::CallError;
use lwa_core::vault::ports::{NewTag, WriteTags};

use super::{Account, unbuilt};
use crate::call_error::call_error;

impl WriteTags for Account {
    async fn add_parameter_tags(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        let operation = "AddTagsToResource";
        let request = self
            .ssm
            .add_tags_to_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name)
            .set_tags(parameter_tags(operation, tags)?);
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| call_error(operation, &error))
    }

    async fn remove_parameter_tags(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        let request = self
            .ssm
            .remove_tags_from_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name)
            .set_tag_keys(Some(keys.iter().map(ToString::to_string).collect()));
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| call_error("RemoveTagsFromResource", &error))
    }

    async fn tag_secret(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        let request = self
            .secrets_manager
            .tag_resource()
            .secret_id(name)
            .set_tags(secret_tags(tags));
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| call_error("TagResource", &error))
    }

    async fn untag_secret(&self, name: &str, keys: &[&'static str]) -> Result<(), CallError> {
        let request = self
            .secrets_manager
            .untag_resource()
            .secret_id(name)
            .set_tag_keys(Some(keys.iter().map(ToString::to_string).collect()));
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| call_error("UntagResource", &error))
    }
}

/// Tags as Parameter Store takes them; none rather than an empty list, which it refuses.
pub(super) fn parameter_tags(
    operation: &'static str,
    tags: &[NewTag],
) -> Result<Option<Vec<ParameterTag>>, CallError> {
    let tags = tags.iter().map(|(key, value)| {
        let tag = ParameterTag::builder().key(*key).value(value).build();
        tag.map_err(unbuilt(operation))
    });
    let tags = tags.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(tags).filter(|tags| !tags.is_empty()))
}

/// The same for Secrets Manager.
pub(super) fn secret_tags(tags: &[NewTag]) -> Option<Vec<SecretTag>> {
    let tags = tags
        .iter()
        .map(|(key, value)| SecretTag::builder().key(*key).value(value).build());
    Some(tags.collect()).filter(|tags: &Vec<_>| !tags.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{account, requests};
    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn tags_are_written_and_removed_by_the_name_of_the_resource() {
        let canned = Canned::answers([(200, "{}"), (200, "{}"), (200, "{}"), (200, "{}")]);
        let account = account(&canned);
        let tags = [("lwa:x", "1".to_owned()), ("lwa:y", "2".to_owned())];
        account.add_parameter_tags("/a", &tags).await.unwrap();
        account
            .remove_parameter_tags("/a", &["lwa:x"])
            .await
            .unwrap();
        account.tag_secret("a", &tags[..1]).await.unwrap();
        account
            .untag_secret("a", &["lwa:x", "lwa:y"])
            .await
            .unwrap();
        assert_eq!(
            requests(&canned),
            [
                json!({"ResourceType": "Parameter", "ResourceId": "/a",
                       "Tags": [{"Key": "lwa:x", "Value": "1"}, {"Key": "lwa:y", "Value": "2"}]}),
                json!({"ResourceType": "Parameter", "ResourceId": "/a", "TagKeys": ["lwa:x"]}),
                json!({"SecretId": "a", "Tags": [{"Key": "lwa:x", "Value": "1"}]}),
                json!({"SecretId": "a", "TagKeys": ["lwa:x", "lwa:y"]}),
            ]
        );
    }
}
