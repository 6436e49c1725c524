//! Arguments of `lwa store`, none of which is ever repeated: somebody may have put a secret
//! there.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Parser};
use lwa_core::store::input::looks_like_secret;

use crate::Arguments;

const NAME: &str = "store";

const TIP: &str = "  Credentials are not taken from the command line: every process on this machine
  can read it, and the shell writes it into its history. What stands there is not
  repeated here.

  tip: type the value when you are asked for it, or give it on standard input or
       in a file; `lwa store --help` has examples
  tip: remove it from the history; if others use this machine, make a new one";

/// Parses the process's arguments; what went wrong is already told.
pub(crate) fn parse_arguments() -> Result<Arguments, ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let is_store = arguments.get(1).is_some_and(|name| name == NAME);
    if is_store && let Some(problem) = refusal(&arguments[2..]) {
        return Err(usage_error(ErrorKind::UnknownArgument, &problem));
    }
    Arguments::try_parse_from(&arguments).map_err(|error| {
        if is_store && let Some(problem) = without_values(&error) {
            return usage_error(error.kind(), &problem);
        }
        // Nobody is left to tell when the output is closed.
        let _ = error.print();
        exit_code(&error)
    })
}

/// Finds what looks like a secret, or stands where one would.
fn refusal(arguments: &[OsString]) -> Option<String> {
    let command = crate::clap_command(NAME);
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" || word == "--" {
            return Some(format!(
                "there is a value that belongs to no option\n\n{TIP}"
            ));
        }
        if looks_like_secret(&word) {
            return Some(format!("an option looks like a credential\n\n{TIP}"));
        }
        let (name, attached, is_valued) = match word.strip_prefix("--") {
            Some(long) => {
                let (long, attached) = match long.split_once('=') {
                    Some((long, attached)) => (long, Some(attached.to_owned())),
                    None => (long, None),
                };
                let is_valued = takes_value(&command, |argument| argument.get_long() == Some(long));
                (format!("--{long}"), attached, is_valued)
            }
            None => short(&word, &command),
        };
        match is_valued {
            None if is_named_like_secret(&name) => {
                return Some(format!("there is an option for a credential\n\n{TIP}"));
            }
            // What clap can explain better.
            None | Some(false) => {}
            Some(true) => {
                let value = attached.or_else(|| words.next().map(std::borrow::Cow::into_owned));
                if value.is_some_and(|value| looks_like_secret(&value)) {
                    let problem = format!("the value of `{name}` looks like a credential");
                    return Some(format!("{problem}\n\n{TIP}"));
                }
            }
        }
    }
    None
}

/// The option that takes a value in a cluster such as `-yaNAME`, and what is attached to it.
fn short(word: &str, command: &clap::Command) -> (String, Option<String>, Option<bool>) {
    let mut letters = word.strip_prefix('-').unwrap_or(word).chars();
    while let Some(letter) = letters.next() {
        let is_valued = takes_value(command, |argument| argument.get_short() == Some(letter));
        if is_valued != Some(false) {
            let rest = letters.as_str();
            let rest = rest.strip_prefix('=').unwrap_or(rest);
            let attached = (!rest.is_empty()).then(|| rest.to_owned());
            return (format!("-{letter}"), attached, is_valued);
        }
    }
    (String::new(), None, Some(false))
}

/// Whether the option takes a value; none when there is no such option.
fn takes_value(command: &clap::Command, is_it: impl Fn(&clap::Arg) -> bool) -> Option<bool> {
    let option = command.get_arguments().find(|argument| is_it(argument))?;
    Some(matches!(
        option.get_action(),
        ArgAction::Set | ArgAction::Append
    ))
}

fn is_named_like_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "secret",
        "token",
        "password",
        "credential",
        "value",
        "client",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// An error in words of its own, where clap's would repeat a value.
fn without_values(error: &clap::Error) -> Option<String> {
    let option = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => known_option(option),
        _ => None,
    };
    let option = option.as_deref();
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
                _ if option == Some("--expires-at") => {
                    "; write a day like 2027-05-20, or an instant like 2027-05-20T08:00:00Z"
                        .to_owned()
                }
                _ => String::new(),
            };
            let of = option.map_or_else(String::new, |option| format!(" of `{option}`"));
            Some(format!(
                "the value{of} is missing, or none that it may have{allowed}"
            ))
        }
        _ => Some(match option {
            Some(option) => format!("`{option}` cannot be used like this"),
            None => "there is an option that does not exist".to_owned(),
        }),
    }
}

/// The option as its help names it; none when it is not one of ours.
fn known_option(text: &str) -> Option<String> {
    let name = text.split([' ', '=']).next()?.strip_prefix("--")?;
    let command = crate::clap_command(NAME);
    let is_known = command
        .get_arguments()
        .any(|argument| argument.get_long() == Some(name));
    is_known.then(|| format!("--{name}"))
}

fn usage_error(kind: ErrorKind, problem: &str) -> ExitCode {
    let error = crate::clap_command(NAME).error(kind, problem);
    let _ = error.print();
    exit_code(&error)
}

fn exit_code(error: &clap::Error) -> ExitCode {
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(arguments: &[&str]) -> Option<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        refusal(&arguments)
    }

    #[test]
    fn whatever_looks_like_a_secret_or_stands_where_one_would_is_refused_unseen() {
        for arguments in [
            &["planted"][..],
            &["--application", "my-erp", "planted"],
            &["--secret", "planted"],
            &["--client-secret=planted"],
            &["--refresh-token", "planted"],
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
            let all = ["lwa", NAME].iter().chain(arguments);
            let error = Arguments::try_parse_from(all).unwrap_err();
            let problem = without_values(&error).unwrap_or_else(|| error.to_string());
            assert!(!problem.contains("planted"), "{arguments:?}: {problem}");
        }
    }
}
