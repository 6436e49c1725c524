//! The procedures of a vault in Parameter Store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::credentials::{
    Credentials, MAX_VERSIONS_BACK, RefreshTokenOf, SecretVersion, StoredApplication, StoredSecret,
};
use super::error::{StoreError, VaultError};
use super::ports::{
    GET_PARAMETERS_LIMIT, NewTag, ParameterFilter, ParameterMetadata, ParameterValue,
    ParameterWrite, ReadMetadata, ReadValues, Tags, Tier, WriteTags, WriteValues,
};
use crate::application::{ApplicationName, Layout, Role};
use crate::ports::{CallError, CallFailure};

/// Every parameter that matches a filter, to the last page of the listing.
pub async fn list_parameters(
    account: &impl ReadMetadata,
    filter: ParameterFilter<'_>,
) -> Result<Vec<ParameterMetadata>, CallError> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = account
            .describe_parameters(filter, token.as_deref())
            .await?;
        found.extend(page.items);
        token = page.next;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Those of at most [`NAMES_LIMIT`](super::ports::NAMES_LIMIT) parameters that exist.
pub async fn find_parameters(
    account: &impl ReadMetadata,
    names: &[String],
) -> Result<Vec<ParameterMetadata>, CallError> {
    let mut found = list_parameters(account, ParameterFilter::Named(names)).await?;
    // A filter that is ignored must not show another parameter.
    found.retain(|parameter| names.contains(&parameter.name));
    Ok(found)
}

/// What is known about one parameter; none when it does not exist. The listing is read no further
/// than to the parameter: a page may be empty, and one that follows may be refused.
pub async fn describe(
    account: &impl ReadMetadata,
    name: &str,
) -> Result<Option<ParameterMetadata>, CallError> {
    let names = [qualified(name)];
    let filter = ParameterFilter::Named(&names);
    let mut token: Option<String> = None;
    loop {
        let page = account
            .describe_parameters(filter, token.as_deref())
            .await?;
        // A filter that is ignored must not show another parameter.
        let mut found = page.items.into_iter();
        let found = found.find(|parameter| parameter.name == names[0]);
        token = page.next;
        if found.is_some() || token.is_none() {
            return Ok(found);
        }
    }
}

/// All tags of one parameter; none when it does not exist.
pub async fn tags(account: &impl ReadMetadata, name: &str) -> Result<Tags, CallError> {
    match account.list_parameter_tags(&qualified(name)).await {
        Err(error) if error.failure == CallFailure::NotFound => Ok(Tags::new()),
        answer => answer,
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

/// The parameters that exist, decrypted, by name. Results come in an order of their own, so they
/// are told apart by name.
pub async fn values(
    account: &impl ReadValues,
    names: &[String],
) -> Result<BTreeMap<String, ParameterValue>, CallError> {
    let mut values = BTreeMap::new();
    for batch in names.chunks(GET_PARAMETERS_LIMIT) {
        for value in account.get_parameters(batch).await? {
            values.insert(value.name.clone(), value);
        }
    }
    Ok(values)
}

/// Why a parameter of a tier cannot hold a value; none when it can. The value is not quoted.
///
/// Parameter Store takes `{{` for the beginning of a reference to another parameter,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
pub fn value_problem(value: &SecretString, tier: Tier) -> Option<String> {
    let text = value.expose_secret();
    if text.contains("{{") {
        return Some(
            "it contains `{{`, which Parameter Store takes for a reference to another parameter \
             and refuses"
                .to_owned(),
        );
    }
    let limit = tier.max_value();
    let advice = if tier == Tier::Standard {
        "; an Advanced one holds 8192"
    } else {
        ""
    };
    (text.len() > limit).then(|| {
        format!(
            "it is {} bytes long, and a parameter of this tier holds {limit}{advice}",
            text.len()
        )
    })
}

/// The parameters of an account, named as in a layout.
pub(super) struct ParameterStore<'a, A> {
    pub(super) account: &'a A,
    pub(super) layout: &'a Layout,
}

impl<A> ParameterStore<'_, A> {
    fn secret_name(&self, application: &ApplicationName) -> String {
        self.layout.parameter(application, &Role::ClientSecret)
    }
}

impl<A: ReadMetadata + ReadValues> ParameterStore<'_, A> {
    pub(super) async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> Result<Credentials, VaultError> {
        let name = |role| self.layout.parameter(application, &role);
        let (id, secret) = (name(Role::ClientId), name(Role::ClientSecret));
        let token = refresh_token.role().map(name);
        let mut names = vec![id.clone(), secret.clone()];
        names.extend(token.clone());
        let mut values = values(self.account, &names).await?;
        for value in values.values() {
            if value.value.expose_secret().trim().is_empty() {
                return Err(VaultError::Malformed {
                    name: value.name.clone(),
                    problem: "is blank".into(),
                });
            }
        }
        names.retain(|name| !values.contains_key(name));
        let (Some(id), Some(secret), true) =
            (values.remove(&id), values.remove(&secret), names.is_empty())
        else {
            return Err(VaultError::Missing { names });
        };
        Ok(Credentials {
            client_id: trimmed(&id).expose_secret().to_owned(),
            client_secret: stored(&secret),
            refresh_token: token
                .and_then(|name| values.remove(&name))
                .map(|value| trimmed(&value)),
        })
    }

    pub(super) async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        match version.as_str().parse() {
            Ok(version) => self.version(application, version).await,
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn value_unchanged_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<Timestamp>, VaultError> {
        let mut since = current.written_at;
        for version in versions_before(current) {
            match self.version(application, version).await? {
                Some(earlier) if earlier.has_same_value(current) => since = earlier.written_at,
                _ => return Ok(since),
            }
        }
        Ok(since.filter(|_| versions_before(current).count() < MAX_VERSIONS_BACK))
    }

    pub(super) async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        for version in versions_before(current) {
            match self.version(application, version).await? {
                Some(earlier) if earlier.has_same_value(current) => {}
                other => return Ok(other),
            }
        }
        Ok(None)
    }

    async fn version(
        &self,
        application: &ApplicationName,
        version: i64,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let name = self.secret_name(application);
        let found = self
            .account
            .get_parameters(&[format!("{name}:{version}")])
            .await?;
        let found = found.into_iter().find(|value| value.version == version);
        match found {
            Some(value) if value.value.expose_secret().trim().is_empty() => {
                Err(VaultError::Malformed {
                    name,
                    problem: "is blank".into(),
                })
            }
            found => Ok(found.as_ref().map(stored)),
        }
    }

    /// One `DescribeParameters` per 50 applications and one `GetParameters` per ten, which
    /// decrypts client ids and nothing else. The filter asks for the leaf of client secrets rather
    /// than for the prefixes: below those are mostly refresh tokens, thousands in a large estate.
    pub(super) async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        let filter = ParameterFilter::NameContains(&self.layout.client_secret_leaf);
        let mut secrets = BTreeMap::new();
        for parameter in list_parameters(self.account, filter).await? {
            if let Some(place) = self.layout.locate(&parameter.name)
                && place.role == Role::ClientSecret
            {
                secrets.insert(place.application, parameter);
            }
        }
        let id_name = |name: &ApplicationName| self.layout.parameter(name, &Role::ClientId);
        let names: Vec<String> = secrets.keys().map(id_name).collect();
        let mut ids = values(self.account, &names).await?;
        let applications = secrets.into_iter().map(|(name, secret)| {
            let id = ids.remove(&id_name(&name));
            let id = id.map(|id| id.value.expose_secret().trim().to_owned());
            StoredApplication {
                client_id: id.filter(|id| !id.is_empty()),
                version: secret.secret_version(),
                written_at: secret.last_modified,
                name,
            }
        });
        Ok(applications.collect())
    }

    pub(super) async fn tags(&self, application: &ApplicationName) -> Result<Tags, CallError> {
        self.account
            .list_parameter_tags(&self.secret_name(application))
            .await
    }
}

impl<A: WriteTags> ParameterStore<'_, A> {
    pub(super) async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[NewTag],
    ) -> Result<(), CallError> {
        self.account
            .add_parameter_tags(&self.secret_name(application), tags)
            .await
    }

    pub(super) async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        self.account
            .remove_parameter_tags(&self.secret_name(application), keys)
            .await
    }
}

impl<A: ReadMetadata + WriteValues> ParameterStore<'_, A> {
    /// Writes a new version. Type, key and tier are given as they are (but for a tier that is new
    /// to this code, see [`Tier::of`]), because a write without
    /// a key would move the parameter to the account's default one; the policies are left out,
    /// which keeps them,
    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
    pub(super) async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        _notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        let name = self.secret_name(application);
        let Some(found) = describe(self.account, &name).await? else {
            return Err(VaultError::Missing { names: vec![name] }.into());
        };
        let tier = Tier::of(found.tier.as_deref());
        if let Some(problem) = value_problem(secret, tier) {
            return Err(StoreError::Unstorable { name, problem });
        }
        let write = ParameterWrite {
            name,
            value: secret.clone(),
            parameter_type: found.parameter_type,
            key: found.key_id,
            tier,
            policies: None,
            overwrite: true,
            tags: Vec::new(),
        };
        let version = self.account.put_parameter(&write).await?;
        Ok(SecretVersion::new(version.to_string()))
    }
}

/// The versions before another, newest first. They are read one at a time: usually the first is
/// the one, and what is not needed is not decrypted.
fn versions_before(current: &StoredSecret) -> impl Iterator<Item = i64> {
    let current = current.version.as_str().parse().unwrap_or(1);
    (1..current).rev().take(MAX_VERSIONS_BACK)
}

fn trimmed(value: &ParameterValue) -> SecretString {
    value.value.expose_secret().trim().into()
}

/// A client secret without the white space around it: a file's last line break is easily stored
/// along.
fn stored(value: &ParameterValue) -> StoredSecret {
    StoredSecret {
        value: trimmed(value),
        version: SecretVersion::new(value.version.to_string()),
        written_at: value.written_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parameter_cannot_hold_is_said_before_it_is_tried() {
        let problem = |value: &str, tier| value_problem(&value.into(), tier);
        assert_eq!(problem("a{b}\"\\\u{1f511}", Tier::Standard), None);
        assert!(problem("a{{b", Tier::Advanced).unwrap().contains("`{{`"));
        assert_eq!(problem(&"x".repeat(4096), Tier::Standard), None);
        let long = problem(&"x".repeat(4097), Tier::Standard).unwrap();
        assert!(long.contains("4097 bytes"));
        assert_eq!(problem(&"x".repeat(8192), Tier::Advanced), None);
        assert!(problem(&"\u{e9}".repeat(4097), Tier::IntelligentTiering).is_some());
    }
}
