//! `lwa store`: credentials into the vault, the right way.

mod command_line;
mod input;
mod report;

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use lwa_aws::account::Account;
use lwa_aws::clock::SystemClock;
use lwa_core::application::{Role, SellerId};
use lwa_core::ports::Clock;
use lwa_core::store::carry_out::{Outcome, carry_out};
use lwa_core::store::look::look;
use lwa_core::store::plan::{is_key, plan};
use lwa_core::store::verification::{trials, verify};
use lwa_core::store::{Extent, Order};
use lwa_core::vault::CredentialValues;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};
use token_exchanger::Settings;

use crate::account::{self, PROMPT};
use crate::arguments::{OneValue, StoreOptions};
use crate::terminal::{BOLD, Progress, patiently};
use crate::token::{chosen_application, lookup, named_application};
use crate::{Failure, boxed, runtime};

pub(crate) use command_line::parse_arguments;
use report::{Report, Verified};

/// Runs the subcommand; whether everything is stored.
pub(crate) fn main(options: &StoreOptions) -> Result<bool, Failure> {
    check_confirmable(options)?;
    let named = named_application(options.application.as_deref())?;
    let variables = lookup(options.vault);
    let settings = Settings::from_lookup(&variables)?;
    let layout = account::with_application(settings.deployment.layout, named.as_ref());
    let order = Order {
        application: chosen_application(named, &layout)?,
        vault: settings.vault,
        layout,
        extent: extent(options)?,
        key: key(options)?,
        expires_at: options.expires_at,
        lifetime_days: settings.deployment.secret_lifetime_days,
    };
    let given = input::read(options, &order)?;
    runtime()?.block_on(async {
        let aws = account::connect(&options.aws, PROMPT).await?;
        let account = Account::new(&aws);
        let lwa = account::lwa_client(&aws, &settings.token_url)?;
        let run = Run {
            options,
            order: &order,
            given: &given,
            region: aws.region().unwrap_or_default(),
        };
        boxed(run.store(&account, &lwa)).await
    })
}

/// One run of the subcommand.
struct Run<'a> {
    options: &'a StoreOptions,
    order: &'a Order,
    given: &'a CredentialValues,
    region: &'a str,
}

impl Run<'_> {
    async fn store(
        &self,
        account: &(impl ReadMetadata + ReadValues + WriteTags + WriteValues),
        lwa: &impl lwa_core::lwa::TokenEndpoint,
    ) -> Result<bool, Failure> {
        let (options, order) = (self.options, self.order);
        let mut progress = Progress::new();
        let waiting = format!("Looking at {}", order.application);
        let looking = boxed(look(account, order));
        let found = patiently(looking, &mut progress, &waiting)
            .await
            .with_context(|| {
                format!(
                    "nothing was stored: what is there of {} cannot be read",
                    order.application
                )
            })?;
        let plan =
            plan(order, self.given, &found, SystemClock.now()).context("nothing was stored")?;
        let verified = if options.no_verify && !self.given.is_empty() {
            Verified::NotAsked
        } else {
            let trials = trials(order, self.given, &found).context("nothing was stored")?;
            let asking = boxed(verify(lwa, &SystemClock, &trials));
            patiently(asking, &mut progress, "Asking LWA for a token")
                .await
                .context("nothing was stored")?;
            if trials.is_empty() {
                Verified::NothingNew
            } else {
                Verified::ByLwa
            }
        };
        let report = Report {
            options,
            order,
            region: self.region,
            plan: &plan,
            verified,
            client_id: report::client_id(self.given, &found),
        };
        report.plan()?;
        if plan.steps.is_empty() {
            return report.end(&[], "Nothing has to be written.", true);
        }
        let not_tried = || vec![Outcome::NotTried; plan.steps.len()];
        if options.dry_run {
            return report.end(&not_tried(), "Dry run: nothing was written.", true);
        }
        if !options.yes && !is_confirmed()? {
            return report.end(&not_tried(), "Not confirmed: nothing was written.", false);
        }
        let mut printed = Ok(());
        let mut number = 0;
        let outcomes = carry_out(account, &plan, |step, outcome| {
            number += 1;
            // Writing goes on when nobody reads along.
            let told = report.outcome(number, step, outcome);
            if printed.is_ok() {
                printed = told;
            }
        })
        .await;
        let is_good = outcomes.iter().all(|outcome| *outcome == Outcome::Done);
        printed.or_else(|error| if is_good { Ok(()) } else { Err(error) })?;
        report.end(&outcomes, "Stored.", is_good)
    }
}

/// Standard input cannot be read for the values and for the confirmation.
fn check_confirmable(options: &StoreOptions) -> Result<(), Failure> {
    if options.yes || options.dry_run || io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::Usage(
        "writing has to be confirmed, and standard input is no terminal\n\n  tip: `--yes` \
         confirms it, `--dry-run` only shows what would be written"
            .to_owned(),
    ))
}

fn extent(options: &StoreOptions) -> Result<Extent, Failure> {
    let usage = |problem: &str| Err(Failure::Usage(problem.to_owned()));
    let seller = match &options.seller {
        None => None,
        // What cannot be a seller id may be a token, so it is not repeated.
        Some(text) => match SellerId::parse(text) {
            Ok(seller) => Some(seller),
            Err(_) => return usage("the value of `--seller` is no seller id: letters and digits"),
        },
    };
    let role = match (options.only, seller) {
        (None, None) => None,
        (Some(OneValue::ClientId), None) => Some(Role::ClientId),
        (Some(OneValue::ClientSecret), None) => Some(Role::ClientSecret),
        (Some(OneValue::RefreshToken) | None, seller) => Some(Role::RefreshToken { seller }),
        (Some(_), Some(_)) => {
            return usage("a seller has a refresh token and nothing else: leave out `--only`");
        }
    };
    let has_secret = matches!(role, None | Some(Role::ClientSecret));
    if options.expires_at.is_some() && !has_secret {
        return usage("`--expires-at` is the end of a client secret, and none is stored here");
    }
    Ok(match role {
        None => Extent::Application,
        Some(role) => Extent::Only([role].into()),
    })
}

fn key(options: &StoreOptions) -> Result<Option<String>, Failure> {
    match options.key.as_deref() {
        Some(key) if !is_key(key) => Err(Failure::Usage(
            "the value of `--key` names no customer key\n\n  tip: a KMS key's id or ARN, or an \
             alias such as alias/lwa/credentials; AWS-managed keys (alias/aws/…) let everybody \
             decrypt who may read"
                .to_owned(),
        )),
        key => Ok(key.map(str::to_owned)),
    }
}

fn is_confirmed() -> Result<bool, Failure> {
    let mut err = anstream::stderr();
    write!(err, "{BOLD}Write this?{BOLD:#} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}
