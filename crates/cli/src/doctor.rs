//! `lwa doctor`: a deployed system, end to end, with what to do about what is wrong.
//!
//! [`facts`] asks and [`checks`] judges, so that a verdict is a function over data. Every call
//! only reads; the one exchange at LWA makes a token that is thrown away.

mod aws_api;
mod checks;
mod facts;
mod fault;
mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use clap::Args;
use lwa_aws::clients::Aws;
use lwa_aws::clock::SystemClock;
use lwa_aws::parameter_store_estate::ParameterStoreEstate;
use lwa_aws::secrets_manager_estate::SecretsManagerEstate;
use lwa_core::ApplicationName;
use lwa_core::application::Role;
use lwa_core::audit::Vault;
use lwa_core::audit::estate::{FIND_LIMIT, ParameterEstate, SecretEstate};
use lwa_core::audit::tally::ApplicationDeadline;
use lwa_core::config::{ConfigError, LWA_VAULT, Lookup, TOPIC_ARN};
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::rules;
use serde_json::json;
use token_exchanger::Response;

use self::aws_api::AwsApi;
use self::checks::{Function, Identity, QueueRole};
pub use self::fault::Fault;
use self::line::{Line, Mark};
use crate::account::{self, AwsOptions, NoMetrics, PROMPT};
use crate::failure::Failure;
use crate::runtime::{block_on, boxed};
use crate::settings::{self, SettingsOptions};
use crate::terminal::{BAD, BOLD, GOOD, Progress, WARNING};

/// Check a deployed system end to end, and say what to do about each fault
///
/// Looks at who asks, the functions and their last errors, credentials and their keys, rules,
/// schedules, the topic, queues, Login with Amazon (LWA) and the Selling Partner API. It changes
/// nothing: every call only reads, and the one access token that it asks for is thrown away.
#[derive(Debug, Args)]
#[command(after_long_help = "\
What to look for is taken from the deployed functions' variables; settings of
this command, such as LWA_PARAMETER_PREFIX, come first. A check that needs a
permission which is missing says which, and the others go on.

Examples:
  lwa doctor
      the stack lwa, in the configured account and region
  lwa doctor --stack lwa-eu --profile production --region eu-west-1
      another one
  lwa doctor --json | jq -r '.checks[] | select(.mark == \"bad\") | .found'
      for a program to read

Exit code: 0 nothing is broken, 1 something is, 2 wrong usage.")]
pub(crate) struct DoctorOptions {
    /// The name of the deployed stack, with which the names of its parts begin
    #[arg(long, value_name = "NAME", default_value = "lwa", value_parser = stack_name)]
    stack: String,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: SettingsOptions,

    #[command(flatten)]
    aws: AwsOptions,
}

/// The functions, by the last part of their names.
const FUNCTIONS: [&str; 5] = [
    "token-exchanger",
    "policy-formatter",
    "auditor",
    "rotation-requester",
    "secret-receiver",
];

/// Those that a queue feeds.
const FED: [&str; 2] = ["rotation-requester", "secret-receiver"];

/// The queues, by the last part of their names.
const QUEUES: [(&str, QueueRole); 6] = [
    ("secret-expiry", QueueRole::Notifications),
    ("secret-expiry-dead-letters", QueueRole::DeadLetters),
    ("new-secret", QueueRole::Notifications),
    ("new-secret-dead-letters", QueueRole::DeadLetters),
    ("failed-invocations", QueueRole::DeadLetters),
    ("undelivered", QueueRole::DeadLetters),
];

/// The schedules, by the last part of their names, with what does not happen without them.
const SCHEDULES: [(&str, &str); 2] = [
    ("auditor", "nobody looks at the deadlines"),
    ("rotation-requester", "no rotation is requested in time"),
];

/// One exchange and one call of SP-API, with their retries.
const CHECK_TIMEOUT: Duration = Duration::from_secs(25);

/// Runs the subcommand; whether nothing is broken.
pub(crate) fn main(options: &DoctorOptions) -> Result<bool, Failure> {
    options.settings.load()?;
    block_on(async {
        let aws = account::connect(&options.aws, PROMPT).await?;
        let mut report = Report {
            is_json: options.json,
            progress: Progress::new(),
            lines: Vec::new(),
        };
        let doctor = Doctor {
            api: AwsApi::new(&aws, options.aws.endpoint_url.as_deref()),
            aws: &aws,
            stack: &options.stack,
        };
        boxed(doctor.run(&mut report)).await?;
        report.finish()
    })
}

/// The checks, over one account.
struct Doctor<'a> {
    aws: &'a Aws,
    api: AwsApi<'a>,
    stack: &'a str,
}

impl Doctor<'_> {
    async fn run(&self, report: &mut Report) -> Result<(), Failure> {
        let region = self.aws.region().unwrap_or_default();
        let identity = report.over("who asks", facts::identity(self.aws)).await;
        report.show([checks::identity(&identity, region)])?;
        let Ok(identity) = identity else {
            return Ok(());
        };
        let functions = self.functions(report).await?;
        let is_deployed = functions.is_some();
        let variables = variables(&functions.unwrap_or_default());
        let settings = match Settings::read(&variables, region) {
            Ok(settings) => settings,
            Err(error) => {
                report.show([checks::unusable(&error)])?;
                if is_deployed {
                    // Where the stack's name says, wherever credentials are.
                    self.topic(report, &variables, &identity).await?;
                    self.queues(report).await?;
                }
                return Ok(());
            }
        };
        let found = self.credentials(report, &settings).await?;
        let applications = settings.applications(&found);
        if is_deployed {
            self.rules(report, &settings, &applications).await?;
            self.schedules(report, &settings).await?;
            self.topic(report, &variables, &identity).await?;
            self.queues(report).await?;
        }
        self.exchanges(report, &settings, &applications).await
    }

    fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.stack)
    }

    /// The functions that are there, with what is set for them; none if nothing is deployed.
    async fn functions(
        &self,
        report: &mut Report,
    ) -> Result<Option<Vec<(String, Function)>>, Failure> {
        let now = SystemClock.now();
        let mut all = Vec::new();
        for part in FUNCTIONS {
            let name = self.name(part);
            let found = report.over(&name, facts::function(&self.api, &name)).await;
            all.push((name, found));
        }
        let is_there = |(_, found): &(String, Result<Function, CallError>)| match found {
            Ok(_) => true,
            Err(error) => error.failure != CallFailure::NotFound,
        };
        if !all.iter().any(is_there) {
            report.show([checks::nothing_deployed(self.stack)])?;
            return Ok(None);
        }
        let mut there = Vec::new();
        for (name, found) in all {
            report.show([checks::function(&name, &found)])?;
            there.extend(found.ok().map(|function| (name, function)));
        }
        report.show(checks::same_settings(&there))?;
        for (name, _) in &there {
            let failures = facts::failures(&self.api, name, now);
            let failures = report.over("the logs", failures).await;
            report.show(checks::failures(name, &failures))?;
        }
        for part in FED {
            let name = self.name(part);
            if there.iter().any(|(other, _)| *other == name) {
                let sources = report.over(&name, facts::sources(&self.api, &name)).await;
                report.show([checks::source(&name, &sources)])?;
            }
        }
        Ok(Some(there))
    }

    /// Everything that an audit finds, and the keys.
    async fn credentials(
        &self,
        report: &mut Report,
        settings: &Settings,
    ) -> Result<Vec<ApplicationDeadline>, Failure> {
        let parameters = ParameterStoreEstate::from_aws(self.aws);
        let secrets = SecretsManagerEstate::from_aws(self.aws);
        let audit = &settings.audit;
        let survey = auditor::survey(audit, &parameters, &secrets, &SystemClock, &|_| ());
        let state = report.over("the credentials", boxed(survey)).await;
        let (tally, now) = (&state.tally, state.started_at);
        let lifetime = audit.rules.secret_lifetime_days;
        let deadlines = tally.deadlines.items();
        report.show(
            deadlines
                .iter()
                .map(|found| checks::deadline(found, lifetime, now)),
        )?;
        report.show(tally.findings.items().iter().map(checks::finding))?;
        report.show(tally.not_seen.items().iter().map(checks::not_seen))?;
        if deadlines.is_empty() && !tally.is_partial() {
            report.show([checks::no_client_secret(&audit.scope())])?;
        }
        let keys = self.keys_of(report, settings, deadlines, &parameters, &secrets);
        for id in keys.await {
            let found = report.over("the keys", facts::key(&self.api, &id)).await;
            report.show([checks::key(&id, &found)])?;
        }
        Ok(deadlines.to_vec())
    }

    /// The customer keys of the credentials. What cannot be listed was said by the audit.
    async fn keys_of(
        &self,
        report: &mut Report,
        settings: &Settings,
        deadlines: &[ApplicationDeadline],
        parameters: &ParameterStoreEstate,
        secrets: &SecretsManagerEstate,
    ) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut names = Vec::new();
        for found in deadlines {
            match found.vault {
                Vault::ParameterStore => {
                    let layout = &settings.audit.layout;
                    for role in [
                        Role::ClientId,
                        Role::ClientSecret,
                        Role::RefreshToken { seller: None },
                    ] {
                        names.push(layout.parameter(&found.application, &role));
                    }
                }
                Vault::SecretsManager => {
                    let page = report.over("the keys", secrets.page(&found.credential, None));
                    for secret in page.await.unwrap_or_default().secrets {
                        keys.extend(secret.key_id.filter(|_| secret.name == found.credential));
                    }
                }
            }
        }
        for names in names.chunks(FIND_LIMIT) {
            let found = report.over("the keys", parameters.find(names)).await;
            for parameter in found.unwrap_or_default() {
                keys.extend(parameter.key_id);
            }
        }
        // Of which LWA004 has told already, and nobody can disable them.
        keys.retain(|key| !key.contains("alias/aws/"));
        keys
    }

    async fn rules(
        &self,
        report: &mut Report,
        settings: &Settings,
        applications: &[ApplicationName],
    ) -> Result<(), Failure> {
        let layout = &settings.audit.layout;
        let wanted = rules::event_rules(layout).map_err(anyhow::Error::from)?;
        let is_watched = |vault: &str| {
            let vaults = &settings.audit.vaults;
            vaults.iter().any(|watched| watched.as_str() == vault)
        };
        for wanted in wanted.iter().filter(|rule| is_watched(&rule.vault)) {
            let name = self.name(&wanted.name);
            let found = report.over(&name, facts::rule(&self.api, &name)).await;
            report.show([checks::rule(&name, wanted, &found, layout, applications)])?;
        }
        Ok(())
    }

    async fn schedules(&self, report: &mut Report, settings: &Settings) -> Result<(), Failure> {
        for (part, what) in SCHEDULES {
            let name = self.name(part);
            let found = report.over(&name, facts::schedule(&self.api, &name)).await;
            report.show([checks::schedule(&name, what, &found)])?;
        }
        for application in settings.configured() {
            let part = format!("canary-{}", application.as_str().replace('/', "."));
            let name = self.name(&part);
            let found = report.over(&name, facts::schedule(&self.api, &name)).await;
            report.show([checks::canary(&name, &application, &found)])?;
        }
        Ok(())
    }

    async fn topic(
        &self,
        report: &mut Report,
        variables: &Variables,
        identity: &Identity,
    ) -> Result<(), Failure> {
        let arn = match variables.get(TOPIC_ARN.name) {
            Some(_) => match Lookup::new(|name: &str| variables.get(name)).topic_arn() {
                Ok(arn) => arn,
                Err(error) => return report.show([checks::unusable(&error)]),
            },
            // As the stack names it.
            None => format!(
                "arn:{}:sns:{}:{}:{}",
                identity.partition(),
                self.aws.region().unwrap_or_default(),
                identity.account,
                self.name("alerts")
            ),
        };
        let found = report.over("the topic", facts::topic(self.aws, &arn)).await;
        report.show(checks::topic(&arn, &found))
    }

    async fn queues(&self, report: &mut Report) -> Result<(), Failure> {
        for (part, role) in QUEUES {
            let name = self.name(part);
            let found = report.over(&name, facts::queue(self.aws, &name)).await;
            report.show([checks::queue(&name, role, &found)])?;
        }
        Ok(())
    }

    async fn exchanges(
        &self,
        report: &mut Report,
        settings: &Settings,
        applications: &[ApplicationName],
    ) -> Result<(), Failure> {
        let exchanger = account::token_exchanger(self.aws, settings.exchanger.clone(), NoMetrics)?;
        for application in applications {
            let request = json!({"application": application.as_str(), "action": "check"});
            let answer = boxed(exchanger.handle(request, CHECK_TIMEOUT));
            let answer = report.over(application.as_str(), answer).await;
            let found = answer.map(|response| match response {
                Response::Check(check) => Some(check),
                Response::Token(_) => None,
            });
            if let Some(found) = found.transpose() {
                report.show(checks::exchange(
                    application,
                    settings.exchanger.vault,
                    &found,
                ))?;
            }
        }
        Ok(())
    }
}

/// The functions' variables, and the settings of this process, which come first.
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn get(&self, name: &str) -> Option<String> {
        settings::variable(name).or_else(|| self.0.get(name).cloned())
    }
}

/// What the functions are set to. The exchanger comes first: the auditor may look into both
/// vaults, of which the credentials are in one.
fn variables(functions: &[(String, Function)]) -> Variables {
    let mut all = BTreeMap::new();
    for (_, function) in functions {
        for (name, value) in &function.environment {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Variables(all)
}

struct Settings {
    audit: auditor::Settings,
    exchanger: token_exchanger::Settings,
}

impl Settings {
    fn read(variables: &Variables, region: &str) -> Result<Self, ConfigError> {
        let mut audit = auditor::Settings::from_lookup(&Lookup::new(|name| variables.get(name)))?;
        region.clone_into(&mut audit.region);
        let one_vault = |name: &str| match variables.get(name) {
            Some(both) if name == LWA_VAULT.name && both == "both" => None,
            value => value,
        };
        let exchanger = token_exchanger::Settings::from_lookup(&Lookup::new(one_vault))?;
        Ok(Self { audit, exchanger })
    }

    /// The applications that prefixes are named after.
    fn configured(&self) -> Vec<ApplicationName> {
        let prefixes = self.audit.layout.prefixes.iter();
        prefixes
            .filter_map(|prefix| ApplicationName::parse(prefix).ok())
            .collect()
    }

    /// Those that were found, or should be there.
    fn applications(&self, found: &[ApplicationDeadline]) -> Vec<ApplicationName> {
        let found: BTreeSet<ApplicationName> = found
            .iter()
            .map(|found| found.application.clone())
            .collect();
        if found.is_empty() {
            return self.configured();
        }
        found.into_iter().collect()
    }
}

/// What was found so far. A person sees each line as it is found.
struct Report {
    is_json: bool,
    progress: Progress,
    lines: Vec<Line>,
}

impl Report {
    /// Waits, and says for what if it takes long.
    async fn over<T>(&mut self, what: &str, work: impl Future<Output = T>) -> T {
        self.progress
            .over(&format!("Looking at {what}"), work)
            .await
    }

    fn show(&mut self, lines: impl IntoIterator<Item = Line>) -> Result<(), Failure> {
        for line in lines {
            if !self.is_json {
                line.write(&mut anstream::stdout())?;
            }
            self.lines.push(line);
        }
        Ok(())
    }

    /// Whether nothing is broken.
    fn finish(self) -> Result<bool, Failure> {
        let count = |mark| self.lines.iter().filter(|line| line.mark() == mark).count();
        let (good, attention) = (count(Mark::Good), count(Mark::Attention));
        let (bad, skipped) = (count(Mark::Bad), count(Mark::Skipped));
        let mut out = anstream::stdout();
        if self.is_json {
            let checks: Vec<_> = self.lines.iter().map(Line::to_json).collect();
            let object = json!({
                "checks": checks,
                "counts": {
                    "good": good,
                    "attention": attention,
                    "bad": bad,
                    "skipped": skipped,
                },
            });
            writeln!(out, "{object:#}")?;
        } else {
            let style = match (bad, attention + skipped) {
                (0, 0) => GOOD,
                (0, _) => WARNING,
                _ => BAD,
            };
            writeln!(
                out,
                "\n{style}{bad} broken, {attention} to look at, {skipped} not checked, \
                 {good} good.{style:#}"
            )?;
            if bad > 0 {
                writeln!(
                    out,
                    "{BOLD}What is broken can wait or not: docs/operations.md says which.{BOLD:#}"
                )?;
            }
        }
        Ok(bad == 0)
    }
}

/// What `CloudFormation` allows; nothing else belongs into the path of a request.
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
