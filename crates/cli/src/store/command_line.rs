//! Words for a wrong command line of `lwa store` that never repeat an argument, because one may
//! be a secret.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use lwa_core::redaction::holds_credential;

use crate::settings::is_named_like_secret;

const TIP: &str = "  Credentials are not taken from the command line: every process on this machine
  can read it, and the shell writes it into its history. What was given there is
  not repeated here.

  tip: type the value when you are asked for it, or give it on standard input or
       in a file; `lwa store --help` has examples
  tip: remove it from the history; if others use this machine, make a new one";

/// Why these arguments are not even parsed: one looks like a secret.
pub(crate) fn refusal(arguments: &[OsString]) -> Option<String> {
    let is_secret = |argument: &OsString| {
        let text = argument.to_string_lossy();
        // The value of a short option may be attached to it.
        holds_credential(&text) || holds_credential(text.trim_start_matches('-'))
    };
    let found = arguments.iter().any(is_secret);
    found.then(|| format!("an argument looks like a credential\n\n{TIP}"))
}

/// What clap has to say about a wrong command line, where its own words would repeat a value.
pub(crate) fn without_values(store: &clap::Command, error: &clap::Error) -> Option<String> {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let option = argument.split([' ', '=']).next().unwrap_or_default();
    let is_known = store.get_arguments().any(|known| {
        let long = option.strip_prefix("--");
        long.is_some() && known.get_long() == long
    });
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::ArgumentConflict
        | ErrorKind::MissingRequiredArgument => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidUtf8 => {
            let allowed = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) if !values.is_empty() => {
                    format!("; it may be {}", values.join(", "))
                }
                _ if option == "--expires-at" => {
                    "; write a day like 2027-05-20, or an instant like 2027-05-20T08:00:00Z"
                        .to_owned()
                }
                _ => String::new(),
            };
            let of = is_known.then(|| format!(" of `{option}`"));
            let of = of.unwrap_or_default();
            Some(format!("the value{of} is missing or not allowed{allowed}"))
        }
        _ if is_known => Some(format!("`{option}` cannot be used like this")),
        _ if !option.starts_with('-') || option == "--" => Some(format!(
            "there is a value that belongs to no option\n\n{TIP}"
        )),
        _ if is_named_like_secret(option) => {
            Some(format!("there is an option for a credential\n\n{TIP}"))
        }
        _ => {
            let meant = match error.get(ContextKind::SuggestedArg) {
                // A name of ours, so it repeats nothing.
                Some(ContextValue::String(known)) => format!("; did you mean `{known}`?"),
                _ => String::new(),
            };
            let problem = "there is an option that does not exist";
            Some(format!("{problem}{meant}\n\n{TIP}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::*;
    use crate::store::StoreOptions;

    fn store() -> clap::Command {
        StoreOptions::augment_args(clap::Command::new("store"))
    }

    fn of_clap(arguments: &[&str]) -> Option<clap::Error> {
        let words = [&["store"], arguments].concat();
        store().try_get_matches_from(words).err()
    }

    /// What is said of a command line in our own words, unparsed or after clap.
    fn refuse(arguments: &[&str]) -> Option<String> {
        let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        refusal(&words).or_else(|| without_values(&store(), &of_clap(arguments)?))
    }

    #[test]
    fn whatever_looks_like_a_secret_or_stands_where_one_would_is_refused_unseen() {
        for arguments in [
            &["planted"][..],
            &["--application", "my-erp", "planted"],
            &["--secret", "planted"],
            &["--client-secret=planted"],
            &["--refresh-token", "planted"],
            &["--value", "planted"],
            &["-x", "planted"],
            &["--app", "amzn1.oa2-cs.v1.planted"],
            &["--application=Atzr|planted"],
            &["-a", "amzn1.oa2-cs.v1.planted"],
            &["-aAtzr|planted"],
            &["-ab5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5planted"],
            &["-ya", "b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5planted"],
            &["--from", "amzn1.oa2-cs.v1.planted"],
            &["--key", "b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5planted"],
            &["--yes", "--", "planted"],
        ] {
            let problem = refuse(arguments).unwrap_or_else(|| panic!("{arguments:?}"));
            assert!(!problem.contains("planted"), "{arguments:?}: {problem}");
            assert!(problem.contains("not taken from the command line"));
        }
    }

    #[test]
    fn names_keys_files_and_dates_are_not_taken_for_secrets() {
        for arguments in [
            &[][..],
            &["--help"],
            &["-a", "my-erp/eu", "--only", "client-secret", "--yes"],
            &["--application=my-erp", "--expires-at", "2027-05-20"],
            &["-ya", "my-erp", "-amy-erp"],
            &["--from", "-", "--dry-run", "--json", "--no-verify"],
            &["--from", "credentials.json", "--profile", "production"],
            &["--key", "mrk-1234abcd12ab34cd56ef1234567890ab"],
            &[
                "--seller",
                "A2EXAMPLE",
                "--endpoint-url",
                "http://127.0.0.1:5000",
            ],
        ] {
            assert_eq!(refuse(arguments), None, "{arguments:?}");
        }
    }

    #[test]
    fn what_clap_has_to_say_is_said_without_values() {
        for arguments in [
            &["--vault", "planted"][..],
            &["--only", "planted"],
            &["--expires-at", "planted"],
            &["--json=planted"],
            &["--planted"],
            &["--planted=planted"],
            &["--application", "a", "--application", "planted"],
        ] {
            let problem = refuse(arguments)
                .or_else(|| Some(of_clap(arguments)?.to_string()))
                .unwrap_or_else(|| panic!("{arguments:?}"));
            assert!(!problem.contains("planted"), "{arguments:?}: {problem}");
        }
    }
}
