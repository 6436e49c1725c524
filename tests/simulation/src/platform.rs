//! The functions as the platform runs them: execution environments that stay warm for a while.

use fastrand::Rng;
use jiff::SignedDuration;
use lwa_core::application::Layout;
use lwa_core::config::{ConfigError, Lookup};
use lwa_core::vault::{Vault, VaultKind};
use lwa_local::World;
use lwa_local::world::RECEIVER;

use crate::breakage::Breakage;
use crate::fault_model::Function;
use crate::faulty_ports::{FaultyPorts as Ports, SharedTraffic};
use crate::settings::{FaultKind, Settings};

pub(crate) type Exchanger = token_exchanger::TokenExchanger<Ports, Ports, Ports, Ports, Ports>;
pub(crate) type Formatter = policy_formatter::PolicyFormatter<Ports, Ports, Ports, Ports>;
pub(crate) type Auditor = auditor::Auditor<Ports, Ports, Ports, Ports>;
pub(crate) type Requester =
    rotation_requester::RotationRequester<Ports, Ports, Ports, Ports, Ports, Ports>;
pub(crate) type Receiver =
    secret_receiver::SecretReceiver<Ports, Ports, Ports, Ports, Ports, Ports>;

/// A function with a place among the warm environments.
pub(crate) trait Deployed: Sized {
    /// Which one it is.
    const FUNCTION: Function;

    /// A new one, with the ports of its environment.
    fn start(platform: &Platform, faulty: Ports) -> Self;

    /// Where its warm environment is kept.
    fn slot(environments: &mut Environments) -> &mut Option<Environment<Self>>;
}

/// The warm environment of each function.
#[derive(Default)]
pub(crate) struct Environments {
    exchanger: Option<Environment<Exchanger>>,
    formatter: Option<Environment<Formatter>>,
    auditor: Option<Environment<Auditor>>,
    requester: Option<Environment<Requester>>,
    receiver: Option<Environment<Receiver>>,
}

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
        let kind = settings.vault;
        let lookup = Lookup::new(move |name: &str| {
            let value = match name {
                "LWA_PARAMETER_PREFIX" => PREFIX,
                "AWS_REGION" => "eu-west-1",
                "LWA_VAULT" if kind == VaultKind::SecretsManager => "secrets-manager",
                "AUTO_ROTATE" if !auto_rotate => "false",
                "SYSTEM_WRITER_ARN" => RECEIVER,
                _ => return None,
            };
            Some(value.to_owned())
        });
        Ok(Self {
            world: world.clone(),
            traffic: traffic.clone(),
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

    /// How the functions name what they store.
    pub(crate) fn layout(&self) -> Layout {
        self.receiver.deployment.layout.clone()
    }

    fn vault(&self, ports: &Ports) -> Vault<Ports> {
        Vault::new(ports.clone(), self.receiver.vault, self.layout())
    }

    /// The environment that serves an invocation: the warm one, if it is still there.
    pub(crate) fn lease<H: Deployed>(
        &mut self,
        warm: Option<Environment<H>>,
        now: i64,
    ) -> Environment<H> {
        let function = H::FUNCTION;
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
        let faulty = Ports {
            world: match function {
                Function::SecretReceiver => self.world.acting_as(RECEIVER),
                _ => self.world.clone(),
            },
            traffic: self.traffic.clone(),
            function,
            breakage: self.breakage,
            skew,
        };
        Environment {
            handler: H::start(self, faulty),
            serial,
            skew,
            until: self.idle_until(now),
        }
    }

    fn idle_until(&mut self, now: i64) -> i64 {
        now + self.rng.i64(5..120) * 60_000
    }
}

impl Deployed for Exchanger {
    const FUNCTION: Function = Function::TokenExchanger;

    fn start(platform: &Platform, faulty: Ports) -> Self {
        let ports = token_exchanger::Ports {
            vault: platform.vault(&faulty),
            lwa: faulty.clone(),
            sp_api: faulty.clone(),
            clock: faulty.clone(),
            metrics: faulty,
        };
        Exchanger::new(platform.exchanger.clone(), ports)
    }

    fn slot(environments: &mut Environments) -> &mut Option<Environment<Self>> {
        &mut environments.exchanger
    }
}

impl Deployed for Formatter {
    const FUNCTION: Function = Function::PolicyFormatter;

    fn start(platform: &Platform, faulty: Ports) -> Self {
        Formatter::new(
            platform.formatter.clone(),
            faulty.clone(),
            faulty.clone(),
            faulty.clone(),
            faulty,
        )
    }

    fn slot(environments: &mut Environments) -> &mut Option<Environment<Self>> {
        &mut environments.formatter
    }
}

impl Deployed for Auditor {
    const FUNCTION: Function = Function::Auditor;

    fn start(platform: &Platform, faulty: Ports) -> Self {
        Auditor::new(
            platform.auditor.clone(),
            faulty.clone(),
            faulty.clone(),
            faulty.clone(),
            faulty,
        )
    }

    fn slot(environments: &mut Environments) -> &mut Option<Environment<Self>> {
        &mut environments.auditor
    }
}

impl Deployed for Requester {
    const FUNCTION: Function = Function::RotationRequester;

    fn start(platform: &Platform, faulty: Ports) -> Self {
        let ports = rotation_requester::Ports {
            vault: platform.vault(&faulty),
            lwa: faulty.clone(),
            sp_api: faulty.clone(),
            notifier: faulty.clone(),
            clock: faulty.clone(),
            metrics: faulty,
        };
        Requester::new(platform.requester.clone(), ports)
    }

    fn slot(environments: &mut Environments) -> &mut Option<Environment<Self>> {
        &mut environments.requester
    }
}

impl Deployed for Receiver {
    const FUNCTION: Function = Function::SecretReceiver;

    fn start(platform: &Platform, faulty: Ports) -> Self {
        let ports = secret_receiver::Ports {
            vault: platform.vault(&faulty),
            lwa: faulty.clone(),
            queue: faulty.clone(),
            notifier: faulty.clone(),
            clock: faulty.clone(),
            metrics: faulty,
        };
        Receiver::new(platform.receiver.clone(), ports)
    }

    fn slot(environments: &mut Environments) -> &mut Option<Environment<Self>> {
        &mut environments.receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Faults;

    #[test]
    fn clocks_are_wrong_by_up_to_two_minutes_where_that_is_asked_for() {
        let skews = |faults| {
            let settings = Settings {
                faults,
                ..Settings::default()
            };
            let world = World::new(crate::time::instant(crate::time::START));
            let traffic = SharedTraffic::new(Rng::with_seed(1));
            let rng = Rng::with_seed(2);
            let mut platform = Platform::new(&world, &traffic, &settings, rng).unwrap();
            let mut skew = || platform.lease::<Formatter>(None, 0).skew.as_secs();
            std::array::from_fn::<i64, 100, _>(|_| skew())
        };
        assert_eq!(skews(Faults::ALL.without(FaultKind::ClockSkew)), [0; 100]);
        let skews = skews(Faults::NONE.with(FaultKind::ClockSkew));
        assert!(skews.iter().all(|skew| skew.abs() <= 120));
        assert!(skews.iter().any(|skew| *skew > 60) && skews.iter().any(|skew| *skew < -60));
    }
}
