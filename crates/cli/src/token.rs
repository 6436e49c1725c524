//! `lwa token`: the exchanger's work, from a terminal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::Style;
use clap::Args;
use clap::builder::PossibleValuesParser;
use lwa_core::error::FunctionError;
use lwa_core::exchange::Shape;
use lwa_core::metrics::{Metric, MetricSet};
use lwa_core::ports::Metrics;
use lwa_core::{ExposeSecret, SecretString, Timestamp};
use serde_json::{Value, json};
use token_exchanger::{CheckResponse, Response, Settings, TokenResponse};

use crate::account::{self, EXCHANGER_TIMEOUT, PROMPT};
use crate::failure::Failure;
use crate::runtime::{block_on, boxed};
use crate::target::{TargetOptions, choose};
use crate::terminal::{self, BAD, BOLD, GOOD, Progress, WARNING, fields, paragraph, write_json};

/// Exchange the stored credentials for an access token, and show everything except the token
///
/// Runs the token-exchanger function on this machine: the same vault, the same exchange at Login
/// with Amazon (LWA), the same errors. Nothing is cached, so every run asks LWA.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa token --application my-erp
      does the application still get tokens?
  lwa token --application my-erp --check
      and does the Selling Partner API accept them?
  lwa token --application my-erp --seller A2EXAMPLE
      a token for one seller's account
  lwa token --scope sellingpartnerapi::notifications
      a grantless token
  lwa token --show | sed 's/^/x-amz-access-token: /' | curl -H @- …
      the token itself, for a call by hand that no process list shows
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 LWA_TOKEN_URL=http://127.0.0.1:8080/ \\
      lwa token
      against emulators

Exit code: 0 there is a token, or the check succeeded, 1 not, 2 wrong usage.")]
pub(crate) struct TokenOptions {
    /// The application; needed only where several are configured
    #[arg(long, short, value_name = "NAME")]
    application: Option<String>,

    /// The seller whose account the token is for; the application's own by default
    #[arg(long, value_name = "ID", conflicts_with = "scope")]
    seller: Option<String>,

    /// The OAuth grant; by default the one that the other options imply
    #[arg(long, value_name = "GRANT",
        value_parser = PossibleValuesParser::new(["refresh_token", "client_credentials"]))]
    grant: Option<String>,

    /// What a grantless token may be used for
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,

    /// Request a fresh token instead of a cached one, as a caller of the function can
    #[arg(long)]
    force_refresh: bool,

    /// Call the Selling Partner API with the token, once and harmlessly, and report the result
    #[arg(long)]
    check: bool,

    /// Print the token, and nothing else
    #[arg(long, conflicts_with_all = ["check", "json"])]
    show: bool,

    /// Print a JSON object instead of text, without the token
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: TargetOptions,
}

/// Said of a token in the first minutes after a rotation.
const PREVIOUS_USED: &str = "LWA does not accept the newest client secret in the vault yet. This \
                             token was obtained with the previous secret, which works for seven \
                             days after a rotation.";

/// Runs the subcommand; whether there is a token that works.
pub(crate) fn main(options: &TokenOptions) -> Result<bool, Failure> {
    let mut settings = Settings::from_lookup(&options.target.lookup()?)?;
    let application = choose(options.application.as_deref(), &mut settings.layout)?;
    let request = json!({
        "application": application.as_str(),
        "seller": options.seller,
        "grant": options.grant,
        "scope": options.scope,
        "force_refresh": options.force_refresh,
        "action": if options.check { "check" } else { "token" },
    });
    token_exchanger::validate(&request, &settings.layout).map_err(Failure::usage)?;
    let previous = PreviousUsed::default();
    let answer = block_on(async {
        let exchange = async {
            let aws = account::connect(&options.target.aws, PROMPT).await?;
            let exchanger = account::token_exchanger(&aws, settings, previous.clone())?;
            Ok::<_, Failure>(boxed(exchanger.handle(request, EXCHANGER_TIMEOUT)).await)
        };
        let waiting = format!("Asking for a token of {application}");
        Progress::new().over(&waiting, boxed(exchange)).await
    })?;
    let mut out = anstream::stdout();
    match answer {
        // The one thing that the option asks for.
        Ok(Response::Token(token)) if options.show => {
            writeln!(out, "{}", token.access_token.expose_secret())?;
        }
        Ok(Response::Token(token)) if options.json => {
            write_json(&token_json(&token, previous.is_used()))?;
        }
        Ok(Response::Token(token)) => {
            show_token(&mut out, options, &token)?;
            if previous.is_used() {
                writeln!(out)?;
                paragraph(&mut out, WARNING, "", PREVIOUS_USED)?;
            }
        }
        Ok(Response::Check(check)) => {
            let is_ok = check.is_ok();
            if options.json {
                write_json(&Response::Check(check).to_json())?;
            } else {
                show_check(&mut out, &check)?;
            }
            return Ok(is_ok);
        }
        Err(error) => {
            let (error_type, message) = (error.error_type(), error.to_string());
            if options.json {
                let error = json!({"errorType": error_type, "errorMessage": message});
                write_json(&json!({ "error": error }))?;
            } else {
                terminal::error(&anyhow::anyhow!("{error_type}: {message}"));
            }
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the token was obtained with the secret before the newest, told from the function's
/// metrics.
#[derive(Clone, Default)]
struct PreviousUsed(Arc<AtomicBool>);

impl PreviousUsed {
    fn is_used(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics for PreviousUsed {
    fn record(&self, set: &MetricSet, _: Timestamp) {
        let is_used = |metric: &Metric| metric.name == "PreviousSecretUsed" && metric.value > 0.0;
        if set.metrics.iter().any(is_used) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// How a token begins, if that tells its kind, and its length in characters.
fn looks(token: &SecretString) -> (Option<String>, usize) {
    // Not put on any wire: only a public prefix and a number leave this function.
    let text = token.expose_secret();
    let is_known = Shape::of(text) == Some(Shape::AccessToken);
    let prefix = text.split_once('|').filter(|_| is_known);
    let prefix = prefix.map(|(prefix, _)| format!("{prefix}|"));
    (prefix, text.chars().count())
}

/// The function's response with the token's looks in place of the token.
fn token_json(token: &TokenResponse, is_previous_used: bool) -> Value {
    let (prefix, length) = looks(&token.access_token);
    json!({
        "application": token.application.as_str(),
        "token_type": token.token_type,
        "prefix": prefix,
        "length": length,
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
    let name = &token.application;
    writeln!(out, "{GOOD}LWA issued an access token for {name}.{GOOD:#}")?;
    let subject = match (&options.seller, &options.scope) {
        (Some(seller), _) => format!("seller {seller}"),
        (None, Some(scope)) => format!("the application itself, scope {scope}"),
        (None, None) => "the application's own selling account".to_owned(),
    };
    let (prefix, length) = looks(&token.access_token);
    let kind = match prefix {
        Some(prefix) => format!("an access token, by its beginning `{prefix}`"),
        None => "unknown: it begins like no access token that Amazon documents".to_owned(),
    };
    let cached = if token.cached {
        "yes"
    } else {
        "no, obtained just now"
    };
    let expires = token.expires_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    fields(
        out,
        &[
            ("for", subject),
            ("type", token.token_type.clone()),
            ("kind", kind),
            ("length", format!("{length} characters")),
            ("lifetime", lifetime(token.expires_in)),
            ("expires", expires.to_string()),
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
    let name = &check.application;
    writeln!(out, "{style}The credentials of {name} {word}.{style:#}")?;
    let verdicts = [("LWA", check.lwa), ("SP-API", check.sp_api)];
    let verdicts = verdicts.map(|(service, verdict)| (service, verdict.as_str().to_owned()));
    fields(out, &verdicts)?;
    if !check.detail.is_empty() {
        writeln!(out)?;
        let style = if check.is_ok() { Style::new() } else { BOLD };
        paragraph(out, style, "", &check.detail)?;
    }
    Ok(())
}
