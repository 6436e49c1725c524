//! Parameter Store in memory, by the rules of its reference,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html> and its
//! neighbours. It refuses what AWS refuses, which emulators do not.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use lwa_core::ports::CallFailure;
use lwa_core::vault::ports::{
    InlinePolicy, NewTag, ParameterMetadata, ParameterValue, ParameterWrite, Tags, Tier,
};
use lwa_core::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::json;
use crate::refusal::{Refusal, VALIDATION, refused};

/// The principal that calls unless [`World::acting_as`](crate::World::acting_as) names another.
pub const WRITER: &str = "arn:aws:iam::111122223333:user/alice";

/// Versions that are kept; the next write drops the oldest.
const MAX_VERSIONS: usize = 100;

/// Most tags of a parameter or secret, and their longest key and value, in characters.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// The key of a `SecureString` that is written without one.
const AWS_MANAGED_KEY: &str = "alias/aws/ssm";

/// One parameter; what a scenario does not give is as in a well-kept estate.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default = "Parameter::well_kept")]
pub struct Parameter {
    /// `SecureString`, `String` or `StringList`.
    #[serde(rename = "type")]
    pub parameter_type: String,
    /// The key of a `SecureString`; of no meaning for another type.
    pub key_id: Option<String>,
    /// `Standard`, `Advanced` or `Intelligent-Tiering`.
    pub tier: String,
    /// Its policies.
    #[serde(deserialize_with = "json::each::<_, PolicyFile, _, _>")]
    pub policies: Vec<InlinePolicy>,
    /// Its tags.
    pub tags: Tags,
    /// Its versions, oldest first; the last is the current one.
    #[serde(deserialize_with = "numbered")]
    pub versions: Vec<ParameterVersion>,
}

/// One version of a parameter.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterVersion {
    /// Its number; the oldest kept need not be 1. A scenario may leave it out.
    #[serde(default)]
    pub version: i64,
    /// Its value.
    #[serde(default, deserialize_with = "json::secret")]
    pub value: SecretString,
    /// When it was written.
    pub written_at: Timestamp,
    /// The ARN of the principal that wrote it.
    #[serde(default = "writer")]
    pub written_by: String,
}

/// One policy of a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    policy: Value,
    #[serde(default = "pending")]
    status: String,
}

impl From<PolicyFile> for InlinePolicy {
    fn from(file: PolicyFile) -> Self {
        Self {
            policy_type: file.policy["Type"].as_str().unwrap_or_default().to_owned(),
            text: file.policy.to_string(),
            status: file.status,
        }
    }
}

/// The parameters of a scenario, each of which has a version. An error says which one it is about.
pub(crate) fn by_name<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, Parameter>, D::Error> {
    let read = |(name, file): (String, Value)| {
        let error =
            |problem: &dyn Display| D::Error::custom(format!("parameter {name}: {problem}"));
        // Only a key may be null: that is none, while one that is left out is the customer's.
        let is_empty = |(field, value): &(&String, &Value)| value.is_null() && *field != "key_id";
        let mut fields = file.as_object().into_iter().flatten();
        if let Some((field, _)) = fields.find(is_empty) {
            return Err(error(&format_args!("`{field}` must not be null")));
        }
        let parameter = Parameter::deserialize(&file).map_err(|problem| error(&problem))?;
        if parameter.versions.is_empty() {
            return Err(error(&"`versions` is missing or empty"));
        }
        Ok((name, parameter))
    };
    let files = BTreeMap::<String, Value>::deserialize(from)?;
    files.into_iter().map(read).collect()
}

/// The versions of a scenario, with the numbers that it leaves out.
fn numbered<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ParameterVersion>, D::Error> {
    let mut versions = Vec::<ParameterVersion>::deserialize(from)?;
    let mut next = 1;
    for version in &mut versions {
        if version.version == 0 {
            version.version = next;
        }
        next = version.version + 1;
    }
    Ok(versions)
}

fn writer() -> String {
    WRITER.to_owned()
}

fn pending() -> String {
    "Pending".to_owned()
}

impl Parameter {
    /// A `SecureString` under a customer key, Advanced, with the four reminders, and no version
    /// yet.
    pub fn well_kept() -> Self {
        let reminder = |days: u32| InlinePolicy {
            text: format!(
                r#"{{"Type":"NoChangeNotification","Version":"1.0","Attributes":{{"After":"{days}","Unit":"Days"}}}}"#
            ),
            policy_type: "NoChangeNotification".into(),
            status: pending(),
        };
        Self {
            parameter_type: "SecureString".into(),
            key_id: Some("alias/lwa-credentials".into()),
            tier: "Advanced".into(),
            policies: [90, 150, 165, 173].map(reminder).to_vec(),
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

    pub(crate) fn metadata(&self, name: &str) -> ParameterMetadata {
        let current = self.versions.last();
        let is_encrypted = self.parameter_type == "SecureString";
        let key_id = self.key_id.as_ref().filter(|_| is_encrypted);
        ParameterMetadata {
            name: name.to_owned(),
            parameter_type: self.parameter_type.clone(),
            key_id: key_id.cloned(),
            last_modified: current.map(|version| version.written_at),
            last_modified_user: current.map(|version| version.written_by.clone()),
            version: current.map(|version| version.version),
            tier: Some(self.tier.clone()),
            policies: self.policies.clone(),
        }
    }

    /// The version of a number, or else the current one.
    pub(crate) fn value(&self, name: &str, number: Option<&str>) -> Option<ParameterValue> {
        let mut versions = self.versions.iter();
        let version = match number {
            None => versions.last(),
            Some(number) => versions.find(|version| version.version.to_string() == number),
        }?;
        Some(ParameterValue {
            name: name.to_owned(),
            value: version.value.clone(),
            version: version.version,
            written_at: Some(version.written_at),
        })
    }
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

/// `PutParameter`.
pub(crate) fn put(
    parameters: &mut BTreeMap<String, Parameter>,
    write: &ParameterWrite,
    now: Timestamp,
    by: &str,
) -> Result<i64, Refusal> {
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
    if write.policies.is_some() && write.tier == Tier::Standard {
        return Err(VALIDATION);
    }
    let policies = write.policies.as_deref().map(read_policies).transpose()?;
    match parameters.get(&write.name) {
        Some(_) if !write.overwrite => return Err(refused("ParameterAlreadyExists")),
        Some(_) if !write.tags.is_empty() => return Err(VALIDATION),
        Some(found) if found.tier == "Advanced" && write.tier == Tier::Standard => {
            return Err(VALIDATION);
        }
        _ => {}
    }
    let mut tags = Tags::new();
    if !write.tags.is_empty() {
        add_tags(&mut tags, &write.tags)?;
    }
    let parameter = parameters.entry(write.name.clone());
    let parameter = parameter.or_insert_with(|| Parameter {
        policies: Vec::new(),
        tags,
        ..Parameter::well_kept()
    });
    parameter.parameter_type.clone_from(&write.parameter_type);
    let key = write.key.as_deref().unwrap_or(AWS_MANAGED_KEY);
    parameter.key_id = Some(key.to_owned());
    write.tier.as_str().clone_into(&mut parameter.tier);
    if let Some(policies) = policies {
        parameter.policies = policies;
    }
    // The timers of the policies begin anew with every write.
    for policy in &mut parameter.policies {
        policy.status = pending();
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
        let known = [
            "Expiration",
            "ExpirationNotification",
            "NoChangeNotification",
        ];
        let attributes = policy["Attributes"].as_object();
        if !known.iter().any(|kind| policy["Type"] == *kind) {
            return Err(refused("InvalidPolicyTypeException"));
        }
        if policy["Version"] != "1.0"
            || !attributes.is_some_and(|attributes| attributes.values().all(Value::is_string))
        {
            return Err(refused("InvalidPolicyAttributeException"));
        }
        let status = pending();
        Ok(PolicyFile { policy, status }.into())
    });
    let read: Vec<InlinePolicy> = read.collect::<Result<_, _>>()?;
    let expirations = read.iter().filter(|it| it.policy_type == "Expiration");
    if expirations.count() > 1 {
        return Err(refused("IncompatiblePolicyException"));
    }
    Ok(read)
}
