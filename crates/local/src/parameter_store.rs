//! Parameter Store in memory, by the rules of its reference,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html> and its
//! neighbours. It refuses what AWS refuses, which emulators do not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::ports::CallFailure;
use lwa_core::vault::ports::{
    GET_PARAMETERS_LIMIT, InlinePolicy, NAMES_LIMIT, NewTag, Page, ParameterFilter,
    ParameterMetadata, ParameterValue, ParameterWrite, Tags, Tier,
};
use lwa_core::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::refusal::{NOT_FOUND, Refusal, VALIDATION, refused};
use crate::world::{State, WRITER};

/// Parameters in one page of `DescribeParameters`.
const PAGE: usize = 50;

/// Versions that are kept; the next write drops the oldest.
const MAX_VERSIONS: usize = 100;

/// Most tags of a parameter or secret, and their longest key and value, in characters.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// The key of a `SecureString` that is written without one.
const AWS_MANAGED_KEY: &str = "alias/aws/ssm";

/// One parameter.
#[derive(Clone)]
pub struct Parameter {
    /// `SecureString`, `String` or `StringList`.
    pub parameter_type: String,
    /// The key of a `SecureString`.
    pub key_id: Option<String>,
    /// `Standard`, `Advanced` or `Intelligent-Tiering`.
    pub tier: String,
    /// Its policies.
    pub policies: Vec<InlinePolicy>,
    /// Its tags.
    pub tags: Tags,
    /// Its versions, oldest first; the last is the current one.
    pub versions: Vec<ParameterVersion>,
}

/// One version of a parameter.
#[derive(Clone)]
pub struct ParameterVersion {
    /// Its number; the oldest kept need not be 1.
    pub version: i64,
    /// Its value.
    pub value: SecretString,
    /// When it was written.
    pub written_at: Timestamp,
    /// The ARN of the principal that wrote it.
    pub written_by: String,
}

impl Parameter {
    /// A `SecureString` under a customer key, Advanced, with the four reminders, and no version
    /// yet.
    pub fn well_kept() -> Self {
        let policy = |days: u32| InlinePolicy {
            text: format!(
                "{{\"Type\":\"NoChangeNotification\",\"Version\":\"1.0\",\
                 \"Attributes\":{{\"After\":\"{days}\",\"Unit\":\"Days\"}}}}"
            ),
            policy_type: "NoChangeNotification".into(),
            status: "Pending".into(),
        };
        Self {
            parameter_type: "SecureString".into(),
            key_id: Some("alias/lwa-credentials".into()),
            tier: "Advanced".into(),
            policies: [90, 150, 165, 173].map(policy).to_vec(),
            tags: BTreeMap::new(),
            versions: Vec::new(),
        }
    }

    /// Adds a version, which is the current one from now on, and returns its number.
    pub fn push_version(&mut self, value: SecretString, at: Timestamp, by: &str) -> i64 {
        let version = self.versions.last().map_or(1, |last| last.version + 1);
        if self.versions.len() >= MAX_VERSIONS {
            self.versions.remove(0);
        }
        self.versions.push(ParameterVersion {
            version,
            value,
            written_at: at,
            written_by: by.to_owned(),
        });
        version
    }

    fn metadata(&self, name: &str) -> ParameterMetadata {
        let current = self.versions.last();
        ParameterMetadata {
            name: name.to_owned(),
            parameter_type: self.parameter_type.clone(),
            key_id: self.key_id.clone(),
            last_modified: current.map(|version| version.written_at),
            last_modified_user: current.map(|version| version.written_by.clone()),
            version: current.map(|version| version.version),
            tier: Some(self.tier.clone()),
            policies: self.policies.clone(),
        }
    }
}

pub(crate) fn describe(
    state: &State,
    filter: ParameterFilter<'_>,
    token: Option<&str>,
) -> Result<Page<ParameterMetadata>, Refusal> {
    let below = match filter {
        ParameterFilter::Below(path) => format!("{path}/"),
        _ => String::new(),
    };
    if matches!(filter, ParameterFilter::Named(names) if names.len() > NAMES_LIMIT) {
        return Err(VALIDATION);
    }
    let matches = |name: &str| match filter {
        ParameterFilter::Below(_) => name.starts_with(&below),
        ParameterFilter::Named(names) => names.iter().any(|wanted| wanted == name),
        ParameterFilter::NameContains(part) => name.contains(part),
        ParameterFilter::NameBeginsWith(start) => name.starts_with(start),
    };
    let found = state
        .parameters
        .iter()
        .filter(|(name, _)| matches(name))
        .map(|(name, parameter)| (name.clone(), (name, parameter)));
    let page = state.listing.page(found, token, PAGE);
    Ok(Page {
        items: page
            .items
            .into_iter()
            .map(|(name, parameter)| parameter.metadata(name))
            .collect(),
        next: page.next,
    })
}

pub(crate) fn get(state: &State, names: &[String]) -> Result<Vec<ParameterValue>, Refusal> {
    if names.is_empty() || names.len() > GET_PARAMETERS_LIMIT {
        return Err(VALIDATION);
    }
    let mut found = BTreeMap::new();
    for wanted in names {
        let (name, selected) = match wanted.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted.as_str(), None),
        };
        let versions = state.parameters.get(name).map(|found| &found.versions);
        let version = versions.and_then(|versions| match selected {
            None => versions.last(),
            Some(number) => versions
                .iter()
                .find(|version| version.version.to_string() == number),
        });
        if let Some(version) = version {
            let value = ParameterValue {
                name: name.to_owned(),
                value: version.value.clone(),
                version: version.version,
                written_at: Some(version.written_at),
            };
            found.insert((name, version.version), value);
        }
    }
    Ok(found.into_values().collect())
}

pub(crate) fn tags<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Tags, Refusal> {
    let parameter = state.parameters.get_mut(name);
    parameter
        .map(|parameter| &mut parameter.tags)
        .ok_or(NOT_FOUND)
}

/// Adds tags as both services do.
pub(crate) fn add_tags(stored: &mut Tags, tags: &[NewTag]) -> Result<(), Refusal> {
    let is_legal = |(key, value): &NewTag| {
        (1..=MAX_TAG_KEY).contains(&key.chars().count())
            && value.chars().count() <= MAX_TAG_VALUE
            && !key.starts_with("aws:")
    };
    if tags.is_empty() || !tags.iter().all(is_legal) {
        return Err(VALIDATION);
    }
    let added = tags.iter().filter(|(key, _)| !stored.contains_key(*key));
    if stored.len() + added.count() > MAX_TAGS {
        return Err(refused("TooManyTagsError"));
    }
    let tags = tags.iter().cloned();
    stored.extend(tags.map(|(key, value)| (key.to_owned(), value)));
    Ok(())
}

pub(crate) fn put(state: &mut State, write: &ParameterWrite, by: &str) -> Result<i64, Refusal> {
    let now = state.now;
    let value = write.value.expose_secret();
    if is_reserved(&write.name) {
        return Err((CallFailure::Denied, "AccessDeniedException"));
    }
    if !is_legal_name(&write.name)
        || value.is_empty()
        || value.contains("{{")
        || value.len() > write.tier.max_value()
    {
        return Err(VALIDATION);
    }
    let policies = match &write.policies {
        None => None,
        Some(_) if write.tier == Tier::Standard => return Err(VALIDATION),
        Some(text) => Some(read_policies(text)?),
    };
    match state.parameters.get(&write.name) {
        Some(_) if !write.overwrite => return Err(refused("ParameterAlreadyExists")),
        Some(_) if !write.tags.is_empty() => return Err(VALIDATION),
        Some(found) if found.tier == "Advanced" && write.tier == Tier::Standard => {
            return Err(VALIDATION);
        }
        _ => {}
    }
    let parameter = state
        .parameters
        .entry(write.name.clone())
        .or_insert_with(|| Parameter {
            policies: Vec::new(),
            ..Parameter::well_kept()
        });
    parameter.parameter_type.clone_from(&write.parameter_type);
    parameter.key_id = (write.parameter_type == "SecureString").then(|| {
        let key = write.key.as_deref();
        key.unwrap_or(AWS_MANAGED_KEY).to_owned()
    });
    write.tier.as_str().clone_into(&mut parameter.tier);
    if let Some(policies) = policies {
        parameter.policies = policies;
    }
    // The timers of the policies begin anew with every write.
    for policy in &mut parameter.policies {
        "Pending".clone_into(&mut policy.status);
    }
    if !write.tags.is_empty() {
        add_tags(&mut parameter.tags, &write.tags)?;
    }
    Ok(parameter.push_version(write.value.clone(), now, by))
}

/// Whether AWS keeps a name for parameters of its own.
fn is_reserved(name: &str) -> bool {
    let bare = name.trim_start_matches('/');
    bare.get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("aws"))
}

/// At most 15 levels, a leading slash where there is more than one, letters, digits and `_.-/`,
/// and no `ssm` in front.
fn is_legal_name(name: &str) -> bool {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let lower = bare.to_ascii_lowercase();
    name.len() <= 1011
        && bare.split('/').count() <= 15
        && (name.starts_with('/') || !name.contains('/'))
        && bare.split('/').all(|level| !level.is_empty())
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b))
        && !lower.starts_with("ssm")
}

/// Reads `Policies`, a JSON array as a string; `[{}]` removes all.
fn read_policies(text: &str) -> Result<Vec<InlinePolicy>, Refusal> {
    let policies: Vec<Value> = serde_json::from_str(text).map_err(|_| VALIDATION)?;
    if policies.len() > 10 {
        return Err(refused("PoliciesLimitExceededException"));
    }
    if policies == [serde_json::json!({})] {
        return Ok(Vec::new());
    }
    let read = policies.into_iter().map(|policy| {
        let kind = policy
            .get("Type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if ![
            "Expiration",
            "ExpirationNotification",
            "NoChangeNotification",
        ]
        .contains(&kind)
        {
            return Err(refused("InvalidPolicyTypeException"));
        }
        let attributes = policy.get("Attributes").and_then(Value::as_object);
        let is_legal = policy
            .get("Version")
            .is_some_and(|version| version == "1.0")
            && attributes.is_some_and(|attributes| attributes.values().all(Value::is_string));
        if !is_legal {
            return Err(refused("InvalidPolicyAttributeException"));
        }
        Ok(InlinePolicy {
            text: policy.to_string(),
            policy_type: kind.to_owned(),
            status: "Pending".to_owned(),
        })
    });
    let read: Vec<InlinePolicy> = read.collect::<Result<_, _>>()?;
    let expirations = read
        .iter()
        .filter(|policy| policy.policy_type == "Expiration");
    if expirations.count() > 1 {
        return Err(refused("IncompatiblePolicyException"));
    }
    Ok(read)
}

impl State {
    /// Puts a current version of a parameter in place, with the `SecureString`, customer key,
    /// Advanced tier and reminder policies that a well-kept estate has.
    pub(crate) fn put_well_kept(&mut self, name: &str, value: &str, written_at: Timestamp) {
        let parameter = self
            .parameters
            .entry(name.to_owned())
            .or_insert_with(Parameter::well_kept);
        parameter.push_version(value.into(), written_at, WRITER);
    }
}
