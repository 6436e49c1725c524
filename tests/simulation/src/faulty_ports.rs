//! The ports of the handlers: the world's, with a clock that may be wrong, with a new secret that
//! propagates slowly, and with a defect if one is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lwa_core::lwa::{AccessToken, LwaError, LwaFailure, TokenEndpoint, TokenRequest};
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::QueueMessage;
use lwa_core::rotation::request::Answer;
use lwa_core::sp_api::{Operation, SellingPartnerApi, SpApiError};
use lwa_core::tags;
use lwa_core::vault::ports::{
    NewTag, Page, ParameterFilter, ParameterMetadata, ParameterValue, ParameterWrite, ReadMetadata,
    ReadValues, SecretMetadata, SecretValue, SecretValueWrite, SecretVersionEntry, Tags,
    VersionSelector, WriteTags, WriteValues,
};
use lwa_core::{ExposeSecret, SecretString};
use lwa_local::World;

use crate::breakage::Breakage;
use crate::fault_model::Function;

/// Calls that the model has to know about.
pub(crate) struct Traffic {
    pub(crate) rng: Rng,
    /// Requests for a rotation, since they were last looked at.
    pub(crate) requests: Vec<RotationRequest>,
    /// Messages whose visibility timeout was changed, and to what.
    pub(crate) visibility_changes: Vec<(String, Duration)>,
    /// How long the next new secret takes to be known to LWA.
    pub(crate) propagation: Duration,
    /// New secrets that only some of LWA's hosts know, and until when.
    pub(crate) partly_known: HashMap<String, Timestamp>,
    /// What was read first, for an exchanger that never looks again.
    parameters: HashMap<String, ParameterValue>,
    secrets: HashMap<String, SecretValue>,
}

/// One request for a rotation.
#[derive(Debug, Clone)]
pub(crate) struct RotationRequest {
    pub(crate) client_id: String,
    pub(crate) at: Timestamp,
    /// Whether it may have made a new secret, as far as its caller knows.
    pub(crate) counts: bool,
}

/// The ports of one execution environment of one function.
#[derive(Clone)]
pub(crate) struct FaultyPorts {
    pub(crate) world: World,
    pub(crate) traffic: SharedTraffic,
    pub(crate) function: Function,
    pub(crate) breakage: Option<Breakage>,
    /// How wrong this environment's clock is.
    pub(crate) skew: SignedDuration,
}

/// One traffic, shared by all environments and the model.
#[derive(Clone)]
pub(crate) struct SharedTraffic(Arc<Mutex<Traffic>>);

impl SharedTraffic {
    pub(crate) fn new(rng: Rng) -> Self {
        Self(Arc::new(Mutex::new(Traffic {
            rng,
            requests: Vec::new(),
            visibility_changes: Vec::new(),
            propagation: Duration::ZERO,
            partly_known: HashMap::new(),
            parameters: HashMap::new(),
            secrets: HashMap::new(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultyPorts {
    fn is(&self, function: Function, breakage: Breakage) -> bool {
        self.function == function && self.breakage == Some(breakage)
    }
}

impl Clock for FaultyPorts {
    fn now(&self) -> Timestamp {
        let mut skew = self.skew;
        if self.is(Function::Auditor, Breakage::CountsFromAWrongDay) {
            skew -= SignedDuration::from_hours(48);
        }
        let now = self.world.now();
        now.saturating_add(skew).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        self.world.sleep(duration).await;
    }
}

impl Notifier for FaultyPorts {
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        match self.breakage {
            Some(Breakage::SwallowsMessages) => return Ok("message-0".into()),
            Some(Breakage::QuotesTheSecret) => {
                let quoted = self.any_secret();
                let mut message = message.clone();
                message.email.push_str(&quoted);
                return self.world.publish(&message).await;
            }
            _ => {}
        }
        self.world.publish(message).await
    }
}

impl FaultyPorts {
    fn any_secret(&self) -> String {
        let state = self.world.state();
        let client = state.lwa.applications.values().next();
        client
            .and_then(|client| client.secrets.last())
            .map(|secret| secret.value.expose_secret().to_owned())
            .unwrap_or_default()
    }
}

impl Metrics for FaultyPorts {
    fn record(&self, set: &MetricSet, at: Timestamp) {
        self.world.record(set, at);
    }
}

impl TokenEndpoint for FaultyPorts {
    async fn exchange(
        &self,
        request: &TokenRequest,
        timeout: Duration,
    ) -> Result<AccessToken, LwaError> {
        if self.is(Function::SecretReceiver, Breakage::StoresWithoutVerifying) {
            return Ok(AccessToken {
                value: "none".into(),
                token_type: "bearer".into(),
                expires_in: Duration::from_hours(1),
            });
        }
        let answer = self.world.exchange(request, timeout).await;
        let now = self.world.now();
        let mut traffic = self.traffic.lock();
        let partly_known = traffic
            .partly_known
            .get(request.client_secret.expose_secret())
            .is_some_and(|&until| now < until);
        if answer.is_ok() && partly_known && traffic.rng.u8(..4) == 0 {
            return Err(LwaError {
                failure: LwaFailure::ClientRefused,
                status: Some(401),
                code: Some("invalid_client".into()),
                description: Some("Client authentication failed".into()),
                retry_after: None,
            });
        }
        answer
    }
}

impl SellingPartnerApi for FaultyPorts {
    async fn perform(
        &self,
        operation: Operation,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        if operation != Operation::RotateApplicationClientSecret {
            return self.world.perform(operation, token, timeout).await;
        }
        let answer = self.request_rotation(token, timeout).await;
        let again = self.is(
            Function::RotationRequester,
            Breakage::RepeatsUnansweredRequests,
        );
        if again && Answer::of(&answer) == Answer::Unclear {
            return self.request_rotation(token, timeout).await;
        }
        answer
    }
}

impl FaultyPorts {
    async fn request_rotation(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        let index = {
            let mut state = self.world.state();
            let mut traffic = self.traffic.lock();
            state.sp_api.propagation = traffic.propagation;
            let client_id = state.lwa.client_id_of(token).unwrap_or_default().to_owned();
            traffic.requests.push(RotationRequest {
                client_id,
                at: state.now,
                counts: true,
            });
            traffic.requests.len() - 1
        };
        let rotate = Operation::RotateApplicationClientSecret;
        let answer = self.world.perform(rotate, token, timeout).await;
        if let Some(request) = self.traffic.lock().requests.get_mut(index) {
            request.counts = matches!(Answer::of(&answer), Answer::Accepted | Answer::Unclear);
        }
        answer
    }
}

impl ReadMetadata for FaultyPorts {
    async fn describe_parameters(
        &self,
        filter: ParameterFilter<'_>,
        token: Option<&str>,
    ) -> Result<Page<ParameterMetadata>, CallError> {
        let mut page = self.world.describe_parameters(filter, token).await?;
        if self.is(Function::Auditor, Breakage::DropsAPage) {
            page.next = None;
        }
        Ok(page)
    }

    async fn list_parameter_tags(&self, name: &str) -> Result<Tags, CallError> {
        let mut tags = self.world.list_parameter_tags(name).await?;
        self.break_tags(&mut tags);
        if self.is(Function::Auditor, Breakage::TrustsStaleDates)
            && let Some(looked_at) = tags.get_mut(tags::SECRET_VERSION)
            && let Some((_, rest)) = looked_at.split_once(' ')
            && let Some(version) = self.current_version(name)
        {
            *looked_at = format!("{version} {}", rest.trim_end_matches(" doubtful"));
        }
        Ok(tags)
    }

    async fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        self.world.list_secrets(name_prefix, token).await
    }

    async fn describe_secret(&self, name: &str) -> Result<SecretMetadata, CallError> {
        let mut secret = self.world.describe_secret(name).await?;
        self.break_tags(&mut secret.tags);
        Ok(secret)
    }

    async fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        self.world
            .list_secret_version_ids(name, include_deprecated, token)
            .await
    }
}

impl FaultyPorts {
    fn break_tags(&self, tags: &mut Tags) {
        if self.is(Function::SecretReceiver, Breakage::ForgetsTheStoredDeadline) {
            tags.remove(tags::SECRET_EXPIRES_AT);
        }
        if self.is(Function::Auditor, Breakage::OverlooksTheRequest) {
            tags.remove(tags::ROTATION_REQUESTED_AT);
        }
    }

    fn current_version(&self, parameter: &str) -> Option<i64> {
        let state = self.world.state();
        let versions = &state.parameters.get(parameter)?.versions;
        versions.last().map(|version| version.version)
    }

    /// The tags that a broken handler writes.
    fn kept_tags(&self, tags: &[NewTag]) -> Vec<NewTag> {
        let dropped: &[&str] = match (self.function, self.breakage) {
            (Function::RotationRequester, Some(Breakage::SkipsTheIntent)) => {
                &[tags::ROTATION_REQUESTED_AT]
            }
            (Function::RotationRequester, Some(Breakage::OmitsTheVersionTag)) => {
                &[tags::SECRET_VERSION]
            }
            (Function::SecretReceiver, Some(Breakage::ForgetsTheDates)) => {
                &[tags::SECRET_EXPIRES_AT, tags::SECRET_ISSUED_AT]
            }
            (_, Some(Breakage::ForgetsWhatItSaid)) => &[tags::REMINDED],
            _ => &[],
        };
        let kept = tags.iter().filter(|(name, _)| !dropped.contains(name));
        kept.cloned().collect()
    }

    /// What was read first, for an exchanger that never looks again.
    fn remembered<T: Clone>(
        &self,
        read: T,
        name: &str,
        memory: impl FnOnce(&mut Traffic) -> &mut HashMap<String, T>,
    ) -> T {
        if !self.is(Function::TokenExchanger, Breakage::KeepsCredentialsForever) {
            return read;
        }
        let mut traffic = self.traffic.lock();
        let memory = memory(&mut traffic);
        memory.entry(name.to_owned()).or_insert(read).clone()
    }
}

impl ReadValues for FaultyPorts {
    async fn get_parameters(&self, names: &[String]) -> Result<Vec<ParameterValue>, CallError> {
        let values = self.world.get_parameters(names).await?.into_iter();
        Ok(values
            .map(|value| {
                let name = value.name.clone();
                self.remembered(value, &name, |traffic| &mut traffic.parameters)
            })
            .collect())
    }

    async fn get_secret_value(
        &self,
        name: &str,
        version: VersionSelector<'_>,
    ) -> Result<SecretValue, CallError> {
        let value = self.world.get_secret_value(name, version).await?;
        Ok(self.remembered(value, name, |traffic| &mut traffic.secrets))
    }
}

impl WriteTags for FaultyPorts {
    async fn add_parameter_tags(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        match self.kept_tags(tags) {
            kept if kept.is_empty() => Ok(()),
            kept => self.world.add_parameter_tags(name, &kept).await,
        }
    }

    async fn remove_parameter_tags(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        self.world.remove_parameter_tags(name, keys).await
    }

    async fn tag_secret(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        match self.kept_tags(tags) {
            kept if kept.is_empty() => Ok(()),
            kept => self.world.tag_secret(name, &kept).await,
        }
    }

    async fn untag_secret(&self, name: &str, keys: &[&'static str]) -> Result<(), CallError> {
        self.world.untag_secret(name, keys).await
    }
}

impl WriteValues for FaultyPorts {
    async fn put_parameter(&self, write: &ParameterWrite) -> Result<i64, CallError> {
        if self.breakage == Some(Breakage::PretendsToStore) {
            return Ok(0);
        }
        self.world.put_parameter(write).await
    }

    async fn create_secret(
        &self,
        name: &str,
        document: &SecretString,
        key: &str,
        tags: &[NewTag],
    ) -> Result<(), CallError> {
        self.world.create_secret(name, document, key, tags).await
    }

    async fn put_secret_value(&self, write: &SecretValueWrite) -> Result<(), CallError> {
        if self.breakage == Some(Breakage::PretendsToStore) {
            return Ok(());
        }
        self.world.put_secret_value(write).await
    }

    async fn update_secret_key(&self, name: &str, key: &str) -> Result<(), CallError> {
        self.world.update_secret_key(name, key).await
    }

    async fn update_secret_version_stage(
        &self,
        name: &str,
        label: &str,
        from: &str,
        to: &str,
    ) -> Result<(), CallError> {
        if self.breakage == Some(Breakage::PretendsToStore) {
            return Ok(());
        }
        self.world
            .update_secret_version_stage(name, label, from, to)
            .await
    }
}

impl MessageQueue for FaultyPorts {
    async fn set_visibility(
        &self,
        message: &QueueMessage,
        timeout: Duration,
    ) -> Result<(), CallError> {
        self.world.set_visibility(message, timeout).await?;
        let id = message.message_id.clone();
        self.traffic.lock().visibility_changes.push((id, timeout));
        Ok(())
    }
}
