//! `lwa rotate`: the requester's work, from a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use jiff::SignedDuration;
use lwa_aws::account::Account;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::environment;
use lwa_aws::logging::{self, Format};
use lwa_aws::lwa_client::LwaClient;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::sp_api_client::SpApiClient;
use lwa_core::application::Role;
use lwa_core::config::{AWS_REGION, TOPIC_ARN};
use lwa_core::deadline::OVERLAP_DAYS;
use lwa_core::ports::Clock;
use lwa_core::rotation::request::Decision;
use lwa_core::vault::Vault;
use lwa_core::{ApplicationName, Timestamp, wording};
use rotation_requester::{
    ApplicationReport, Outcome, Plan, Ports, Progress as Stage, RotationRequester, Settings,
};
use serde_json::json;

use crate::account::{self, NoMetrics, Recorder, Sent};
use crate::arguments::RotateOptions;
use crate::terminal::{BAD, BOLD, DIM, GOOD, Progress, WARNING, fields, paragraph, patiently};
use crate::token::{chosen_application, lookup, named_application};
use crate::{Failure, boxed, runtime};

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

/// What somebody who does not want to wait, or waits in vain, is told.
const LATER: &str = "secret-receiver stores the new secret when it comes, and tells people. Run \
                     the command again to see how far it is; `lwa audit` shows LWA009 when \
                     nothing has come for a day.";

type Requester =
    RotationRequester<Account, LwaClient, SpApiClient, Recorder, SystemClock, NoMetrics>;

/// Runs the subcommand; whether the new secret is stored, or at least asked for.
pub(crate) fn main(options: &RotateOptions) -> Result<bool, Failure> {
    let is_asked = !options.yes && !options.dry_run;
    if is_asked && !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "a rotation has to be confirmed, and standard input is no terminal\n\n  tip: `--yes` \
             confirms it, `--dry-run` only shows what would happen"
                .to_owned(),
        ));
    }
    log_warnings();
    let application = named_application(options.application.as_deref())?;
    let variables = lookup(options.vault);
    let layout = account::with_application(variables.layout()?, application.as_ref());
    let application = chosen_application(application, &layout)?;
    // Like the function, tells people what was done; unlike it, does without them.
    let topic = match variables.get(TOPIC_ARN) {
        Some(_) => Some(variables.topic_arn()?),
        None => None,
    };
    runtime()?.block_on(async {
        let aws = account::connect(&options.aws, TIMEOUTS).await?;
        let region = aws.region().map(str::to_owned);
        let mut settings = Settings::from_lookup(&variables.with(AWS_REGION, region))?;
        settings.deployment.layout = layout;
        let sent = Sent::default();
        let rotation = Rotation {
            options,
            requester: wire(&aws, settings.clone(), topic.as_deref(), &sent)?,
            settings,
            topic,
            sent,
            application,
        };
        rotation.run().await
    })
}

fn wire(
    aws: &Aws,
    settings: Settings,
    topic: Option<&str>,
    sent: &Sent,
) -> Result<Requester, Failure> {
    let (kind, layout) = (settings.vault, settings.deployment.layout.clone());
    let ports = Ports {
        vault: Vault::new(Account::new(aws), kind, layout),
        lwa: account::lwa_client(aws, &settings.token_url)?,
        sp_api: SpApiClient::new(
            aws.http().clone(),
            &settings.sp_api_endpoint,
            SP_API_TIMEOUT,
        ),
        notifier: Recorder::new(topic.map(|arn| SnsTopic::new(aws.sns(), arn)), sent),
        clock: SystemClock,
        metrics: NoMetrics,
    };
    Ok(RotationRequester::new(settings, ports))
}

/// Sends warnings to standard error: what could not be tidied up is nowhere else.
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
    settings: Settings,
    topic: Option<String>,
    sent: Sent,
    application: ApplicationName,
}

/// What is said at the end.
struct Ending {
    report: Option<ApplicationReport>,
    stage: Option<Stage>,
    is_good: bool,
}

impl Rotation<'_> {
    async fn run(&self) -> Result<bool, Failure> {
        let mut progress = Progress::new();
        let waiting = format!("Looking at {}", self.application);
        let plan = patiently(
            boxed(self.requester.plan(&self.application)),
            &mut progress,
            &waiting,
        )
        .await
        .with_context(|| format!("the rotation of {} cannot be planned", self.application))?;
        if !self.options.json {
            self.show_plan(&mut anstream::stdout(), &plan)?;
        } else if !self.options.yes && !self.options.dry_run {
            // Standard output is for the object, and nobody confirms what was not shown.
            self.show_plan(&mut anstream::stderr(), &plan)?;
        }
        let ending = self.carry_out(&plan).await?;
        if self.options.json {
            self.show_json(&plan, &ending)?;
        }
        Ok(ending.is_good)
    }

    async fn carry_out(&self, plan: &Plan) -> Result<Ending, Failure> {
        let is_request = matches!(plan.decision, Decision::Request { .. });
        if self.options.dry_run {
            if !self.options.json {
                self.say(DIM, "Dry run: nothing was done.")?;
            }
            return Ok(Ending {
                report: None,
                stage: None,
                is_good: true,
            });
        }
        let mut report = None;
        if is_request {
            if !self.options.yes && !self.is_confirmed()? {
                self.say(WARNING, "Not confirmed: nothing was done.")?;
                return Ok(Ending {
                    report: None,
                    stage: None,
                    is_good: false,
                });
            }
            let mut progress = Progress::new();
            let rotating = boxed(self.requester.rotate(plan));
            let done = patiently(rotating, &mut progress, "Asking Amazon for a new secret").await;
            let is_under_way = matches!(done.outcome, Outcome::Requested | Outcome::Unclear);
            self.show_outcome(&done)?;
            report = Some(done);
            if !is_under_way {
                return Ok(Ending {
                    report,
                    stage: None,
                    is_good: false,
                });
            }
        }
        if self.options.no_wait {
            self.say(Style::new(), LATER)?;
            let is_good = report
                .as_ref()
                .is_none_or(|report| report.outcome == Outcome::Requested);
            return Ok(Ending {
                report,
                stage: None,
                is_good,
            });
        }
        let stage = self.wait(plan).await?;
        Ok(Ending {
            report,
            stage: Some(stage),
            is_good: matches!(stage, Stage::Stored { .. }),
        })
    }

    fn show_plan(&self, out: &mut impl Write, plan: &Plan) -> Result<(), Failure> {
        let now = SystemClock.now();
        writeln!(
            out,
            "{BOLD}Rotation of the client secret of {}{BOLD:#}",
            self.application
        )?;
        let places: Vec<String> = plan
            .members
            .iter()
            .map(|member| {
                let settings = &self.settings;
                let place = settings.vault;
                place.place(
                    &settings.deployment.layout,
                    &member.application,
                    &Role::ClientSecret,
                )
            })
            .collect();
        let deadline = match plan.decision.deadline() {
            None => "unknown".to_owned(),
            Some(deadline) => {
                wording::deadline(&deadline, now, self.settings.policy.secret_lifetime_days)
            }
        };
        let told = match &self.topic {
            Some(arn) => format!("to everybody subscribed to {arn}"),
            None => "to nobody, because TOPIC_ARN is not set".to_owned(),
        };
        fields(
            out,
            &[
                ("client id", plan.client_id.clone()),
                ("stored in", places.join(", ")),
                ("deadline", deadline),
                ("messages", told),
            ],
        )?;
        writeln!(out)?;
        match &plan.decision {
            Decision::AlreadyRequested { at, .. } => paragraph(
                out,
                WARNING,
                "",
                &format!(
                    "A rotation was requested at {}. Nothing more is asked for within 24 hours, \
                     because Amazon may have made a new secret already.",
                    wording::minute(*at)
                ),
            )?,
            Decision::NewSecretWaits { .. } => paragraph(
                out,
                WARNING,
                "",
                "A new secret has come already, and waits in the queue until LWA accepts it. \
                 Nothing more is asked for until it is stored.",
            )?,
            _ => consequences(out, &plan.decision, now)?,
        }
        writeln!(out)?;
        Ok(())
    }

    fn is_confirmed(&self) -> Result<bool, Failure> {
        let name = &self.application;
        let mut err = anstream::stderr();
        write!(
            err,
            "{BOLD}This cannot be undone.{BOLD:#} Type {BOLD}{name}{BOLD:#} to ask Amazon for a \
             new secret: "
        )?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim() == name.as_str())
    }

    fn show_outcome(&self, report: &ApplicationReport) -> Result<(), Failure> {
        let detail = report.detail.as_deref().unwrap_or_default();
        match report.outcome {
            Outcome::Requested if detail.is_empty() => {
                self.step(GOOD, "Amazon makes a new secret and sends it to the queue")
            }
            Outcome::Requested => {
                self.step(GOOD, "Amazon makes a new secret and sends it to the queue")?;
                self.say(
                    WARNING,
                    &format!("People could not be told of it: {detail}"),
                )
            }
            Outcome::Nothing => self.say(
                WARNING,
                "Nothing was done: somebody else has requested a rotation in the meantime.",
            ),
            Outcome::Unclear => {
                let text = format!(
                    "Nobody knows whether Amazon makes a new secret: {detail}. Nothing more is \
                     asked for within 24 hours."
                );
                self.say(WARNING, &text)
            }
            _ => {
                self.say(BAD, &format!("No new secret was asked for: {detail}"))?;
                self.show_advice()
            }
        }
    }

    /// What people were told to do, or would have been.
    fn show_advice(&self) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        if !self.options.json
            && let Some(message) = self.sent.messages().last()
        {
            writeln!(out)?;
            for line in message.email.lines() {
                writeln!(out, "{}", format!("  {line}").trim_end())?;
            }
        }
        Ok(())
    }

    /// Looks at the vault again and again until the new secret is stored.
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
            // A look that fails is no reason to stop: the next one may not.
            let looked = boxed(self.requester.progress(plan)).await;
            let trouble = looked.as_ref().err().map(ToString::to_string);
            if let Ok(stage) = looked {
                if seen != Some(stage) {
                    progress.clear();
                    self.show_stage(stage)?;
                    seen = Some(stage);
                }
                if matches!(stage, Stage::Stored { .. } | Stage::Nothing) {
                    return Ok(stage);
                }
            }
            let now = SystemClock.now();
            if now >= until {
                progress.clear();
                let text = format!("The new secret was not stored within {minutes} min.");
                self.say(WARNING, &text)?;
                if let Some(trouble) = trouble {
                    self.say(WARNING, &format!("The last look failed: {trouble}"))?;
                }
                self.say(Style::new(), LATER)?;
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

    fn show_stage(&self, stage: Stage) -> Result<(), Failure> {
        match stage {
            Stage::Requested => self.step(Style::new(), "Requested; nothing has come yet"),
            Stage::Arrived => self.step(
                Style::new(),
                "The new secret has come; LWA does not accept it yet",
            ),
            Stage::Stored { expires_at } => {
                let until = wording::date(expires_at);
                self.step(
                    GOOD,
                    &format!("The new secret is stored; it works until {until}"),
                )?;
                let check = format!(
                    "Check it: lwa token --application {} --check",
                    self.application
                );
                self.say(Style::new(), &check)
            }
            Stage::Nothing => self.say(
                WARNING,
                "No rotation is under way any more, and no new secret is stored. Look into the \
                 log of secret-receiver and the messages that people were sent.",
            ),
        }
    }

    fn step(&self, style: Style, text: &str) -> Result<(), Failure> {
        let time = SystemClock.now().strftime("%H:%M:%S").to_string();
        self.paragraph(style, &format!("{time}  "), text)
    }

    fn say(&self, style: Style, text: &str) -> Result<(), Failure> {
        self.paragraph(style, "", text)
    }

    /// With `--json` standard output is for the object.
    fn paragraph(&self, style: Style, opening: &str, text: &str) -> Result<(), Failure> {
        if self.options.json {
            paragraph(&mut anstream::stderr(), style, opening, text)?;
        } else {
            paragraph(&mut anstream::stdout(), style, opening, text)?;
        }
        Ok(())
    }

    fn show_json(&self, plan: &Plan, ending: &Ending) -> Result<(), Failure> {
        let applications: Vec<&str> = plan
            .members
            .iter()
            .map(|member| member.application.as_str())
            .collect();
        let report = ending.report.as_ref();
        let outcome = match report {
            Some(report) => report.outcome.as_str(),
            None if self.options.dry_run => Outcome::DryRun.as_str(),
            None => Outcome::Nothing.as_str(),
        };
        let (stage, expires_at) = match ending.stage {
            None => (None, None),
            Some(Stage::Requested) => (Some("requested"), None),
            Some(Stage::Arrived) => (Some("arrived"), None),
            Some(Stage::Stored { expires_at }) => (Some("stored"), Some(expires_at)),
            Some(Stage::Nothing) => (Some("nothing"), None),
        };
        let object = json!({
            "applications": applications,
            "client_id": plan.client_id,
            "deadline": plan.decision.deadline().map(|deadline| deadline.at),
            "decision": plan.decision.as_str(),
            "outcome": outcome,
            "detail": report.and_then(|report| report.detail.as_deref()),
            "progress": stage,
            "new_secret_expires_at": expires_at,
        });
        let mut out = anstream::stdout();
        writeln!(out, "{object:#}")?;
        Ok(())
    }
}

fn consequences(out: &mut impl Write, decision: &Decision, now: Timestamp) -> io::Result<()> {
    if let Decision::Request {
        unanswered: Some(at),
        ..
    } = decision
    {
        let text = format!(
            "A rotation was requested at {}, and no new secret was stored since. Find out why \
             first: lwa explain LWA009",
            wording::minute(*at)
        );
        paragraph(out, WARNING, "", &text)?;
        writeln!(out)?;
    }
    let overlap = SignedDuration::from_hours(24 * i64::from(OVERLAP_DAYS));
    let ends = now.checked_add(overlap).unwrap_or(now);
    writeln!(out, "{BOLD}What happens:{BOLD:#}")?;
    for (number, step) in [
        "Amazon makes a new client secret. That cannot be undone.".to_owned(),
        "Amazon sends it to the queue that is registered in the developer console; if none is, \
         Amazon refuses, and nothing has happened."
            .to_owned(),
        "secret-receiver tries it, stores it here, and tells people; usually within minutes."
            .to_owned(),
        format!(
            "The old secret works for {OVERLAP_DAYS} more days, until about {}. Whoever does not \
             read it from the vault must have the new one by then.",
            wording::minute(ends)
        ),
    ]
    .iter()
    .enumerate()
    {
        paragraph(out, Style::new(), &format!("  {}. ", number + 1), step)?;
    }
    Ok(())
}
