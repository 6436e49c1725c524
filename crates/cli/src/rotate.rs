//! `lwa rotate`: the requester's work, from a terminal.

mod screen;

use std::io;
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;
use lwa_aws::account::Account;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::environment;
use lwa_aws::logging::{self, Format};
use lwa_aws::lwa_client::LwaClient;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::sp_api_client::SpApiClient;
use lwa_core::Timestamp;
use lwa_core::config::{AWS_REGION, TOPIC_ARN};
use lwa_core::ports::Clock;
use lwa_core::rotation::request::Decision;
use lwa_core::vault::Vault;
use rotation_requester::{Outcome, Plan, Ports, Progress as Stage, RotationRequester, Settings};

use crate::account::{self, NoMetrics};
use crate::failure::Failure;
use crate::notifier::RecordingNotifier;
use crate::runtime::{block_on, boxed};
use crate::target::{TargetOptions, choose};
use crate::terminal::{self, BOLD, DIM, Progress, WARNING};
use screen::{Ending, LATER, Screen};

/// Ask Amazon for a new client secret now, after showing what will happen
///
/// Does what the rotation-requester function does when a deadline is near, at any time. Amazon
/// sends the new secret to the queue that is registered in the developer console, secret-receiver
/// stores it, and this command waits until it has.
#[derive(Debug, Args)]
#[command(after_long_help = "\
If a rotation was requested within the last 24 hours, this command requests no
other and waits for that one. The wait can be interrupted at any time; the
rotation continues without it.

Examples:
  lwa rotate --application my-erp --dry-run
      what would happen
  lwa rotate --application my-erp
      shows that, asks for confirmation, and waits for the new secret
  lwa rotate --application my-erp --yes --no-wait
      from a script

Exit code: 0 the new secret is stored, or with --no-wait requested, 1 not,
2 wrong usage.")]
pub(crate) struct RotateOptions {
    /// The application; needed only where several are configured
    #[arg(long, short, value_name = "NAME")]
    application: Option<String>,

    /// Show what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,

    /// Do not wait for the new secret
    #[arg(long)]
    no_wait: bool,

    /// How long to wait for the new secret
    #[arg(long, value_name = "MINUTES", default_value_t = 30, conflicts_with = "no_wait",
        value_parser = clap::value_parser!(u32).range(1..=10_080))]
    timeout: u32,

    /// Print a JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: TargetOptions,
}

/// As the deployed function has them.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(3),
    operation: Duration::from_secs(15),
};

/// The request for a rotation must not be given up early: it cannot be repeated.
const SP_API_TIMEOUT: Duration = Duration::from_secs(20);

/// The first pause between two looks at the vault, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

type Requester =
    RotationRequester<Account, LwaClient, SpApiClient, RecordingNotifier, SystemClock, NoMetrics>;

/// Runs the subcommand; whether the new secret is stored, or at least requested.
pub(crate) fn main(options: &RotateOptions) -> Result<bool, Failure> {
    let variables = options.target.lookup()?;
    if !options.yes && !options.dry_run {
        terminal::check_confirmable("a rotation")?;
    }
    log_warnings();
    let mut layout = Settings::from_lookup(&variables)?.deployment.layout;
    let application = choose(options.application.as_deref(), &mut layout)?;
    // Like the function it notifies people; unlike the function it does not insist on a topic.
    let topic = variables.get(TOPIC_ARN).map(|_| variables.topic_arn());
    let topic = topic.transpose()?;
    block_on(async {
        let aws = account::connect(&options.target.aws, TIMEOUTS).await?;
        let region = aws.region().map(str::to_owned);
        let mut settings = Settings::from_lookup(&variables.with(AWS_REGION, region))?;
        settings.deployment.layout = layout;
        let sns = topic.as_ref().map(|arn| SnsTopic::new(aws.sns(), arn));
        let notifier = RecordingNotifier::new(sns);
        let rotation = Rotation {
            options,
            requester: wire(&aws, settings.clone(), notifier.clone())?,
            screen: Screen {
                is_json: options.json,
                application: &application,
                settings,
                topic,
                notifier,
            },
        };
        rotation.run().await
    })
}

fn wire(aws: &Aws, settings: Settings, notifier: RecordingNotifier) -> Result<Requester, Failure> {
    let (kind, layout) = (settings.vault, settings.deployment.layout.clone());
    let ports = Ports {
        vault: Vault::new(Account::new(aws), kind, layout),
        lwa: account::lwa_client(aws, &settings.token_url)?,
        sp_api: account::sp_api_client(aws, &settings.sp_api_endpoint, SP_API_TIMEOUT),
        notifier,
        clock: SystemClock,
        metrics: NoMetrics,
    };
    Ok(RotationRequester::new(settings, ports))
}

/// Sends warnings to standard error: they alone tell what could not be tidied up.
fn log_warnings() {
    let level = |name: &str| {
        environment::variable(name).or_else(|| (name == "RUST_LOG").then(|| "warn".to_owned()))
    };
    logging::init(level, Format::Text, io::stderr);
}

/// One run of the subcommand.
struct Rotation<'a> {
    options: &'a RotateOptions,
    requester: Requester,
    screen: Screen<'a>,
}

impl Rotation<'_> {
    async fn run(&self) -> Result<bool, Failure> {
        let name = self.screen.application;
        let planning = boxed(self.requester.plan(name));
        let waiting = format!("Looking at {name}");
        let plan = Progress::new().over(&waiting, planning).await;
        let plan = plan.with_context(|| format!("the rotation of {name} cannot be planned"))?;
        if !self.options.json {
            self.screen.plan(&mut anstream::stdout(), &plan)?;
        } else if !self.options.yes && !self.options.dry_run {
            // Standard output is for the object, and what is confirmed has to be shown first.
            self.screen.plan(&mut anstream::stderr(), &plan)?;
        }
        let ending = self.carry_out(&plan).await?;
        if self.options.json {
            screen::json(&plan, &ending)?;
        }
        Ok(ending.is_good)
    }

    async fn carry_out(&self, plan: &Plan) -> Result<Ending, Failure> {
        let mut ending = Ending {
            outcome: Outcome::Nothing,
            detail: None,
            stage: None,
            is_good: false,
        };
        if self.options.dry_run {
            if !self.options.json {
                self.screen.say(DIM, "Dry run: nothing was done.")?;
            }
            ending.outcome = Outcome::DryRun;
            ending.is_good = true;
            return Ok(ending);
        }
        if matches!(plan.decision, Decision::Request { .. }) {
            if !self.options.yes && !self.is_confirmed()? {
                let text = "Not confirmed: nothing was done.";
                self.screen.say(WARNING, text)?;
                return Ok(ending);
            }
            let rotating = boxed(self.requester.rotate(plan));
            let waiting = "Asking Amazon for a new secret";
            let report = Progress::new().over(waiting, rotating).await;
            self.screen.outcome(&report)?;
            ending.outcome = report.outcome;
            ending.detail = report.detail;
            if !matches!(ending.outcome, Outcome::Requested | Outcome::Unclear) {
                return Ok(ending);
            }
        }
        if self.options.no_wait {
            self.screen.say(Style::new(), LATER)?;
            // Unless it was requested now, it was before.
            ending.is_good = ending.outcome != Outcome::Unclear;
            return Ok(ending);
        }
        let stage = self.wait(plan).await?;
        ending.is_good = matches!(stage, Stage::Stored { .. });
        ending.stage = Some(stage);
        Ok(ending)
    }

    fn is_confirmed(&self) -> Result<bool, Failure> {
        let name = self.screen.application.as_str();
        let answer = terminal::ask(&format!(
            "{BOLD}This cannot be undone.{BOLD:#} Type {BOLD}{name}{BOLD:#} to ask Amazon for a \
             new secret: "
        ))?;
        Ok(answer == name)
    }

    /// Polls the vault until the new secret is stored.
    async fn wait(&self, plan: &Plan) -> Result<Stage, Failure> {
        let minutes = i64::from(self.options.timeout);
        let began = SystemClock.now();
        let until = began
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap_or(Timestamp::MAX);
        let mut progress = Progress::new();
        let mut pause = FIRST_PAUSE;
        let mut seen = None;
        loop {
            // A look that fails does not end the wait: the next one may succeed.
            let looked = boxed(self.requester.progress(plan)).await;
            let trouble = looked.as_ref().err().map(ToString::to_string);
            if let Ok(stage) = looked {
                if seen != Some(stage) {
                    progress.clear();
                    self.screen.stage(stage)?;
                    seen = Some(stage);
                }
                if matches!(stage, Stage::Stored { .. } | Stage::Nothing) {
                    return Ok(stage);
                }
            }
            let now = SystemClock.now();
            if now >= until {
                progress.clear();
                self.screen.timed_out(minutes, trouble.as_deref())?;
                return Ok(seen.unwrap_or(Stage::Requested));
            }
            let waited = now.duration_since(began).as_secs();
            let what = match (&trouble, seen) {
                (Some(trouble), _) => format!("{trouble}; trying again"),
                (None, Some(Stage::Arrived)) => "Waiting until LWA accepts the new secret".into(),
                (None, _) => "Waiting for the new secret".into(),
            };
            let text = format!("{what}, {waited} s (Ctrl-C ends only the waiting)");
            progress.show(&text);
            SystemClock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
