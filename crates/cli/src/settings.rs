//! The settings file: variables of the environment, written down.
//!
//! Options override variables of the environment, which override the file, which overrides the
//! defaults. The file is the one that `--config` names, else `LWA_CONFIG`, else
//! `~/.config/lwa.toml`. A file in the working directory is not read unless it is named: it says
//! where client secrets are sent, and a folder that another person filled must not decide that.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;
use lwa_aws::environment;
use lwa_core::config::{ConfigError, LWA_VAULT, Lookup, TOPIC_ARN, VARIABLES};
use lwa_core::redaction::holds_credential;
use lwa_core::text::quotable_input;
use toml::{Spanned, Value};

use crate::failure::Failure;
use crate::permissions::may_be_changed;
use crate::terminal::{COLUMNS, wrap};

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsOptions {
    #[arg(
        long,
        value_name = "FILE",
        help = "The settings file; LWA_CONFIG or ~/.config/lwa.toml by default"
    )]
    config: Option<PathBuf>,
}

/// The variable that names the file.
const LWA_CONFIG: &str = "LWA_CONFIG";

/// AWS's own variables that may stand in the file.
pub(crate) const AWS_PROFILE: &str = "AWS_PROFILE";
pub(crate) const AWS_REGION: &str = "AWS_REGION";
pub(crate) const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// The process's settings file; empty where it has none. Like the environment, it belongs to the
/// process.
static FILE: OnceLock<Settings> = OnceLock::new();

/// What a file holds: by the variables' names, what would stand in the environment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings(BTreeMap<String, String>);

/// What is wrong with a file, after the number of its line. No value is quoted that may be a
/// secret.
type Problem = (usize, String);

impl SettingsOptions {
    /// Reads the settings file, for this process.
    pub(crate) fn load(&self) -> Result<(), Failure> {
        let settings = match (&self.config, given(LWA_CONFIG), of_user()) {
            (Some(file), _, _) => read(file, "`--config`")?,
            (None, Some(file), _) => read(Path::new(&file), LWA_CONFIG)?,
            (None, None, Some(file)) if file.exists() => read(&file, "the default")?,
            (None, None, _) => Settings::default(),
        };
        // One process runs one subcommand, so this is the only time.
        let _ = FILE.set(settings);
        Ok(())
    }
}

/// The value of a variable: the environment's, else the file's.
pub(crate) fn variable(name: &str) -> Option<String> {
    given(name).or_else(|| FILE.get()?.get(name))
}

/// Our own variables, from the environment and the file.
pub(crate) const fn lookup() -> Lookup<fn(&str) -> Option<String>> {
    Lookup::new(variable)
}

/// The same variables without `both` as the vault: only an audit can look into both.
pub(crate) const fn one_vault(
    get: impl Fn(&str) -> Option<String>,
) -> Lookup<impl Fn(&str) -> Option<String>> {
    Lookup::new(move |name: &str| {
        get(name).filter(|value| name != LWA_VAULT.name || value != "both")
    })
}

/// What the file has for the first of AWS's own variables, unless the environment has one of them.
pub(crate) fn unless_given(variables: &[&str]) -> Option<String> {
    if variables.iter().any(|name| given(name).is_some()) {
        return None;
    }
    FILE.get()?.get(variables.first()?)
}

/// What the environment says; an empty variable counts as not set.
fn given(name: &str) -> Option<String> {
    environment::variable(name).filter(|value| !value.trim().is_empty())
}

fn of_user() -> Option<PathBuf> {
    let folder = given("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(Path::new(&given("HOME")?).join(".config")))?;
    Some(folder.join("lwa.toml"))
}

fn read(file: &Path, named_by: &str) -> Result<Settings, Failure> {
    let name = quotable_input(&file.display().to_string());
    let unreadable = |error: io::Error| {
        let problem = match error.kind() {
            ErrorKind::NotFound => "does not exist".to_owned(),
            ErrorKind::InvalidData => "is not text".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        Failure::Usage(format!(
            "the settings file `{name}` {problem}\n\n  tip: it is named by {named_by}"
        ))
    };
    let opened = File::open(file).and_then(|opened| Ok((may_be_changed(file, &opened)?, opened)));
    let (danger, opened) = opened.map_err(unreadable)?;
    if let Some([danger, tip]) = danger {
        return Err(Failure::Usage(format!(
            "the settings file `{name}` {danger}, and it says where client secrets are sent\n\n  \
             tip: {tip}"
        )));
    }
    let text = io::read_to_string(opened).map_err(unreadable)?;
    Settings::parse(&text).map_err(|(line, text)| {
        let lines = wrap(&format!("{name}, line {line}: {text}"), "", COLUMNS);
        Failure::Usage(lines.join("\n"))
    })
}

impl Settings {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let line = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
        let table: BTreeMap<Spanned<String>, Spanned<Value>> =
            toml::from_str(text).map_err(|error| {
                let at = error.span().map_or(0, |span| span.start);
                // Unlike the whole error, this quotes nothing of the line.
                let problem = quotable_input(error.message());
                (line(at), format!("this is not TOML: {problem}"))
            })?;
        let mut settings = Self::default();
        for (name, value) in &table {
            let value = setting(name.get_ref(), value.get_ref());
            let value = value.map_err(|text| (line(name.span().start), text))?;
            settings.0.insert(name.get_ref().clone(), value);
        }
        settings.check().map_err(|error| {
            let (ConfigError::Missing { name, .. } | ConfigError::Invalid { name, .. }) = &error;
            let wrong = table.keys().find(|known| known.get_ref() == name);
            let line = wrong.map_or(1, |wrong| line(wrong.span().start));
            (line, error.to_string())
        })?;
        Ok(settings)
    }

    /// Whether everything in the file can be used, also by the subcommands that do not run now.
    fn check(&self) -> Result<(), ConfigError> {
        let all = Lookup::new(|name: &str| self.get(name));
        auditor::Settings::from_lookup(&all)?;
        policy_formatter::Settings::from_lookup(&all)?;
        if all.get(TOPIC_ARN).is_some() {
            all.topic_arn()?;
        }
        let one_vault = one_vault(|name| self.get(name));
        rotation_requester::Settings::from_lookup(&one_vault)?;
        environment::sdk_config(|name| {
            let any = (name == AWS_REGION).then(|| "any".to_owned());
            self.get(name).or(any)
        })?;
        Ok(())
    }
}

/// A value as it would stand in the environment, if the name may stand in the file.
fn setting(name: &str, value: &Value) -> Result<String, String> {
    let ours = VARIABLES.iter().map(|variable| variable.name);
    let names: Vec<&str> = ours
        .chain([AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL])
        .collect();
    if !names.contains(&name) {
        let allowed = names.join(", ");
        if is_named_like_secret(name) || holds_credential(name) {
            return Err(format!(
                "this is a credential or the name of one. Credentials live in the vault: \
                 `lwa store` puts them there. Allowed here: {allowed}"
            ));
        }
        let name = quotable_input(name);
        return Err(format!("`{name}` is not a setting; allowed: {allowed}"));
    }
    let text = match value {
        Value::Array(values) => values.iter().map(plain).collect::<Option<Vec<_>>>(),
        value => plain(value).map(|text| vec![text]),
    };
    let text = text.ok_or_else(|| {
        format!(
            "{name} is of the wrong type; allowed: a text in quotes, a whole number, true or \
             false, or a list of texts or numbers"
        )
    })?;
    let text = text.join(",");
    if holds_credential(&text) {
        return Err(format!(
            "the value of {name} looks like a credential, and is not repeated here. Credentials \
             live in the vault: `lwa store` puts them there"
        ));
    }
    Ok(text)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// Whether a name looks like that of a credential.
pub(crate) fn is_named_like_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "credential", "client"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        Settings::parse(text).unwrap().0.into_iter().collect()
    }

    fn problem(text: &str) -> (usize, String) {
        Settings::parse(text).unwrap_err()
    }

    #[test]
    fn values_of_every_type_stand_for_what_the_environment_would_say() {
        let found = values(
            "# Ours.\nLWA_PARAMETER_PREFIX = [\"/my-erp\", \"/other\"]\nREMIND_AT_DAYS = [30, 7]\n\
             SECRET_LIFETIME_DAYS = 90\nAUTO_ROTATE = false\nAWS_REGION = 'eu-west-1'\n\
             LWA_VAULT = \"both\"\nTOPIC_ARN = \"arn:aws:sns:eu-west-1:111122223333:lwa\"\n",
        );
        let expected = [
            ("AUTO_ROTATE", "false"),
            ("AWS_REGION", "eu-west-1"),
            ("LWA_PARAMETER_PREFIX", "/my-erp,/other"),
            ("LWA_VAULT", "both"),
            ("REMIND_AT_DAYS", "30,7"),
            ("SECRET_LIFETIME_DAYS", "90"),
            ("TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:lwa"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
        assert_eq!(values(""), []);
    }

    #[test]
    fn every_default_may_be_written_down() {
        for variable in VARIABLES {
            let default = variable.default.unwrap_or_default();
            if default.is_empty() || ["none", "from `SP_API_REGION`"].contains(&default) {
                continue;
            }
            let text = format!("{} = \"{default}\"\n", variable.name);
            assert_eq!(values(&text), [(variable.name.into(), default.into())]);
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_line_and_what_is_allowed() {
        for (text, line, words) in [
            ("a\n", 1, "this is not TOML"),
            (
                "# x\nAUTO_ROTATE = true\nAUTO_ROTATE = true\n",
                3,
                "this is not TOML: duplicate key",
            ),
            (
                "\n\nLWA_PREFIX = \"/a\"\n",
                3,
                "`LWA_PREFIX` is not a setting; allowed: LWA_PARAMETER_PREFIX, ",
            ),
            (
                "[audit]\nLWA_VAULT = \"both\"\n",
                1,
                "`audit` is not a setting",
            ),
            (
                "AWS_REGION = 1.5\n",
                1,
                "AWS_REGION is of the wrong type; allowed: a text in quotes",
            ),
            (
                "LWA_VAULT = [[\"both\"]]\n",
                1,
                "LWA_VAULT is of the wrong type",
            ),
            (
                "LWA_VAULT = \"parameter-store\"\nSECRET_LIFETIME_DAYS = true\n",
                2,
                "SECRET_LIFETIME_DAYS is `true`; allowed: a whole number from 1 to 3650",
            ),
            (
                "ROTATE_WITHIN_DAYS = 181\n",
                1,
                "ROTATE_WITHIN_DAYS is `181`; allowed: ",
            ),
            (
                "HEARTBEAT_DAY = \"noon\"\n",
                1,
                "HEARTBEAT_DAY is `noon`; allowed: ",
            ),
            (
                "LWA_TOKEN_URL = \"http://evil.example/\"\n",
                1,
                "LWA_TOKEN_URL is `http://evil.example/`",
            ),
            (
                "AWS_ENDPOINT_URL = \"localhost\"\n",
                1,
                "AWS_ENDPOINT_URL is `localhost`; allowed: ",
            ),
            (
                "TOPIC_ARN = \"lwa\"\n",
                1,
                "TOPIC_ARN is `lwa`; allowed: the ARN",
            ),
            (
                "RUNBOOK_URL = \"ftp://x\"\n",
                1,
                "RUNBOOK_URL is `ftp://x`; allowed: ",
            ),
        ] {
            let (found, said) = problem(text);
            assert!(said.contains(words), "{text}: {said}");
            assert_eq!(found, line, "{text}: {said}");
        }
    }

    #[test]
    fn a_credential_is_refused_wherever_it_stands_and_never_repeated() {
        for text in [
            "LWA_VAULT = \"amzn1.oa2-cs.v1.planted\"\n",
            "LWA_PARAMETER_PREFIX = [\"/my-erp\", \"Atzr|planted\"]\n",
            "AppClientSecret = \"planted\"\n",
            "refreshToken = 'planted'\n",
            "AWS_SECRET_ACCESS_KEY = \"planted\"\n",
            "\"Atzr|planted\" = 1\n",
            "LWA_VAULT = amzn1.oa2-cs.v1.planted\n",
            "LWA_VAULT = \"amzn1.oa2-cs.v1.planted\n",
            "amzn1.oa2-cs.v1.planted\n",
            "sellers = { A2EXAMPLE = \"planted\" }\n",
        ] {
            let (line, said) = problem(text);
            assert_eq!(line, 1, "{text}");
            assert!(!said.contains("planted"), "{text}: {said}");
        }
        for text in [
            "client_secret = \"planted\"\n",
            "RUNBOOK_URL = \"Atza|planted\"\n",
        ] {
            assert!(
                problem(text).1.contains("`lwa store` puts them there"),
                "{text}"
            );
        }
    }
}
