//! `cargo xtask bench`: builds everything that is measured, and starts the benchmark.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build::{self, Architecture};
use crate::cargo::cargo;
use crate::{steps, tree};

/// The options of the benchmark.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer starts and invocations: for a first look, not for a comparison
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their name, besides the floor
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables into docs/performance.md
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    document: bool,
    /// Fail if a target is missed
    #[arg(long)]
    strict: bool,
}

/// `cargo xtask bench`.
pub(crate) fn bench(options: &Options) -> Result<()> {
    let architecture = Architecture::of_this_machine();
    build::build_functions(architecture)?;
    // Alone: together with others it would get features that it does not ask for.
    let floor = build::release(
        architecture,
        &["lwa-floor".to_owned()],
        &tree::root().join("target"),
    )?;
    let (_, floor) = floor.first().context("the floor was not built")?;
    let harness = [
        "build",
        "--profile=harness",
        "--locked",
        "--package=lwa-bench",
    ];
    let rerun = format!("cargo {}", harness.join(" "));
    steps::run("benchmark", cargo(&harness), &rerun)?;

    let mut command = Command::new(tree::root().join("target/harness/lwa-bench"));
    command.arg("--functions").arg(build::folder());
    command.arg("--floor").arg(floor);
    match python() {
        Some(python) => {
            let sample = tree::root().join("tests/bench/python/bootstrap.py");
            command.arg("--python").arg(python);
            command.arg("--python-sample").arg(sample);
        }
        None => steps::skip(
            "python-sample",
            "no target/venv with boto3; `cargo xtask emulators` makes it",
        ),
    }
    if options.quick {
        command.arg("--quick");
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    if let Some(json) = &options.json {
        command.arg("--json").arg(json);
    }
    if options.document {
        let document = tree::root().join("docs/performance.md");
        command.arg("--document").arg(document);
    }
    if options.strict {
        command.arg("--strict");
    }
    let status = command
        .status()
        .context("the benchmark cannot be started")?;
    if !status.success() {
        bail!("the benchmark failed ({status})");
    }
    Ok(())
}

/// The emulators' Python, if it is there: moto brings boto3 and requests along.
fn python() -> Option<PathBuf> {
    let python = tree::root().join("target/venv/bin/python");
    let imports = Command::new(&python)
        .args(["-c", "import boto3, requests"])
        .output();
    imports
        .is_ok_and(|output| output.status.success())
        .then_some(python)
}
