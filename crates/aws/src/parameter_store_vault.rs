//! Credentials in Parameter Store.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::Parameter;
use lwa_core::Timestamp;
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::vault::{
    CredentialVault, Credentials, RefreshTokenOf, SecretVersion, StoredSecret, VaultError,
};

use crate::call_error::call_error;
use crate::parameter_directory::timestamp;

/// Most names that one call takes,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>.
const BATCH: usize = 10;

/// How many versions to look back for another value. A value may be rewritten a few times, by a
/// deployment for example, but a version that old is no longer in its overlap.
const MAX_VERSIONS_BACK: i64 = 5;

/// Reads parameters by name, decrypted. It only ever calls `GetParameters`, so the role needs no
/// other permission on the parameters.
#[derive(Debug, Clone)]
pub struct ParameterStoreVault {
    client: aws_sdk_ssm::Client,
    layout: Layout,
}

/// One value with what is told about it.
struct Value {
    text: String,
    version: i64,
    written_at: Option<Timestamp>,
}

impl ParameterStoreVault {
    /// A vault over a client, with parameters named as in `layout`.
    pub const fn new(client: aws_sdk_ssm::Client, layout: Layout) -> Self {
        Self { client, layout }
    }

    /// The values that exist, by parameter name.
    async fn values(&self, names: &[String]) -> Result<BTreeMap<String, Value>, VaultError> {
        let mut values = BTreeMap::new();
        for batch in names.chunks(BATCH) {
            let answer = self
                .client
                .get_parameters()
                .set_names(Some(batch.to_vec()))
                .with_decryption(true)
                .send()
                .await
                .map_err(|error| call_error("GetParameters", &error))?;
            // Results come in an order of their own, so they are told apart by name.
            for parameter in answer.parameters.unwrap_or_default() {
                if let Some((name, value)) = value(parameter)? {
                    values.insert(name, value);
                }
            }
        }
        Ok(values)
    }
}

impl CredentialVault for ParameterStoreVault {
    async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> Result<Credentials, VaultError> {
        let name = |role| self.layout.parameter(application, &role);
        let (id, secret) = (name(Role::ClientId), name(Role::ClientSecret));
        let token = refresh_token.role().map(name);
        let names: Vec<String> = [Some(id.clone()), Some(secret.clone()), token.clone()]
            .into_iter()
            .flatten()
            .collect();
        let mut values = self.values(&names).await?;
        let missing: Vec<String> = names
            .into_iter()
            .filter(|name| !values.contains_key(name))
            .collect();
        let (Some(id), Some(secret), true) = (
            values.remove(&id),
            values.remove(&secret),
            missing.is_empty(),
        ) else {
            return Err(VaultError::Missing { names: missing });
        };
        Ok(Credentials {
            client_id: id.text,
            client_secret: stored(secret),
            refresh_token: token
                .and_then(|name| values.remove(&name))
                .map(|value| value.text.into()),
        })
    }

    async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        match version.as_str().parse() {
            Ok(version) => self.version(application, version).await,
            Err(_) => Ok(None),
        }
    }

    async fn in_place_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<Timestamp>, VaultError> {
        let mut since = current.written_at;
        for back in 1..=MAX_VERSIONS_BACK {
            match self.version_before(application, current, back).await? {
                Some(earlier) if earlier.has_same_value(current) => since = earlier.written_at,
                _ => return Ok(since),
            }
        }
        Ok(None)
    }

    async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        for back in 1..=MAX_VERSIONS_BACK {
            match self.version_before(application, current, back).await? {
                Some(earlier) if earlier.has_same_value(current) => {}
                other => return Ok(other),
            }
        }
        Ok(None)
    }
}

impl ParameterStoreVault {
    /// The client secret so many versions before another. One version at a time: usually the
    /// first is the one, and what is not needed is not decrypted.
    async fn version_before(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
        back: i64,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let current = current.version.as_str().parse::<i64>().ok();
        match current.map(|current| current - back) {
            Some(version) if version >= 1 => self.version(application, version).await,
            _ => Ok(None),
        }
    }

    async fn version(
        &self,
        application: &ApplicationName,
        version: i64,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let name = self.layout.parameter(application, &Role::ClientSecret);
        let values = self.values(&[format!("{name}:{version}")]).await?;
        let found = values.into_values().find(|value| value.version == version);
        Ok(found.map(stored))
    }
}

fn stored(value: Value) -> StoredSecret {
    StoredSecret {
        value: value.text.into(),
        version: SecretVersion::new(value.version.to_string()),
        written_at: value.written_at,
    }
}

/// The name of a parameter, and its value without the white space around it: no credential has
/// any, and a file's last line break is easily stored along.
fn value(parameter: Parameter) -> Result<Option<(String, Value)>, VaultError> {
    let (Some(name), Some(text)) = (parameter.name, parameter.value) else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Err(VaultError::Malformed {
            name,
            problem: "is blank".into(),
        });
    }
    let value = Value {
        text: text.trim().to_owned(),
        version: parameter.version,
        written_at: parameter.last_modified_date.as_ref().and_then(timestamp),
    };
    Ok(Some((name, value)))
}

#[cfg(test)]
mod tests {
    use lwa_core::ExposeSecret;
    use lwa_core::application::SellerId;
    use lwa_core::config::Lookup;
    use lwa_core::ports::CallFailure;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::canned::{Canned, sdk_config};

    const ID: &str = "/my-erp/lwa/clientidentifier";
    const SECRET: &str = "/my-erp/lwa/clientsecret";
    const TOKEN: &str = "/my-erp/sellers/A1/refreshToken";

    fn vault(canned: &Canned) -> ParameterStoreVault {
        let client = aws_sdk_ssm::Client::new(&sdk_config(canned.clone()).build());
        ParameterStoreVault::new(client, Lookup::new(|_| None).layout().unwrap())
    }

    fn my_erp() -> ApplicationName {
        ApplicationName::parse("my-erp").unwrap()
    }

    fn parameter(name: &str, value: &str, version: i64) -> Json {
        json!({"Name": name, "Value": value, "Version": version, "LastModifiedDate": 1_767_225_600})
    }

    fn answer(parameters: &[Json], invalid: &[&str]) -> (u16, String) {
        (
            200,
            json!({"Parameters": parameters, "InvalidParameters": invalid}).to_string(),
        )
    }

    fn canned(answers: &[(u16, String)]) -> Canned {
        Canned::answers(
            answers
                .iter()
                .map(|(status, body)| (*status, body.as_str())),
        )
    }

    fn names(canned: &Canned) -> Vec<Json> {
        let json = |body: &String| serde_json::from_str::<Json>(body).unwrap();
        canned
            .bodies()
            .iter()
            .map(json)
            .map(|body| body["Names"].clone())
            .collect()
    }

    #[tokio::test]
    async fn credentials_are_told_apart_by_name_whatever_order_they_come_in() {
        let canned = canned(&[answer(
            &[
                parameter(TOKEN, "the-token\n", 1),
                parameter(SECRET, "the-secret", 7),
                parameter(ID, "the-id", 1),
            ],
            &[],
        )]);
        let seller = RefreshTokenOf::Seller(SellerId::parse("A1").unwrap());
        let read = vault(&canned).read(&my_erp(), &seller).await.unwrap();
        assert_eq!(read.client_id, "the-id");
        assert_eq!(read.client_secret.value.expose_secret(), "the-secret");
        assert_eq!(read.client_secret.version.as_str(), "7");
        assert_eq!(
            read.client_secret.written_at,
            "2026-01-01T00:00:00Z".parse().ok()
        );
        assert_eq!(read.refresh_token.unwrap().expose_secret(), "the-token");
        let request: Json = serde_json::from_str(&canned.bodies()[0]).unwrap();
        assert_eq!(
            request,
            json!({"Names": [ID, SECRET, TOKEN], "WithDecryption": true})
        );
    }

    #[tokio::test]
    async fn a_refresh_token_that_is_not_needed_is_not_read() {
        let canned = canned(&[answer(
            &[parameter(ID, "id", 1), parameter(SECRET, "secret", 1)],
            &[],
        )]);
        let read = vault(&canned)
            .read(&my_erp(), &RefreshTokenOf::Nobody)
            .await
            .unwrap();
        assert!(read.refresh_token.is_none());
        assert_eq!(names(&canned), [json!([ID, SECRET])]);
    }

    #[tokio::test]
    async fn one_error_names_everything_that_is_missing() {
        let canned = canned(&[answer(&[parameter(SECRET, "secret", 1)], &[ID])]);
        let error = vault(&canned)
            .read(&my_erp(), &RefreshTokenOf::Application)
            .await
            .unwrap_err();
        let names = vec![ID.to_owned(), "/my-erp/refreshToken".to_owned()];
        assert_eq!(error, VaultError::Missing { names });
    }

    #[tokio::test]
    async fn a_blank_value_is_named_and_not_used() {
        let canned = canned(&[answer(
            &[parameter(ID, " \n", 1), parameter(SECRET, "s", 1)],
            &[],
        )]);
        let error = vault(&canned)
            .read(&my_erp(), &RefreshTokenOf::Nobody)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), format!("{ID} is blank"));
    }

    #[tokio::test]
    async fn names_go_ten_at_a_time() {
        let all: Vec<String> = (0..23).map(|n| format!("/p/{n}")).collect();
        let answers: Vec<_> = all
            .chunks(10)
            .map(|batch| {
                let found: Vec<Json> = batch.iter().map(|name| parameter(name, "v", 1)).collect();
                answer(&found, &[])
            })
            .collect();
        let canned = canned(&answers);
        assert_eq!(vault(&canned).values(&all).await.unwrap().len(), 23);
        let sizes: Vec<_> = names(&canned)
            .iter()
            .map(|names| names.as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [10, 10, 3]);
    }

    fn current(version: &str, value: &str) -> StoredSecret {
        StoredSecret {
            value: value.into(),
            version: SecretVersion::new(version),
            written_at: None,
        }
    }

    fn selected(version: i64, value: &str) -> Json {
        let mut parameter = parameter(SECRET, value, version);
        parameter["Selector"] = format!(":{version}").into();
        parameter
    }

    #[tokio::test]
    async fn a_value_is_in_place_since_the_first_version_in_a_row_that_holds_it() {
        let written = |version: i64, value: &str, at: i64| {
            let mut parameter = selected(version, value);
            parameter["LastModifiedDate"] = at.into();
            parameter
        };
        let since = async |answers: &[(u16, String)], version| {
            let canned = canned(answers);
            let (vault, current) = (vault(&canned), current(version, "new"));
            let since = vault.in_place_since(&my_erp(), &current).await;
            since.unwrap().map(Timestamp::as_second)
        };
        let rewritten = answer(&[written(4, "new", 1_767_225_700)], &[]);
        let other = answer(&[written(3, "old", 1_767_225_600)], &[]);
        assert_eq!(since(&[rewritten, other], "5").await, Some(1_767_225_700));
        // Its first version is the parameter's first.
        let first = answer(&[written(1, "new", 1_767_225_600)], &[]);
        assert_eq!(since(&[first], "2").await, Some(1_767_225_600));
        // Rewritten too often to tell.
        let all: Vec<_> = (4..9)
            .rev()
            .map(|version| answer(&[written(version, "new", 1_767_225_600)], &[]))
            .collect();
        assert_eq!(since(&all, "9").await, None);
    }

    #[tokio::test]
    async fn a_version_is_read_by_its_number_unless_it_is_gone() {
        let canned = canned(&[
            answer(&[selected(4, "four")], &[]),
            answer(&[], &[&format!("{SECRET}:5")]),
        ]);
        let vault = vault(&canned);
        let read = async |version: &str| {
            let version = SecretVersion::new(version);
            let read = vault.read_version(&my_erp(), &version).await.unwrap();
            read.map(|secret| secret.value.expose_secret().to_owned())
        };
        assert_eq!(read("4").await.as_deref(), Some("four"));
        assert_eq!(read("5").await, None);
        // That is none of this vault's, and not asked for.
        assert_eq!(read("0f1e2d3c").await, None);
        assert_eq!(
            names(&canned),
            [
                json!([format!("{SECRET}:4")]),
                json!([format!("{SECRET}:5")])
            ]
        );
    }

    #[tokio::test]
    async fn the_previous_secret_is_the_last_one_with_another_value() {
        let canned = canned(&[
            answer(&[selected(4, "new")], &[]),
            answer(&[selected(3, "old")], &[]),
        ]);
        let previous = vault(&canned)
            .read_previous_secret(&my_erp(), &current("5", "new"))
            .await
            .unwrap();
        let previous = previous.unwrap();
        assert_eq!(previous.value.expose_secret(), "old");
        assert_eq!(previous.version.as_str(), "3");
        assert_eq!(
            names(&canned),
            [
                json!([format!("{SECRET}:4")]),
                json!([format!("{SECRET}:3")])
            ]
        );
    }

    #[tokio::test]
    async fn looking_back_ends_after_a_few_versions_or_where_history_does() {
        let same: Vec<_> = (5..10)
            .rev()
            .map(|n| answer(&[selected(n, "same")], &[]))
            .collect();
        let all = canned(&same);
        let previous = vault(&all)
            .read_previous_secret(&my_erp(), &current("10", "same"))
            .await
            .unwrap();
        assert!(previous.is_none());
        assert_eq!(all.bodies().len(), 5);

        let gone = canned(&[answer(&[], &[SECRET])]);
        let previous = vault(&gone)
            .read_previous_secret(&my_erp(), &current("150", "x"))
            .await
            .unwrap();
        assert!(previous.is_none());

        let never = canned(&[]);
        let previous = vault(&never)
            .read_previous_secret(&my_erp(), &current("1", "x"))
            .await
            .unwrap();
        assert!(previous.is_none());
    }

    #[tokio::test]
    async fn a_denied_call_names_its_operation() {
        let canned = Canned::answers([(400, r#"{"__type":"AccessDeniedException"}"#)]);
        let error = vault(&canned)
            .read(&my_erp(), &RefreshTokenOf::Nobody)
            .await
            .unwrap_err();
        let VaultError::Call(error) = error else {
            panic!("{error}")
        };
        assert_eq!(
            (error.operation, error.failure),
            ("GetParameters", CallFailure::Denied)
        );
    }
}
