//! The ports that the handlers work with: the world's, with the functions' clock, with Amazon's
//! habits, and with whatever is broken on purpose.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lwa_core::application::ApplicationName;
use lwa_core::audit::estate::{
    LabelledVersion, ParameterEstate, ParameterPage, SecretEstate, SecretPage,
};
use lwa_core::deadline::tag;
use lwa_core::lwa::{AccessToken, LwaError, LwaFailure, TokenEndpoint, TokenRequest};
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier, ParameterDirectory, ParameterMetadata};
use lwa_core::rotation::ports::{
    MessageQueue, RotationLedger, SecretStore, StoreError, StoredApplication,
};
use lwa_core::rotation::queue::QueueMessage;
use lwa_core::rotation::request::Answer;
use lwa_core::sp_api::{SellingPartnerApi, SpApiError};
use lwa_core::vault::{
    CredentialVault, Credentials, RefreshTokenOf, SecretVersion, StoredSecret, VaultError,
};
use lwa_core::{ExposeSecret, SecretString};
use lwa_local::World;
use lwa_local::rotation::LocalRotation;
use lwa_local::vault::LocalVault;

use crate::breakage::Breakage;
use crate::fault_model::Function;

/// Calls that the model has to know about.
pub(crate) struct Traffic {
    pub(crate) rng: Rng,
    /// Requests for a rotation, since they were last looked at.
    pub(crate) requests: Vec<RotationRequest>,
    /// Messages that are to come back, and when.
    pub(crate) visibility_changes: Vec<(String, Duration)>,
    /// How long the next new secret takes to be known to LWA.
    pub(crate) propagation: Duration,
    /// New secrets that only some of LWA's hosts know, and until when.
    pub(crate) partly_known: HashMap<String, Timestamp>,
    /// What was read first, for an exchanger that never looks again.
    remembered: HashMap<ApplicationName, Credentials>,
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
    pub(crate) vault: LocalVault,
    pub(crate) rotation: LocalRotation,
    pub(crate) traffic: SharedTraffic,
    pub(crate) function: Function,
    pub(crate) breakage: Option<Breakage>,
    /// How wrong this environment's clock is.
    pub(crate) skew: SignedDuration,
}

/// One traffic for everybody who needs it.
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
            remembered: HashMap::new(),
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
    async fn marketplace_participations(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        self.world.marketplace_participations(token, timeout).await
    }

    async fn notification_destinations(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        self.world.notification_destinations(token, timeout).await
    }

    async fn rotate_client_secret(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
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
        let answer = self.world.rotate_client_secret(token, timeout).await;
        if let Some(request) = self.traffic.lock().requests.get_mut(index) {
            request.counts = matches!(Answer::of(&answer), Answer::Accepted | Answer::Unclear);
        }
        answer
    }
}

impl CredentialVault for FaultyPorts {
    async fn read(
        &self,
        application: &ApplicationName,
        refresh_token: &RefreshTokenOf,
    ) -> Result<Credentials, VaultError> {
        if self.is(Function::TokenExchanger, Breakage::KeepsCredentialsForever) {
            let known = self.traffic.lock().remembered.get(application).cloned();
            let mut read = self.vault.read(application, refresh_token).await?;
            if let Some(known) = known {
                read.client_secret = known.client_secret;
            } else {
                let mut traffic = self.traffic.lock();
                traffic.remembered.insert(application.clone(), read.clone());
            }
            return Ok(read);
        }
        self.vault.read(application, refresh_token).await
    }

    async fn read_version(
        &self,
        application: &ApplicationName,
        version: &SecretVersion,
    ) -> Result<Option<StoredSecret>, VaultError> {
        self.vault.read_version(application, version).await
    }

    async fn in_place_since(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<Timestamp>, VaultError> {
        self.vault.in_place_since(application, current).await
    }

    async fn read_previous_secret(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
    ) -> Result<Option<StoredSecret>, VaultError> {
        self.vault.read_previous_secret(application, current).await
    }
}

impl RotationLedger for FaultyPorts {
    async fn applications(&self) -> Result<Vec<StoredApplication>, VaultError> {
        self.rotation.applications().await
    }

    async fn tags(
        &self,
        application: &ApplicationName,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let mut tags = self.rotation.tags(application).await?;
        if self.is(Function::SecretReceiver, Breakage::ForgetsTheStoredDeadline) {
            tags.remove(tag::SECRET_EXPIRES_AT);
        }
        Ok(tags)
    }

    async fn write_tags(
        &self,
        application: &ApplicationName,
        tags: &[(&'static str, String)],
    ) -> Result<(), CallError> {
        let dropped: &[&str] = match (self.function, self.breakage) {
            (Function::RotationRequester, Some(Breakage::SkipsTheIntent)) => {
                &[tag::ROTATION_REQUESTED_AT]
            }
            (Function::RotationRequester, Some(Breakage::OmitsTheVersionTag)) => {
                &[tag::SECRET_VERSION]
            }
            (Function::SecretReceiver, Some(Breakage::ForgetsTheDates)) => {
                &[tag::SECRET_EXPIRES_AT, tag::SECRET_ISSUED_AT]
            }
            _ => return self.rotation.write_tags(application, tags).await,
        };
        let kept: Vec<_> = tags
            .iter()
            .filter(|(name, _)| !dropped.contains(name))
            .cloned()
            .collect();
        self.rotation.write_tags(application, &kept).await
    }

    async fn remove_tags(
        &self,
        application: &ApplicationName,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        self.rotation.remove_tags(application, keys).await
    }
}

impl SecretStore for FaultyPorts {
    async fn store(
        &self,
        application: &ApplicationName,
        secret: &SecretString,
        notification: &str,
    ) -> Result<SecretVersion, StoreError> {
        if self.breakage == Some(Breakage::PretendsToStore) {
            return Ok(SecretVersion::new("0"));
        }
        self.rotation.store(application, secret, notification).await
    }
}

impl MessageQueue for FaultyPorts {
    async fn come_back(&self, message: &QueueMessage, delay: Duration) -> Result<(), CallError> {
        self.world.come_back(message, delay).await?;
        let id = message.message_id.clone();
        self.traffic.lock().visibility_changes.push((id, delay));
        Ok(())
    }
}

impl ParameterDirectory for FaultyPorts {
    async fn describe(&self, name: &str) -> Result<Option<ParameterMetadata>, CallError> {
        self.world.describe(name).await
    }

    async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        ParameterDirectory::tags(&self.world, name).await
    }
}

impl ParameterEstate for FaultyPorts {
    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<ParameterPage, CallError> {
        let mut page = ParameterEstate::page(&self.world, prefix, token).await?;
        if self.breakage == Some(Breakage::DropsAPage) {
            page.next = None;
        }
        Ok(page)
    }

    async fn find(&self, names: &[String]) -> Result<Vec<ParameterMetadata>, CallError> {
        self.world.find(names).await
    }

    async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        let mut tags = ParameterEstate::tags(&self.world, name).await?;
        if self.breakage == Some(Breakage::TrustsStaleDates)
            && let Some(looked_at) = tags.get_mut(tag::SECRET_VERSION)
            && let Some((_, rest)) = looked_at.split_once(' ')
            && let Some(current) = self.world.describe(name).await?
        {
            let version = current.version.unwrap_or_default();
            *looked_at = format!("{version} {}", rest.trim_end_matches(" doubtful"));
        }
        Ok(tags)
    }
}

impl SecretEstate for FaultyPorts {
    async fn page(&self, name_prefix: &str, token: Option<&str>) -> Result<SecretPage, CallError> {
        SecretEstate::page(&self.world, name_prefix, token).await
    }

    async fn versions(&self, name: &str) -> Result<Vec<LabelledVersion>, CallError> {
        SecretEstate::versions(&self.world, name).await
    }
}
