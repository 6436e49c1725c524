//! Decides for each call how long it takes, and whether it or its caller fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lwa_core::ports::CallFailure;
use lwa_core::vault::VaultKind;
use lwa_local::{Fault, FaultInjector};

use crate::settings::{FaultKind, Faults};

/// The five functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    TokenExchanger,
    PolicyFormatter,
    Auditor,
    RotationRequester,
    SecretReceiver,
}

impl Function {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TokenExchanger => "token-exchanger",
            Self::PolicyFormatter => "policy-formatter",
            Self::Auditor => "auditor",
            Self::RotationRequester => "rotation-requester",
            Self::SecretReceiver => "secret-receiver",
        }
    }

    /// How often one call kills its caller, in a million. Those that change something make few
    /// calls, and are what crashes are for.
    const fn deaths(self) -> u32 {
        match self {
            Self::TokenExchanger | Self::PolicyFormatter => 2_000,
            Self::Auditor => 300,
            Self::RotationRequester => 1_500,
            Self::SecretReceiver => 20_000,
        }
    }
}

/// A service that can be down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Vault,
    Sns,
    Sqs,
    Lwa,
    SpApi,
}

impl Service {
    pub(crate) const ALL: [Self; 5] = [Self::Vault, Self::Sns, Self::Sqs, Self::Lwa, Self::SpApi];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Vault => "the vault",
            Self::Sns => "SNS",
            Self::Sqs => "SQS",
            Self::Lwa => "LWA",
            Self::SpApi => "SP-API",
        }
    }

    fn of(operation: &str) -> Self {
        match operation {
            "Publish" => Self::Sns,
            "ChangeMessageVisibility" => Self::Sqs,
            "ExchangeToken" => Self::Lwa,
            "getMarketplaceParticipations"
            | "getDestinations"
            | "rotateApplicationClientSecret" => Self::SpApi,
            _ => Self::Vault,
        }
    }

    /// Whether it is Amazon's, where a denied call means a refused credential.
    const fn is_amazons(self) -> bool {
        matches!(self, Self::Lwa | Self::SpApi)
    }
}

/// Operations of which a role may lack the permission for a while.
pub(crate) const fn deniable(vault: VaultKind) -> [&'static str; 6] {
    match vault {
        VaultKind::ParameterStore => [
            "PutParameter",
            "AddTagsToResource",
            "ListTagsForResource",
            "DescribeParameters",
            "GetParameters",
            "Publish",
        ],
        VaultKind::SecretsManager => [
            "PutSecretValue",
            "TagResource",
            "DescribeSecret",
            "ListSecrets",
            "GetSecretValue",
            "Publish",
        ],
    }
}

/// The state of everything that can go wrong with a call.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else about one invocation"
)]
pub(crate) struct FaultModel {
    rng: Rng,
    faults: Faults,
    /// Who is calling.
    pub(crate) function: Function,
    /// Nothing happens to calls of the model itself.
    pub(crate) suspended: bool,
    /// Services that are down.
    pub(crate) down: Vec<Service>,
    /// Operations that are denied.
    pub(crate) denied: Vec<&'static str>,
    /// Whether the caller is dead.
    pub(crate) died: bool,
    /// Whether a call of this invocation failed or was not answered.
    pub(crate) is_faulted: bool,
    pub(crate) calls: u64,
    pub(crate) injected: u64,
    /// The last call that went wrong, in words, where a story is told.
    pub(crate) last: Option<String>,
    pub(crate) recording: bool,
}

/// One fault model, shared by everything that makes calls.
#[derive(Clone)]
pub(crate) struct SharedFaultModel(Arc<Mutex<FaultModel>>);

impl SharedFaultModel {
    pub(crate) fn new(rng: Rng, faults: Faults, recording: bool) -> Self {
        Self(Arc::new(Mutex::new(FaultModel {
            rng,
            faults,
            function: Function::Auditor,
            suspended: false,
            down: Vec::new(),
            denied: Vec::new(),
            died: false,
            is_faulted: false,
            calls: 0,
            injected: 0,
            last: None,
            recording,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, FaultModel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultInjector for SharedFaultModel {
    fn inject(&mut self, now: &mut Timestamp, operation: &str, target: &str) -> Option<Fault> {
        let mut fault_model = self.lock();
        if fault_model.suspended {
            return None;
        }
        fault_model.calls += 1;
        let took = 20 + i64::from(fault_model.rng.u8(..64));
        *now = now
            .saturating_add(SignedDuration::from_millis(took))
            .unwrap_or(*now);
        let fault = fault_model.fault(operation);
        if let Some(fault) = fault {
            fault_model.injected += 1;
            fault_model.is_faulted = true;
            fault_model.died |= matches!(fault, Fault::DieBefore | Fault::DieAfter);
            if fault_model.recording {
                fault_model.last = Some(format!("{} {operation} {target}", describe(fault)));
            }
        }
        fault
    }
}

impl FaultModel {
    /// Whether a service is down, or a permission is lacking.
    pub(crate) fn is_degraded(&self) -> bool {
        !self.down.is_empty() || !self.denied.is_empty()
    }

    /// A function is invoked.
    pub(crate) fn begin(&mut self, function: Function) {
        self.function = function;
        self.died = false;
        self.is_faulted = false;
        self.last = None;
    }

    fn fault(&mut self, operation: &str) -> Option<Fault> {
        let service = Service::of(operation);
        if self.down.contains(&service) {
            return Some(match self.rng.u8(..8) {
                0 => Fault::Hang,
                1 => Fault::Before(CallFailure::TimedOut),
                2 => Fault::Before(CallFailure::Throttled),
                _ => Fault::Before(CallFailure::Unavailable),
            });
        }
        if self.denied.contains(&operation) {
            return Some(Fault::Before(CallFailure::Denied));
        }
        let mut dice = self.rng.u32(..1_000_000);
        let mut falls = |share: u32, kind| {
            if !self.faults.contains(kind) {
                return false;
            }
            let hit = dice < share;
            dice = dice.wrapping_sub(share);
            hit
        };
        // A request for a rotation is the one call that must not be repeated.
        let times = if operation == "rotateApplicationClientSecret" {
            100
        } else {
            1
        };
        if falls(self.function.deaths(), FaultKind::Crashes) {
            return Some(if self.rng.bool() {
                Fault::DieBefore
            } else {
                Fault::DieAfter
            });
        }
        if falls(300 * times, FaultKind::Throttling) {
            return Some(Fault::Before(CallFailure::Throttled));
        }
        if falls(600 * times, FaultKind::Timeouts) {
            return Some(match self.rng.u8(..6) {
                0 => Fault::Hang,
                1 | 2 => Fault::After(CallFailure::TimedOut),
                3 => Fault::After(CallFailure::Unavailable),
                4 => Fault::Before(CallFailure::TimedOut),
                _ => Fault::Before(CallFailure::Unavailable),
            });
        }
        // Permissions do not flicker; that of reading is lost and regained as a whole.
        let is_reading = matches!(operation, "GetParameters" | "GetSecretValue");
        let may_flicker = !service.is_amazons() && !is_reading;
        if may_flicker && falls(60, FaultKind::Denials) {
            return Some(Fault::Before(CallFailure::Denied));
        }
        None
    }
}

fn describe(fault: Fault) -> &'static str {
    match fault {
        Fault::DieBefore => "the invocation died before",
        Fault::DieAfter => "the invocation died after",
        Fault::Hang => "no answer to",
        Fault::Before(CallFailure::Denied) => "denied:",
        Fault::Before(CallFailure::Throttled) => "throttled:",
        Fault::Before(_) => "failed without effect:",
        Fault::After(_) => "failed after its effect:",
    }
}
