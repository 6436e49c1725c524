//! The state of an in-memory account, and the calls made to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, CallFailure, Clock, Metrics, Notifier};
use lwa_core::vault::ports::SecretMetadata;

use crate::listing::Listing;
use crate::lwa::Lwa;
use crate::parameter_store::Parameter;
use crate::refusal::Refusal;
use crate::secrets_manager::Secret;
use crate::sp_api::SpApi;

/// The principal that calls unless [`World::acting_as`] names another.
pub const WRITER: &str = "arn:aws:iam::111122223333:user/alice";

/// The principal that stores new secrets.
pub const RECEIVER: &str = "arn:aws:sts::111122223333:assumed-role/lwa-secret-receiver/receiver";

/// An in-memory account. Clones share one state, as clients of one account do.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    principal: &'static str,
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
    /// What listings leave out, and how they come.
    pub listing: Listing,
    /// What `ListSecrets` showed of a secret until when, oldest first; none before it existed.
    pub(crate) past_secrets: BTreeMap<String, Vec<(Timestamp, Option<SecretMetadata>)>>,
    /// What goes wrong, in the order in which it is looked up.
    pub faults: Vec<ScriptedFault>,
    /// Decides about calls that no scripted fault is for.
    pub fault_injector: Option<Box<dyn FaultInjector>>,
    /// Every message published, oldest first.
    pub published: Vec<Message>,
    /// All metrics recorded, oldest first.
    pub metrics: Vec<MetricSet>,
    /// Every call made, `Operation target`, oldest first.
    pub calls: Vec<String>,
}

/// A fault that is known beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedFault {
    /// The operation, as its service names it.
    pub operation: String,
    /// Only calls whose target contains this; every call when empty.
    pub target: String,
    /// How the call goes wrong.
    pub fault: Fault,
    /// How many calls go wrong; none for every one.
    pub times: Option<u32>,
}

/// Decides about every call as it is made, for a harness that does not know them beforehand.
pub trait FaultInjector: Send {
    /// How a call goes wrong, if it does. It may move the time, which is how long the call takes.
    fn inject(&mut self, now: &mut Timestamp, operation: &str, target: &str) -> Option<Fault>;
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing has happened.
    Before(CallFailure),
    /// It fails although it had its effect.
    After(CallFailure),
    /// It never answers.
    Hang,
    /// Its caller dies before it: nothing has happened, and no answer ever comes. The harness
    /// that drives the caller has to drop it.
    DieBefore,
    /// Its caller dies after it: it had its effect, and no answer ever comes.
    DieAfter,
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
            listing: Listing::default(),
            past_secrets: BTreeMap::new(),
            faults: Vec::new(),
            fault_injector: None,
            published: Vec::new(),
            metrics: Vec::new(),
            calls: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            principal: WRITER,
        }
    }

    /// The same account, called by another principal.
    #[must_use]
    pub fn acting_as(&self, principal: &'static str) -> Self {
        Self {
            state: Arc::clone(&self.state),
            principal,
        }
    }

    /// The ARN of the principal that calls.
    pub(crate) const fn principal(&self) -> &'static str {
        self.principal
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
    pub fn seed_parameter(&self, name: &str, value: &str, written_at: Timestamp) {
        self.state().put_well_kept(name, value, written_at);
    }

    /// Performs one call: records it, injects a fault, and applies the effect.
    ///
    /// Every call to this account is made through here, so that a harness can fail each one
    /// before or after its effect.
    pub async fn call<T>(
        &self,
        operation: &'static str,
        target: &str,
        effect: impl FnOnce(&mut State) -> Result<T, CallError> + Send,
    ) -> Result<T, CallError> {
        let fault = {
            let mut state = self.state();
            state
                .calls
                .push(format!("{operation} {target}").trim_end().to_owned());
            state.fault(operation, target)
        };
        let failed = |failure| CallError {
            operation,
            failure,
            detail: format!("{} (scripted)", words(failure)),
        };
        match fault {
            None => effect(&mut self.state()),
            Some(Fault::Before(failure)) => Err(failed(failure)),
            Some(Fault::After(failure)) => {
                effect(&mut self.state())?;
                Err(failed(failure))
            }
            Some(Fault::Hang | Fault::DieBefore) => std::future::pending().await,
            Some(Fault::DieAfter) => {
                // Whether it was refused does not matter: no caller hears of it.
                drop(effect(&mut self.state()));
                std::future::pending().await
            }
        }
    }

    /// A call to a service that may refuse it.
    pub(crate) async fn service_call<T>(
        &self,
        operation: &'static str,
        target: &str,
        effect: impl FnOnce(&mut State) -> Result<T, Refusal> + Send,
    ) -> Result<T, CallError> {
        self.call(operation, target, |state| {
            effect(state).map_err(|(failure, code)| CallError {
                operation,
                failure,
                detail: code.to_owned(),
            })
        })
        .await
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

impl State {
    fn fault(&mut self, operation: &str, target: &str) -> Option<Fault> {
        let scripted = self.faults.iter_mut().find(|fault| {
            fault.operation == operation && target.contains(&fault.target) && fault.times != Some(0)
        });
        let Some(scripted) = scripted else {
            let injector = self.fault_injector.as_mut()?;
            return injector.inject(&mut self.now, operation, target);
        };
        if let Some(times) = &mut scripted.times {
            *times -= 1;
        }
        Some(scripted.fault)
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
