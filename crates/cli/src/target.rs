//! Which application a subcommand works on, and where its credentials are.

use clap::Args;
use clap::builder::PossibleValuesParser;
use lwa_core::config::{LWA_PARAMETER_PREFIX, LWA_VAULT, Lookup};
use lwa_core::redaction::holds_credential;
use lwa_core::{ApplicationName, Layout};

use crate::account::AwsOptions;
use crate::failure::Failure;
use crate::settings::{self, SettingsOptions};

/// The options with which the subcommands about one application end.
#[derive(Debug, Args)]
pub(crate) struct TargetOptions {
    #[arg(
        long,
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(["parameter-store", "secrets-manager"]),
        help = "Where the credentials are; LWA_VAULT by default"
    )]
    pub(crate) vault: Option<String>,

    #[command(flatten)]
    settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) aws: AwsOptions,
}

impl TargetOptions {
    /// The settings, after reading their file, with the vault of the command line.
    pub(crate) fn lookup(&self) -> Result<Lookup<impl Fn(&str) -> Option<String>>, Failure> {
        self.settings.load()?;
        Ok(Lookup::new(|name: &str| {
            let vault = self.vault.clone().filter(|_| name == LWA_VAULT.name);
            vault.or_else(|| settings::variable(name))
        }))
    }
}

/// The application that was named, if it may be used, or the only one there is.
///
/// Where no prefix is configured, a named application becomes the prefix: the default is an
/// example, and asking about one application should need no variable.
pub(crate) fn choose(name: Option<&str>, layout: &mut Layout) -> Result<ApplicationName, Failure> {
    let is_configured = settings::lookup().get(LWA_PARAMETER_PREFIX).is_some();
    let prefixes = layout.prefixes.join(", ");
    match (name, layout.prefixes.as_slice()) {
        (Some(name), _) => {
            // Every process can read a command line, and an error must not quote a credential.
            if holds_credential(name) {
                return Err(Failure::Usage(
                    "`--application` looks like a credential; credentials are read from the \
                     vault, and never given on the command line"
                        .to_owned(),
                ));
            }
            let name = ApplicationName::parse(name).map_err(Failure::usage)?;
            if !layout.contains(&name.root()) {
                if is_configured {
                    return Err(Failure::Usage(format!(
                        "application `{name}` is not at or below a configured prefix; \
                         LWA_PARAMETER_PREFIX has {prefixes}"
                    )));
                }
                layout.prefixes = vec![name.root()];
            }
            Ok(name)
        }
        (None, [only]) => ApplicationName::parse(only).map_err(Failure::usage),
        (None, _) => Err(Failure::Usage(format!(
            "several applications are configured\n\n  tip: name one with `--application`; \
             LWA_PARAMETER_PREFIX has {prefixes}"
        ))),
    }
}
