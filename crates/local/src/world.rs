//! The state of an in-memory account, and the calls made to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, CallFailure, Clock, Metrics, Notifier};

use crate::fault::{Fault, FaultInjector, ScriptedFault};
use crate::listing::Listing;
use crate::lwa::Lwa;
use crate::parameter_store::{Parameter, WRITER};
use crate::refusal::Refusal;
use crate::secrets_manager::Secret;
use crate::sp_api::SpApi;

/// The principal that stores new secrets.
pub const RECEIVER: &str = "arn:aws:sts::111122223333:assumed-role/lwa-secret-receiver/receiver";

/// An in-memory account. Clones share one state, as clients of one account do.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    /// The ARN of the principal that calls.
    pub(crate) principal: &'static str,
}

/// Everything that a [`World`] holds.
#[derive(Default)]
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

impl World {
    /// An empty account at an instant.
    pub fn new(now: Timestamp) -> Self {
        let state = State {
            now,
            ..State::default()
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
            principal,
            ..self.clone()
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
    pub fn seed_parameter(&self, name: &str, value: &str, written_at: Timestamp) {
        let parameters = &mut self.state().parameters;
        let parameter = parameters.entry(name.to_owned());
        let parameter = parameter.or_insert_with(Parameter::well_kept);
        parameter.push_version(value.into(), written_at, WRITER);
    }

    /// Performs one call: records it, injects a fault, and applies the effect, which the service
    /// may refuse.
    ///
    /// Every call to this account is made through here, so that a harness can fail each one
    /// before or after its effect.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        target: &str,
        effect: impl FnOnce(&mut State) -> Result<T, Refusal> + Send,
    ) -> Result<T, CallError> {
        let fault = {
            let mut state = self.state();
            let call = format!("{operation} {target}");
            state.calls.push(call.trim_end().to_owned());
            state.fault(operation, target)
        };
        let error = |failure, code: Option<&str>, detail| CallError {
            operation,
            failure,
            code: code.map(str::to_owned),
            detail,
        };
        let scripted = |failure| error(failure, None, format!("{} (scripted)", words(failure)));
        let apply = || {
            let refused = |(failure, code): Refusal| error(failure, Some(code), code.to_owned());
            effect(&mut self.state()).map_err(refused)
        };
        match fault {
            None => apply(),
            Some(Fault::Before(failure)) => Err(scripted(failure)),
            Some(Fault::After(failure)) => apply().and(Err(scripted(failure))),
            Some(Fault::Hang | Fault::DieBefore) => std::future::pending().await,
            Some(Fault::DieAfter) => {
                // Whether it was refused does not matter: no caller hears of it.
                drop(apply());
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
        state.now = state.now.saturating_add(duration).unwrap_or(state.now);
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
