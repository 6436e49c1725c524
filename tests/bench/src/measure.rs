//! One process at a time: started, asked, asked again, and killed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lwa_tests::clock;
use lwa_tests::process::Process;
use lwa_tests::runtime_api::protocol::{self, Invocation, Poll, Report, RuntimeApi};
use serde_json::Value;
use tokio::time::timeout;

use crate::cases::Case;
use crate::kernel::{self, Usage};
use crate::services::{Calls, Services};
use crate::statistics::{percentile, sorted};

/// How long a function has for one invocation, as far as it is told.
const TIMEOUT: Duration = Duration::from_mins(15);

/// How long a function may take for anything.
const PATIENCE: Duration = Duration::from_mins(10);

/// Invocations before a throughput is measured.
const WARM_UP: u64 = 50;

/// One life of a process. Times are in milliseconds unless they say otherwise.
pub(crate) struct Life {
    /// From the start of the process until it first asks for an event.
    pub(crate) init_ms: f64,
    /// From handing out the first event until its answer.
    pub(crate) cold_ms: f64,
    /// Processor time until it first asked for an event.
    pub(crate) init_cpu_ms: f64,
    /// Processor time until the first answer.
    pub(crate) first_cpu_ms: f64,
    /// Calls for the first event.
    pub(crate) cold_calls: Calls,
    /// The median of the later invocations, in microseconds.
    pub(crate) warm_p50_us: f64,
    /// Their 99th percentile, in microseconds.
    pub(crate) warm_p99_us: f64,
    /// Processor time of one of them, in microseconds.
    pub(crate) warm_cpu_us: f64,
    /// Calls for all of them, and how many there were.
    pub(crate) warm_calls: (Calls, usize),
    /// The most memory it had, in bytes.
    pub(crate) peak_bytes: u64,
}

/// Invocations in a second, and what the processors did meanwhile.
pub(crate) struct Rate {
    /// Invocations per second.
    pub(crate) per_second: f64,
    /// The share of one processor that the function took.
    pub(crate) function_share: f64,
    /// The share of one processor that this program took.
    pub(crate) bench_share: f64,
}

/// One audit.
pub(crate) struct Audit {
    /// How long it took.
    pub(crate) seconds: f64,
    /// The function's processor time.
    pub(crate) cpu_seconds: f64,
    /// The most memory that any of its processes had, in bytes.
    pub(crate) peak_bytes: u64,
    /// How many invocations it took.
    pub(crate) invocations: u64,
    /// How many calls it took.
    pub(crate) calls: u64,
}

/// Starts a case, invokes it once cold and `warm` times warm. Everything runs on one processor:
/// the latency of two that wake each other depends on where the kernel puts them.
pub(crate) async fn life(
    case: &Case,
    services: &Services,
    authority: &Path,
    warm: usize,
) -> Result<Life> {
    services.hold(3);
    services.end_in(case.days_left);
    services.take_calls();
    kernel::run_on(0)?;
    let mut running = Running::start(case, services, authority, 1);

    let poll = running.poll().await?;
    let init = poll.at - running.process.started();
    let init_cpu = running.usage.cpu_when_idle().await?;
    let given = poll.give(&invocation(0, case.event(0)?));
    let answer = running.answer().await?;
    let cold = answer.at - given;
    let first_cpu = running.usage.cpu_when_idle().await?;
    let cold_calls = services.take_calls();
    answer.accept();

    let warm = (warm * case.warm_percent / 100).max(1);
    let mut latencies = Vec::with_capacity(warm);
    let mut poll = running.poll().await?;
    let before = running.usage.cpu_when_idle().await?;
    for number in 1..=warm {
        let invocation = invocation(number as u64, case.event(number as u64)?);
        let given = poll.give(&invocation);
        let answer = running.answer().await?;
        latencies.push(microseconds(answer.at - given));
        answer.accept();
        poll = running.poll().await?;
    }
    let after = running.usage.cpu_when_idle().await?;
    let warm_cpu = after.saturating_sub(before);
    let latencies = sorted(latencies);
    let peak_bytes = running.usage.peak_memory()?;
    running.check(services)?;
    drop(poll);
    Ok(Life {
        init_ms: milliseconds(init),
        cold_ms: milliseconds(cold),
        init_cpu_ms: milliseconds(init_cpu),
        first_cpu_ms: milliseconds(first_cpu),
        cold_calls,
        warm_p50_us: percentile(&latencies, 50.0),
        warm_p99_us: percentile(&latencies, 99.0),
        warm_cpu_us: microseconds(warm_cpu) / to_float(warm as u64),
        warm_calls: (services.take_calls(), warm),
        peak_bytes,
    })
}

/// Invokes a warm function for `duration` as fast as it goes, with so many events at once. The
/// function has one processor, and the benchmark another.
pub(crate) async fn throughput(
    case: &Case,
    services: &Services,
    authority: &Path,
    pollers: u32,
    duration: Duration,
) -> Result<Rate> {
    services.hold(3);
    services.end_in(case.days_left);
    services.delay_lwa(case.lwa_delay);
    kernel::run_on(1)?;
    let mut running = Running::start(case, services, authority, pollers);
    kernel::run_on(0)?;
    for number in 0..WARM_UP {
        running
            .invoke(invocation(number, case.event(number)?))
            .await?;
    }
    let (cpu, own_cpu) = (running.usage.cpu()?, kernel::own_cpu()?);
    let start = clock::now();
    let mut number = WARM_UP;
    let mut answered = 0;
    while start.elapsed() < duration {
        tokio::select! {
            Some(poll) = running.api.polls.recv() => {
                number += 1;
                poll.give(&invocation(number, case.event(number)?));
            }
            Some(answer) = running.api.reports.recv() => {
                if answer.outcome.is_err() {
                    return Err(running.failure(&answer));
                }
                answered += 1;
                answer.accept();
            }
            _ = timeout(PATIENCE, running.process.wait()) => return Err(running.silence()),
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    let cpu = running.usage.cpu()?.saturating_sub(cpu);
    let own_cpu = kernel::own_cpu()?.saturating_sub(own_cpu);
    services.delay_lwa(Duration::ZERO);
    running.check(services)?;
    Ok(Rate {
        per_second: to_float(answered) / elapsed,
        function_share: cpu.as_secs_f64() / elapsed,
        bench_share: own_cpu.as_secs_f64() / elapsed,
    })
}

/// Audits an estate of so many parameters, in as many invocations of one process as it takes.
pub(crate) async fn audit(
    case: &Case,
    services: &Services,
    authority: &Path,
    parameters: usize,
) -> Result<Audit> {
    services.hold(parameters);
    services.end_in(case.days_left);
    services.take_calls();
    kernel::run_on(1)?;
    let mut running = Running::start(case, services, authority, 1);
    kernel::run_on(0)?;
    let mut event = case.event(0)?;
    let mut poll = running.poll().await?;
    let before = running.usage.cpu_when_idle().await?;
    let start = clock::now();
    let mut invocations = 0;
    let (seconds, seen) = loop {
        poll.give(&invocation(invocations, event));
        let answer = running.answer().await?;
        invocations += 1;
        let outcome = answer.outcome.clone().unwrap_or_default();
        let response: Value = serde_json::from_slice(&outcome).context("no JSON")?;
        let at = answer.at;
        answer.accept();
        let continuation = &response["continuation"];
        if continuation.is_null() {
            break ((at - start).as_secs_f64(), response["summary"].clone());
        }
        event = serde_json::json!({"continuation": continuation})
            .to_string()
            .into_bytes();
        poll = running.poll().await?;
    };
    running.poll().await?;
    let after = running.usage.cpu_when_idle().await?;
    let cpu = after.saturating_sub(before);
    running.check(services)?;
    if seen["credentials"].as_u64() != Some(parameters as u64) {
        bail!("the audit of {parameters} parameters saw only {seen}");
    }
    Ok(Audit {
        seconds,
        cpu_seconds: cpu.as_secs_f64(),
        peak_bytes: running.usage.peak_memory()?,
        invocations,
        calls: services.take_calls().values().sum(),
    })
}

/// A process with its Runtime API.
struct Running {
    name: &'static str,
    process: Process,
    usage: Usage,
    api: RuntimeApi,
}

impl Running {
    fn start(case: &Case, services: &Services, authority: &Path, pollers: u32) -> Self {
        let api = RuntimeApi::start(case.name);
        let mut variables = protocol::variables(case.name, api.address());
        variables.extend(credentials());
        variables.extend(services.variables(case.over_tls));
        variables.extend(
            case.variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        if case.over_tls {
            let file = authority.to_string_lossy().into_owned();
            variables.insert("AWS_CA_BUNDLE".to_owned(), file);
        }
        if pollers > 1 {
            let name = "AWS_LAMBDA_MAX_CONCURRENCY".to_owned();
            variables.insert(name, pollers.to_string());
        }
        let process = Process::start(&case.program, &case.arguments, &variables);
        Self {
            name: case.name,
            usage: Usage(process.id()),
            process,
            api,
        }
    }

    /// The next request for an event.
    async fn poll(&mut self) -> Result<Poll> {
        tokio::select! {
            biased;
            Some(poll) = self.api.polls.recv() => Ok(poll),
            Some(answer) = self.api.reports.recv() => Err(self.failure(&answer)),
            _ = timeout(PATIENCE, self.process.wait()) => Err(self.silence()),
        }
    }

    /// The next answer, which must be a response.
    async fn answer(&mut self) -> Result<Report> {
        tokio::select! {
            biased;
            Some(answer) = self.api.reports.recv() => match answer.outcome {
                Ok(_) => Ok(answer),
                Err(_) => Err(self.failure(&answer)),
            },
            _ = timeout(PATIENCE, self.process.wait()) => Err(self.silence()),
        }
    }

    async fn invoke(&mut self, invocation: Invocation) -> Result<()> {
        self.poll().await?.give(&invocation);
        self.answer().await?.accept();
        Ok(())
    }

    /// A measurement of what did not work is none.
    fn check(&self, services: &Services) -> Result<()> {
        let unexpected = services.take_unexpected();
        if let Some(call) = unexpected.first() {
            bail!(
                "{} calls `{call}`, which the benchmark does not play; it wrote:\n{}",
                self.name,
                self.last_lines()
            );
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let text = self.process.log().text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    fn failure(&self, answer: &Report) -> anyhow::Error {
        let body = answer.outcome.as_ref().unwrap_or_else(|body| body);
        anyhow::anyhow!(
            "{} failed: {}\nIt wrote:\n{}",
            self.name,
            String::from_utf8_lossy(body),
            self.last_lines()
        )
    }

    fn silence(&self) -> anyhow::Error {
        anyhow::anyhow!(
            "{} does not answer; it wrote:\n{}",
            self.name,
            self.last_lines()
        )
    }
}

/// What functions find besides, at the lengths that they have on Lambda.
fn credentials() -> [(String, String); 7] {
    let session = "x".repeat(700);
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("AWS_SESSION_TOKEN", &session),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn invocation(number: u64, event: Vec<u8>) -> Invocation {
    Invocation {
        payload: event.into(),
        request_id: format!("00000000-0000-4000-8000-{number:012x}"),
        timeout: TIMEOUT,
        qualifier: None,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of invocations are far below 2^52"
)]
pub(crate) const fn to_float(count: u64) -> f64 {
    count as f64
}
