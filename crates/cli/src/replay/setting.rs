//! Setting the stage for one event, and running it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lwa_aws::clock::SystemClock;
use lwa_core::Timestamp;
use lwa_core::config::{AWS_REGION, Lookup};
use lwa_core::ports::Clock;
use lwa_core::text::quotable;
use lwa_local::World;
use lwa_local::world_file::{MeanwhileFile, WorldFile};
use serde_json::Value;

use super::arrival::{self, Arrival};
use super::changes::Snapshot;
use super::event_rule::RuleSet;
use super::expectation::Expectation;
use super::function::{Function, Stage};
use super::input::Input;
use super::live::Live;
use super::outcome::{Failed, Outcome, Verdict};

/// What holds for all events of one run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The function that gets every event.
    pub function: Option<Function>,
    /// The time it is.
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

/// Stands for the topic: every function that sends messages must have one, and in memory none
/// of them leaves the process.
const TOPIC: (&str, &str) = (
    "TOPIC_ARN",
    "arn:aws:sns:us-east-1:111122223333:lwa-reminders",
);

/// The region of an event that tells none: the topic's.
const REGION: &str = "us-east-1";

/// Replays one event. `environment` holds the functions' variables for an event that is no
/// scenario; a scenario brings its own, so that it comes out the same everywhere.
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
    let mut expectation = None;
    outcome.result = run(input, options, environment, &mut expectation, &mut outcome).await;
    outcome.description = expectation
        .as_ref()
        .map(|expectation| expectation.description.clone());
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
    outcome
}

async fn run(
    input: &Input,
    options: &Options,
    environment: Environment,
    expectation: &mut Option<Expectation>,
    outcome: &mut Outcome,
) -> Result<Value, Failed> {
    if let Some(path) = &input.expected {
        *expectation = Some(read_json(path, Expectation::parse)?);
    }
    let world_file = match &input.world {
        Some(path) => read_json(path, |text| serde_json::from_slice::<WorldFile>(text))?,
        None => WorldFile::default(),
    };
    let event = read_event(input)?;

    let own_environment = match &options.live {
        Some(_) => BTreeMap::new(),
        None => world_file.environment.clone(),
    };
    let from_process = options.live.is_some() || !input.is_scenario();
    let lookup = lookup(
        own_environment,
        from_process,
        environment,
        region_of(&event),
    );
    let layout = lookup.layout()?;
    let rules = match &options.rules {
        Some(text) => RuleSet::parse(text, &layout),
        None => RuleSet::deployed(&layout),
    }
    .map_err(|error| Failed::new("InvalidRules", error))?;
    let matching = rules.matching(&event);
    outcome.rules = matching.iter().map(|rule| rule.name.clone()).collect();

    let (arrival, detected) = arrival::detect(&event, &matching);
    if arrival == Some(Arrival::EventBus) && matching.is_empty() {
        outcome.unmatched = rules.closest(&event);
    }
    outcome.arrival = arrival;
    let function = match (options.function, detected) {
        (Some(function), _) | (None, Ok(function)) => function,
        (None, Err(problem)) => {
            return Err(Failed::new(
                "UnknownEvent",
                format_args!(
                    "no function gets an event like this: {problem}; `--function NAME` hands it \
                     to one all the same"
                ),
            ));
        }
    };
    outcome.function = Some(function);

    let meanwhile = read_meanwhile(input)?;
    // The world of a story is at the time of its beginning, and a real account is of today.
    let of_world = world_file.now.filter(|_| input.earlier.is_empty());
    let told = || meanwhile.now.or(of_world).or_else(|| time_of(&event));
    let now = options
        .now
        .or_else(|| told().filter(|_| options.live.is_none()))
        .unwrap_or_else(|| SystemClock.now());
    outcome.now = Some(now);
    let stage = if let Some(live) = &options.live {
        Stage::Live(Box::new(live.at(now)))
    } else {
        let world = world_file.build(now);
        for step in &input.earlier {
            live_through(step, &world, &rules, &lookup).await?;
        }
        meanwhile.happen(&world);
        world.set_now(now);
        world.state().published.clear();
        Stage::Memory(world)
    };
    let before = match &stage {
        Stage::Memory(world) => Some(Snapshot::of(world)),
        Stage::Live(_) => None,
    };
    let invocation = function.invoke(event, &stage, &lookup);
    let limit = if options.live.is_some() {
        LIVE_TIMEOUT
    } else {
        TIMEOUT
    };
    let result = tokio::time::timeout(limit, invocation)
        .await
        .unwrap_or_else(|_| {
            Err(Failed::new(
                "Sandbox.Timedout",
                format_args!("the {function} did not finish, because a service never answered it"),
            ))
        });
    match &stage {
        Stage::Memory(world) => {
            outcome.notifications = world.published();
            outcome.changes = before.map_or_else(Vec::new, |before| before.changes(world));
        }
        Stage::Live(live) => outcome.notifications = live.sent(),
    }
    result
}

/// Lets an earlier step of a story happen to the world. How it ends is for its own outcome to
/// tell.
async fn live_through<F>(
    step: &Input,
    world: &World,
    rules: &RuleSet,
    lookup: &Lookup<F>,
) -> Result<(), Failed>
where
    F: Fn(&str) -> Option<String>,
{
    let event = read_event(step)?;
    let meanwhile = read_meanwhile(step)?;
    let now = meanwhile.now.or_else(|| time_of(&event));
    meanwhile.happen(world);
    if let Some(now) = now {
        world.set_now(now);
    }
    if let (_, Ok(function)) = arrival::detect(&event, &rules.matching(&event)) {
        let stage = Stage::Memory(world.clone());
        let _ = tokio::time::timeout(TIMEOUT, function.invoke(event, &stage, lookup)).await;
    }
    Ok(())
}

fn read_meanwhile(input: &Input) -> Result<MeanwhileFile, Failed> {
    match &input.meanwhile {
        Some(path) => read_json(path, |text| serde_json::from_slice(text)),
        None => Ok(MeanwhileFile::default()),
    }
}

fn lookup(
    own: BTreeMap<String, String>,
    from_process: bool,
    environment: Environment,
    region: String,
) -> Lookup<impl Fn(&str) -> Option<String>> {
    Lookup::new(move |name| {
        own.get(name)
            .cloned()
            .or_else(|| environment(name).filter(|_| from_process))
            .or_else(|| (name == TOPIC.0).then(|| TOPIC.1.to_owned()))
            .or_else(|| (name == AWS_REGION.name).then(|| region.clone()))
    })
}

/// The region that an event comes from: every function runs where its events are.
fn region_of(event: &Value) -> String {
    let region = event["region"]
        .as_str()
        .or_else(|| event["Records"][0]["awsRegion"].as_str());
    let is_region = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    region.filter(is_region).unwrap_or(REGION).to_owned()
}

fn read_event(input: &Input) -> Result<Value, Failed> {
    let file = match &input.event {
        Some(path) => path.display().to_string(),
        None => input.name.clone(),
    };
    let bytes = input.read().map_err(|error| unreadable(&file, &error))?;
    if bytes.is_empty() {
        return Err(Failed::new("InvalidJson", format_args!("{file} is empty")));
    }
    serde_json::from_slice(&bytes).map_err(|error| invalid_json(&file, &bytes, &error))
}

fn read_json<T>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<T, Failed> {
    let file = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| unreadable(&file, &error))?;
    parse(&text).map_err(|error| {
        let problem = without_position(&error);
        Failed::new(
            "InvalidScenario",
            format_args!("{file}:{}:{}: {problem}", error.line(), error.column()),
        )
    })
}

fn unreadable(file: &str, error: &std::io::Error) -> Failed {
    Failed::new("Unreadable", format_args!("{file} cannot be read: {error}"))
}

/// Says where the JSON ends being JSON, and shows that line.
fn invalid_json(file: &str, bytes: &[u8], error: &serde_json::Error) -> Failed {
    let (line, column) = (error.line(), error.column());
    let problem = match without_position(error) {
        deep if deep.starts_with("recursion limit") => {
            "nested deeper than 127 levels, which no function reads".to_owned()
        }
        other => format!("this is no JSON: {other}"),
    };
    let shown = bytes
        .split(|byte| *byte == b'\n')
        .nth(line.saturating_sub(1))
        .map(|text| quotable(String::from_utf8_lossy(text).trim()))
        .unwrap_or_default();
    Failed::new(
        "InvalidJson",
        format_args!("{file}:{line}:{column}: {problem}, in `{shown}`"),
    )
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// When the event was sent, by its own account.
fn time_of(event: &Value) -> Option<Timestamp> {
    if let Some(time) = event.get("time").and_then(Value::as_str) {
        return time.parse().ok();
    }
    let sent = event["Records"][0]["attributes"]["SentTimestamp"].as_str()?;
    Timestamp::from_millisecond(sent.parse().ok()?).ok()
}
