//! The procedures of a vault in Parameter Store.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::credentials::{
    Credentials, LookBack, MAX_VERSIONS_BACK, SecretVersion, StoredApplication, StoredSecret,
};
use super::error::{StoreError, VaultError};
use super::ports::{
    GET_PARAMETERS_LIMIT, ParameterFilter, ParameterMetadata, ParameterValue, ParameterWrite,
    ReadMetadata, ReadValues, Tags, Tier, WriteValues, all_pages,
};
use crate::application::{ApplicationName, Layout, Role};
use crate::ports::{CallError, CallFailure};
use crate::text::when;

/// Every parameter that matches a filter, to the last page of the listing.
pub async fn list_parameters(
    account: &impl ReadMetadata,
    filter: ParameterFilter<'_>,
) -> Result<Vec<ParameterMetadata>, CallError> {
    all_pages(|token| async move { account.describe_parameters(filter, token.as_deref()).await })
        .await
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
        let problem = "it contains `{{`, which Parameter Store takes for a reference to another \
                       parameter and refuses";
        return Some(problem.to_owned());
    }
    let (length, limit) = (text.len(), tier.max_value());
    let advice = when(tier == Tier::Standard, "; an Advanced one holds 8192");
    (length > limit).then(|| {
        format!("it is {length} bytes long, and a parameter of this tier holds {limit}{advice}")
    })
}

/// The parameters of an account, named as in a layout.
pub(super) struct ParameterStore<'a, A> {
    pub(super) account: &'a A,
    pub(super) layout: &'a Layout,
}

impl<A: ReadMetadata + ReadValues> ParameterStore<'_, A> {
    pub(super) async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: Option<&Role>,
    ) -> Result<Credentials, VaultError> {
        let name = |role| self.layout.parameter(application, role);
        let (id, secret) = (name(&Role::ClientId), name(&Role::ClientSecret));
        let token = refresh_token.map(name);
        let mut names = vec![id.clone(), secret.clone()];
        names.extend(token.clone());
        let mut found = BTreeMap::new();
        for (name, value) in values(self.account, &names).await? {
            found.insert(name, stored(&value)?);
        }
        names.retain(|name| !found.contains_key(name));
        let (Some(id), Some(client_secret), true) =
            (found.remove(&id), found.remove(&secret), names.is_empty())
        else {
            return Err(VaultError::Missing { names });
        };
        let token = token.and_then(|name| found.remove(&name));
        Ok(Credentials {
            client_id: id.value.expose_secret().to_owned(),
            client_secret,
            refresh_token: token.map(|token| token.value),
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

    /// The versions are read one at a time: usually the first is the one, and what is not needed
    /// is not decrypted.
    pub(super) async fn look_back(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<LookBack, VaultError> {
        let mut back = LookBack::from(current);
        let number = current.version.as_str().parse().unwrap_or(1);
        for version in (1..number).rev().take(MAX_VERSIONS_BACK) {
            match self.version(application, version).await? {
                Some(earlier) if earlier.has_same_value(current) => {
                    back.unchanged_since = earlier.written_at;
                }
                other => {
                    back.other = other;
                    return Ok(back);
                }
            }
        }
        let reaches_the_first = (1..number).count() < MAX_VERSIONS_BACK;
        back.unchanged_since = back.unchanged_since.filter(|_| reaches_the_first);
        Ok(back)
    }

    async fn version(
        &self,
        application: &ApplicationName,
        version: i64,
    ) -> Result<Option<StoredSecret>, VaultError> {
        let name = self.layout.parameter(application, &Role::ClientSecret);
        let names = [format!("{name}:{version}")];
        let mut found = self.account.get_parameters(&names).await?.into_iter();
        let found = found.find(|value| value.version == version);
        found.as_ref().map(stored).transpose()
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
                write_problem: secret.write_problem(),
                name,
            }
        });
        Ok(applications.collect())
    }
}

impl<A: ReadMetadata + WriteValues> ParameterStore<'_, A> {
    /// Writes a new version of a `SecureString` of a customer key. Type, key and tier are given as they are (but for a tier that is new
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
        let name = self.layout.parameter(application, &Role::ClientSecret);
        let Some(found) = describe(self.account, &name).await? else {
            return Err(VaultError::Missing { names: vec![name] }.into());
        };
        if let Some(problem) = found.write_problem() {
            let problem = format!(
                "{problem}, and a secret is written nowhere else; mend it with \
                 `lwa store --application {application} --keep`"
            );
            return Err(VaultError::Malformed { name, problem }.into());
        }
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

/// A client secret without the white space around it: a file's last line break is easily stored
/// along.
fn stored(value: &ParameterValue) -> Result<StoredSecret, VaultError> {
    let text = value.value.expose_secret().trim();
    if text.is_empty() {
        return Err(VaultError::malformed(&*value.name, "is blank"));
    }
    Ok(StoredSecret {
        value: text.into(),
        version: SecretVersion::new(value.version.to_string()),
        written_at: value.written_at,
    })
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
