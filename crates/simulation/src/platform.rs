//! The functions as the platform runs them: execution environments that stay warm for a while.

use fastrand::Rng;
use jiff::SignedDuration;
use lwa_core::config::{ConfigError, Lookup};
use lwa_core::vault::VaultKind;
use lwa_local::World;
use lwa_local::rotation::LocalRotation;
use lwa_local::vault::LocalVault;

use crate::breakage::Breakage;
use crate::edge::{Edge, SharedTraffic};
use crate::settings::{FaultKind, Settings};
use crate::weather::Function;

pub(crate) type Exchanger = token_exchanger::TokenExchanger<Edge, Edge, Edge, Edge, Edge>;
pub(crate) type Formatter = policy_formatter::PolicyFormatter<Edge, Edge, Edge, Edge>;
pub(crate) type Auditor = auditor::Auditor<Edge, Edge, Edge, Edge, Edge>;
pub(crate) type Requester =
    rotation_requester::RotationRequester<Edge, Edge, Edge, Edge, Edge, Edge, Edge>;
pub(crate) type Receiver =
    secret_receiver::SecretReceiver<Edge, Edge, Edge, Edge, Edge, Edge, Edge>;

/// Below which everything lives.
pub(crate) const PREFIX: &str = "/erp";

/// One execution environment.
pub(crate) struct Environment<H> {
    pub(crate) handler: H,
    pub(crate) serial: u64,
    /// How wrong its clock is. What the platform tells it of the time is as wrong.
    pub(crate) skew: SignedDuration,
    /// When the platform takes it away, in milliseconds.
    pub(crate) until: i64,
}

/// What makes environments.
pub(crate) struct Platform {
    world: World,
    traffic: SharedTraffic,
    vault: LocalVault,
    rotation: LocalRotation,
    exchanger: token_exchanger::Settings,
    formatter: policy_formatter::Settings,
    auditor: auditor::Settings,
    requester: rotation_requester::Settings,
    receiver: secret_receiver::Settings,
    breakage: Option<Breakage>,
    skewed: bool,
    rng: Rng,
    serials: u64,
}

impl Platform {
    pub(crate) fn new(
        world: &World,
        traffic: &SharedTraffic,
        settings: &Settings,
        rng: Rng,
    ) -> Result<Self, ConfigError> {
        let auto_rotate = settings.auto_rotate;
        let lookup = Lookup::new(move |name: &str| {
            let value = match name {
                "LWA_PARAMETER_PREFIX" => PREFIX,
                "AWS_REGION" => "eu-west-1",
                "AUTO_ROTATE" if !auto_rotate => "false",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let kind = VaultKind::ParameterStore;
        let layout = lookup.layout()?;
        Ok(Self {
            world: world.clone(),
            traffic: traffic.clone(),
            vault: LocalVault::new(world.clone(), kind, layout.clone()),
            rotation: LocalRotation::new(world.clone(), kind, layout),
            exchanger: token_exchanger::Settings::from_lookup(&lookup)?,
            formatter: policy_formatter::Settings::from_lookup(&lookup)?,
            auditor: auditor::Settings::from_lookup(&lookup)?,
            requester: rotation_requester::Settings::from_lookup(&lookup)?,
            receiver: secret_receiver::Settings::from_lookup(&lookup)?,
            breakage: settings.breakage,
            skewed: settings.faults.contains(FaultKind::ClockSkew),
            rng,
            serials: 0,
        })
    }

    /// The environment that serves an invocation: the warm one, if it is still there.
    pub(crate) fn lease<H>(
        &mut self,
        warm: Option<Environment<H>>,
        function: Function,
        now: i64,
        make: impl FnOnce(&Self, Edge) -> H,
    ) -> Environment<H> {
        let forgets = matches!(
            (function, self.breakage),
            (Function::PolicyFormatter, Some(Breakage::ForgetsDuplicates))
                | (Function::Auditor, Some(Breakage::ForgetsTheDigest))
        );
        let warm = warm.filter(|environment| now < environment.until);
        let serial = match warm {
            Some(mut environment) if !forgets => {
                environment.until = self.idle_until(now);
                return environment;
            }
            // It pretends to be the same one.
            Some(environment) => environment.serial,
            None => {
                self.serials += 1;
                self.serials
            }
        };
        let skew = if self.skewed {
            SignedDuration::from_secs(self.rng.i64(-120..=120))
        } else {
            SignedDuration::ZERO
        };
        let edge = Edge {
            world: self.world.clone(),
            vault: self.vault.clone(),
            rotation: self.rotation.clone(),
            traffic: self.traffic.clone(),
            function,
            breakage: self.breakage,
            skew,
        };
        Environment {
            handler: make(self, edge),
            serial,
            skew,
            until: self.idle_until(now),
        }
    }

    fn idle_until(&mut self, now: i64) -> i64 {
        now + self.rng.i64(5..120) * 60_000
    }

    pub(crate) fn exchanger(&self, edge: Edge) -> Exchanger {
        let ports = token_exchanger::Ports {
            vault: edge.clone(),
            lwa: edge.clone(),
            sp_api: edge.clone(),
            clock: edge.clone(),
            metrics: edge,
        };
        Exchanger::new(self.exchanger.clone(), ports)
    }

    pub(crate) fn formatter(&self, edge: Edge) -> Formatter {
        Formatter::new(
            self.formatter.clone(),
            edge.clone(),
            edge.clone(),
            edge.clone(),
            edge,
        )
    }

    pub(crate) fn auditor(&self, edge: Edge) -> Auditor {
        Auditor::new(
            self.auditor.clone(),
            edge.clone(),
            edge.clone(),
            edge.clone(),
            edge.clone(),
            edge,
        )
    }

    pub(crate) fn requester(&self, edge: Edge) -> Requester {
        let ports = rotation_requester::Ports {
            ledger: edge.clone(),
            vault: edge.clone(),
            lwa: edge.clone(),
            sp_api: edge.clone(),
            notifier: edge.clone(),
            clock: edge.clone(),
            metrics: edge,
        };
        Requester::new(self.requester.clone(), ports)
    }

    pub(crate) fn receiver(&self, edge: Edge) -> Receiver {
        let ports = secret_receiver::Ports {
            rotation: edge.clone(),
            vault: edge.clone(),
            lwa: edge.clone(),
            queue: edge.clone(),
            notifier: edge.clone(),
            clock: edge.clone(),
            metrics: edge,
        };
        Receiver::new(self.receiver.clone(), ports)
    }
}
