//! Values of the vaults, decrypted.

use lwa_core::ports::CallError;
use lwa_core::vault::ports::{ParameterValue, ReadValues, SecretValue, VersionSelector};
use lwa_core::wipe::taken;

use super::{Account, timestamp};
use crate::call_error::call_error;

impl ReadValues for Account {
    async fn get_parameters(&self, names: &[String]) -> Result<Vec<ParameterValue>, CallError> {
        let request = self
            .ssm
            .get_parameters()
            .set_names(Some(names.to_vec()))
            .with_decryption(true);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("GetParameters", &error))?;
        let parameters = answer.parameters.unwrap_or_default().into_iter();
        Ok(parameters
            .filter_map(|parameter| {
                Some(ParameterValue {
                    name: parameter.name?,
                    value: taken(parameter.value?),
                    version: parameter.version,
                    written_at: parameter.last_modified_date.as_ref().and_then(timestamp),
                })
            })
            .collect())
    }

    async fn get_secret_value(
        &self,
        name: &str,
        version: VersionSelector<'_>,
    ) -> Result<SecretValue, CallError> {
        let request = self.secrets_manager.get_secret_value().secret_id(name);
        let request = match version {
            VersionSelector::Stage(label) => request.version_stage(label),
            VersionSelector::Id(id) => request.version_id(id),
        };
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| call_error("GetSecretValue", &error))?;
        Ok(SecretValue {
            version: answer.version_id.unwrap_or_default(),
            document: answer.secret_string.map(taken),
            created_at: answer.created_date.as_ref().and_then(timestamp),
        })
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::ExposeSecret;
    use lwa_core::ports::CallFailure;
    use serde_json::json;

    use super::super::tests::{account, requests};
    use super::*;
    use crate::canned::Canned;

    #[tokio::test]
    async fn parameters_are_read_decrypted_and_nothing_shows_their_values() {
        let canned = Canned::answers([(
            200,
            r#"{"Parameters":[{"Name":"/b","Value":"planted\n","Version":3,
                "LastModifiedDate":1767225600}],"InvalidParameters":["/a"]}"#,
        )]);
        let names = ["/a".to_owned(), "/b:3".to_owned()];
        let found = account(&canned).get_parameters(&names).await.unwrap();
        let [found] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((found.name.as_str(), found.version), ("/b", 3));
        assert_eq!(found.value.expose_secret(), "planted\n");
        assert_eq!(found.written_at, "2026-01-01T00:00:00Z".parse().ok());
        assert!(!format!("{found:?}").contains("planted"));
        assert_eq!(
            requests(&canned)[0],
            json!({"Names": ["/a", "/b:3"], "WithDecryption": true})
        );
    }

    #[tokio::test]
    async fn a_version_is_read_by_label_or_id_unless_it_is_gone() {
        let version = r#"{"Name":"my-erp","VersionId":"v7","SecretString":"{}",
            "CreatedDate":1767225600}"#;
        let canned = Canned::answers([
            (200, version),
            (200, r#"{"VersionId":"v8","SecretBinary":"AA=="}"#),
            (400, r#"{"__type":"ResourceNotFoundException"}"#),
        ]);
        let account = account(&canned);
        let label = VersionSelector::Stage("AWSCURRENT");
        let current = account.get_secret_value("my-erp", label).await.unwrap();
        assert_eq!(current.version, "v7");
        assert_eq!(current.document.unwrap().expose_secret(), "{}");
        assert_eq!(current.created_at, "2026-01-01T00:00:00Z".parse().ok());
        let id = VersionSelector::Id("v8");
        let bytes = account.get_secret_value("my-erp", id).await.unwrap();
        assert!(bytes.document.is_none());
        let gone = account.get_secret_value("my-erp", id).await.unwrap_err();
        assert_eq!(gone.failure, CallFailure::NotFound);
        let requests = requests(&canned);
        assert_eq!(
            requests[0],
            json!({"SecretId": "my-erp", "VersionStage": "AWSCURRENT"})
        );
        assert_eq!(
            requests[1],
            json!({"SecretId": "my-erp", "VersionId": "v8"})
        );
    }
}
