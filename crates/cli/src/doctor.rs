//! `lwa doctor`: a deployed system, end to end, with what to do about what is wrong.
//!
//! [`inspection`] asks AWS, [`checks`] and [`credentials`] judge the answers, and [`fault`] has the
//! words. Every call only reads, except for the event that `--send-test` puts on the bus; the one
//! exchange at LWA makes a token that is thrown away.

mod checks;
mod credentials;
mod fault;
mod report;
mod settings;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use auditor::scan::Observation;
use clap::Args;
use jiff::SignedDuration;
use lwa_aws::account::Account;
use lwa_aws::clients::Aws;
use lwa_aws::clock::SystemClock;
use lwa_aws::event_bus;
use lwa_aws::inspection::{self, EventSource, LogLine};
use lwa_core::application::Role;
use lwa_core::audit::tally::ApplicationDeadline;
use lwa_core::config::{ConfigError, Deployment, Lookup, TOPIC_ARN};
use lwa_core::event::{Event, test_event};
use lwa_core::policy_notice::{self, Context};
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::rules::{self, EventRule};
use lwa_core::vault::ports::{NAMES_LIMIT, ReadMetadata};
use lwa_core::vault::{VaultKind, parameter_store};
use lwa_core::{ApplicationName, Layout};
use serde_json::json;
use token_exchanger::Response;

use self::checks::QueueRole;
pub use self::fault::Fault;
use self::report::{Report, TestMessage};
use self::settings::{Settings, Variables};
use self::verdict::Verdict;
use crate::account::{self, AwsOptions, NoMetrics, PROMPT};
use crate::failure::Failure;
use crate::function::Function;
use crate::runtime::{block_on, boxed};
use crate::settings::SettingsOptions;

/// Check a deployed system end to end, and say what to do about each fault
///
/// Checks who calls, the functions and their last errors, credentials and their keys, rules,
/// schedules, the topic, queues, Login with Amazon (LWA) and the Selling Partner API. It changes
/// nothing: every call only reads, and the access token that it requests is thrown away. With
/// --send-test, it then sends every subscriber a message that is marked as a test.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The variables of the deployed functions say what to look for; the settings of
this command, such as LWA_PARAMETER_PREFIX, override them. A check that lacks a
permission names it, and the other checks continue.

Examples:
  lwa doctor
      the stack lwa, in the configured account and region
  lwa doctor --stack lwa-eu --profile production --region eu-west-1
      another one
  lwa doctor --send-test
      the checks, and then a test message from the event bus to your inbox
  lwa doctor --json | jq -r '.checks[] | select(.mark == \"bad\") | .found'
      for a program to read

Exit code: 0 nothing is broken, 1 something is, or the test message could not be
sent, 2 wrong usage.")]
pub(crate) struct DoctorOptions {
    /// The name of the deployed stack; the names of its parts begin with it
    #[arg(long, value_name = "NAME", default_value = "lwa", value_parser = stack_name)]
    stack: String,

    /// After the checks, send a test message through the deployed path to every subscriber
    ///
    /// Puts one event on the default event bus, whatever the checks found. The rule test-messages
    /// hands it to policy-formatter, which publishes it to the topic. The message says TEST in
    /// subject, SMS and body, and shows the true deadline of a client secret in Parameter Store,
    /// if there is one. Nothing is sent where nothing is deployed.
    #[arg(long)]
    send_test: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: SettingsOptions,

    #[command(flatten)]
    aws: AwsOptions,
}

/// The functions that a queue feeds.
const FED: [Function; 2] = [Function::RotationRequester, Function::SecretReceiver];

/// The queues that should be empty, by the last part of their names. What Amazon sends to has a
/// name that cannot be guessed, so it is taken from what feeds the functions.
const DEAD_LETTERS: [&str; 4] = [
    "secret-expiry-dead-letters",
    "new-secret-dead-letters",
    "failed-invocations",
    "undelivered",
];

/// The schedules, by the last part of their names, with what does not happen without them.
const SCHEDULES: [(&str, &str); 2] = [
    ("auditor", "deadlines are not audited"),
    ("rotation-requester", "no rotation is requested in time"),
];

/// How far back errors are looked for.
const LOG_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Our own errors, and invocations that the platform ended.
const LOG_PATTERNS: [&str; 2] = ["{ $.level = \"ERROR\" }", "\"Status: \""];

/// One exchange and one call of SP-API, with their retries.
const CHECK_TIMEOUT: Duration = Duration::from_secs(25);

/// Runs the subcommand; whether nothing is broken.
pub(crate) fn main(options: &DoctorOptions) -> Result<bool, Failure> {
    options.settings.load()?;
    block_on(async {
        let aws = account::connect(&options.aws, PROMPT).await?;
        let mut doctor = Doctor {
            aws: &aws,
            stack: &options.stack,
            sends_test: options.send_test,
            notification_queues: Vec::new(),
            report: Report::new(options.json),
        };
        boxed(doctor.run()).await?;
        Ok(doctor.report.finish()?)
    })
}

/// The checks, over one account.
struct Doctor<'a> {
    aws: &'a Aws,
    stack: &'a str,
    sends_test: bool,
    /// The names of the queues that Amazon sends to.
    notification_queues: Vec<String>,
    report: Report,
}

impl Doctor<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let region = self.aws.region().unwrap_or_default();
        let call = inspection::identity(self.aws);
        let identity = self.report.over("who calls", call).await;
        self.report.show([checks::identity(&identity, region)])?;
        let Ok(identity) = identity else {
            return Ok(());
        };
        let functions = self.functions().await?;
        let is_deployed = functions.is_some();
        let variables = Variables::of(&functions.unwrap_or_default());
        let settings = match Settings::read(&variables, region) {
            Ok(settings) => settings,
            Err(error) => {
                self.report.show([unusable(&error)])?;
                if is_deployed {
                    // The stack's name tells where they are.
                    self.topic(&variables, &identity).await?;
                    self.queues().await?;
                }
                return Ok(());
            }
        };
        let found = self.credentials(&settings).await?;
        let applications = settings.applications(&found);
        if is_deployed {
            self.rules(&settings, &applications).await?;
            self.schedules(&settings).await?;
            self.topic(&variables, &identity).await?;
            self.queues().await?;
        }
        self.exchanges(&settings, &applications).await?;
        if is_deployed && self.sends_test {
            self.send_test(&settings, &found).await?;
        }
        Ok(())
    }

    fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.stack)
    }

    /// The functions that exist, with their configuration; none if nothing is deployed.
    async fn functions(&mut self) -> Result<Option<Vec<(String, inspection::Function)>>, Failure> {
        let mut all = Vec::new();
        for function in Function::ALL {
            let name = self.name(function.as_str());
            let call = inspection::function(self.aws, &name);
            let found = self.report.over(&name, call).await;
            all.push((name, found));
        }
        let is_missing = |found: &Result<_, CallError>| {
            let error = found.as_ref().err();
            error.is_some_and(|error| error.failure == CallFailure::NotFound)
        };
        if all.iter().all(|(_, found)| is_missing(found)) {
            self.report
                .show([Verdict::fault(Fault::NothingDeployed, self.stack, "")])?;
            return Ok(None);
        }
        let mut present = Vec::new();
        for (name, found) in all {
            self.report.show([checks::function(&name, &found)])?;
            present.extend(found.ok().map(|function| (name, function)));
        }
        self.report.show(checks::same_settings(&present))?;
        for (name, _) in &present {
            let errors = self.report.over("the logs", errors(self.aws, name)).await;
            self.report.show(checks::errors(name, &errors))?;
        }
        for function in FED {
            let name = self.name(function.as_str());
            if present.iter().any(|(other, _)| *other == name) {
                let call = inspection::event_sources(self.aws, &name);
                let sources = self.report.over(&name, call).await;
                self.report.show([checks::source(&name, &sources)])?;
                let queues = sources.unwrap_or_default().into_iter();
                let name = |source: EventSource| source.arn.rsplit(':').next().map(str::to_owned);
                self.notification_queues.extend(queues.filter_map(name));
            }
        }
        Ok(Some(present))
    }

    /// Everything that an audit finds, and the keys.
    async fn credentials(
        &mut self,
        settings: &Settings,
    ) -> Result<Vec<ApplicationDeadline>, Failure> {
        let vaults = Account::patient(self.aws);
        let audit = &settings.audit;
        let denied = Mutex::new(BTreeMap::new());
        let denied = || denied.lock().unwrap_or_else(PoisonError::into_inner);
        let observer = |observation: Observation<'_>| {
            if let Observation::Missed { what, error } = observation
                && error.failure == CallFailure::Denied
            {
                denied().insert(what.to_owned(), error.operation);
            }
        };
        let survey = auditor::survey(audit, &vaults, &SystemClock, &observer);
        let state = self.report.over("the credentials", boxed(survey)).await;
        let (tally, now) = (&state.tally, state.started_at);
        let lifetime = audit.rules.policy.secret_lifetime_days;
        let deadlines = tally.deadlines.items();
        let report = &mut self.report;
        let told = deadlines.iter();
        report.show(told.map(|found| credentials::deadline(found, lifetime, now)))?;
        report.show(tally.findings.items().iter().map(credentials::finding))?;
        for missed in tally.not_seen.items() {
            let operation = denied().get(&missed.what).copied();
            report.show([credentials::not_seen(missed, operation)])?;
        }
        if deadlines.is_empty() && !tally.is_partial() {
            let scope = audit.scope();
            self.report
                .show([Verdict::fault(Fault::ClientSecretMissing, &scope, "")])?;
        }
        let keys = self.keys_of(&audit.deployment.layout, deadlines, &vaults);
        for id in keys.await {
            let call = inspection::key(self.aws, &id);
            let found = self.report.over("the keys", call).await;
            self.report.show([checks::key(&id, &found)])?;
        }
        Ok(deadlines.to_vec())
    }

    /// The customer keys of the credentials. The audit has reported what cannot be listed.
    async fn keys_of(
        &mut self,
        layout: &Layout,
        deadlines: &[ApplicationDeadline],
        vaults: &Account,
    ) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut names = Vec::new();
        for found in deadlines {
            match found.vault {
                VaultKind::ParameterStore => {
                    let parameter = |role| layout.parameter(&found.application, &role);
                    names.extend(Role::OWN.map(parameter));
                }
                VaultKind::SecretsManager => {
                    let call = vaults.list_secrets(&found.credential, None);
                    let page = self.report.over("the keys", call).await.unwrap_or_default();
                    let secrets = page.items.into_iter();
                    let mut found = secrets.filter(|secret| secret.name == found.credential);
                    keys.extend(found.next().and_then(|secret| secret.key_id));
                }
            }
        }
        for names in names.chunks(NAMES_LIMIT) {
            let call = parameter_store::find_parameters(vaults, names);
            let found = self.report.over("the keys", call).await;
            let found = found.unwrap_or_default().into_iter();
            keys.extend(found.filter_map(|parameter| parameter.key_id));
        }
        // LWA004 reports AWS-managed keys, and they cannot be disabled.
        keys.retain(|key| !key.contains("alias/aws/"));
        keys
    }

    async fn rules(
        &mut self,
        settings: &Settings,
        applications: &[ApplicationName],
    ) -> Result<(), Failure> {
        let layout = &settings.audit.deployment.layout;
        let wanted = rules::event_rules(layout)?;
        let is_watched = |rule: &&EventRule| {
            let mut vaults = settings.audit.vaults.iter();
            vaults.any(|vault| rule.belongs_to(vault.as_str()))
        };
        for wanted in wanted.iter().filter(is_watched) {
            let name = self.name(&wanted.name);
            let call = inspection::rule(self.aws, &name);
            let found = self.report.over(&name, call).await;
            self.report
                .show([checks::rule(&name, wanted, &found, layout, applications)])?;
        }
        Ok(())
    }

    async fn schedules(&mut self, settings: &Settings) -> Result<(), Failure> {
        for (part, what) in SCHEDULES {
            let name = self.name(part);
            let call = inspection::schedule(self.aws, &name);
            let found = self.report.over(&name, call).await;
            self.report.show([checks::schedule(&name, what, &found)])?;
        }
        for application in settings.configured() {
            let part = format!("canary-{}", application.as_str().replace('/', "."));
            let name = self.name(&part);
            let call = inspection::schedule(self.aws, &name);
            let found = self.report.over(&name, call).await;
            self.report
                .show([checks::canary(&name, &application, &found)])?;
        }
        Ok(())
    }

    async fn topic(&mut self, variables: &Variables, identity: &str) -> Result<(), Failure> {
        let arn = if variables.get(TOPIC_ARN.name).is_some() {
            match Lookup::new(|name: &str| variables.get(name)).topic_arn() {
                Ok(arn) => arn,
                Err(error) => return Ok(self.report.show([unusable(&error)])?),
            }
        } else {
            // As the stack names it.
            let mut parts = identity.split(':').skip(1);
            let partition = parts.next().unwrap_or("aws");
            let account = parts.nth(2).unwrap_or_default();
            let (region, name) = (self.aws.region().unwrap_or_default(), self.name("alerts"));
            format!("arn:{partition}:sns:{region}:{account}:{name}")
        };
        let call = inspection::topic(self.aws, &arn);
        let found = self.report.over("the topic", call).await;
        Ok(self.report.show(checks::topic(&arn, &found))?)
    }

    async fn queues(&mut self) -> Result<(), Failure> {
        let notifications = std::mem::take(&mut self.notification_queues).into_iter();
        let queues = notifications.map(|name| (name, QueueRole::Notifications));
        let dead_letters = DEAD_LETTERS.map(|part| (self.name(part), QueueRole::DeadLetters));
        for (name, role) in queues.chain(dead_letters) {
            let call = inspection::queue(self.aws, &name);
            let found = self.report.over(&name, call).await;
            self.report.show([checks::queue(&name, role, &found)])?;
        }
        Ok(())
    }

    async fn exchanges(
        &mut self,
        settings: &Settings,
        applications: &[ApplicationName],
    ) -> Result<(), Failure> {
        let exchanger = account::token_exchanger(self.aws, settings.exchanger.clone(), NoMetrics)?;
        for application in applications {
            let request = json!({"application": application.as_str(), "action": "check"});
            let answer = boxed(exchanger.handle(request, CHECK_TIMEOUT));
            let answer = self.report.over(application.as_str(), answer).await;
            let found = answer.map(|response| match response {
                Response::Check(check) => Some(check),
                Response::Token(_) => None,
            });
            if let Some(found) = found.transpose() {
                let vault = settings.exchanger.vault;
                self.report
                    .show(credentials::exchange(application, vault, &found))?;
            }
        }
        Ok(())
    }

    /// Asks for a test message about the first client secret that policy-formatter can look up.
    async fn send_test(
        &mut self,
        settings: &Settings,
        found: &[ApplicationDeadline],
    ) -> Result<(), Failure> {
        let mut secrets = found.iter();
        let secret = secrets.find(|found| found.vault == VaultKind::ParameterStore);
        let parameter = secret.map(|found| found.credential.as_str());
        let event = test_event(parameter);
        let call = event_bus::put_event(self.aws, &event);
        let sent = self.report.over("the event bus", call).await;
        let subject = test_subject(&settings.audit.deployment);
        self.report
            .show([checks::test_message(self.stack, &subject, &sent)])?;
        self.report.test_message = sent.ok().map(|event_id| TestMessage {
            event_id,
            subject,
            parameter: parameter.map(str::to_owned),
        });
        Ok(())
    }
}

/// How the subject of every test message begins.
fn test_subject(deployment: &Deployment) -> String {
    let context = Context {
        layout: &deployment.layout,
        policy: deployment.policy,
        system_writer: None,
        runbook_url: None,
        now: SystemClock.now(),
    };
    let event = Event::parse(&test_event(None));
    let message = policy_notice::notice(&event, None, context).render();
    message.subject
}

/// The lines of a function's log that may tell of a failure, and whether there may be more.
async fn errors(aws: &Aws, name: &str) -> Result<(Vec<LogLine>, bool), CallError> {
    let now = SystemClock.now();
    let since = now.checked_sub(LOG_WINDOW).unwrap_or(now);
    let mut found = (Vec::new(), false);
    for pattern in LOG_PATTERNS {
        let (lines, has_more) = inspection::log_lines(aws, name, pattern, since).await?;
        found.0.extend(lines);
        found.1 |= has_more;
    }
    Ok(found)
}

/// A variable that the functions, or this shell, have a wrong value for.
fn unusable(error: &ConfigError) -> Verdict {
    Verdict::fault(Fault::SettingsUnusable, &error.to_string(), "")
}

/// What `CloudFormation` allows; nothing else belongs in the path of a request.
fn stack_name(text: &str) -> Result<String, &'static str> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("a stack's name has letters, digits and hyphens, and begins with a letter")
    }
}
