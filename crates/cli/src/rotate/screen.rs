//! What a rotation shows.

use std::io::{self, Write};

use anstyle::Style;
use jiff::SignedDuration;
use lwa_aws::clock::SystemClock;
use lwa_core::application::Role;
use lwa_core::deadline::OVERLAP_DAYS;
use lwa_core::ports::Clock;
use lwa_core::rotation::request::Decision;
use lwa_core::{ApplicationName, Timestamp, wording};
use rotation_requester::{ApplicationReport, Outcome, Plan, Progress as Stage, Settings};
use serde_json::json;

use crate::notifier::RecordingNotifier;
use crate::terminal::{BAD, BOLD, GOOD, WARNING, fields, paragraph, write_json};

/// Said where the command ends before the new secret is stored.
pub(super) const LATER: &str = "secret-receiver stores the new secret when it arrives, and notifies people. Run the command \
     again to see how far it is; `lwa audit` reports LWA009 when nothing has arrived for a day.";

/// Where a rotation is shown.
pub(super) struct Screen<'a> {
    /// Whether standard output is for one object at the end.
    pub(super) is_json: bool,
    pub(super) application: &'a ApplicationName,
    pub(super) settings: Settings,
    pub(super) topic: Option<String>,
    pub(super) notifier: RecordingNotifier,
}

impl Screen<'_> {
    /// What will happen.
    pub(super) fn plan(&self, out: &mut impl Write, plan: &Plan) -> io::Result<()> {
        let now = SystemClock.now();
        let (name, settings) = (self.application, &self.settings);
        writeln!(out, "{BOLD}Rotation of the client secret of {name}{BOLD:#}")?;
        let layout = &settings.deployment.layout;
        let place = |name| settings.vault.place(layout, name, &Role::ClientSecret);
        let members = plan.members.iter();
        let places: Vec<_> = members.map(|member| place(&member.application)).collect();
        let lifetime = settings.deployment.policy.secret_lifetime_days;
        let deadline = match plan.decision.deadline() {
            None => "unknown".to_owned(),
            Some(deadline) => wording::deadline(&deadline, now, lifetime),
        };
        let messages = match &self.topic {
            Some(arn) => format!("to the subscribers of {arn}"),
            None => "none, because TOPIC_ARN is not set".to_owned(),
        };
        fields(
            out,
            &[
                ("client id", plan.client_id.clone()),
                ("stored in", places.join(", ")),
                ("deadline", deadline),
                ("messages", messages),
            ],
        )?;
        writeln!(out)?;
        let no_other = match &plan.decision {
            Decision::AlreadyRequested { at, .. } => format!(
                "A rotation was requested at {}. No other is requested within 24 hours, because \
                 Amazon may already have made a new secret.",
                wording::minute(*at)
            ),
            Decision::NewSecretWaits { .. } => {
                "A new secret has arrived and waits in the queue until LWA accepts it. No other \
                 is requested until it is stored."
                    .to_owned()
            }
            decision => {
                consequences(out, decision, now)?;
                return writeln!(out);
            }
        };
        paragraph(out, WARNING, "", &no_other)?;
        writeln!(out)
    }

    /// The answer of Amazon to the request.
    pub(super) fn outcome(&self, report: &ApplicationReport) -> io::Result<()> {
        let detail = report.detail.as_deref().unwrap_or_default();
        match report.outcome {
            Outcome::Requested => {
                self.step(GOOD, "Amazon makes a new secret and sends it to the queue")?;
                if detail.is_empty() {
                    return Ok(());
                }
                let text = format!("The notification about it was not published: {detail}");
                self.say(WARNING, &text)
            }
            Outcome::Nothing => self.say(
                WARNING,
                "Nothing was done: a rotation was requested elsewhere in the meantime.",
            ),
            Outcome::Unclear => {
                let text = format!(
                    "It is unclear whether Amazon makes a new secret: {detail}. No other is \
                     requested within 24 hours."
                );
                self.say(WARNING, &text)
            }
            _ => {
                self.say(BAD, &format!("No new secret was requested: {detail}"))?;
                self.advice()
            }
        }
    }

    /// The notification about it, which says what to do, published or not.
    fn advice(&self) -> io::Result<()> {
        let mut out = anstream::stdout();
        if !self.is_json
            && let Some(message) = self.notifier.messages().last()
        {
            writeln!(out)?;
            for line in message.email.lines() {
                writeln!(out, "{}", format!("  {line}").trim_end())?;
            }
        }
        Ok(())
    }

    /// How far the new secret is.
    pub(super) fn stage(&self, stage: Stage) -> io::Result<()> {
        match stage {
            Stage::Requested => self.step(Style::new(), "Requested; nothing has arrived yet"),
            Stage::Arrived => {
                let text = "The new secret has arrived; LWA does not accept it yet";
                self.step(Style::new(), text)
            }
            Stage::Stored { expires_at } => {
                let until = wording::date(expires_at);
                let text = format!("The new secret is stored; it works until {until}");
                self.step(GOOD, &text)?;
                let name = self.application;
                let check = format!("Check it: lwa token --application {name} --check");
                self.say(Style::new(), &check)
            }
            Stage::Nothing => self.say(
                WARNING,
                "No rotation is under way any more, and no new secret is stored. Check the log \
                 of secret-receiver and the notifications that were published.",
            ),
        }
    }

    pub(super) fn timed_out(&self, minutes: i64, trouble: Option<&str>) -> io::Result<()> {
        let text = format!("The new secret was not stored within {minutes} min.");
        self.say(WARNING, &text)?;
        if let Some(trouble) = trouble {
            self.say(WARNING, &format!("The last look failed: {trouble}"))?;
        }
        self.say(Style::new(), LATER)
    }

    fn step(&self, style: Style, text: &str) -> io::Result<()> {
        let time = SystemClock.now().strftime("%H:%M:%S").to_string();
        self.paragraph(style, &format!("{time}  "), text)
    }

    /// A sentence, on standard error where standard output is for an object.
    pub(super) fn say(&self, style: Style, text: &str) -> io::Result<()> {
        self.paragraph(style, "", text)
    }

    fn paragraph(&self, style: Style, opening: &str, text: &str) -> io::Result<()> {
        if self.is_json {
            paragraph(&mut anstream::stderr(), style, opening, text)
        } else {
            paragraph(&mut anstream::stdout(), style, opening, text)
        }
    }
}

/// How a run of the subcommand ended.
pub(super) struct Ending {
    /// What came of asking Amazon; nothing where it was not asked.
    pub(super) outcome: Outcome,
    pub(super) detail: Option<String>,
    /// How far the new secret was, if it was waited for.
    pub(super) stage: Option<Stage>,
    pub(super) is_good: bool,
}

/// Everything as one object.
pub(super) fn json(plan: &Plan, ending: &Ending) -> io::Result<()> {
    let members = plan.members.iter();
    let applications: Vec<_> = members.map(|member| &member.application).collect();
    let (stage, expires_at) = match ending.stage {
        None => (None, None),
        Some(Stage::Requested) => (Some("requested"), None),
        Some(Stage::Arrived) => (Some("arrived"), None),
        Some(Stage::Stored { expires_at }) => (Some("stored"), Some(expires_at)),
        Some(Stage::Nothing) => (Some("nothing"), None),
    };
    write_json(&json!({
        "applications": applications,
        "client_id": plan.client_id,
        "deadline": plan.decision.deadline().map(|deadline| deadline.at),
        "decision": plan.decision.as_str(),
        "outcome": ending.outcome,
        "detail": ending.detail,
        "progress": stage,
        "new_secret_expires_at": expires_at,
    }))
}

fn consequences(out: &mut impl Write, decision: &Decision, now: Timestamp) -> io::Result<()> {
    if let Decision::Request {
        unanswered: Some(at),
        ..
    } = decision
    {
        let text = format!(
            "A rotation was requested at {}, and no new secret has been stored since. Find out \
             why first: lwa explain LWA009",
            wording::minute(*at)
        );
        paragraph(out, WARNING, "", &text)?;
        writeln!(out)?;
    }
    let overlap = SignedDuration::from_hours(24 * i64::from(OVERLAP_DAYS));
    let ends = wording::minute(now.checked_add(overlap).unwrap_or(now));
    writeln!(out, "{BOLD}What happens:{BOLD:#}")?;
    let steps = [
        "Amazon makes a new client secret. That cannot be undone.",
        "Amazon sends it to the queue that is registered in the developer console; if none is, \
         Amazon refuses, and nothing has happened.",
        "secret-receiver tries it, stores it here, and notifies people; usually within minutes.",
        &format!(
            "The old secret works for {OVERLAP_DAYS} more days, until about {ends}. Services that \
             do not read it from the vault must have the new one by then."
        ),
    ];
    for (number, step) in (1..).zip(steps) {
        paragraph(out, Style::new(), &format!("  {number}. "), step)?;
    }
    Ok(())
}
