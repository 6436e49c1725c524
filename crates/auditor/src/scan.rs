//! The scan: pages in, a tally out, interruptible between any two pages.
//!
//! Memory does not grow with the estate: a page is judged and dropped, an application that is
//! complete leaves eight bytes behind ([roster](lwa_core::audit::roster)), and the tally keeps the worst of everything
//! up to a limit ([tally](lwa_core::audit::tally)).
//!
//! Calls are the pages, and one look-up of tags for each client secret, because Parameter Store
//! has no call that returns the tags of several. They cost a daily audit of 5,000 applications
//! some minutes and no money.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use lwa_core::audit::assessment::{self, Assessment};
use lwa_core::audit::roster::PENDING_LIMIT;
use lwa_core::audit::tally::ApplicationDeadline;
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::vault::ports::{
    NAMES_LIMIT, Page, ParameterFilter, ParameterMetadata, ReadMetadata, SecretMetadata,
    SecretVersionEntry, Tags,
};
use lwa_core::vault::{VaultKind, parameter_store, secrets_manager};
use lwa_core::{ApplicationName, Place, Role};

use crate::budget::Budget;
use crate::settings::Settings;
use crate::state::{Position, Stage, State};

/// How many look-ups are under way at once. More would only meet the service's throttling.
pub(crate) const CONCURRENCY: usize = 5;

/// How many bytes of applications that were seen in part one invocation hands to the next.
const CARRIED_BYTES: usize = 40_000;

/// What a scan reports while it runs.
#[derive(Debug, Clone, Copy)]
pub enum Observation<'a> {
    /// An application was judged.
    Application(&'a ApplicationDeadline),
    /// A page was finished; so many credentials have been seen in all.
    Page {
        /// The vault.
        vault: VaultKind,
        /// The prefix.
        prefix: &'a str,
        /// Credentials seen so far.
        credentials: u64,
    },
    /// A call failed, so that something is not seen.
    Missed {
        /// What is not seen, as the tally names it.
        what: &'a str,
        /// Why.
        error: &'a CallError,
    },
}

/// Listens to a scan.
pub type Observer<'a> = &'a (dyn Fn(Observation<'_>) + Send + Sync);

/// The answers to a call that was made for several names.
type ByName<T> = BTreeMap<String, Result<T, CallError>>;

/// The budget ended in the middle of a step; nothing of the step has been counted.
struct OutOfTime;

/// A scan of the estate, from the state's position on.
pub(crate) struct Scan<'a, A, C> {
    pub(crate) state: &'a mut State,
    pub(crate) settings: &'a Settings,
    pub(crate) account: &'a A,
    pub(crate) clock: &'a C,
    pub(crate) budget: Budget,
    pub(crate) observer: Observer<'a>,
    /// Whether this invocation has finished a step.
    pub(crate) progressed: bool,
}

impl<A: ReadMetadata, C: Clock> Scan<'_, A, C> {
    /// Scans until all is seen or the budget is used up; the state's position tells which.
    pub(crate) async fn run(mut self) {
        while let Some(position) = self.state.position.clone() {
            if self.progressed && self.clock.now() >= self.budget.pause_at {
                return self.lighten(&position).await;
            }
            match self.step(&position).await {
                Ok(()) => self.progressed = true,
                Err(OutOfTime) if self.progressed => return self.lighten(&position).await,
                // A whole invocation was not enough for this one step, so another would not be.
                Err(OutOfTime) => self.give_up(&position),
            }
        }
        self.look_for_empty_prefixes();
        self.state.tally.sort();
    }

    /// Finds prefixes below which there is no application. What could not be seen may be there.
    fn look_for_empty_prefixes(&mut self) {
        if self.state.tally.is_partial() {
            return;
        }
        let (rules, layout) = (&self.settings.rules, &self.settings.deployment.layout);
        let vault = self.settings.vaults[0];
        let prefixes: BTreeSet<_> = self.settings.targets().into_iter().map(|it| it.1).collect();
        for prefix in prefixes {
            let below = self.state.below.get(prefix).copied().unwrap_or_default();
            if let Some(finding) = below.finding(prefix, vault, layout) {
                self.state.tally.add_finding(finding, rules);
            }
        }
    }

    fn saw(&mut self, prefix: &str, client_secrets: usize, others: usize) {
        let below = self.state.below.entry(prefix.to_owned()).or_default();
        below.client_secrets += client_secrets as u64;
        below.others += others as u64;
    }

    async fn step(&mut self, position: &Position) -> Result<(), OutOfTime> {
        let prefix = position.prefix.as_str();
        let next = match (position.vault, &position.stage) {
            (VaultKind::ParameterStore, Stage::Page(token)) => {
                self.parameter_page(prefix, token.as_deref()).await?
            }
            (VaultKind::SecretsManager, Stage::Page(token)) => {
                self.secret_page(prefix, token.as_deref()).await?
            }
            (_, Stage::Settle) => {
                self.settle_pending(prefix, 0).await?;
                None
            }
        };
        self.state.position = match next {
            Some(stage) => Some(Position {
                stage,
                ..position.clone()
            }),
            None => position.following(self.settings),
        };
        Ok(())
    }

    /// Reports a step that cannot be done, and continues after it.
    fn give_up(&mut self, position: &Position) {
        let why = "it did not answer within a whole invocation";
        if let Stage::Page(_) = position.stage {
            let what = rest(position.vault, &position.prefix);
            self.state.tally.miss(what, why);
            self.state.roster.settle_all();
        } else {
            self.give_up_pending(&position.prefix, why);
        }
        self.state.position = position.following(self.settings);
    }

    /// Makes a state that is handed over light enough: an order of listing that keeps many
    /// applications waiting costs look-ups now instead of names to carry.
    async fn lighten(&mut self, position: &Position) {
        let prefix = position.prefix.as_str();
        let settled = self.settle_pending(prefix, CARRIED_BYTES).await;
        if settled.is_err() {
            self.give_up_pending(prefix, "there was no time left to look them up");
        }
    }

    /// Claims nothing about applications that have been seen in part only.
    fn give_up_pending(&mut self, prefix: &str, why: &str) {
        let what = self.incomplete(prefix);
        tracing::warn!("not seen: {what}: {why}");
        self.state.tally.miss(what, why);
        self.state.roster.settle_all();
    }

    fn incomplete(&self, prefix: &str) -> String {
        let pending = self.state.roster.pending.len();
        format!("whether {pending} applications below {prefix} are complete")
    }

    async fn parameter_page(
        &mut self,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Option<Stage>, OutOfTime> {
        let filter = ParameterFilter::Below(prefix);
        let page = self.account.describe_parameters(filter, token);
        let page = self.within(page).await?;
        let Some(Page { items, next }) = self.listed(VaultKind::ParameterStore, prefix, page)
        else {
            return Ok(Some(Stage::Settle));
        };
        let all = items.len();
        let (located, tags) = self.located(items).await?;
        let secrets = located
            .iter()
            .filter(|(place, _)| place.role == Role::ClientSecret);
        let secrets = secrets.count();
        self.saw(prefix, secrets, all - secrets);
        // Only from here on is anything counted: a step that runs out of time is done again.
        for (place, metadata) in located {
            self.parameter(&place, &metadata, tags.get(&metadata.name));
        }
        self.page_done(VaultKind::ParameterStore, prefix);
        if self.state.roster.pending.len() > PENDING_LIMIT {
            // The page is counted already; where time runs out, the next page tries again.
            self.settle_pending(prefix, 0).await.ok();
        }
        Ok(Some(
            next.map_or(Stage::Settle, |token| Stage::Page(Some(token))),
        ))
    }

    fn parameter(
        &mut self,
        place: &Place,
        metadata: &ParameterMetadata,
        tags: Option<&Result<Tags, CallError>>,
    ) {
        let rules = &self.settings.rules;
        let now = self.state.started_at;
        if place.role != Role::ClientSecret {
            self.state.tally.credentials += 1;
            self.state.roster.note(&place.application, &place.role);
            for finding in assessment::other_parameter(place, metadata, rules, now) {
                self.state.tally.add_finding(finding, rules);
            }
            return;
        }
        let tags = match tags {
            // It had passed before.
            None => return,
            Some(Ok(tags)) => Some(tags),
            Some(Err(error)) if error.failure == CallFailure::NotFound => {
                return self.vanished(&metadata.name);
            }
            Some(Err(error)) => {
                self.miss(format!("the tags of {}", metadata.name), error);
                None
            }
        };
        if self.state.roster.note(&place.application, &place.role) {
            self.state.tally.credentials += 1;
            let assessment = assessment::client_secret(place, metadata, tags, rules, now);
            self.state.roster.tag(&assessment.application);
            self.add(assessment);
        }
    }

    async fn secret_page(
        &mut self,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Option<Stage>, OutOfTime> {
        let name_prefix = &prefix[1..];
        let page = self.account.list_secrets(name_prefix, token);
        let page = self.within(page).await?;
        let Some(Page { items, next }) = self.listed(VaultKind::SecretsManager, prefix, page)
        else {
            return Ok(None);
        };
        // The service's filter takes any name that only begins alike, and that may lie below
        // another prefix. A name that Parameter Store could not hold belongs to no application.
        let is_below = |name: &str| {
            name.strip_prefix(name_prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let all = items.len();
        let applications: Vec<(ApplicationName, SecretMetadata)> = items
            .into_iter()
            .filter(|secret| is_below(&secret.name))
            .filter_map(|secret| Some((ApplicationName::parse(&secret.name).ok()?, secret)))
            .collect();
        let undated = applications
            .iter()
            .filter(|(_, secret)| assessment::needs_versions(secret))
            .map(|(_, secret)| secret.name.clone());
        let account = self.account;
        let versions = self
            .look_up(undated.collect(), move |name: String| async move {
                let versions = secrets_manager::versions(account, &name, false).await;
                (name, versions)
            })
            .await?;
        self.saw(prefix, applications.len(), all - applications.len());
        for (application, metadata) in &applications {
            self.secret(application, metadata, versions.get(&metadata.name));
        }
        self.page_done(VaultKind::SecretsManager, prefix);
        Ok(next.map(|token| Stage::Page(Some(token))))
    }

    fn secret(
        &mut self,
        application: &ApplicationName,
        metadata: &SecretMetadata,
        versions: Option<&Result<Vec<SecretVersionEntry>, CallError>>,
    ) {
        let versions = match versions {
            None => None,
            Some(Ok(versions)) => Some(versions.as_slice()),
            Some(Err(error)) if error.failure == CallFailure::NotFound => {
                return self.vanished(&format!("secret {}", metadata.name));
            }
            Some(Err(error)) => {
                self.miss(format!("the versions of secret {}", metadata.name), error);
                None
            }
        };
        self.state.tally.credentials += 1;
        let (rules, now) = (&self.settings.rules, self.state.started_at);
        let assessment = assessment::secret(application, metadata, versions, rules, now);
        self.add(assessment);
    }

    /// Finds out about applications that the pages showed in part, a batch at a time, until no
    /// more than so many bytes of them are left.
    async fn settle_pending(&mut self, prefix: &str, weight: usize) -> Result<(), OutOfTime> {
        while self.state.roster.pending_weight() > weight {
            let layout = &self.settings.deployment.layout;
            let mut names = Vec::new();
            let mut batch = Vec::new();
            for (application, parts) in &self.state.roster.pending {
                let missing = parts.missing();
                names.extend(missing.map(|role| layout.parameter(application, &role)));
                batch.push(application.clone());
                // One application lacks two parts at most.
                if names.len() + 2 > NAMES_LIMIT {
                    break;
                }
            }
            let found = parameter_store::find_parameters(self.account, &names);
            let found = match self.within(found).await? {
                Ok(found) => found,
                Err(error) => {
                    self.miss(self.incomplete(prefix), &error);
                    self.state.roster.settle_all();
                    return Ok(());
                }
            };
            // Among them may be client secrets that the listing has not shown, or not yet.
            let (located, tags) = self.located(found).await?;
            for (place, metadata) in &located {
                match place.role {
                    Role::ClientSecret => {
                        self.saw(prefix, 1, 0);
                        self.parameter(place, metadata, tags.get(&metadata.name));
                    }
                    _ => {
                        self.state.roster.note(&place.application, &place.role);
                    }
                }
            }
            for application in batch {
                let parts = self.state.roster.settle(&application);
                if let Some(finding) = parts.and_then(|it| it.finding(&application, layout)) {
                    self.state.tally.add_finding(finding, &self.settings.rules);
                }
            }
            self.progressed = true;
        }
        Ok(())
    }

    /// The credentials among some parameters, with the tags of the client secrets that have not
    /// passed before.
    async fn located(
        &self,
        parameters: Vec<ParameterMetadata>,
    ) -> Result<(Vec<(Place, ParameterMetadata)>, ByName<Tags>), OutOfTime> {
        let layout = &self.settings.deployment.layout;
        let located = parameters.into_iter();
        let located = located.filter_map(|found| Some((layout.locate(&found.name)?, found)));
        let located: Vec<_> = located.collect();
        let secrets = located.iter().filter(|(place, _)| {
            place.role == Role::ClientSecret && !self.state.roster.has_secret(&place.application)
        });
        let names = secrets.map(|(_, metadata)| metadata.name.clone());
        let account = self.account;
        let tags = self.look_up(names.collect(), move |name: String| async move {
            let tags = account.list_parameter_tags(&name).await;
            (name, tags)
        });
        let tags = tags.await?;
        Ok((located, tags))
    }

    /// Looks each name up, a few at a time.
    async fn look_up<T, F>(
        &self,
        names: Vec<String>,
        call: impl Fn(String) -> F,
    ) -> Result<ByName<T>, OutOfTime>
    where
        F: Future<Output = (String, Result<T, CallError>)>,
    {
        let all = stream::iter(names)
            .map(call)
            .buffer_unordered(CONCURRENCY)
            .collect();
        self.within(all).await
    }

    /// Waits for a call until the budget ends.
    async fn within<T>(&self, call: impl Future<Output = T>) -> Result<T, OutOfTime> {
        let left = self.budget.stop_at.duration_since(self.clock.now());
        let left = Duration::try_from(left).unwrap_or_default();
        tokio::select! {
            biased;
            answer = call => Ok(answer),
            () = self.clock.sleep(left) => Err(OutOfTime),
        }
    }

    /// A page, or none where it failed for good: then the rest of the prefix stays unseen.
    fn listed<T>(
        &mut self,
        vault: VaultKind,
        prefix: &str,
        page: Result<T, CallError>,
    ) -> Option<T> {
        match page {
            Ok(page) => Some(page),
            Err(error) => {
                self.miss(rest(vault, prefix), &error);
                None
            }
        }
    }

    fn add(&mut self, assessment: Assessment) {
        (self.observer)(Observation::Application(&assessment.application));
        self.state.tally.add(assessment, &self.settings.rules);
    }

    fn page_done(&self, vault: VaultKind, prefix: &str) {
        (self.observer)(Observation::Page {
            vault,
            prefix,
            credentials: self.state.tally.credentials,
        });
    }

    fn vanished(&mut self, what: &str) {
        tracing::warn!(credential = what, "{what} was deleted during the audit");
        let why = "it was deleted while the audit ran";
        self.state.tally.miss(what, why);
    }

    fn miss(&mut self, what: String, error: &CallError) {
        tracing::warn!(operation = error.operation, "not seen: {what}: {error}");
        (self.observer)(Observation::Missed { what: &what, error });
        self.state.tally.miss(what, &error.to_string());
    }
}

fn rest(vault: VaultKind, prefix: &str) -> String {
    match vault {
        VaultKind::ParameterStore => format!("parameters below {prefix}, all or some"),
        VaultKind::SecretsManager => format!("secrets below {}, all or some", &prefix[1..]),
    }
}
