//! `cargo xtask fuzz`: the targets of `tests/fuzz` under libFuzzer, for a bounded time.
//!
//! Everything is below `target/fuzz`: the seeds, and for each target its corpus, its log and its
//! findings.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::{dependencies, python, steps, tree};

/// Where the program for libFuzzer is.
const FUZZ_DIR: &str = "--fuzz-dir=tests/fuzz/libfuzzer";

/// Tells the program which target it runs.
const TARGET_VARIABLE: &str = "LWA_FUZZ_TARGET";

/// What to fuzz, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only this target
    target: Option<String>,
}

/// The result of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    executions: u64,
    per_second: u64,
    /// Edges of the program and how often they were taken, as libFuzzer counts.
    features: u64,
    /// The input that makes the target panic.
    finding: Option<PathBuf>,
}

/// `cargo xtask fuzz`.
pub(crate) fn fuzz(options: &Options) -> Result<()> {
    require_nightly()?;
    let folder = tree::root().join("target/fuzz");
    let targets = prepare(&folder.join("seeds"))?;
    let targets = chosen(&targets, options.target.as_deref())?;

    let build = folder.join("build");
    let cargo_fuzz = python::virtual_environment()?.with_file_name("cargo-fuzz");
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly"])
        .arg(cargo_fuzz)
        // Nothing of ours is unsafe, and without the address sanitizer a target runs twice as often.
        .args(["build", FUZZ_DIR, "--sanitizer=none", "--target-dir"])
        .arg(&build)
        .current_dir(tree::root())
        // It names the toolchain that runs this program.
        .env_remove("CARGO");
    let by_hand = format!(
        "rustup run nightly target/venv/bin/cargo-fuzz build {FUZZ_DIR} --sanitizer=none \
         --target-dir target/fuzz/build"
    );
    steps::run("libFuzzer", command, &by_hand)?;
    let program = build.join(dependencies::host()?).join("release/program");

    println!("target            executions  per second  features  finding");
    let mut found = Vec::new();
    for target in &targets {
        let run = run(&program, target, &folder, options.seconds)?;
        let Run {
            executions,
            per_second,
            features,
            finding,
        } = run;
        let shown = finding
            .as_ref()
            .map_or("none".into(), |file| file.to_string_lossy());
        println!("{target:<16} {executions:>11} {per_second:>11} {features:>9}  {shown}");
        found.extend(finding.map(|file| {
            let (program, file) = (program.display(), file.display());
            format!("  {TARGET_VARIABLE}={target} {program} {file}")
        }));
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} targets panic; to see why:\n{}",
        found.len(),
        targets.len(),
        found.join("\n")
    )
}

fn require_nightly() -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "--version"]);
    if command.output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    bail!(
        "fuzzing needs the nightly toolchain of Rust; install it with `rustup toolchain install \
         nightly --profile minimal`"
    )
}

fn chosen(targets: &[String], only: Option<&str>) -> Result<Vec<String>> {
    match only {
        None => Ok(targets.to_vec()),
        Some(only) if targets.iter().any(|target| target == only) => Ok(vec![only.to_owned()]),
        Some(only) => bail!(
            "`{only}` is not a target; the targets are {}",
            targets.join(", ")
        ),
    }
}

/// Writes the seeds, and returns the names of all targets.
fn prepare(seeds: &Path) -> Result<Vec<String>> {
    if seeds.exists() {
        // Some may be of events that no longer exist.
        fs::remove_dir_all(seeds)
            .with_context(|| format!("{} cannot be removed", seeds.display()))?;
    }
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package=lwa-fuzz-targets",
        "--example=prepare",
        "--locked",
        "--",
        "events",
    ]);
    let output = command
        .arg(seeds)
        .stderr(Stdio::inherit())
        .output()
        .context("`cargo` cannot be started")?;
    if !output.status.success() {
        bail!("the seeds cannot be written ({})", output.status);
    }
    let names = String::from_utf8(output.stdout).context("a target's name is not UTF-8")?;
    Ok(names.lines().map(str::to_owned).collect())
}

fn run(program: &Path, target: &str, folder: &Path, seconds: u32) -> Result<Run> {
    let corpus = folder.join("corpus").join(target);
    let findings = folder.join("findings").join(target);
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let log = folder.join(format!("{target}.log"));
    let file =
        File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let status = Command::new(program)
        .env(TARGET_VARIABLE, target)
        .arg(&corpus)
        .arg(folder.join("seeds"))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-print_final_stats=1", "-timeout=20"])
        // It would take longer than the time-out on a busy machine.
        .env("RUST_BACKTRACE", "0")
        // The slash at the end makes it a folder.
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .stdout(Stdio::null())
        .stderr(file)
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let text = fs::read(&log).with_context(|| format!("{} cannot be read", log.display()))?;
    let run = Run::read(&String::from_utf8_lossy(&text));
    if !status.success() && run.finding.is_none() {
        bail!("{target} ended with {status}; see {}", log.display());
    }
    Ok(run)
}

impl Run {
    /// Reads libFuzzer's log, <https://llvm.org/docs/LibFuzzer.html#output>.
    fn read(log: &str) -> Self {
        let mut run = Self::default();
        for line in log.lines() {
            let after = |word: &str| {
                let mut words = line.split_whitespace().skip_while(|found| *found != word);
                words.nth(1)?.parse().ok()
            };
            run.features = after("ft:").unwrap_or(run.features);
            run.executions = after("stat::number_of_executed_units:").unwrap_or(run.executions);
            run.per_second = after("stat::average_exec_per_sec:").unwrap_or(run.per_second);
            if let Some((_, file)) = line.split_once("Test unit written to ") {
                run.finding = Some(file.into());
            }
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
INFO: Running with entropic power schedule (0xFF, 100).
#2\tINITED cov: 20 ft: 21 corp: 1/1b exec/s: 0 rss: 42Mb
#4194304\tpulse  cov: 1020 ft: 3921 corp: 312/88Kb lim: 4096 exec/s: 32768 rss: 81Mb
#7345012\tDONE   cov: 1033 ft: 4012 corp: 330/90Kb lim: 4096 exec/s: 61208 rss: 99Mb
Done 7345012 runs in 120 second(s)
stat::number_of_executed_units: 7345012
stat::average_exec_per_sec:     61208
stat::new_units_added:          330
";

    const BAD: &str = "\
#1024\tNEW    cov: 900 ft: 1200 corp: 3/4b exec/s: 512 rss: 42Mb
thread '<unnamed>' panicked at src/lib.rs:1:1:
a secret was leaked
==1== ERROR: libFuzzer: deadly signal
artifact_prefix='/tmp/x/'; Test unit written to /tmp/x/crash-0a
stat::number_of_executed_units: 2048
stat::average_exec_per_sec:     1024
";

    #[test]
    fn a_run_is_counted_from_its_log_and_a_finding_is_named() {
        let good = Run {
            executions: 7_345_012,
            per_second: 61_208,
            features: 4_012,
            finding: None,
        };
        assert_eq!(Run::read(GOOD), good);
        let bad = Run {
            executions: 2_048,
            per_second: 1_024,
            features: 1_200,
            finding: Some("/tmp/x/crash-0a".into()),
        };
        assert_eq!(Run::read(BAD), bad);
    }

    #[test]
    fn an_unknown_target_is_refused_with_the_known_ones() {
        let targets = ["event", "queue"].map(str::to_owned);
        assert_eq!(chosen(&targets, None).unwrap(), targets);
        assert_eq!(chosen(&targets, Some("queue")).unwrap(), ["queue"]);
        let error = chosen(&targets, Some("quene")).unwrap_err().to_string();
        assert_eq!(
            error,
            "`quene` is not a target; the targets are event, queue"
        );
    }
}
