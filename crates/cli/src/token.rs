//! `lwa token`: the exchanger's work, from a terminal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::Style;
use lwa_core::application::SellerId;
use lwa_core::config::{LWA_VAULT, Lookup};
use lwa_core::error::FunctionError;
use lwa_core::exchange::Shape;
use lwa_core::lwa::Scope;
use lwa_core::metrics::{Metric, MetricSet};
use lwa_core::ports::Metrics;
use lwa_core::{ApplicationName, ExposeSecret, Layout, SecretString, Timestamp};
use serde_json::{Value, json};
use token_exchanger::{CheckResponse, ExchangerError, Response, Settings, TokenResponse};

use crate::account::{self, PROMPT};
use crate::arguments::{CredentialsVault, GrantType, TokenOptions};
use crate::terminal::{self, BAD, BOLD, GOOD, Progress, WARNING, fields, paragraph, patiently};
use crate::{Failure, boxed, runtime, settings};

/// Said of a token in the first minutes after a rotation.
const PREVIOUS_USED: &str = "LWA does not accept the newest client secret in the vault yet. This \
                             token was had by the one before it, which works for seven days after \
                             a rotation.";

/// As long as the deployed function has.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the subcommand; whether there is a token that works.
pub(crate) fn main(options: &TokenOptions) -> Result<bool, Failure> {
    let application = named_application(options.application.as_deref())?;
    let mut settings = Settings::from_lookup(&lookup(options.vault))?;
    let layout = account::with_application(settings.deployment.layout, application.as_ref());
    settings.deployment.layout = layout;
    let application = chosen_application(application, &settings.deployment.layout)?;
    let request = request(options, &application)?;
    runtime()?.block_on(async {
        let mut progress = Progress::new();
        let noted = Noted::default();
        let answer = async {
            let aws = account::connect(&options.aws, PROMPT).await?;
            let exchanger = account::token_exchanger(&aws, settings, noted.clone())?;
            Ok::<_, Failure>(boxed(exchanger.handle(request, TIMEOUT)).await)
        };
        let waiting = format!("Asking for a token of {application}");
        let answer = patiently(boxed(answer), &mut progress, &waiting).await?;
        show(options, answer, noted.is_previous_used())
    })
}

/// What of the function's metrics a person wants to know.
#[derive(Clone, Default)]
struct Noted(Arc<AtomicBool>);

impl Noted {
    /// Whether the token was had by the secret before the newest.
    fn is_previous_used(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics for Noted {
    fn record(&self, set: &MetricSet, _: Timestamp) {
        let is_used = |metric: &Metric| metric.name == "PreviousSecretUsed" && metric.value > 0.0;
        if set.metrics.iter().any(is_used) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The settings, with the vault that was named on the command line.
pub(crate) fn lookup(
    vault: Option<CredentialsVault>,
) -> Lookup<impl Fn(&str) -> Option<String> + use<>> {
    Lookup::new(move |name| match vault {
        Some(vault) if name == LWA_VAULT.name => Some(vault.as_str().to_owned()),
        _ => settings::variable(name),
    })
}

/// The application that was named on the command line.
pub(crate) fn named_application(name: Option<&str>) -> Result<Option<ApplicationName>, Failure> {
    let Some(name) = name else {
        return Ok(None);
    };
    refuse_credential("--application", name)?;
    let name = ApplicationName::parse(name).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Some(name))
}

/// The named application if it may be used, or the only one there is.
pub(crate) fn chosen_application(
    named: Option<ApplicationName>,
    layout: &Layout,
) -> Result<ApplicationName, Failure> {
    let prefixes = layout.prefixes.join(", ");
    match (named, layout.prefixes.as_slice()) {
        (Some(named), _) if layout.contains(&named.root()) => Ok(named),
        (Some(named), _) => Err(Failure::Usage(format!(
            "application `{named}` is not at or below a configured prefix; \
             LWA_PARAMETER_PREFIX has {prefixes}"
        ))),
        (None, [only]) => {
            ApplicationName::parse(only).map_err(|error| Failure::Usage(error.to_string()))
        }
        (None, _) => Err(Failure::Usage(format!(
            "several applications are configured\n\n  tip: name one with `--application`; \
             LWA_PARAMETER_PREFIX has {prefixes}"
        ))),
    }
}

/// Credentials do not belong on a command line, where every process can read them; and what
/// cannot be right must not be quoted in an error.
fn refuse_credential(option: &str, text: &str) -> Result<(), Failure> {
    match Shape::of(text) {
        None => Ok(()),
        Some(shape) => Err(Failure::Usage(format!(
            "`{option}` looks like {}; credentials are read from the vault, and never given on \
             the command line",
            shape.as_str()
        ))),
    }
}

fn request(options: &TokenOptions, application: &ApplicationName) -> Result<Value, Failure> {
    if let Some(seller) = &options.seller {
        refuse_credential("--seller", seller)?;
        SellerId::parse(seller).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    if let Some(scope) = &options.scope {
        refuse_credential("--scope", scope)?;
        Scope::parse(scope).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let usage = |problem: &str| Err(Failure::Usage(problem.to_owned()));
    match options.grant {
        Some(GrantType::ClientCredentials) if options.seller.is_some() => {
            return usage(
                "a grantless token belongs to no seller: leave out `--seller`, or ask for `--grant refresh_token`",
            );
        }
        Some(GrantType::ClientCredentials) if options.scope.is_none() && !options.check => {
            let known = Scope::KNOWN.map(|scope| format!("`{scope}`")).join(", ");
            return usage(&format!(
                "`--grant client_credentials` needs a `--scope`; Amazon documents {known}"
            ));
        }
        Some(GrantType::RefreshToken) if options.scope.is_some() => {
            return usage(
                "a seller's token has the scope that the seller consented to: leave out `--scope`, or ask for `--grant client_credentials`",
            );
        }
        _ => {}
    }
    Ok(json!({
        "application": application.as_str(),
        "seller": options.seller,
        "grant": options.grant.map(GrantType::as_str),
        "scope": options.scope,
        "force_refresh": options.force_refresh,
        "action": if options.check { "check" } else { "token" },
    }))
}

fn show(
    options: &TokenOptions,
    answer: Result<Response, ExchangerError>,
    is_previous_used: bool,
) -> Result<bool, Failure> {
    let mut out = anstream::stdout();
    match answer {
        Ok(Response::Token(token)) if options.show => {
            // The one thing that the option asks for.
            writeln!(out, "{}", token.access_token.expose_secret())?;
            Ok(true)
        }
        Ok(Response::Token(token)) if options.json => {
            writeln!(out, "{:#}", token_json(&token, is_previous_used))?;
            Ok(true)
        }
        Ok(Response::Token(token)) => {
            show_token(&mut out, options, &token)?;
            if is_previous_used {
                writeln!(out)?;
                paragraph(&mut out, WARNING, "", PREVIOUS_USED)?;
            }
            Ok(true)
        }
        Ok(Response::Check(check)) => {
            if options.json {
                writeln!(out, "{:#}", Response::Check(check.clone()).to_json())?;
            } else {
                show_check(&mut out, &check)?;
            }
            Ok(check.is_ok())
        }
        Err(error) => {
            if options.json {
                let text = error.to_string();
                let object = json!({
                    "error": {"errorType": error.error_type(), "errorMessage": text},
                });
                writeln!(out, "{object:#}")?;
            } else {
                terminal::error(&anyhow::anyhow!("{}: {error}", error.error_type()));
            }
            Ok(false)
        }
    }
}

/// What may be told about a token's text.
struct Looks {
    /// How it begins, if that tells its kind.
    prefix: Option<String>,
    /// Its length, in characters.
    length: usize,
}

impl Looks {
    fn of(token: &SecretString) -> Self {
        // Not put on any wire: only a public prefix and a number leave this function.
        let text = token.expose_secret();
        let is_known = Shape::of(text) == Some(Shape::AccessToken);
        let prefix = text.split_once('|').filter(|_| is_known);
        Self {
            prefix: prefix.map(|(prefix, _)| format!("{prefix}|")),
            length: text.chars().count(),
        }
    }
}

/// The function's response with the token's looks in place of the token.
fn token_json(token: &TokenResponse, is_previous_used: bool) -> Value {
    let looks = Looks::of(&token.access_token);
    json!({
        "application": token.application.as_str(),
        "token_type": token.token_type,
        "prefix": looks.prefix,
        "length": looks.length,
        "expires_in": token.expires_in.as_secs(),
        "expires_at": token.expires_at.to_string(),
        "secret_version": token.secret_version.as_str(),
        "cached": token.cached,
        "previous_secret_used": is_previous_used,
    })
}

fn show_token(
    out: &mut impl Write,
    options: &TokenOptions,
    token: &TokenResponse,
) -> std::io::Result<()> {
    let looks = Looks::of(&token.access_token);
    writeln!(
        out,
        "{GOOD}LWA gave an access token for {}.{GOOD:#}",
        token.application
    )?;
    let subject = match (&options.seller, &options.scope) {
        (Some(seller), _) => format!("seller {seller}"),
        (None, Some(scope)) => format!("the application itself, scope {scope}"),
        (None, None) => "the application's own selling account".to_owned(),
    };
    let kind = match looks.prefix {
        Some(prefix) => format!("an access token, by its beginning `{prefix}`"),
        None => "unknown: it begins like no access token that Amazon documents".to_owned(),
    };
    let cached = if token.cached {
        "yes"
    } else {
        "no, obtained just now"
    };
    fields(
        out,
        &[
            ("for", subject),
            ("type", token.token_type.clone()),
            ("kind", kind),
            ("length", format!("{} characters", looks.length)),
            ("lifetime", lifetime(token.expires_in)),
            (
                "expires",
                token
                    .expires_at
                    .strftime("%Y-%m-%d %H:%M:%S UTC")
                    .to_string(),
            ),
            ("secret version", token.secret_version.to_string()),
            ("cached", cached.to_owned()),
        ],
    )
}

fn lifetime(expires_in: Duration) -> String {
    let seconds = expires_in.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, _) => format!("{seconds} s"),
        (minutes, 0) => format!("{seconds} s ({minutes} min)"),
        (minutes, rest) => format!("{seconds} s ({minutes} min {rest} s)"),
    }
}

fn show_check(out: &mut impl Write, check: &CheckResponse) -> std::io::Result<()> {
    let (style, word) = if check.is_ok() {
        (GOOD, "work")
    } else {
        (BAD, "do not work")
    };
    writeln!(
        out,
        "{style}The credentials of {} {word}.{style:#}",
        check.application
    )?;
    fields(
        out,
        &[
            ("LWA", check.lwa.as_str().to_owned()),
            ("SP-API", check.sp_api.as_str().to_owned()),
        ],
    )?;
    if !check.detail.is_empty() {
        writeln!(out)?;
        paragraph(
            out,
            if check.is_ok() { Style::new() } else { BOLD },
            "",
            &check.detail,
        )?;
    }
    Ok(())
}
