//! The scan: pages in, a tally out, interruptible between any two pages.
//!
//! Memory does not grow with the estate: a page is judged and dropped, an application that is
//! complete leaves eight bytes behind ([`Roster`]), and the tally keeps the worst of everything
//! up to a limit ([`Tally`]).
//!
//! Calls are the pages, and one look-up of tags for each client secret. Parameter Store has no
//! call that returns the tags of several parameters. The Resource Groups Tagging API would
//! return those of 100 at once, 50 calls instead of 5,000 for the largest estate; but it leaves
//! out what never had a tag, answers from an index that may lag behind a rotation, and costs
//! another SDK and a permission on everything. The look-ups cost a daily audit of 5,000
//! applications some minutes and no money, so they stay.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use lwa_core::audit::Vault;
use lwa_core::audit::assessment::{self, Assessment};
use lwa_core::audit::estate::{
    FIND_LIMIT, LabelledVersion, ParameterEstate, ParameterPage, SecretEstate, SecretMetadata,
    SecretPage,
};
use lwa_core::audit::roster::{PENDING_LIMIT, Roster};
use lwa_core::audit::tally::{Limits, Tally};
use lwa_core::ports::{CallError, CallFailure, Clock, ParameterMetadata};
use lwa_core::{ApplicationName, Place, Role};

use crate::settings::Settings;

/// How many look-ups are under way at once. More would only meet the service's throttling.
const CONCURRENCY: usize = 5;

/// How many bytes of applications that were seen in part one invocation hands to the next.
const CARRIED_BYTES: usize = 40_000;

/// An audit under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// When it began; all days are counted from here, also after midnight.
    pub started_at: Timestamp,
    /// Invocations that have ended before this one.
    pub invocations: u32,
    /// Milliseconds that those took.
    pub elapsed_ms: u64,
    /// What comes next; none at the end.
    pub position: Option<Position>,
    /// What was found.
    pub tally: Tally,
    /// Which applications are complete.
    pub roster: Roster,
}

/// Where an audit goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The vault.
    pub vault: Vault,
    /// The prefix, with its slash.
    pub prefix: String,
    /// What of it.
    pub stage: Stage,
}

/// The parts of scanning one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The page of this token; none for the first.
    Page(Option<String>),
    /// Looking up what is missing of applications that the pages showed in part.
    Settle,
}

/// Until when an audit may work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From here on no further page is begun.
    pub pause_at: Timestamp,
    /// Here the calls under way are given up.
    pub stop_at: Timestamp,
}

impl Budget {
    /// The budget of an invocation that is ended by force after `remaining`: the last third, a
    /// minute at most, is for the page under way, and half of that for handing over.
    pub fn of(now: Timestamp, remaining: Duration) -> Self {
        let reserve = (remaining / 3).min(Duration::from_mins(1));
        let after = |duration: Duration| {
            SignedDuration::try_from(duration)
                .ok()
                .and_then(|duration| now.checked_add(duration).ok())
                .unwrap_or(Timestamp::MAX)
        };
        Self {
            pause_at: after(remaining.saturating_sub(reserve)),
            stop_at: after(remaining.saturating_sub(reserve / 2)),
        }
    }

    /// As long as it takes, for a person who can interrupt it.
    pub const UNLIMITED: Self = Self {
        pause_at: Timestamp::MAX,
        stop_at: Timestamp::MAX,
    };
}

/// What a scan tells while it runs.
#[derive(Debug, Clone, Copy)]
pub enum Observation<'a> {
    /// An application was judged.
    Application(&'a Assessment),
    /// A page was finished; so many credentials have been seen in all.
    Page {
        /// The vault.
        vault: Vault,
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

impl State {
    /// An audit that begins now.
    pub fn begin(settings: &Settings, limits: Limits, now: Timestamp) -> Self {
        Self {
            started_at: now,
            invocations: 0,
            elapsed_ms: 0,
            position: first(settings),
            tally: Tally::new(limits),
            roster: Roster::default(),
        }
    }
}

/// Scans until all is seen or the budget is used up; `state.position` tells which.
pub async fn scan<P: ParameterEstate, S: SecretEstate, C: Clock>(
    state: &mut State,
    settings: &Settings,
    parameters: &P,
    secrets: &S,
    clock: &C,
    budget: Budget,
    observer: Observer<'_>,
) {
    let mut scan = Scan {
        state,
        settings,
        parameters,
        secrets,
        clock,
        budget,
        observer,
        progressed: false,
    };
    while let Some(position) = scan.state.position.clone() {
        if scan.progressed && clock.now() >= budget.pause_at {
            return scan.lighten(&position).await;
        }
        match scan.step(&position).await {
            Ok(()) => scan.progressed = true,
            Err(OutOfTime) if scan.progressed => return scan.lighten(&position).await,
            // A whole invocation was not enough for this one step, so another would not be.
            Err(OutOfTime) => scan.give_up(&position),
        }
    }
    scan.state.tally.sort();
}

/// The answers to a call that was made for several names.
type ByName<T> = BTreeMap<String, Result<T, CallError>>;

/// The budget ended in the middle of a step; nothing of the step has happened.
struct OutOfTime;

struct Scan<'a, P, S, C> {
    state: &'a mut State,
    settings: &'a Settings,
    parameters: &'a P,
    secrets: &'a S,
    clock: &'a C,
    budget: Budget,
    observer: Observer<'a>,
    /// Whether this invocation has finished a step.
    progressed: bool,
}

impl<P: ParameterEstate, S: SecretEstate, C: Clock> Scan<'_, P, S, C> {
    async fn step(&mut self, position: &Position) -> Result<(), OutOfTime> {
        let prefix = position.prefix.as_str();
        let next = match (position.vault, &position.stage) {
            (Vault::ParameterStore, Stage::Page(token)) => {
                self.parameter_page(prefix, token.as_deref()).await?
            }
            (Vault::SecretsManager, Stage::Page(token)) => {
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
            None => following(self.settings, position),
        };
        Ok(())
    }

    /// Names a step that cannot be done, and goes on behind it.
    fn give_up(&mut self, position: &Position) {
        let what = match (&position.stage, position.vault) {
            (Stage::Page(_), vault) => rest(vault, &position.prefix),
            (Stage::Settle, _) => incomplete(&self.state.roster, &position.prefix),
        };
        self.state
            .tally
            .miss(what, "it did not answer within a whole invocation");
        self.forget_pending();
        self.state.position = following(self.settings, position);
    }

    /// Makes a state that is handed over light enough: an order of listing that keeps many
    /// applications waiting costs look-ups now instead of names to carry.
    async fn lighten(&mut self, position: &Position) {
        let settled = self.settle_pending(&position.prefix, CARRIED_BYTES).await;
        if settled.is_err() {
            let what = incomplete(&self.state.roster, &position.prefix);
            self.state
                .tally
                .miss(what, "there was no time left to look them up");
            self.forget_pending();
        }
    }

    /// Claims nothing about applications that have been seen in part only.
    fn forget_pending(&mut self) {
        let pending: Vec<_> = self
            .state
            .roster
            .pending()
            .map(|(name, _)| name.clone())
            .collect();
        for application in pending {
            self.state.roster.settle(&application);
        }
    }

    async fn parameter_page(
        &mut self,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Option<Stage>, OutOfTime> {
        let page = self.within(self.parameters.page(prefix, token)).await?;
        let Some(ParameterPage { parameters, next }) =
            self.listed(Vault::ParameterStore, prefix, page)
        else {
            return Ok(Some(Stage::Settle));
        };
        let located: Vec<(Place, ParameterMetadata)> = parameters
            .into_iter()
            .filter_map(|metadata| Some((self.settings.layout.locate(&metadata.name)?, metadata)))
            .collect();
        let names = located.iter().filter(|(place, _)| {
            place.role == Role::ClientSecret && !self.state.roster.has_secret(&place.application)
        });
        let tags = self
            .tags(names.map(|(_, metadata)| metadata.name.clone()).collect())
            .await?;
        // Only from here on is anything counted: a step that runs out of time is done again.
        for (place, metadata) in located {
            self.parameter(&place, &metadata, tags.get(&metadata.name));
        }
        self.page_done(Vault::ParameterStore, prefix);
        if self.state.roster.pending().len() > PENDING_LIMIT {
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
        tags: Option<&Result<BTreeMap<String, String>, CallError>>,
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
                self.vanished(&metadata.name);
                return;
            }
            Some(Err(error)) => {
                self.miss(format!("the tags of {}", metadata.name), error);
                None
            }
        };
        if self.state.roster.note(&place.application, &place.role) {
            self.state.tally.credentials += 1;
            let assessment = assessment::client_secret(place, metadata, tags, rules, now);
            self.state.roster.tag(&place.application, &assessment);
            self.add(assessment);
        }
    }

    async fn secret_page(
        &mut self,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Option<Stage>, OutOfTime> {
        let name_prefix = &prefix[1..];
        let page = self.within(self.secrets.page(name_prefix, token)).await?;
        let Some(SecretPage { secrets, next }) = self.listed(Vault::SecretsManager, prefix, page)
        else {
            return Ok(None);
        };
        // The service's filter takes any name that only begins alike, and that may lie below
        // another prefix. A name that Parameter Store could not hold is nobody's application.
        let is_below = |name: &str| {
            name.strip_prefix(name_prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let applications: Vec<(ApplicationName, SecretMetadata)> = secrets
            .into_iter()
            .filter(|secret| is_below(&secret.name))
            .filter_map(|secret| Some((ApplicationName::parse(&secret.name).ok()?, secret)))
            .collect();
        let undated = applications
            .iter()
            .filter(|(_, secret)| assessment::needs_versions(secret))
            .map(|(_, secret)| secret.name.clone());
        let estate = self.secrets;
        let versions = self
            .look_up(undated.collect(), move |name: String| async move {
                let versions = estate.versions(&name).await;
                (name, versions)
            })
            .await?;
        for (application, metadata) in applications {
            self.secret(application, &metadata, versions.get(&metadata.name));
        }
        self.page_done(Vault::SecretsManager, prefix);
        Ok(next.map(|token| Stage::Page(Some(token))))
    }

    fn secret(
        &mut self,
        application: ApplicationName,
        metadata: &SecretMetadata,
        versions: Option<&Result<Vec<LabelledVersion>, CallError>>,
    ) {
        let versions = match versions {
            None => None,
            Some(Ok(versions)) => Some(versions.as_slice()),
            Some(Err(error)) if error.failure == CallFailure::NotFound => {
                self.vanished(&format!("secret {}", metadata.name));
                return;
            }
            Some(Err(error)) => {
                self.miss(format!("the versions of secret {}", metadata.name), error);
                None
            }
        };
        self.state.tally.credentials += 1;
        let (rules, now) = (&self.settings.rules, self.state.started_at);
        self.add(assessment::secret(
            application,
            metadata,
            versions,
            rules,
            now,
        ));
    }

    /// Finds out about applications that the pages showed in part, a batch at a time, until no
    /// more than so many bytes of them are left.
    async fn settle_pending(&mut self, prefix: &str, weight: usize) -> Result<(), OutOfTime> {
        while self.state.roster.pending_weight() > weight {
            let layout = &self.settings.layout;
            let mut names = Vec::new();
            let mut batch = Vec::new();
            for (application, parts) in self.state.roster.pending() {
                let missing = parts
                    .missing()
                    .map(|role| layout.parameter(application, &role));
                names.extend(missing);
                batch.push(application.clone());
                // One application lacks two parts at most.
                if names.len() + 2 > FIND_LIMIT {
                    break;
                }
            }
            let found = match self.within(self.parameters.find(&names)).await? {
                Ok(found) => found,
                Err(error) => {
                    self.miss(incomplete(&self.state.roster, prefix), &error);
                    self.forget_pending();
                    return Ok(());
                }
            };
            let located: Vec<_> = found
                .into_iter()
                .filter_map(|found| Some((layout.locate(&found.name)?, found)))
                .collect();
            // Client secrets that the listing has not shown, or not yet.
            let late = located
                .iter()
                .filter(|(place, _)| place.role == Role::ClientSecret);
            let tags = self
                .tags(late.map(|(_, found)| found.name.clone()).collect())
                .await?;
            for (place, metadata) in &located {
                match place.role {
                    Role::ClientSecret => self.parameter(place, metadata, tags.get(&metadata.name)),
                    _ => {
                        self.state.roster.note(&place.application, &place.role);
                    }
                }
            }
            for application in batch {
                let finding = self
                    .state
                    .roster
                    .settle(&application)
                    .and_then(|parts| parts.finding(&application, layout));
                if let Some(finding) = finding {
                    self.state.tally.add_finding(finding, &self.settings.rules);
                }
            }
            self.progressed = true;
        }
        Ok(())
    }

    async fn tags(
        &self,
        names: Vec<String>,
    ) -> Result<ByName<BTreeMap<String, String>>, OutOfTime> {
        let estate = self.parameters;
        self.look_up(names, move |name: String| async move {
            let tags = estate.tags(&name).await;
            (name, tags)
        })
        .await
    }

    /// Looks each name up, a few at a time.
    async fn look_up<T, A>(
        &self,
        names: Vec<String>,
        call: impl Fn(String) -> A,
    ) -> Result<ByName<T>, OutOfTime>
    where
        A: Future<Output = (String, Result<T, CallError>)>,
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
    fn listed<T>(&mut self, vault: Vault, prefix: &str, page: Result<T, CallError>) -> Option<T> {
        match page {
            Ok(page) => Some(page),
            Err(error) => {
                self.miss(rest(vault, prefix), &error);
                None
            }
        }
    }

    fn add(&mut self, assessment: Assessment) {
        (self.observer)(Observation::Application(&assessment));
        self.state.tally.add(assessment, &self.settings.rules);
    }

    fn page_done(&self, vault: Vault, prefix: &str) {
        (self.observer)(Observation::Page {
            vault,
            prefix,
            credentials: self.state.tally.credentials,
        });
    }

    fn vanished(&mut self, what: &str) {
        tracing::warn!(credential = what, "{what} was deleted during the audit");
        self.state
            .tally
            .miss(what, "it was deleted while the audit ran");
    }

    fn miss(&mut self, what: String, error: &CallError) {
        tracing::warn!(
            operation = error.operation,
            "the audit did not see {what}: {error}"
        );
        (self.observer)(Observation::Missed { what: &what, error });
        self.state.tally.miss(what, &error.to_string());
    }
}

fn first(settings: &Settings) -> Option<Position> {
    settings
        .targets()
        .first()
        .map(|(vault, prefix)| beginning(*vault, prefix))
}

/// What comes after a prefix.
fn following(settings: &Settings, position: &Position) -> Option<Position> {
    let targets = settings.targets();
    let mut rest = targets
        .iter()
        .skip_while(|(vault, prefix)| *vault != position.vault || *prefix != position.prefix);
    rest.next()?;
    rest.next().map(|(vault, prefix)| beginning(*vault, prefix))
}

fn beginning(vault: Vault, prefix: &str) -> Position {
    Position {
        vault,
        prefix: prefix.to_owned(),
        stage: Stage::Page(None),
    }
}

fn rest(vault: Vault, prefix: &str) -> String {
    match vault {
        Vault::ParameterStore => format!("parameters below {prefix}, all or some"),
        Vault::SecretsManager => format!("secrets below {}, all or some", &prefix[1..]),
    }
}

fn incomplete(roster: &Roster, prefix: &str) -> String {
    format!(
        "whether {} applications below {prefix} are complete",
        roster.pending().len()
    )
}
