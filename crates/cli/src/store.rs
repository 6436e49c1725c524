//! `lwa store`: credentials into the vault, the right way.

pub(crate) mod command_line;
mod input;
mod options;
mod report;

use anyhow::Context;
use lwa_aws::account::Account;
use lwa_aws::clock::SystemClock;
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::Clock;
use lwa_core::store::Order;
use lwa_core::store::carry_out::{Outcome, carry_out};
use lwa_core::store::history::dated;
use lwa_core::store::look::look;
use lwa_core::store::plan::plan;
use lwa_core::store::verification::{trials, verify};
use lwa_core::vault::CredentialValues;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};
use token_exchanger::Settings;

use crate::account::{self, PROMPT};
use crate::failure::Failure;
use crate::runtime::{block_on, boxed};
use crate::target::choose;
use crate::terminal::{self, BOLD, Progress};

pub(crate) use options::StoreOptions;
use report::{Report, Verified};

/// Runs the subcommand; whether everything is stored.
pub(crate) fn main(options: &StoreOptions) -> Result<bool, Failure> {
    let variables = options.target.lookup()?;
    if !options.yes && !options.dry_run {
        // Standard input cannot be read for the values and for the confirmation.
        terminal::check_confirmable("writing")?;
    }
    let mut settings = Settings::from_lookup(&variables)?;
    let order = Order {
        application: choose(options.application.as_deref(), &mut settings.layout)?,
        vault: settings.vault,
        layout: settings.layout,
        extent: options.extent()?,
        key: options.key()?,
        expires_at: options.expires_at,
        first_stored: None,
        lifetime_days: settings.secret_lifetime_days,
    };
    let given = input::read(options, &order)?;
    block_on(async {
        let aws = account::connect(&options.target.aws, PROMPT).await?;
        let account = Account::new(&aws);
        let lwa = account::lwa_client(&aws, &settings.token_url)?;
        let region = aws.region().unwrap_or_default();
        boxed(run(options, &order, &given, region, &account, &lwa)).await
    })
}

async fn run(
    options: &StoreOptions,
    order: &Order,
    given: &CredentialValues,
    region: &str,
    account: &(impl ReadMetadata + ReadValues + WriteTags + WriteValues),
    lwa: &impl TokenEndpoint,
) -> Result<bool, Failure> {
    let mut progress = Progress::new();
    let waiting = format!("Looking at {}", order.application);
    let looking = boxed(look(account, order));
    let found = progress.over(&waiting, looking).await.with_context(|| {
        let name = &order.application;
        format!("nothing was stored: what the vault has of {name} cannot be read")
    })?;
    let now = SystemClock.now();
    let dating = boxed(dated(account, order.clone(), given, &found, now));
    let dated = progress.over(&waiting, dating).await;
    let (order, note) = dated.context("nothing was stored")?;
    let mut plan = plan(&order, given, &found, now).context("nothing was stored")?;
    plan.notes.extend(note);
    let verified = if options.no_verify && !given.is_empty() {
        Verified::NotAsked
    } else {
        let trials = trials(&order, given, &found).context("nothing was stored")?;
        let asking = boxed(verify(lwa, &SystemClock, &trials));
        let verified = progress.over("Asking LWA for a token", asking).await;
        verified.context("nothing was stored")?;
        if trials.is_empty() {
            Verified::NothingNew
        } else {
            Verified::Accepted
        }
    };
    let report = Report {
        options,
        order: &order,
        region,
        plan: &plan,
        verified,
        client_id: report::client_id(given, &found),
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
        // Writing continues even if the reader of our output is gone.
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

fn is_confirmed() -> Result<bool, Failure> {
    let answer = terminal::ask(&format!("{BOLD}Write this?{BOLD:#} [y/N] "))?;
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}
