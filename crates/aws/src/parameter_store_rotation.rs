//! What rotation does in Parameter Store.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{
    ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag,
};
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::ports::{CallError, CallFailure, ParameterDirectory, ParameterMetadata};
use lwa_core::rotation::ports::{RotationLedger, SecretStore, StoreError, StoredApplication};
use lwa_core::rotation::receive::parameter_problem;
use lwa_core::vault::{SecretVersion, VaultError};
use lwa_core::{ExposeSecret, SecretString};

use crate::call_error::{call_error, secret_call_error};
use crate::parameter_directory::{PAGE_SIZE, SsmDirectory, metadata};

/// Most names that one call takes,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>.
const BATCH: usize = 10;

/// Applications, tags and new secrets in Parameter Store.
///
/// Finding whose a client id is costs one DescribeParameters per 50 applications, and one
/// `GetParameters` per ten, which decrypts client ids and nothing else.
#[derive(Debug, Clone)]
pub struct ParameterStoreRotation {
    client: aws_sdk_ssm::Client,
    layout: Layout,
}

impl ParameterStoreRotation {
    /// Works through a client, with parameters named as in `layout`.
    pub const fn new(client: aws_sdk_ssm::Client, layout: Layout) -> Self {
        Self { client, layout }
    }

    fn secret_name(&self, application: &ApplicationName) -> String {
        self.layout.parameter(application, &Role::ClientSecret)
    }

    /// The client secrets of the estate. The filter asks for their leaf rather than for the
    /// prefixes: below those are mostly refresh tokens, thousands of them in a large estate.
    async fn client_secrets(&self) -> Result<Vec<(ApplicationName, ParameterMetadata)>, CallError> {
        let operation = "DescribeParameters";
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Contains")
            .values(&self.layout.client_secret_leaf)
            .build()
            .map_err(|error| CallError {
                operation,
                failure: CallFailure::Refused,
                detail: error.to_string(),
            })?;
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .describe_parameters()
                .parameter_filters(filter.clone())
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            // Boxed: the SDK's futures inside a handler's are too deep for the compiler.
            let page = Box::pin(request.send())
                .await
                .map_err(|error| call_error(operation, &error))?;
            for parameter in page.parameters() {
                let parameter = metadata(parameter);
                if let Some(place) = self.layout.locate(&parameter.name)
                    && place.role == Role::ClientSecret
                {
                    found.push((place.application, parameter));
                }
            }
            // A page may be empty and still not be the last.
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                found.sort_by(|(one, _), (other, _)| one.cmp(other));
                found.dedup_by(|(one, _), (other, _)| one == other);
                return Ok(found);
            }
        }
    }

    /// The client ids that exist, by parameter name.
    async fn client_ids(&self, names: &[String]) -> Result<BTreeMap<String, String>, CallError> {
        let mut ids = BTreeMap::new();
        for batch in names.chunks(BATCH) {
            let request = self
                .client
                .get_parameters()
                .set_names(Some(batch.to_vec()))
                .with_decryption(true);
            let answer = Box::pin(request.send())
                .await
                .map_err(|error| call_error("GetParameters", &error))?;
            for parameter in answer.parameters.unwrap_or_default() {
                if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
                    ids.insert(name, value.trim().to_owned());
                }
            }
        }
        Ok(ids)
    }
}

impl RotationLedger for ParameterStoreRotation {
    async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        let secrets = self.client_secrets().await?;
        let id_name =
            |application: &ApplicationName| self.layout.parameter(application, &Role::ClientId);
        let names: Vec<String> = secrets.iter().map(|(name, _)| id_name(name)).collect();
        let mut ids = self.client_ids(&names).await?;
        let applications = secrets.into_iter().map(|(name, metadata)| {
            let client_id = ids.remove(&id_name(&name)).filter(|id| !id.is_empty());
            StoredApplication {
                name,
                client_id,
                version: metadata.secret_version(),
                written_at: metadata.last_modified,
            }
        });
        Ok(applications.collect())
    }

    async fn tags(
        &self,
        application: &ApplicationName,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let request = self
            .client
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(self.secret_name(application));
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("ListTagsForResource", &error))?;
        let tags = answer.tag_list.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[(&'static str, String)],
    ) -> Result<(), CallError> {
        let operation = "AddTagsToResource";
        let mut request = self
            .client
            .add_tags_to_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(self.secret_name(application));
        for (key, value) in tags {
            let tag = Tag::builder().key(*key).value(value).build();
            request = request.tags(tag.map_err(|error| CallError {
                operation,
                failure: CallFailure::Refused,
                detail: error.to_string(),
            })?);
        }
        Box::pin(request.send())
            .await
            .map_err(|error| call_error(operation, &error))?;
        Ok(())
    }

    async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        let request = self
            .client
            .remove_tags_from_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(self.secret_name(application))
            .set_tag_keys(Some(keys.iter().map(ToString::to_string).collect()));
        Box::pin(request.send())
            .await
            .map_err(|error| call_error("RemoveTagsFromResource", &error))?;
        Ok(())
    }
}

impl SecretStore for ParameterStoreRotation {
    /// Writes a new version. Type, key and tier are given as they are, because a write without
    /// a key would move the parameter to the account's default one; the policies are left out,
    /// which keeps them,
    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
    async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        _notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        let name = self.secret_name(application);
        let Some(found) = SsmDirectory::new(self.client.clone())
            .describe(&name)
            .await?
        else {
            return Err(VaultError::Missing { names: vec![name] }.into());
        };
        let tier = found.tier.unwrap_or_else(|| "Standard".to_owned());
        if let Some(problem) = parameter_problem(secret, &tier) {
            return Err(StoreError::Unstorable { name, problem });
        }
        let request = self
            .client
            .put_parameter()
            .name(name)
            .value(secret.expose_secret())
            .overwrite(true)
            .r#type(ParameterType::from(found.parameter_type.as_str()))
            .tier(ParameterTier::from(tier.as_str()))
            .set_key_id(found.key_id);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| secret_call_error("PutParameter", &error))?;
        Ok(SecretVersion::new(answer.version.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::config::Lookup;
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    const SECRET: &str = "/my-erp/lwa/clientsecret";

    fn rotation(canned: &Canned) -> ParameterStoreRotation {
        let client = aws_sdk_ssm::Client::new(&sdk_config(canned.clone()).build());
        ParameterStoreRotation::new(client, Lookup::new(|_| None).layout().unwrap())
    }

    fn my_erp() -> ApplicationName {
        ApplicationName::parse("my-erp").unwrap()
    }

    fn requests(canned: &Canned) -> Vec<Value> {
        let json = |body: &String| serde_json::from_str(body).unwrap();
        canned.bodies().iter().map(json).collect()
    }

    fn described(more: &Value) -> String {
        let mut parameter = json!({"Name": SECRET, "Type": "SecureString", "Version": 3});
        parameter
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"Parameters": [parameter]}).to_string()
    }

    #[tokio::test]
    async fn applications_are_told_by_their_secret_and_only_client_ids_are_decrypted() {
        let page = |names: &[&str], next: Value| {
            let parameters: Vec<_> = names
                .iter()
                .map(|name| json!({"Name": name, "LastModifiedDate": 1_767_225_600}))
                .collect();
            json!({"Parameters": parameters, "NextToken": next}).to_string()
        };
        let first = page(
            &["/my-erp/us/lwa/clientsecret", "/other/lwa/clientsecret"],
            "2".into(),
        );
        let second = page(&[SECRET, "/my-erp/lwa/clientsecret-backup"], Value::Null);
        let ids = json!({"Parameters": [
            {"Name": "/my-erp/lwa/clientidentifier", "Value": "id-1\n"},
        ], "InvalidParameters": ["/my-erp/us/lwa/clientidentifier"]});
        let canned = Canned::answers([
            (200, first.as_str()),
            (200, second.as_str()),
            (200, ids.to_string().as_str()),
        ]);
        let found = rotation(&canned).applications().await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.name.as_str(), found.client_id.as_deref()))
            .collect();
        assert_eq!(found, [("my-erp", Some("id-1")), ("my-erp/us", None)]);
        let requests = requests(&canned);
        assert_eq!(
            requests[0]["ParameterFilters"],
            json!([{"Key": "Name", "Option": "Contains", "Values": ["lwa/clientsecret"]}])
        );
        assert_eq!(
            requests[2],
            json!({
                "Names": ["/my-erp/lwa/clientidentifier", "/my-erp/us/lwa/clientidentifier"],
                "WithDecryption": true,
            })
        );
    }

    #[tokio::test]
    async fn a_new_version_keeps_type_key_tier_and_policies() {
        let metadata = described(&json!({
            "KeyId": "alias/lwa", "Tier": "Advanced", "Policies": [{"PolicyText": "{}"}],
        }));
        let canned = Canned::answers([(200, metadata.as_str()), (200, r#"{"Version":4}"#)]);
        let version = rotation(&canned)
            .store(&my_erp(), &"n\"e\\w\u{1f511}".into(), "n-1")
            .await
            .unwrap();
        assert_eq!(version.as_str(), "4");
        assert_eq!(
            requests(&canned)[1],
            json!({
                "Name": SECRET, "Value": "n\"e\\w\u{1f511}", "Type": "SecureString",
                "KeyId": "alias/lwa", "Overwrite": true, "Tier": "Advanced",
            })
        );
    }

    #[tokio::test]
    async fn what_would_be_refused_is_not_sent() {
        let canned = Canned::answers([(200, described(&json!({"Tier": "Standard"})).as_str())]);
        let error = rotation(&canned)
            .store(&my_erp(), &"planted{{x}}".into(), "n-1")
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Unstorable { .. }));
        assert!(!error.to_string().contains("planted"), "{error}");
        assert_eq!(canned.bodies().len(), 1);
    }

    #[tokio::test]
    async fn a_refused_write_does_not_repeat_what_the_service_says() {
        let canned = Canned::answers([
            (200, described(&json!({})).as_str()),
            (
                400,
                r#"{"__type":"ParameterPatternMismatchException","message":"planted does not match"}"#,
            ),
        ]);
        let error = rotation(&canned)
            .store(&my_erp(), &"planted".into(), "n-1")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ParameterPatternMismatchException"),
            "{error}"
        );
        assert!(!error.contains("planted"), "{error}");
    }

    #[tokio::test]
    async fn tags_are_written_and_removed_on_the_client_secret() {
        let canned = Canned::answers([(200, "{}"), (200, "{}")]);
        let rotation = rotation(&canned);
        rotation
            .write_tags(&my_erp(), &[("lwa:x", "1".into()), ("lwa:y", "2".into())])
            .await
            .unwrap();
        rotation.remove_tags(&my_erp(), &["lwa:x"]).await.unwrap();
        assert_eq!(
            requests(&canned),
            [
                json!({"ResourceType": "Parameter", "ResourceId": SECRET,
                       "Tags": [{"Key": "lwa:x", "Value": "1"}, {"Key": "lwa:y", "Value": "2"}]}),
                json!({"ResourceType": "Parameter", "ResourceId": SECRET, "TagKeys": ["lwa:x"]}),
            ]
        );
    }
}
