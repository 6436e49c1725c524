//! `cargo xtask fuzz`: the targets of `tests/fuzz` under libFuzzer, for a bounded time.
//!
//! Everything is kept below `target/fuzz`: the seeds, what each target has learnt, its log, and
//! what was found.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::{dependencies, steps, tree, verbs};

/// What is fuzzed, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only this target
    target: Option<String>,
}

/// What one run came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    executions: u64,
    per_second: u64,
    /// Edges of the program, and how often they were passed, in libFuzzer's count.
    features: u64,
    /// The input that breaks what must hold.
    finding: Option<PathBuf>,
}

/// `cargo xtask fuzz`.
pub(crate) fn fuzz(options: &Options) -> Result<()> {
    require_tools()?;
    let targets = chosen(&targets()?, options.target.as_deref())?;
    let folder = tree::root().join("target/fuzz");

    let seeds = folder.join("seeds");
    write_seeds(&seeds)?;
    let build = folder.join("build");
    let mut command = nightly(&[
        "fuzz",
        "build",
        "--fuzz-dir=tests/fuzz/libfuzzer",
        "--sanitizer=none",
        "--target-dir",
    ]);
    command.arg(&build);
    // Nothing of ours is unsafe, and without the address sanitizer a target runs twice as often.
    let by_hand = "cargo +nightly fuzz build --fuzz-dir=tests/fuzz/libfuzzer --sanitizer=none --target-dir target/fuzz/build";
    steps::run("fuzz targets", command, by_hand)?;
    let binaries = build.join(dependencies::host()?).join("release");

    println!("target            executions  per second  features  finding");
    let mut found = Vec::new();
    for target in &targets {
        let run = run(&binaries.join(target), target, &folder, options.seconds)?;
        let Run {
            executions,
            per_second,
            features,
            finding,
        } = run;
        let said = finding
            .as_ref()
            .map_or("none".into(), |file| file.to_string_lossy());
        println!("{target:<16} {executions:>11} {per_second:>11} {features:>9}  {said}");
        found.extend(
            finding.map(|file| format!("  {} {}", binaries.join(target).display(), file.display())),
        );
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} targets found an input that breaks what must hold; to see why:\n{}",
        found.len(),
        targets.len(),
        found.join("\n")
    )
}

fn require_tools() -> Result<()> {
    let is_there = |arguments: &[&str]| {
        nightly(arguments)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !is_there(&["--version"]) {
        bail!(
            "fuzzing needs the nightly toolchain of Rust; install it with `rustup toolchain \
             install nightly --profile minimal`"
        );
    }
    if !is_there(&["fuzz", "--version"]) {
        bail!("`cargo fuzz` is missing; install it with `cargo install --locked cargo-fuzz`");
    }
    Ok(())
}

/// Cargo of the nightly toolchain, in the workspace's root.
fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo"])
        .args(arguments)
        .current_dir(tree::root());
    command
}

/// The names of all targets, as their manifest has them.
fn targets() -> Result<Vec<String>> {
    let manifest = tree::root().join("tests/fuzz/libfuzzer/Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("{} cannot be read", manifest.display()))?;
    let manifest: Table = text
        .parse()
        .context("tests/fuzz/libfuzzer/Cargo.toml is no manifest")?;
    let binaries = manifest.get("bin").and_then(Value::as_array);
    let name = |binary: &Value| Some(binary.get("name")?.as_str()?.to_owned());
    Ok(binaries.into_iter().flatten().filter_map(name).collect())
}

fn chosen(targets: &[String], only: Option<&str>) -> Result<Vec<String>> {
    match only {
        None => Ok(targets.to_vec()),
        Some(only) if targets.iter().any(|target| target == only) => Ok(vec![only.to_owned()]),
        Some(only) => bail!("`{only}` is no target; there are {}", targets.join(", ")),
    }
}

fn write_seeds(folder: &Path) -> Result<()> {
    if folder.exists() {
        // Of events that are gone.
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let example = [
        "run",
        "--quiet",
        "--package=lwa-fuzz-targets",
        "--example=seeds",
        "--locked",
        "--",
        "events",
    ];
    let mut command = verbs::cargo(&example);
    command.arg(folder);
    steps::run(
        "seeds",
        command,
        &format!("cargo {} FOLDER", example.join(" ")),
    )
}

fn run(binary: &Path, target: &str, folder: &Path, seconds: u32) -> Result<Run> {
    let learnt = folder.join("corpus").join(target);
    let findings = folder.join("findings").join(target);
    for folder in [&learnt, &findings] {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let log = folder.join(format!("{target}.log"));
    let file =
        File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let status = Command::new(binary)
        .arg(&learnt)
        .arg(folder.join("seeds"))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-print_final_stats=1", "-timeout=20"])
        // It would take longer than the time-out on a busy machine.
        .env("RUST_BACKTRACE", "0")
        // A trailing slash makes it a folder.
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .stdout(Stdio::null())
        .stderr(file)
        .status()
        .with_context(|| format!("{} cannot be started", binary.display()))?;
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
a secret got out
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
    fn a_target_that_is_not_there_is_told_from_those_that_are() {
        let targets = targets().unwrap();
        assert_eq!(chosen(&targets, None).unwrap(), targets);
        assert_eq!(chosen(&targets, Some("queue")).unwrap(), ["queue"]);
        let error = chosen(&targets, Some("quene")).unwrap_err().to_string();
        assert!(
            error.starts_with("`quene` is no target; there are event, "),
            "{error}"
        );
    }
}
