//! The state of an in-memory account, and the calls made to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::SecretString;
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, CallFailure, Clock, InlinePolicy, Metrics, Notifier};

use crate::lwa::Lwa;
use crate::sp_api::SpApi;

/// An in-memory account. Clones share one state, as clients of one account do.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
}

/// Everything that a [`World`] holds.
pub struct State {
    /// The present instant.
    pub now: Timestamp,
    /// Parameter Store, by full name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Secrets Manager, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Login with Amazon.
    pub lwa: Lwa,
    /// The Selling Partner API.
    pub sp_api: SpApi,
    /// What goes wrong, in the order in which it is looked up.
    pub faults: Vec<Fault>,
    /// Who decides about calls that no fault strikes; nobody unless set.
    pub fate: Option<Box<dyn Fate>>,
    /// Every message published, oldest first.
    pub published: Vec<Message>,
    /// All metrics recorded, oldest first.
    pub metrics: Vec<MetricSet>,
    /// Every call made, `Operation target`, oldest first.
    pub calls: Vec<String>,
}

/// One parameter.
#[derive(Clone)]
pub struct Parameter {
    /// `SecureString`, `String` or `StringList`.
    pub parameter_type: String,
    /// The key of a `SecureString`.
    pub key_id: Option<String>,
    /// `Standard` or `Advanced`.
    pub tier: String,
    /// Its policies.
    pub policies: Vec<InlinePolicy>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
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
    /// The ARN of who wrote it.
    pub written_by: String,
}

/// One secret of Secrets Manager.
#[derive(Clone)]
pub struct Secret {
    /// Its ARN.
    pub arn: String,
    /// Its key; none for the AWS-managed one.
    pub key_id: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its versions, oldest first.
    pub versions: Vec<SecretVersion>,
}

/// One version of a secret.
#[derive(Clone)]
pub struct SecretVersion {
    /// Its id.
    pub id: String,
    /// Its value, a JSON document.
    pub value: SecretString,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its staging labels.
    pub stages: Vec<String>,
}

/// Something that goes wrong when an operation is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The operation, as its service names it.
    pub operation: String,
    /// Only calls whose target contains this; every call when empty.
    pub target: String,
    /// How it goes wrong.
    pub mode: FaultMode,
    /// How many calls go wrong; none for every one.
    pub times: Option<u32>,
}

/// Decides about every call as it is made, for a harness that does not know them beforehand.
pub trait Fate: Send {
    /// What becomes of a call. It may move the time, which is how long the call takes.
    fn strike(&mut self, now: &mut Timestamp, operation: &str, target: &str) -> Option<Blow>;
}

/// What a [`Fate`] has in store for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It goes wrong, and its caller lives to see that.
    Fault(FaultMode),
    /// Its caller dies before it: nothing has happened, and no answer ever comes. Whoever drives
    /// the caller has to drop it.
    DieBefore,
    /// Its caller dies after it: it had its effect, and no answer ever comes.
    DieAfter,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultMode {
    /// It fails and nothing has happened.
    Before(CallFailure),
    /// It fails although it had its effect.
    After(CallFailure),
    /// It never answers.
    Hang,
}

impl World {
    /// An empty account at an instant.
    pub fn new(now: Timestamp) -> Self {
        let state = State {
            now,
            parameters: BTreeMap::new(),
            secrets: BTreeMap::new(),
            lwa: Lwa::default(),
            sp_api: SpApi::default(),
            faults: Vec::new(),
            fate: None,
            published: Vec::new(),
            metrics: Vec::new(),
            calls: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The state, for setting up and for looking at.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the time.
    pub fn set_now(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// Puts a current version of a parameter in place, with the SecureString, customer key,
    /// Advanced tier and reminder policies that a well-kept estate has.
    pub fn put_parameter(&self, name: &str, value: &str, written_at: Timestamp) {
        let mut state = self.state();
        let parameter = state
            .parameters
            .entry(name.to_owned())
            .or_insert_with(Parameter::well_kept);
        parameter.push_version(value.into(), written_at, WRITER);
    }

    /// Performs one call: records it, lets a fault strike, and applies the effect.
    ///
    /// Adapters of this crate make every call through here, so that a harness can fail each
    /// one before or after its effect.
    pub async fn call<T>(
        &self,
        operation: &'static str,
        target: &str,
        effect: impl FnOnce(&mut State) -> Result<T, CallError> + Send,
    ) -> Result<T, CallError> {
        let struck = {
            let mut state = self.state();
            state
                .calls
                .push(format!("{operation} {target}").trim_end().to_owned());
            state.strike(operation, target)
        };
        let failed = |failure| CallError {
            operation,
            failure,
            detail: format!("{} (scripted)", words(failure)),
        };
        match struck {
            None => effect(&mut self.state()),
            Some(Blow::Fault(FaultMode::Before(failure))) => Err(failed(failure)),
            Some(Blow::Fault(FaultMode::After(failure))) => {
                effect(&mut self.state())?;
                Err(failed(failure))
            }
            Some(Blow::Fault(FaultMode::Hang) | Blow::DieBefore) => std::future::pending().await,
            Some(Blow::DieAfter) => {
                // Whether it was refused is no matter: nobody hears of it.
                drop(effect(&mut self.state()));
                std::future::pending().await
            }
        }
    }

    /// The calls made so far, oldest first.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The messages published so far, oldest first.
    pub fn published(&self) -> Vec<Message> {
        self.state().published.clone()
    }
}

/// Who writes credentials in a world that names nobody else.
pub const WRITER: &str = "arn:aws:iam::111122223333:user/alice";

impl Parameter {
    /// A SecureString under a customer key, Advanced, with the four reminders, and no version
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
        self.versions.push(ParameterVersion {
            version,
            value,
            written_at: at,
            written_by: by.to_owned(),
        });
        version
    }
}

impl State {
    fn strike(&mut self, operation: &str, target: &str) -> Option<Blow> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.operation == operation && target.contains(&fault.target) && fault.times != Some(0)
        });
        let Some(fault) = fault else {
            let fate = self.fate.as_mut()?;
            return fate.strike(&mut self.now, operation, target);
        };
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(Blow::Fault(fault.mode))
    }
}

fn words(failure: CallFailure) -> &'static str {
    match failure {
        CallFailure::Denied => "AccessDeniedException",
        CallFailure::Throttled => "ThrottlingException: Rate exceeded",
        CallFailure::TimedOut => "no answer in time",
        CallFailure::NotFound => "ResourceNotFoundException",
        CallFailure::Refused => "ValidationException",
        CallFailure::Unavailable => "InternalServerError",
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    /// Moves the world's time forward instead of waiting; others run first.
    async fn sleep(&self, duration: Duration) {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if let Ok(later) = SignedDuration::try_from(duration).map(|d| state.now.saturating_add(d))
            && let Ok(later) = later
        {
            state.now = later;
        }
    }
}

impl Notifier for World {
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        self.call("Publish", &message.subject, |state| {
            state.published.push(message.clone());
            Ok(format!("message-{}", state.published.len()))
        })
        .await
    }
}

impl Metrics for World {
    fn record(&self, set: &MetricSet, _at: Timestamp) {
        self.state().metrics.push(set.clone());
    }
}
