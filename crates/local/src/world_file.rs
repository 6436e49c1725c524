//! A world as a file: `world.json` of a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::lwa::{LwaError, LwaFailure};
use lwa_core::ports::CallFailure;
use lwa_core::sp_api::{SpApiError, SpApiFailure};
use lwa_core::vault::ports::InlinePolicy;
use serde::Deserialize;
use serde_json::Value;

use crate::lwa::{ClientSecret, Consent, Lwa, OAuthClient};
use crate::parameter_store::{Parameter, ParameterVersion};
use crate::secrets_manager::{Secret, SecretVersion};
use crate::sp_api::SpApi;
use crate::world::{Fault, ScriptedFault, WRITER, World};

/// What the vault and the services answer in a scenario. Unknown keys are refused, so that a
/// misspelt one does not silently change the story.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldFile {
    /// The present instant of the story; the event's own time unless given.
    pub now: Option<Timestamp>,
    /// Environment variables of the functions, over the defaults.
    pub environment: BTreeMap<String, String>,
    /// Parameter Store, by full name.
    pub parameters: BTreeMap<String, ParameterFile>,
    /// Secrets Manager, by name.
    pub secrets: BTreeMap<String, SecretFile>,
    /// Login with Amazon; accepts everything unless applications are given.
    pub lwa: LwaFile,
    /// The Selling Partner API; accepts every token that LWA issued unless answers are given.
    pub sp_api: SpApiFile,
    /// What goes wrong.
    pub faults: Vec<FaultFile>,
}

/// What happens between two events of a story: `meanwhile.json` of a step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeanwhileFile {
    /// The instant that it is now.
    pub now: Option<Timestamp>,
    /// What goes wrong from now on, in place of what went wrong before.
    pub faults: Option<Vec<FaultFile>>,
}

/// What LWA knows, and what it says out of turn.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LwaFile {
    /// The applications, by client id.
    applications: BTreeMap<String, OAuthClientFile>,
    /// How long a token lives, in seconds; an hour unless given.
    expires_in: Option<u64>,
    /// Refusals that are given first, each once.
    answers: Vec<LwaAnswerFile>,
}

/// One application, as LWA knows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OAuthClientFile {
    secrets: Vec<ClientSecretFile>,
    #[serde(default)]
    refresh_tokens: BTreeMap<String, ConsentFile>,
}

impl std::fmt::Debug for OAuthClientFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthClientFile").finish_non_exhaustive()
    }
}

/// One client secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientSecretFile {
    value: String,
    /// From when LWA knows it; from ever unless given.
    works_from: Option<Timestamp>,
    /// When it expires; never unless given.
    works_until: Option<Timestamp>,
    /// Whether LWA goes on issuing tokens after that.
    #[serde(default)]
    lwa_looks_away: bool,
}

/// Whether a seller's consent stands.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ConsentFile {
    Given,
    Revoked,
    RevokedAtSpApi,
}

/// One refusal by LWA.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LwaAnswerFile {
    status: u16,
    error: Option<String>,
    error_description: Option<String>,
    /// In seconds.
    retry_after: Option<u64>,
}

/// What SP-API says out of turn.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpApiFile {
    /// Refusals that are given first, each once.
    answers: Vec<SpApiAnswerFile>,
    /// How many seconds a rotated secret takes to be known to LWA.
    propagation_seconds: u64,
}

/// One refusal by SP-API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpApiAnswerFile {
    operation: SpApiOperationFile,
    status: u16,
    code: Option<String>,
    message: Option<String>,
    details: Option<String>,
}

/// The operations that are called.
#[derive(Debug, Clone, Copy, Deserialize)]
enum SpApiOperationFile {
    #[serde(rename = "getMarketplaceParticipations")]
    MarketplaceParticipations,
    #[serde(rename = "getDestinations")]
    Destinations,
    #[serde(rename = "rotateApplicationClientSecret")]
    RotateClientSecret,
}

/// One parameter; what is not given is as in a well-kept estate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterFile {
    /// `SecureString` unless given.
    #[serde(rename = "type")]
    parameter_type: Option<String>,
    /// The key id; a customer key unless given.
    key_id: Option<String>,
    /// `Advanced` unless given.
    tier: Option<String>,
    /// The policies; the four reminders unless given.
    policies: Option<Vec<PolicyFile>>,
    /// The tags.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// The versions, oldest first.
    versions: Vec<ParameterVersionFile>,
}

/// One policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    /// The policy as a JSON object.
    policy: Value,
    /// `Pending` unless given.
    status: Option<String>,
}

/// One version of a parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterVersionFile {
    version: Option<i64>,
    #[serde(default)]
    value: String,
    written_at: Timestamp,
    written_by: Option<String>,
}

impl std::fmt::Debug for ParameterVersionFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParameterVersionFile")
            .field("written_at", &self.written_at)
            .finish_non_exhaustive()
    }
}

/// One secret of Secrets Manager.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    arn: String,
    key_id: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    versions: Vec<SecretVersionFile>,
}

/// One version of a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretVersionFile {
    id: String,
    /// The document.
    value: Value,
    created_at: Timestamp,
    #[serde(default)]
    stages: Vec<String>,
}

impl std::fmt::Debug for SecretVersionFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretVersionFile")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// One fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// The operation, as its service names it.
    operation: String,
    /// Only calls whose target contains this.
    #[serde(default)]
    target: String,
    /// What happens.
    failure: FailureFile,
    /// How many calls fail; every one unless given.
    times: Option<u32>,
    /// Whether the call has its effect all the same.
    #[serde(default)]
    after_effect: bool,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FailureFile {
    Denied,
    Throttled,
    TimedOut,
    NotFound,
    Refused,
    Unavailable,
    Hang,
}

impl WorldFile {
    /// Builds the world, at the file's time or else at `now`.
    pub fn build(self, now: Timestamp) -> World {
        let world = World::new(self.now.unwrap_or(now));
        {
            let mut state = world.state();
            state.parameters = self
                .parameters
                .into_iter()
                .map(|(name, file)| (name, file.build()))
                .collect();
            state.secrets = self
                .secrets
                .into_iter()
                .map(|(name, file)| (name, file.build()))
                .collect();
            state.lwa = self.lwa.build();
            state.sp_api = self.sp_api.build();
            state.faults = self.faults.into_iter().map(FaultFile::build).collect();
        }
        world
    }
}

impl MeanwhileFile {
    /// Lets it happen in `world`.
    pub fn happen(self, world: &World) {
        let mut state = world.state();
        if let Some(now) = self.now {
            state.now = now;
        }
        if let Some(faults) = self.faults {
            state.faults = faults.into_iter().map(FaultFile::build).collect();
        }
    }
}

impl ParameterFile {
    fn build(self) -> Parameter {
        let standard = Parameter::well_kept();
        let mut parameter = Parameter {
            parameter_type: self.parameter_type.unwrap_or(standard.parameter_type),
            key_id: self.key_id.or(standard.key_id),
            tier: self.tier.unwrap_or(standard.tier),
            policies: self.policies.map_or(standard.policies, |policies| {
                policies.into_iter().map(PolicyFile::build).collect()
            }),
            tags: self.tags,
            versions: Vec::new(),
        };
        if parameter.parameter_type != "SecureString" {
            parameter.key_id = None;
        }
        for version in self.versions {
            let next = parameter.versions.last().map_or(1, |last| last.version + 1);
            parameter.versions.push(ParameterVersion {
                version: version.version.unwrap_or(next),
                value: version.value.into(),
                written_at: version.written_at,
                written_by: version.written_by.unwrap_or_else(|| WRITER.to_owned()),
            });
        }
        parameter
    }
}

impl PolicyFile {
    fn build(self) -> InlinePolicy {
        InlinePolicy {
            policy_type: self.policy["Type"].as_str().unwrap_or_default().to_owned(),
            text: self.policy.to_string(),
            status: self.status.unwrap_or_else(|| "Pending".into()),
        }
    }
}

impl SecretFile {
    fn build(self) -> Secret {
        let versions = self.versions.into_iter().map(|version| SecretVersion {
            id: version.id,
            value: match version.value {
                Value::String(text) => text.into(),
                document => document.to_string().into(),
            },
            created_at: version.created_at,
            stages: version.stages,
        });
        Secret {
            arn: self.arn,
            key_id: self.key_id,
            tags: self.tags,
            versions: versions.collect(),
            deleted_at: None,
        }
    }
}

impl LwaFile {
    fn build(self) -> Lwa {
        let mut lwa = Lwa::default();
        if let Some(seconds) = self.expires_in {
            lwa.expires_in = Duration::from_secs(seconds);
        }
        lwa.applications = self
            .applications
            .into_iter()
            .map(|(client_id, file)| (client_id, file.build()))
            .collect();
        lwa.answers = self.answers.into_iter().map(LwaAnswerFile::build).collect();
        lwa
    }
}

impl OAuthClientFile {
    fn build(self) -> OAuthClient {
        let secrets = self.secrets.into_iter().map(|secret| ClientSecret {
            value: secret.value.into(),
            works_from: secret.works_from.unwrap_or(Timestamp::MIN),
            works_until: secret.works_until,
            lwa_looks_away: secret.lwa_looks_away,
        });
        let consents = self.refresh_tokens.into_iter().map(|(token, consent)| {
            let consent = match consent {
                ConsentFile::Given => Consent::Given,
                ConsentFile::Revoked => Consent::Revoked,
                ConsentFile::RevokedAtSpApi => Consent::RevokedAtSpApi,
            };
            (token, consent)
        });
        OAuthClient {
            secrets: secrets.collect(),
            refresh_tokens: consents.collect(),
        }
    }
}

impl LwaAnswerFile {
    fn build(self) -> LwaError {
        LwaError {
            failure: LwaFailure::of_answer(self.status, self.error.as_deref()),
            status: Some(self.status),
            code: self.error,
            description: self.error_description,
            retry_after: self.retry_after.map(Duration::from_secs),
        }
    }
}

impl SpApiFile {
    fn build(self) -> SpApi {
        SpApi {
            answers: self
                .answers
                .into_iter()
                .map(SpApiAnswerFile::build)
                .collect(),
            propagation: Duration::from_secs(self.propagation_seconds),
            rotated: Vec::new(),
        }
    }
}

impl SpApiAnswerFile {
    fn build(self) -> SpApiError {
        SpApiError {
            operation: match self.operation {
                SpApiOperationFile::MarketplaceParticipations => "getMarketplaceParticipations",
                SpApiOperationFile::Destinations => "getDestinations",
                SpApiOperationFile::RotateClientSecret => "rotateApplicationClientSecret",
            },
            failure: SpApiFailure::of_status(self.status),
            status: Some(self.status),
            code: self.code,
            message: self.message,
            details: self.details,
            request_id: Some("local".into()),
        }
    }
}

impl FaultFile {
    fn build(self) -> ScriptedFault {
        let failure = match self.failure {
            FailureFile::Denied => Some(CallFailure::Denied),
            FailureFile::Throttled => Some(CallFailure::Throttled),
            FailureFile::TimedOut => Some(CallFailure::TimedOut),
            FailureFile::NotFound => Some(CallFailure::NotFound),
            FailureFile::Refused => Some(CallFailure::Refused),
            FailureFile::Unavailable => Some(CallFailure::Unavailable),
            FailureFile::Hang => None,
        };
        let fault = match failure {
            None => Fault::Hang,
            Some(failure) if self.after_effect => Fault::After(failure),
            Some(failure) => Fault::Before(failure),
        };
        ScriptedFault {
            operation: self.operation,
            target: self.target,
            fault,
            times: self.times,
        }
    }
}
