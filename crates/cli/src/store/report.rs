//! What is going to be written, what became of it, and how to go on.

use std::io::{self, Write};

use anstyle::Style;
use lwa_aws::clock::SystemClock;
use lwa_core::ExposeSecret;
use lwa_core::application::Role;
use lwa_core::deadline::Basis;
use lwa_core::exchange::Shape;
use lwa_core::ports::Clock;
use lwa_core::store::carry_out::{Outcome, may_be_written};
use lwa_core::store::plan::{Plan, Step};
use lwa_core::store::verification::stored;
use lwa_core::store::{Extent, Found, Order};
use lwa_core::vault::CredentialValues;
use lwa_core::vault::VaultKind;
use lwa_core::wording;
use serde_json::{Value, json};

use crate::Failure;
use crate::arguments::StoreOptions;
use crate::terminal::{BAD, BOLD, DIM, GOOD, WARNING, fields, paragraph};

/// What LWA has to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    /// It gave a token.
    ByLwa,
    /// Somebody did not want it to be asked.
    NotAsked,
    /// There was nothing to ask it about.
    NothingNew,
}

impl Verified {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ByLwa => "accepted",
            Self::NotAsked => "not-asked",
            Self::NothingNew => "nothing-new",
        }
    }
}

/// All that is told about a run.
pub(super) struct Report<'a> {
    pub(super) options: &'a StoreOptions,
    pub(super) order: &'a Order,
    pub(super) region: &'a str,
    pub(super) plan: &'a Plan,
    pub(super) verified: Verified,
    pub(super) client_id: Option<String>,
}

/// The client id that will be stored. It is no secret, but what does not look like one may be.
pub(super) fn client_id(given: &CredentialValues, found: &Found) -> Option<String> {
    let stored = stored(found);
    let id = given
        .get(&Role::ClientId)
        .or_else(|| stored.get(&Role::ClientId))?;
    let text = id.expose_secret().trim();
    (Shape::of(text) == Some(Shape::ClientId)).then(|| text.to_owned())
}

impl Report<'_> {
    /// What is going to be written.
    pub(super) fn plan(&self) -> Result<(), Failure> {
        if self.options.json {
            return Ok(());
        }
        let mut out = anstream::stdout();
        let vault = match self.order.vault {
            VaultKind::ParameterStore => "Parameter Store",
            VaultKind::SecretsManager => "Secrets Manager",
        };
        writeln!(
            out,
            "{BOLD}CredentialValues of {} in {vault}, {}{BOLD:#}",
            self.order.application, self.region
        )?;
        let id = match &self.client_id {
            Some(id) => id.clone(),
            None => "not shown: it does not begin like a client id".to_owned(),
        };
        let lwa = match self.verified {
            Verified::ByLwa => "gave a token",
            Verified::NotAsked => "was not asked (--no-verify)",
            Verified::NothingNew => "was not asked: no value is new",
        };
        let mut facts = vec![("client id", id)];
        if let Some(deadline) = self.deadline() {
            facts.push(("deadline", deadline));
        }
        facts.push(("LWA", lwa.to_owned()));
        fields(&mut out, &facts)?;
        if !self.plan.steps.is_empty() {
            writeln!(out, "\n{BOLD}To be written:{BOLD:#}")?;
        }
        for (number, step) in self.plan.steps.iter().enumerate() {
            let opening = format!("  {}. ", number + 1);
            let operation = step.write.operation();
            let text = format!("{} ({operation}): {}", step.place, step.what);
            paragraph(&mut out, Style::new(), &opening, &text)?;
        }
        if !self.plan.unchanged.is_empty() {
            writeln!(out, "\n{BOLD}As it should be already:{BOLD:#}")?;
            for place in &self.plan.unchanged {
                paragraph(&mut out, DIM, "  ", place)?;
            }
        }
        for note in &self.plan.notes {
            writeln!(out)?;
            paragraph(&mut out, WARNING, "! ", note)?;
        }
        writeln!(out)?;
        Ok(())
    }

    fn deadline(&self) -> Option<String> {
        let deadline = self.plan.deadline.as_ref()?;
        let basis = match deadline.basis {
            Basis::Reported => "",
            Basis::Estimated | Basis::Doubtful => ", an estimate",
        };
        let left = wording::remaining(deadline, SystemClock.now());
        Some(format!("{}, {left}{basis}", wording::date(deadline.at)))
    }

    /// What became of one step, as soon as it is known.
    pub(super) fn outcome(&self, number: usize, step: &Step, outcome: &Outcome) -> io::Result<()> {
        if self.options.json {
            return Ok(());
        }
        let mut out = anstream::stdout();
        let (style, sign, text) = match outcome {
            Outcome::Done => (GOOD, "\u{2713}", "done".to_owned()),
            Outcome::Failed(error) if may_be_written(error) => (
                BAD,
                "\u{2717}",
                format!("may or may not be written: {error}"),
            ),
            Outcome::Failed(error) => (BAD, "\u{2717}", format!("not written: {error}")),
            Outcome::NotTried => (DIM, "\u{b7}", "not tried".to_owned()),
        };
        let text = format!("{} ({}): {text}", step.place, step.write.operation());
        paragraph(&mut out, style, &format!("{sign} {number}. "), &text)?;
        out.flush()
    }

    /// The last word.
    pub(super) fn end(
        &self,
        outcomes: &[Outcome],
        words: &str,
        is_good: bool,
    ) -> Result<bool, Failure> {
        if self.options.json {
            let mut out = anstream::stdout();
            writeln!(out, "{:#}", self.to_json(outcomes))?;
            return Ok(is_good);
        }
        let mut out = anstream::stdout();
        let is_carried_out = outcomes.iter().any(|outcome| *outcome != Outcome::NotTried);
        if is_carried_out {
            writeln!(out)?;
        }
        if is_good {
            writeln!(out, "{GOOD}{words}{GOOD:#}")?;
            if is_carried_out {
                let name = &self.order.application;
                writeln!(
                    out,
                    "Check it: lwa token --application {name} --check{}",
                    self.place()
                )?;
                if let Some(file) = &self.options.from
                    && file.as_os_str() != "-"
                {
                    let text =
                        format!("{} still holds the credentials: delete it.", file.display());
                    paragraph(&mut out, WARNING, "", &text)?;
                }
            }
            return Ok(true);
        }
        if !is_carried_out {
            writeln!(out, "{WARNING}{words}{WARNING:#}")?;
            return Ok(false);
        }
        let done = outcomes.iter().filter(|o| **o == Outcome::Done).count();
        let text = format!(
            "Written: {done} of {}. What is written stays, and does no harm. Run this with the \
             same values to go on; it ends the same wherever it was interrupted:",
            outcomes.len()
        );
        paragraph(&mut out, BOLD, "", &text)?;
        writeln!(out, "\n  {}", self.resume())?;
        if let Some(advice) = outcomes.iter().find_map(advice) {
            writeln!(out)?;
            paragraph(&mut out, WARNING, "", advice)?;
        }
        Ok(false)
    }

    /// The command that goes on, with the same deadline whenever it is run.
    fn resume(&self) -> String {
        let options = self.options;
        let mut words = vec!["lwa store".to_owned()];
        let mut add = |option: &str, value: &str| words.push(format!("{option} {}", shell(value)));
        add("--application", self.order.application.as_str());
        if let Some(seller) = &options.seller {
            add("--seller", seller);
        } else if let Some(only) = options.only {
            add("--only", only.as_str());
        }
        if let Some(file) = &options.from {
            add("--from", &file.to_string_lossy());
        }
        if let Some(key) = &options.key {
            add("--key", key);
        }
        let has_secret = match &self.order.extent {
            Extent::Application => true,
            Extent::Only(roles) => roles.contains(&Role::ClientSecret),
        };
        if has_secret
            && let Some(deadline) = &self.plan.deadline
            && deadline.basis == Basis::Reported
        {
            add("--expires-at", &deadline.at.to_string());
        }
        for (option, is_given) in [
            ("--keep", options.keep),
            ("--no-verify", options.no_verify),
            ("--yes", options.yes),
            ("--json", options.json),
        ] {
            if is_given {
                words.push(option.to_owned());
            }
        }
        format!("{}{}", words.join(" "), self.place())
    }

    /// The options that say where all of it is, as they were given.
    fn place(&self) -> String {
        let options = self.options;
        let vault = options.vault.map(|vault| vault.as_str().to_owned());
        [
            ("--vault", &vault),
            ("--profile", &options.aws.profile),
            ("--region", &options.aws.region),
            ("--endpoint-url", &options.aws.endpoint_url),
        ]
        .into_iter()
        .filter_map(|(option, value)| Some(format!(" {option} {}", shell(value.as_deref()?))))
        .collect()
    }

    fn to_json(&self, outcomes: &[Outcome]) -> Value {
        let steps: Vec<Value> = self
            .plan
            .steps
            .iter()
            .zip(outcomes)
            .map(|(step, outcome)| {
                let (outcome, detail) = match outcome {
                    Outcome::Done => ("written", None),
                    Outcome::Failed(error) if may_be_written(error) => {
                        ("unclear", Some(error.to_string()))
                    }
                    Outcome::Failed(error) => ("failed", Some(error.to_string())),
                    Outcome::NotTried => ("not-tried", None),
                };
                json!({
                    "operation": step.write.operation(),
                    "place": step.place,
                    "what": step.what,
                    "outcome": outcome,
                    "detail": detail,
                })
            })
            .collect();
        let failed = outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Failed(_)));
        let deadline = self.plan.deadline.as_ref();
        json!({
            "application": self.order.application.as_str(),
            "region": self.region,
            "dry_run": self.options.dry_run,
            "client_id": self.client_id,
            "lwa": self.verified.as_str(),
            "deadline": deadline.map(|deadline| deadline.at.to_string()),
            "deadline_basis": deadline.map(|deadline| match deadline.basis {
                Basis::Reported => "reported",
                Basis::Estimated | Basis::Doubtful => "estimated",
            }),
            "steps": steps,
            "unchanged": self.plan.unchanged,
            "notes": self.plan.notes,
            "resume": failed.then(|| self.resume()),
        })
    }
}

/// What to do about failures that are easily mended.
fn advice(outcome: &Outcome) -> Option<&'static str> {
    let Outcome::Failed(error) = outcome else {
        return None;
    };
    let has = |code: &str| error.detail.contains(code);
    if has("InvalidKeyId") || has("KMS") || (has("NotFoundException") && has("key")) {
        return Some(
            "The key may not exist, may be disabled, or may not be yours to use (kms:Encrypt, \
             kms:GenerateDataKey, kms:Decrypt). Name another one with --key.",
        );
    }
    if has("HierarchyTypeMismatch") {
        return Some(
            "Parameter Store does not turn this parameter into a SecureString: delete it, and run \
             the command again with its value.",
        );
    }
    if has("ParameterAlreadyExists") || has("ResourceExistsException") {
        return Some(
            "Somebody created it in the meantime, or a first attempt was written after all.",
        );
    }
    None
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_split_or_expand_it() {
        assert_eq!(shell("alias/lwa"), "alias/lwa");
        assert_eq!(shell("my file"), "'my file'");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }
}
