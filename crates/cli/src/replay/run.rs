//! Replaying one event.

use std::time::Duration;

use lwa_aws::clock::SystemClock;
use lwa_core::Timestamp;
use lwa_core::config::{AWS_REGION, Lookup, TOPIC_ARN};
use lwa_core::ports::Clock;
use lwa_local::World;
use lwa_local::world_file::{MeanwhileFile, WorldFile};
use serde_json::Value;

use super::arrival::{self, Arrival};
use super::changes::Snapshot;
use super::expectation::Expectation;
use super::function;
use super::input::Input;
use super::live::Live;
use super::outcome::{Failed, Outcome, Verdict};
use super::reading;
use crate::clock::ShiftedClock;
use crate::event_rule::RuleSet;
use crate::function::Function;

/// What holds for all events of one run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The function that gets every event.
    pub function: Option<Function>,
    /// The time to replay at.
    pub now: Option<Timestamp>,
    /// A list of rules in the form of `infra/event-rules.json`.
    pub rules: Option<String>,
    /// The real account to look things up in; none for the scenario's world.
    pub live: Option<Live>,
}

/// Looks variables up by name.
pub type Environment = fn(&str) -> Option<String>;

/// Longest run of a function in memory, where nothing takes time. Only a service that is
/// scripted to never answer can reach it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest run of a function against a real account.
const LIVE_TIMEOUT: Duration = Duration::from_mins(5);

/// Stands for the topic: every function that sends messages must have one, and in memory no
/// message leaves the process.
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lwa-reminders";

/// Replays one event. `environment` holds the functions' variables for an event that is not a
/// scenario; a scenario brings its own, so that its outcome is the same everywhere.
pub async fn replay(input: &Input, options: &Options, environment: Environment) -> Outcome {
    let mut outcome = Outcome {
        name: input.name.clone(),
        description: None,
        arrival: None,
        function: options.function,
        overridden: options.function.is_some(),
        now: None,
        rules: Vec::new(),
        unmatched: None,
        result: Ok(Value::Null),
        notifications: Vec::new(),
        changes: Vec::new(),
        verdict: Verdict::Good,
    };
    let expectation = reading::scenario_file::<Expectation>(input.expected.as_deref());
    let (expectation, result) = match expectation {
        Ok(expectation) => {
            let result = run(input, options, environment, &mut outcome).await;
            (expectation, result)
        }
        Err(failed) => (None, Err(failed)),
    };
    outcome.result = result;
    // Under another function, time, list of rules or account something else has to come out.
    let as_written = options.function.is_none()
        && options.now.is_none()
        && options.rules.is_none()
        && options.live.is_none();
    outcome.verdict = match &expectation {
        Some(expectation) if as_written => match expectation.differences(&outcome) {
            differences if differences.is_empty() => Verdict::AsExpected,
            differences => Verdict::Unexpected(differences),
        },
        _ if outcome.result.is_err() => Verdict::Wrong("it failed"),
        _ if outcome.unmatched.is_some() => Verdict::Wrong("no rule matches"),
        _ => Verdict::Good,
    };
    outcome.description = expectation.map(|expectation| expectation.description);
    outcome
}

async fn run(
    input: &Input,
    options: &Options,
    environment: Environment,
    outcome: &mut Outcome,
) -> Result<Value, Failed> {
    let world = reading::scenario_file::<WorldFile>(input.world.as_deref())?.unwrap_or_default();
    let event = reading::event(input)?;
    let region = arrival::region_of(&event);
    let lookup = lookup(input, options, &world, environment, region);
    let layout = lookup.layout()?;
    let rules = match &options.rules {
        Some(text) => RuleSet::parse(text, &layout),
        None => RuleSet::deployed(&layout),
    };
    let rules = rules.map_err(|error| Failed::of("InvalidRules", error.as_ref()))?;
    let matching = rules.matching(&event);
    outcome.rules = matching.iter().map(|rule| rule.name.clone()).collect();

    let (arrival, detected) = arrival::detect(&event, &matching);
    if arrival == Some(Arrival::EventBus) && matching.is_empty() {
        outcome.unmatched = rules.closest(&event);
    }
    outcome.arrival = arrival;
    let function = options.function.map_or(detected, Ok).map_err(|problem| {
        let message = format!(
            "no function gets an event like this: {problem}; `--function NAME` hands it to one \
             all the same"
        );
        Failed::new("UnknownEvent", message)
    })?;
    outcome.function = Some(function);

    let meanwhile = meanwhile(input)?;
    if let Some(live) = &options.live {
        let now = options.now.unwrap_or_else(|| SystemClock.now());
        outcome.now = Some(now);
        let notifier = live.notifier();
        let clock = ShiftedClock::showing(Some(now));
        let live = function::live(function, event, &live.aws, notifier.clone(), clock, &lookup);
        let result = within(LIVE_TIMEOUT, function, live).await;
        outcome.notifications = notifier.messages();
        return result;
    }
    // The world of a story is at the time of its beginning.
    let of_world = world.now.filter(|_| input.earlier.is_empty());
    let given = options.now.or(meanwhile.now).or(of_world);
    let given = given.or_else(|| arrival::time_of(&event));
    let now = given.unwrap_or_else(|| SystemClock.now());
    outcome.now = Some(now);
    let world = world.build(now);
    for step in &input.earlier {
        apply_step(step, &world, &rules, &lookup).await?;
    }
    meanwhile.happen(&world);
    world.set_now(now);
    world.state().published.clear();
    let before = Snapshot::of(&world);
    let in_memory = function::in_memory(function, event, &world, &lookup);
    let result = within(TIMEOUT, function, in_memory).await;
    outcome.notifications = world.published();
    outcome.changes = before.changes(&world);
    result
}

async fn within(
    limit: Duration,
    function: Function,
    invocation: impl Future<Output = Result<Value, Failed>>,
) -> Result<Value, Failed> {
    let result = tokio::time::timeout(limit, invocation).await;
    result.unwrap_or_else(|_| {
        let message = format!("the {function} did not finish, because a service never answered it");
        Err(Failed::new("Sandbox.Timedout", message))
    })
}

/// Applies an earlier step of a story to the world. Its own outcome reports how it ended.
async fn apply_step(
    step: &Input,
    world: &World,
    rules: &RuleSet,
    lookup: &Lookup<impl Fn(&str) -> Option<String>>,
) -> Result<(), Failed> {
    let event = reading::event(step)?;
    let meanwhile = meanwhile(step)?;
    let now = meanwhile.now.or_else(|| arrival::time_of(&event));
    meanwhile.happen(world);
    if let Some(now) = now {
        world.set_now(now);
    }
    if let (_, Ok(function)) = arrival::detect(&event, &rules.matching(&event)) {
        let invocation = function::in_memory(function, event, world, lookup);
        let _ = tokio::time::timeout(TIMEOUT, invocation).await;
    }
    Ok(())
}

fn meanwhile(input: &Input) -> Result<MeanwhileFile, Failed> {
    let file = reading::scenario_file(input.meanwhile.as_deref())?;
    Ok(file.unwrap_or_default())
}

/// The functions' variables: a scenario's own in memory, and the process's where the event is
/// none or the account is real.
fn lookup(
    input: &Input,
    options: &Options,
    world: &WorldFile,
    environment: Environment,
    region: String,
) -> Lookup<impl Fn(&str) -> Option<String> + use<>> {
    let is_live = options.live.is_some();
    let is_process = is_live || !input.is_scenario();
    let own = world.environment.clone();
    Lookup::new(move |name: &str| {
        own.get(name)
            .filter(|_| !is_live)
            .cloned()
            .or_else(|| environment(name).filter(|_| is_process))
            .or_else(|| (name == TOPIC_ARN.name).then(|| TOPIC.to_owned()))
            .or_else(|| (name == AWS_REGION.name).then(|| region.clone()))
    })
}
