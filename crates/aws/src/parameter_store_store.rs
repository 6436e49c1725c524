//! Storing credentials in Parameter Store by hand.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{
    ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag,
};
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::ports::{CallError, CallFailure, ParameterDirectory, ParameterMetadata};
use lwa_core::store::{CredentialStore, Extent, Found, FoundParameter, ParameterWrite, Write};
use lwa_core::vault::VaultError;
use lwa_core::{ExposeSecret, SecretString};

use crate::call_error::{call_error, secret_call_error};
use crate::parameter_directory::{PAGE_SIZE, SsmDirectory, metadata};

/// Most names that one call takes,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>.
const BATCH: usize = 10;

/// Reads an application's parameters and writes them one at a time.
#[derive(Debug, Clone)]
pub struct ParameterStoreStore {
    client: aws_sdk_ssm::Client,
    layout: Layout,
}

impl ParameterStoreStore {
    /// Works through a client, with parameters named as in `layout`.
    pub const fn new(client: aws_sdk_ssm::Client, layout: Layout) -> Self {
        Self { client, layout }
    }

    fn directory(&self) -> SsmDirectory {
        SsmDirectory::new(self.client.clone())
    }

    /// Every parameter of an application.
    async fn all(
        &self,
        application: &ApplicationName,
    ) -> Result<BTreeMap<Role, ParameterMetadata>, CallError> {
        let operation = "DescribeParameters";
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("BeginsWith")
            .values(format!("{}/", application.root()))
            .build()
            .map_err(|error| refused(operation, &error))?;
        let mut found = BTreeMap::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .describe_parameters()
                .parameter_filters(filter.clone())
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            let page = Box::pin(request.send())
                .await
                .map_err(|error| call_error(operation, &error))?;
            for parameter in page.parameters() {
                let parameter = metadata(parameter);
                // Below the root may be other applications, and parameters of no application.
                if let Some(place) = self.layout.locate(&parameter.name)
                    && place.application == *application
                {
                    found.insert(place.role, parameter);
                }
            }
            // A page may be empty and still not be the last.
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn values(&self, names: &[String]) -> Result<BTreeMap<String, SecretString>, CallError> {
        let mut values = BTreeMap::new();
        for batch in names.chunks(BATCH) {
            let request = self
                .client
                .get_parameters()
                .set_names(Some(batch.to_vec()))
                .with_decryption(true);
            let answer = Box::pin(request.send())
                .await
                .map_err(|error| call_error("GetParameters", &error))?;
            // Results come in an order of their own, so they are told apart by name.
            for parameter in answer.parameters.unwrap_or_default() {
                if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
                    values.insert(name, value.into());
                }
            }
        }
        Ok(values)
    }

    async fn put(&self, write: &ParameterWrite) -> Result<(), CallError> {
        let operation = "PutParameter";
        let request = self
            .client
            .put_parameter()
            .name(&write.name)
            .value(write.value.expose_secret())
            .r#type(ParameterType::SecureString)
            .key_id(&write.key)
            .tier(ParameterTier::from(write.tier.as_str()))
            .set_policies(write.policies.clone())
            .overwrite(write.overwrite)
            .set_tags(tags(operation, &write.tags)?);
        Box::pin(request.send())
            .await
            .map_err(|error| secret_call_error(operation, &error))?;
        Ok(())
    }

    async fn tag(&self, name: &str, more: &[(&'static str, String)]) -> Result<(), CallError> {
        let operation = "AddTagsToResource";
        let request = self
            .client
            .add_tags_to_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name)
            .set_tags(tags(operation, more)?);
        Box::pin(request.send())
            .await
            .map_err(|error| call_error(operation, &error))?;
        Ok(())
    }

    async fn untag(&self, name: &str, keys: &[&'static str]) -> Result<(), CallError> {
        let request = self
            .client
            .remove_tags_from_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name)
            .set_tag_keys(Some(keys.iter().map(ToString::to_string).collect()));
        Box::pin(request.send())
            .await
            .map_err(|error| call_error("RemoveTagsFromResource", &error))?;
        Ok(())
    }
}

impl CredentialStore for ParameterStoreStore {
    async fn look(
        &self,
        application: &ApplicationName,
        extent: &Extent,
    ) -> Result<Found, VaultError> {
        let metadata = match extent {
            Extent::Application => self.all(application).await?,
            Extent::Only(roles) => {
                let mut found = BTreeMap::new();
                let always = [Role::ClientId, Role::ClientSecret];
                for role in always.iter().chain(roles) {
                    let name = self.layout.parameter(application, role);
                    if !found.contains_key(role)
                        && let Some(metadata) = self.directory().describe(&name).await?
                    {
                        found.insert(role.clone(), metadata);
                    }
                }
                found
            }
        };
        let names: Vec<String> = metadata.values().map(|found| found.name.clone()).collect();
        let mut values = self.values(&names).await?;
        let mut found = BTreeMap::new();
        for (role, metadata) in metadata {
            let tags = if role == Role::ClientSecret {
                self.directory().tags(&metadata.name).await?
            } else {
                BTreeMap::new()
            };
            let value = values.remove(&metadata.name);
            let parameter = FoundParameter {
                metadata,
                value,
                tags,
            };
            found.insert(role, parameter);
        }
        Ok(Found::Parameters(found))
    }

    async fn write(&self, write: &Write) -> Result<(), CallError> {
        match write {
            Write::Parameter(write) => self.put(write).await,
            Write::TagParameter { name, tags } => self.tag(name, tags).await,
            Write::UntagParameter { name, keys } => self.untag(name, keys).await,
            other => Err(refused(other.operation(), &"not for Parameter Store")),
        }
    }
}

fn tags(
    operation: &'static str,
    tags: &[(&'static str, String)],
) -> Result<Option<Vec<Tag>>, CallError> {
    let tag = |(key, value): &(&'static str, String)| {
        let tag = Tag::builder().key(*key).value(value).build();
        tag.map_err(|error| refused(operation, &error))
    };
    if tags.is_empty() {
        return Ok(None);
    }
    tags.iter().map(tag).collect::<Result<_, _>>().map(Some)
}

fn refused(operation: &'static str, problem: &impl ToString) -> CallError {
    CallError {
        operation,
        failure: CallFailure::Refused,
        detail: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::config::Lookup;
    use lwa_core::store::{Tier, policies};
    use serde_json::{Value, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    const SECRET: &str = "/my-erp/lwa/clientsecret";

    fn store(canned: &Canned) -> ParameterStoreStore {
        let client = aws_sdk_ssm::Client::new(&sdk_config(canned.clone()).build());
        ParameterStoreStore::new(client, Lookup::new(|_| None).layout().unwrap())
    }

    fn requests(canned: &Canned) -> Vec<Value> {
        let json = |body: &String| serde_json::from_str(body).unwrap();
        canned.bodies().iter().map(json).collect()
    }

    fn write(overwrite: bool, tags: Vec<(&'static str, String)>) -> Write {
        Write::Parameter(ParameterWrite {
            name: SECRET.into(),
            value: "planted-secret".into(),
            key: "alias/lwa/credentials".into(),
            tier: Tier::Advanced,
            policies: Some(policies::standard()),
            overwrite,
            tags,
        })
    }

    #[tokio::test]
    async fn policies_are_sent_as_a_string_and_tags_only_with_a_new_parameter() {
        let canned = Canned::answers([
            (200, r#"{"Version":1,"Tier":"Advanced"}"#),
            (200, r#"{"Version":2,"Tier":"Advanced"}"#),
        ]);
        let store = store(&canned);
        let tag = ("lwa:secret-issued-at", "2026-01-01T00:00:00Z".to_owned());
        store.write(&write(false, vec![tag])).await.unwrap();
        store.write(&write(true, Vec::new())).await.unwrap();
        let [create, overwrite] = requests(&canned).try_into().unwrap();
        assert_eq!(create["Overwrite"], false);
        assert_eq!(create["Type"], "SecureString");
        assert_eq!(create["Tier"], "Advanced");
        assert_eq!(create["KeyId"], "alias/lwa/credentials");
        let policies: Value = serde_json::from_str(create["Policies"].as_str().unwrap()).unwrap();
        assert_eq!(policies.as_array().unwrap().len(), 4);
        let expected = json!([{"Key": "lwa:secret-issued-at", "Value": "2026-01-01T00:00:00Z"}]);
        assert_eq!(create["Tags"], expected);
        assert_eq!(overwrite["Overwrite"], true);
        assert_eq!(overwrite.get("Tags"), None);
    }

    #[tokio::test]
    async fn what_the_service_says_about_a_value_is_never_repeated() {
        let body = r#"{"__type":"ValidationException","message":"Parameter value 'planted-secret' is bad"}"#;
        let canned = Canned::answers([(400, body)]);
        let error = store(&canned).write(&write(true, Vec::new())).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("ValidationException"), "{error}");
        assert!(!error.contains("planted"), "{error}");
    }

    #[tokio::test]
    async fn an_application_is_all_below_its_root_but_other_applications() {
        let parameter = |name: &str| json!({"Name": name, "Type": "SecureString", "Version": 1, "Tier": "Standard"});
        let page = json!({"Parameters": [
            parameter("/my-erp/lwa/clientidentifier"),
            parameter(SECRET),
            parameter("/my-erp/eu/lwa/clientsecret"),
            parameter("/my-erp/sellers/A1/refreshToken"),
            parameter("/my-erp/something-else"),
        ]});
        let values = json!({"Parameters": [{"Name": SECRET, "Value": "planted-secret"}]});
        let tags = json!({"TagList": [{"Key": "owner", "Value": "erp"}]});
        let canned = Canned::answers([
            (200, page.to_string().as_str()),
            (200, values.to_string().as_str()),
            (200, tags.to_string().as_str()),
        ]);
        let my_erp = ApplicationName::parse("my-erp").unwrap();
        let found = store(&canned).look(&my_erp, &Extent::Application).await;
        let Found::Parameters(found) = found.unwrap() else {
            panic!("no parameters")
        };
        let roles: Vec<String> = found.keys().map(ToString::to_string).collect();
        assert_eq!(
            roles,
            ["client id", "client secret", "refresh token of seller A1"]
        );
        assert_eq!(found[&Role::ClientSecret].tags["owner"], "erp");
        assert!(found[&Role::ClientId].value.is_none());
        assert!(!format!("{found:?}").contains("planted"));
        let [describe, get, _] = requests(&canned).try_into().unwrap();
        assert_eq!(
            describe["ParameterFilters"][0]["Values"],
            json!(["/my-erp/"])
        );
        assert_eq!(get["Names"].as_array().unwrap().len(), 3);
    }
}
