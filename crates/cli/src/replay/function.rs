//! The functions, by name, and how each is called on a world in memory or a real account.

use std::fmt;
use std::time::Duration;

use auditor::Auditor;
use clap::ValueEnum;
use lwa_aws::account::Account;
use lwa_core::config::{AWS_REGION, Lookup};
use lwa_core::error::{FunctionError, chain};
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::queue::Payload;
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::Vault;
use lwa_core::vault::ports::{ReadMetadata, ReadValues};
use lwa_local::World;
use lwa_local::world::RECEIVER;
use policy_formatter::PolicyFormatter;
use rotation_requester::RotationRequester;
use secret_receiver::SecretReceiver;
use serde_json::Value;
use token_exchanger::{Response, TokenExchanger, TokenResponse};

use super::live::LiveRun;
use super::outcome::Failed;
use crate::account::{self, NoMetrics};
use crate::boxed;

/// One of the deployed functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Function {
    /// Stored credentials to access tokens.
    TokenExchanger,
    /// Events about credentials to messages.
    PolicyFormatter,
    /// The daily look at the whole estate.
    Auditor,
    /// Asks Amazon for a new client secret.
    RotationRequester,
    /// Stores the new client secret.
    SecretReceiver,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TokenExchanger,
        Self::PolicyFormatter,
        Self::Auditor,
        Self::RotationRequester,
        Self::SecretReceiver,
    ];

    /// The name it is deployed under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenExchanger => "token-exchanger",
            Self::PolicyFormatter => "policy-formatter",
            Self::Auditor => "auditor",
            Self::RotationRequester => "rotation-requester",
            Self::SecretReceiver => "secret-receiver",
        }
    }

    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.as_str() == name)
    }

    /// Invokes it, as its `main` would on AWS.
    pub(super) async fn invoke<F>(
        self,
        event: Value,
        stage: &Stage,
        lookup: &Lookup<F>,
    ) -> Result<Value, Failed>
    where
        F: Fn(&str) -> Option<String>,
    {
        match stage {
            Stage::Memory(world) => self.in_memory(event, world, lookup).await,
            Stage::Live(live) => self.live(event, live, lookup).await,
        }
    }

    async fn in_memory<F>(
        self,
        event: Value,
        world: &World,
        lookup: &Lookup<F>,
    ) -> Result<Value, Failed>
    where
        F: Fn(&str) -> Option<String>,
    {
        let copy = || world.clone();
        match self {
            Self::PolicyFormatter => {
                let settings = policy_formatter::Settings::from_lookup(lookup)?;
                let formatter = PolicyFormatter::new(settings, copy(), copy(), copy(), copy());
                format(event, formatter).await
            }
            Self::TokenExchanger => {
                let settings = token_exchanger::Settings::from_lookup(lookup)?;
                let ports = token_exchanger::Ports {
                    vault: Vault::new(copy(), settings.vault, settings.deployment.layout.clone()),
                    lwa: copy(),
                    sp_api: copy(),
                    clock: copy(),
                    metrics: copy(),
                };
                exchange(event, TokenExchanger::new(settings, ports)).await
            }
            Self::Auditor => {
                let settings = auditor::Settings::from_lookup(lookup)?;
                let auditor = Auditor::new(settings, copy(), copy(), copy(), copy());
                audit(event, auditor).await
            }
            Self::RotationRequester => {
                let settings = rotation_requester::Settings::from_lookup(lookup)?;
                let (vault, layout) = (settings.vault, settings.deployment.layout.clone());
                let ports = rotation_requester::Ports {
                    vault: Vault::new(copy(), vault, layout),
                    lwa: copy(),
                    sp_api: copy(),
                    notifier: copy(),
                    clock: copy(),
                    metrics: copy(),
                };
                let requester = RotationRequester::new(settings, ports);
                let payload = Payload::new(event.to_string());
                Ok(boxed(requester.handle(payload)).await?.to_json())
            }
            Self::SecretReceiver => {
                let settings = secret_receiver::Settings::from_lookup(lookup)?;
                let (vault, layout) = (settings.vault, settings.deployment.layout.clone());
                let ports = secret_receiver::Ports {
                    vault: Vault::new(world.acting_as(RECEIVER), vault, layout),
                    lwa: copy(),
                    queue: copy(),
                    notifier: copy(),
                    clock: copy(),
                    metrics: copy(),
                };
                let receiver = SecretReceiver::new(settings, ports);
                let payload = Payload::new(event.to_string());
                Ok(boxed(receiver.handle(payload, None)).await?.to_json())
            }
        }
    }

    async fn live<F>(
        self,
        event: Value,
        live: &LiveRun,
        lookup: &Lookup<F>,
    ) -> Result<Value, Failed>
    where
        F: Fn(&str) -> Option<String>,
    {
        match self {
            Self::PolicyFormatter => {
                let settings = policy_formatter::Settings::from_lookup(lookup)?;
                let (account, notifier) = (live.account(), live.notifier());
                let formatter =
                    PolicyFormatter::new(settings, account, notifier, live.clock(), NoMetrics);
                format(event, formatter).await
            }
            Self::TokenExchanger => {
                let settings = token_exchanger::Settings::from_lookup(lookup)?;
                exchange(
                    event,
                    account::token_exchanger(live.aws(), settings, NoMetrics)?,
                )
                .await
            }
            Self::Auditor => {
                let region = live.aws().region().map(str::to_owned);
                let settings = auditor::Settings::from_lookup(&lookup.with(AWS_REGION, region))?;
                let auditor = Auditor::new(
                    settings,
                    Account::patient(live.aws()),
                    live.notifier(),
                    live.clock(),
                    NoMetrics,
                );
                audit(event, auditor).await
            }
            Self::RotationRequester | Self::SecretReceiver => Err(Failed::new(
                "FunctionNotLive",
                format_args!(
                    "the {self} changes the vault, or asks Amazon for a new secret, so it is not \
                     replayed against a real account; leave `--live` out, or see `lwa rotate \
                     --help`"
                ),
            )),
        }
    }
}

/// What a function runs on.
pub(super) enum Stage {
    /// An account in memory.
    Memory(World),
    /// A real account.
    Live(Box<LiveRun>),
}

/// How long an invocation of the exchanger may take on AWS.
const EXCHANGER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an invocation of the auditor may take on AWS.
const AUDITOR_TIMEOUT: Duration = Duration::from_mins(5);

/// What stands in the place of an access token.
const HIDDEN: &str = "(hidden)";

async fn format<A, N, C, M>(
    event: Value,
    formatter: PolicyFormatter<A, N, C, M>,
) -> Result<Value, Failed>
where
    A: ReadMetadata,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    to_value(&boxed(formatter.handle(event)).await?)
}

async fn exchange<A, L, S, C, M>(
    event: Value,
    exchanger: TokenExchanger<A, L, S, C, M>,
) -> Result<Value, Failed>
where
    A: ReadMetadata + ReadValues,
    L: TokenEndpoint,
    S: SellingPartnerApi,
    C: Clock,
    M: Metrics,
{
    Ok(
        match boxed(exchanger.handle(event, EXCHANGER_TIMEOUT)).await? {
            Response::Token(token) => Response::Token(TokenResponse {
                access_token: HIDDEN.into(),
                ..token
            })
            .to_json(),
            check @ Response::Check(_) => check.to_json(),
        },
    )
}

async fn audit<A, N, C, M>(event: Value, auditor: Auditor<A, N, C, M>) -> Result<Value, Failed>
where
    A: ReadMetadata,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    to_value(&boxed(auditor.handle(event, AUDITOR_TIMEOUT)).await?)
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// As the function's error response would put it.
impl<E: FunctionError + 'static> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::new(error.error_type(), chain(&error))
    }
}

fn to_value(response: &impl serde::Serialize) -> Result<Value, Failed> {
    serde_json::to_value(response).map_err(|error| Failed::new("InvalidResponse", error))
}
