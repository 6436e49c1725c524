//! What is going to be written, what became of it, and how to go on.

use std::io::{self, Write};

use anstyle::Style;
use clap::ValueEnum;
use lwa_aws::clock::SystemClock;
use lwa_core::ExposeSecret;
use lwa_core::application::Role;
use lwa_core::deadline::Basis;
use lwa_core::exchange::Shape;
use lwa_core::ports::{CallFailure, Clock};
use lwa_core::store::carry_out::{Outcome, may_be_written};
use lwa_core::store::plan::{Plan, Step};
use lwa_core::store::verification::stored;
use lwa_core::store::{Found, Order};
use lwa_core::text::when;
use lwa_core::vault::CredentialValues;
use lwa_core::wording;
use serde_json::{Value, json};

use super::options::StoreOptions;
use crate::failure::Failure;
use crate::terminal::{BAD, BOLD, DIM, GOOD, WARNING, fields, paragraph, write_json};

/// Whether LWA accepted the credentials.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verified {
    /// It issued a token.
    Accepted,
    /// `--no-verify` was given.
    NotAsked,
    /// There was no new value to ask it about.
    NothingNew,
}

impl Verified {
    /// For `--json`, and for a person.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Accepted => ("accepted", "issued a token"),
            Self::NotAsked => ("not-asked", "was not asked (--no-verify)"),
            Self::NothingNew => ("nothing-new", "was not asked: no value is new"),
        }
    }
}

/// Everything that is told about a run.
pub(super) struct Report<'a> {
    pub(super) options: &'a StoreOptions,
    pub(super) order: &'a Order,
    pub(super) region: &'a str,
    pub(super) plan: &'a Plan,
    pub(super) verified: Verified,
    pub(super) client_id: Option<String>,
}

/// The client id that will be stored. It is not secret, but a text that does not look like one
/// may be.
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
        let (order, plan) = (self.order, self.plan);
        let mut out = anstream::stdout();
        let (name, vault, region) = (&order.application, order.vault.name(), self.region);
        writeln!(
            out,
            "{BOLD}Credentials of {name} in {vault}, {region}{BOLD:#}"
        )?;
        let id = self.client_id.as_deref();
        let id = id.unwrap_or("not shown: it does not begin like a client id");
        let mut facts = vec![("client id", id.to_owned())];
        if let Some(deadline) = &plan.deadline {
            let day = wording::day(deadline, SystemClock.now());
            let basis = when(deadline.basis.is_estimate(), ", an estimate");
            facts.push(("deadline", format!("{day}{basis}")));
        }
        facts.push(("LWA", self.verified.words().1.to_owned()));
        fields(&mut out, &facts)?;
        if !plan.steps.is_empty() {
            writeln!(out, "\n{BOLD}To be written:{BOLD:#}")?;
        }
        for (number, step) in (1..).zip(&plan.steps) {
            let text = format!("{}: {}", named(step), step.what);
            paragraph(&mut out, Style::new(), &format!("  {number}. "), &text)?;
        }
        if !plan.unchanged.is_empty() {
            writeln!(out, "\n{BOLD}Already as it should be:{BOLD:#}")?;
        }
        for place in &plan.unchanged {
            paragraph(&mut out, DIM, "  ", place)?;
        }
        for note in &plan.notes {
            writeln!(out)?;
            paragraph(&mut out, WARNING, "! ", note)?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// What became of one step, as soon as it is known.
    pub(super) fn outcome(&self, number: usize, step: &Step, outcome: &Outcome) -> io::Result<()> {
        if self.options.json {
            return Ok(());
        }
        let mut out = anstream::stdout();
        let (style, sign) = match outcome {
            Outcome::Done => (GOOD, '\u{2713}'),
            Outcome::Failed(_) => (BAD, '\u{2717}'),
            Outcome::NotTried => (DIM, '\u{b7}'),
        };
        let text = match told(outcome) {
            ("written", _) => "done".to_owned(),
            ("unclear", detail) => {
                format!("may or may not be written: {}", detail.unwrap_or_default())
            }
            (_, Some(detail)) => format!("not written: {detail}"),
            (_, None) => "not tried".to_owned(),
        };
        let text = format!("{}: {text}", named(step));
        paragraph(&mut out, style, &format!("{sign} {number}. "), &text)?;
        out.flush()
    }

    /// How the run ended, in `words` where it ended well or before the first write.
    pub(super) fn end(
        &self,
        outcomes: &[Outcome],
        words: &str,
        is_good: bool,
    ) -> Result<bool, Failure> {
        if self.options.json {
            write_json(&self.to_json(outcomes))?;
            return Ok(is_good);
        }
        let mut out = anstream::stdout();
        let is_carried_out = outcomes.iter().any(|outcome| *outcome != Outcome::NotTried);
        if !is_carried_out {
            let style = if is_good { GOOD } else { WARNING };
            writeln!(out, "{style}{words}{style:#}")?;
            return Ok(is_good);
        }
        writeln!(out)?;
        if is_good {
            writeln!(out, "{GOOD}{words}{GOOD:#}")?;
            let (name, place) = (&self.order.application, self.place());
            writeln!(
                out,
                "Check it: lwa token --application {name} --check{place}"
            )?;
            let file = self.options.from.as_deref();
            if let Some(file) = file.filter(|file| file.as_os_str() != "-") {
                let text = format!("{} still holds the credentials: delete it.", file.display());
                paragraph(&mut out, WARNING, "", &text)?;
            }
            return Ok(true);
        }
        let done = outcomes.iter().filter(|o| **o == Outcome::Done).count();
        let text = format!(
            "Written: {done} of {}. Run the command again with the same values to continue; it \
             is idempotent:",
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

    /// The command that continues, with the same deadline whenever it is run.
    fn resume(&self) -> String {
        let options = self.options;
        let only = options.only.and_then(|only| only.to_possible_value());
        let only = only.filter(|_| options.seller.is_none());
        let has_secret = self.order.extent.includes(&Role::ClientSecret);
        let deadline = self.plan.deadline.as_ref();
        let deadline = deadline.filter(|found| has_secret && found.basis == Basis::Reported);
        let from = options.from.as_ref();
        let mut words = "lwa store".to_owned();
        for (option, value) in [
            ("application", Some(self.order.application.to_string())),
            ("seller", options.seller.clone()),
            ("only", only.map(|only| only.get_name().to_owned())),
            ("from", from.map(|file| file.display().to_string())),
            ("key", options.key.clone()),
            ("expires-at", deadline.map(|found| found.at.to_string())),
        ] {
            words.extend(value.map(|value| format!(" --{option} {}", shell(&value))));
        }
        for (option, is_given) in [
            (" --keep", options.keep),
            (" --no-verify", options.no_verify),
            (" --yes", options.yes),
            (" --json", options.json),
        ] {
            words.extend(is_given.then_some(option));
        }
        words + &self.place()
    }

    /// The options that say where all of it is, as they were given.
    fn place(&self) -> String {
        let target = &self.options.target;
        [
            ("--vault", &target.vault),
            ("--profile", &target.aws.profile),
            ("--region", &target.aws.region),
            ("--endpoint-url", &target.aws.endpoint_url),
        ]
        .into_iter()
        .filter_map(|(option, value)| Some(format!(" {option} {}", shell(value.as_deref()?))))
        .collect()
    }

    fn to_json(&self, outcomes: &[Outcome]) -> Value {
        let steps = self.plan.steps.iter().zip(outcomes);
        let steps: Vec<Value> = steps
            .map(|(step, outcome)| {
                let (outcome, detail) = told(outcome);
                json!({
                    "operation": step.write.operation(),
                    "place": step.place,
                    "what": step.what,
                    "outcome": outcome,
                    "detail": detail,
                })
            })
            .collect();
        let has_failed = outcomes.iter().any(|o| matches!(o, Outcome::Failed(_)));
        let deadline = self.plan.deadline.as_ref();
        json!({
            "application": self.order.application.as_str(),
            "region": self.region,
            "dry_run": self.options.dry_run,
            "client_id": self.client_id,
            "lwa": self.verified.words().0,
            "deadline": deadline.map(|deadline| deadline.at.to_string()),
            "deadline_basis": deadline.map(|deadline| match deadline.basis {
                Basis::Reported => "reported",
                Basis::Estimated | Basis::Doubtful => "estimated",
            }),
            "steps": steps,
            "unchanged": self.plan.unchanged,
            "notes": self.plan.notes,
            "resume": has_failed.then(|| self.resume()),
        })
    }
}

/// A step by its place and operation.
fn named(step: &Step) -> String {
    format!("{} ({})", step.place, step.write.operation())
}

/// An outcome as `--json` spells it, and why it is one.
fn told(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Done => ("written", None),
        Outcome::Failed(error) if may_be_written(error) => ("unclear", Some(error.to_string())),
        Outcome::Failed(error) => ("failed", Some(error.to_string())),
        Outcome::NotTried => ("not-tried", None),
    }
}

const KEY: &str = "The key may not exist, may be disabled, or may not be yours to use (kms:Encrypt, \
                   kms:GenerateDataKey, kms:Decrypt). Name another one with --key.";

/// What to do about failures that are easily mended, told by the service's own code.
fn advice(outcome: &Outcome) -> Option<&'static str> {
    let Outcome::Failed(error) = outcome else {
        return None;
    };
    // Nothing but the key can be missing when a secret is created.
    let is_key_missing =
        error.operation == "CreateSecret" && error.failure == CallFailure::NotFound;
    match error.code.as_deref()? {
        "HierarchyTypeMismatchException" | "HierarchyTypeMismatch" => Some(
            "Parameter Store does not turn this parameter into a SecureString: delete it, and run \
             the command again with its value.",
        ),
        "ParameterAlreadyExists" | "ResourceExistsException" => {
            Some("It was created in the meantime, or the first attempt succeeded after all.")
        }
        "InvalidKeyId" | "EncryptionFailure" => Some(KEY),
        code => (is_key_missing || code.starts_with("KMS")).then_some(KEY),
    }
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
    use lwa_core::ports::CallError;

    use super::*;

    #[test]
    fn advice_follows_the_services_code_and_not_its_words() {
        let advice = |operation, failure, code: Option<&str>| {
            advice(&Outcome::Failed(CallError {
                operation,
                failure,
                code: code.map(str::to_owned),
                detail: "InvalidKeyId ParameterAlreadyExists KMS".into(),
            }))
        };
        let refused = |code| advice("PutParameter", CallFailure::Refused, code);
        assert_eq!(refused(Some("InvalidKeyId")), Some(KEY));
        assert_eq!(refused(Some("KMSDisabled")), Some(KEY));
        assert_eq!(refused(Some("ValidationException")), None);
        assert_eq!(refused(None), None);
        for code in ["ParameterAlreadyExists", "ResourceExistsException"] {
            let text = refused(Some(code)).unwrap();
            assert!(text.starts_with("It was created"), "{text}");
        }
        let text = refused(Some("HierarchyTypeMismatchException")).unwrap();
        assert!(text.contains("delete it"), "{text}");
        let not_found = Some("ResourceNotFoundException");
        let missing = |operation| advice(operation, CallFailure::NotFound, not_found);
        assert_eq!(missing("CreateSecret"), Some(KEY));
        assert_eq!(missing("PutSecretValue"), None);
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_split_or_expand_it() {
        assert_eq!(shell("alias/lwa"), "alias/lwa");
        assert_eq!(shell("my file"), "'my file'");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }
}
