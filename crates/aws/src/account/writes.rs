//! Values of the vaults, written. No failure repeats what the service says: it may quote a value.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use lwa_core::ports::CallError;
use lwa_core::vault::ports::{NewTag, ParameterWrite, SecretValueWrite, WriteValues};
use lwa_core::{ExposeSecret, SecretString};

use super::Account;
use super::tags::{parameter_tags, secret_tags};
use crate::call_error::{call_error, secret_call_error};

impl WriteValues for Account {
    async fn put_parameter(&self, write: &ParameterWrite) -> Result<i64, CallError> {
        let operation = "PutParameter";
        let request = self
            .ssm
            .put_parameter()
            .name(&write.name)
            .value(write.value.expose_secret())
            .r#type(ParameterType::from(write.parameter_type.as_str()))
            .set_key_id(write.key.clone())
            .tier(ParameterTier::from(write.tier.as_str()))
            .set_policies(write.policies.clone())
            .overwrite(write.overwrite)
            .set_tags(parameter_tags(operation, &write.tags)?);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| secret_call_error(operation, &error))?;
        Ok(answer.version)
    }

    async fn create_secret(
        &self,
        name: &str,
        document: &SecretString,
        key: &str,
        tags: &[NewTag],
    ) -> Result<(), CallError> {
        let request = self
            .secrets_manager
            .create_secret()
            .name(name)
            .secret_string(document.expose_secret())
            .kms_key_id(key)
            .set_tags(secret_tags(tags));
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| secret_call_error("CreateSecret", &error))
    }

    async fn put_secret_value(&self, write: &SecretValueWrite) -> Result<(), CallError> {
        let request = self
            .secrets_manager
            .put_secret_value()
            .secret_id(&write.name)
            .secret_string(write.document.expose_secret())
            .set_client_request_token(write.request_token.clone())
            .set_version_stages(write.stage.map(|stage| vec![stage.to_owned()]));
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| secret_call_error("PutSecretValue", &error))
    }

    async fn update_secret_key(&self, name: &str, key: &str) -> Result<(), CallError> {
        let request = self
            .secrets_manager
            .update_secret()
            .secret_id(name)
            .kms_key_id(key);
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| call_error("UpdateSecret", &error))
    }

    async fn update_secret_version_stage(
        &self,
        name: &str,
        label: &str,
        from: &str,
        to: &str,
    ) -> Result<(), CallError> {
        let request = self
            .secrets_manager
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(label)
            .move_to_version_id(to)
            .remove_from_version_id(from);
        Box::pin(request.send())
            .await
            .map(drop)
            .map_err(|error| call_error("UpdateSecretVersionStage", &error))
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::store::policies;
    use lwa_core::vault::ports::Tier;
    use serde_json::{Value, json};

    use super::super::tests::{account, requests};
    use super::*;
    use crate::canned::Canned;

    fn write(overwrite: bool) -> ParameterWrite {
        let tag = ("lwa:secret-issued-at", "2026-01-01T00:00:00Z".to_owned());
        ParameterWrite {
            name: "/my-erp/lwa/clientsecret".into(),
            value: "planted \"n\\w\u{1f511}".into(),
            parameter_type: "SecureString".into(),
            key: Some("alias/lwa/credentials".into()),
            tier: Tier::Advanced,
            policies: (!overwrite).then(policies::standard),
            overwrite,
            tags: if overwrite { Vec::new() } else { vec![tag] },
        }
    }

    #[tokio::test]
    async fn policies_are_sent_as_a_string_and_tags_only_with_a_new_parameter() {
        let canned = Canned::answers([
            (200, r#"{"Version":1,"Tier":"Advanced"}"#),
            (200, r#"{"Version":2,"Tier":"Advanced"}"#),
        ]);
        let account = account(&canned);
        assert_eq!(account.put_parameter(&write(false)).await, Ok(1));
        assert_eq!(account.put_parameter(&write(true)).await, Ok(2));
        let [mut create, overwrite] = requests(&canned).try_into().unwrap();
        let policies = create["Policies"].take();
        let policies: Value = serde_json::from_str(policies.as_str().unwrap()).unwrap();
        assert_eq!(policies.as_array().unwrap().len(), 4);
        let mut expected = json!({
            "Name": "/my-erp/lwa/clientsecret", "Value": "planted \"n\\w\u{1f511}",
            "Type": "SecureString", "KeyId": "alias/lwa/credentials", "Tier": "Advanced",
            "Overwrite": true,
        });
        assert_eq!(overwrite, expected);
        expected["Overwrite"] = false.into();
        expected["Policies"] = Value::Null;
        expected["Tags"] =
            json!([{"Key": "lwa:secret-issued-at", "Value": "2026-01-01T00:00:00Z"}]);
        assert_eq!(create, expected);
    }

    #[tokio::test]
    async fn a_document_is_put_aside_under_a_token_or_made_current_at_once() {
        let canned = Canned::answers([
            (200, "{}"),
            (200, "{}"),
            (200, "{}"),
            (200, "{}"),
            (200, "{}"),
        ]);
        let account = account(&canned);
        let mut write = SecretValueWrite {
            name: "my-erp".into(),
            document: "{}".into(),
            request_token: Some("n-1".into()),
            stage: Some("AWSPENDING"),
        };
        account.put_secret_value(&write).await.unwrap();
        (write.request_token, write.stage) = (None, None);
        account.put_secret_value(&write).await.unwrap();
        account
            .update_secret_version_stage("my-erp", "AWSCURRENT", "v1", "n-1")
            .await
            .unwrap();
        account
            .update_secret_key("my-erp", "alias/own")
            .await
            .unwrap();
        let tags = [("owner", "erp".to_owned())];
        account
            .create_secret("new", &"{}".into(), "alias/own", &tags)
            .await
            .unwrap();
        let mut requests = requests(&canned);
        let token = requests[1]["ClientRequestToken"].take();
        assert!(token.as_str().is_some_and(|token| token.len() == 36));
        let token = requests[4]["ClientRequestToken"].take();
        assert!(token.as_str().is_some_and(|token| token.len() == 36));
        assert_eq!(
            requests,
            [
                json!({"SecretId": "my-erp", "ClientRequestToken": "n-1", "SecretString": "{}",
                       "VersionStages": ["AWSPENDING"]}),
                json!({"SecretId": "my-erp", "ClientRequestToken": null, "SecretString": "{}"}),
                json!({"SecretId": "my-erp", "VersionStage": "AWSCURRENT",
                       "MoveToVersionId": "n-1", "RemoveFromVersionId": "v1"}),
                json!({"SecretId": "my-erp", "KmsKeyId": "alias/own",
                       "ClientRequestToken": requests[3]["ClientRequestToken"]}),
                json!({"Name": "new", "ClientRequestToken": null, "SecretString": "{}",
                       "KmsKeyId": "alias/own", "Tags": [{"Key": "owner", "Value": "erp"}]}),
            ]
        );
    }

    #[tokio::test]
    async fn what_the_service_says_about_a_value_is_never_repeated() {
        let refused =
            |code: &str| json!({"__type": code, "message": "value 'planted' is bad"}).to_string();
        let answers = [
            refused("ParameterPatternMismatchException"),
            refused("LimitExceededException"),
            refused("InvalidRequestException"),
        ];
        let canned = Canned::answers(answers.iter().map(|body| (400, body.as_str())));
        let account = account(&canned);
        let value = SecretValueWrite {
            name: "my-erp".into(),
            document: "planted".into(),
            request_token: None,
            stage: None,
        };
        for (error, code) in [
            (
                account.put_parameter(&write(true)).await.map(drop),
                "ParameterPatternMismatchException",
            ),
            (
                account.put_secret_value(&value).await,
                "LimitExceededException",
            ),
            (
                account.create_secret("a", &value.document, "k", &[]).await,
                "InvalidRequestException",
            ),
        ] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(code), "{error}");
            assert!(!error.contains("planted"), "{error}");
        }
    }
}
