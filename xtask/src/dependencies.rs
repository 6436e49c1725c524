//! Crates that must not be in a Lambda function or in the core. `deny.toml` cannot say that: it is
//! about the whole workspace, and the command and the tests may use what a function may not.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cargo::{cargo, in_workspace};
use crate::tree;

/// Crates that no function may contain: each costs start-up time or size, or is for tests.
const NOT_IN_FUNCTIONS: &[&str] = &[
    "anyhow",
    "askama",
    "aws-config",
    "clap",
    "handlebars",
    "insta",
    "lwa-local",
    "minijinja",
    "proptest",
    "quamina",
    "regex",
    "regex-automata",
    "reqwest",
    "tera",
];

/// Crates that the core may not reach: it is pure, without I/O and without AWS.
const NOT_IN_CORE: &[&str] = &[
    "hyper",
    "lambda_runtime",
    "lwa-aws",
    "mio",
    "rustls",
    "tokio",
];

/// Checks what each function and the core reach.
pub(crate) fn check() -> Result<()> {
    let metadata = metadata()?;
    let mut problems = functions_on_functions(&metadata.packages);
    if functions(&metadata.packages).next().is_none() {
        problems.push("no Lambda function was found, so none was checked".to_owned());
    }
    for package in functions(&metadata.packages) {
        let banned = |name: &str| NOT_IN_FUNCTIONS.contains(&name);
        problems.extend(unwanted(
            &package.name,
            &normal_dependencies(&package.name)?,
            banned,
        ));
    }
    let banned = |name: &str| name.starts_with("aws") || NOT_IN_CORE.contains(&name);
    problems.extend(unwanted(
        "lwa-core",
        &normal_dependencies("lwa-core")?,
        banned,
    ));

    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// None for a normal one, otherwise `dev` or `build`.
    kind: Option<String>,
}

/// The Lambda functions: what in `crates/` runs through `lwa-lambda`.
fn functions(packages: &[Package]) -> impl Iterator<Item = &Package> {
    let crates = tree::root().join("crates");
    packages.iter().filter(move |package| {
        std::path::Path::new(&package.manifest_path).starts_with(&crates)
            && package
                .dependencies
                .iter()
                .any(|dependency| dependency.name == "lwa-lambda" && dependency.kind.is_none())
    })
}

/// The names of the Lambda functions.
pub(crate) fn function_names() -> Result<Vec<String>> {
    let metadata = metadata()?;
    Ok(functions(&metadata.packages)
        .map(|package| package.name.clone())
        .collect())
}

fn functions_on_functions(packages: &[Package]) -> Vec<String> {
    let names: BTreeSet<&str> = functions(packages)
        .map(|function| function.name.as_str())
        .collect();
    functions(packages)
        .flat_map(|function| {
            function
                .dependencies
                .iter()
                .filter(|dependency| names.contains(dependency.name.as_str()))
                .map(|dependency| {
                    format!(
                        "{} depends on {}, another function",
                        function.name, dependency.name
                    )
                })
        })
        .collect()
}

fn unwanted(package: &str, names: &BTreeSet<String>, banned: impl Fn(&str) -> bool) -> Vec<String> {
    names
        .iter()
        .filter(|name| *name != package && banned(name))
        .map(|name| {
            format!(
                "{package} reaches {name}; `cargo tree -p {package} -e normal -i {name}` says how"
            )
        })
        .collect()
}

/// The platform that this machine builds for.
pub(crate) fn host() -> Result<String> {
    let mut rustc = in_workspace("rustc");
    rustc.args(["--verbose", "--version"]);
    let version = output(rustc)?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc --verbose --version` names no host")
}

fn metadata() -> Result<Metadata> {
    let host = host()?;
    // Without a platform Cargo would ask for packages that nothing here needed to download.
    let text = output(cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--filter-platform",
        &host,
    ]))?;
    serde_json::from_str(&text).context("`cargo metadata` did not answer as expected")
}

/// The names of everything `package` links, with the features it has when built by itself.
fn normal_dependencies(package: &str) -> Result<BTreeSet<String>> {
    let text = output(cargo(&[
        "tree",
        "--locked",
        "--offline",
        "--package",
        package,
        "--edges=normal",
        "--prefix=none",
        "--format={p}",
    ]))?;
    Ok(text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}

fn output(mut command: Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("`{program}` cannot be started"))?;
    if !output.status.success() {
        bail!(
            "{}",
            String::from_utf8_lossy(&output.stderr).trim().to_owned()
        );
    }
    String::from_utf8(output.stdout).context("its output is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, dependencies: &[&str]) -> Package {
        let normal = |name: &&str| Dependency {
            name: (*name).to_owned(),
            kind: None,
        };
        Package {
            name: name.to_owned(),
            manifest_path: format!("{}/crates/{name}/Cargo.toml", tree::root().display()),
            dependencies: dependencies.iter().map(normal).collect(),
        }
    }

    #[test]
    fn a_function_that_depends_on_another_is_a_problem() {
        let alone = function("alone", &["lwa-lambda", "lwa-core"]);
        let both = function("both", &["lwa-lambda", "alone"]);
        let library = function("library", &["alone"]);
        assert_eq!(
            functions_on_functions(&[alone, both, library]),
            ["both depends on alone, another function"]
        );
    }

    #[test]
    fn what_a_crate_reaches_is_found_and_the_crate_itself_is_not_meant() {
        let names = ["example", "regex"].map(str::to_owned).into();
        assert_eq!(
            unwanted("example", &names, |name| ["example", "regex"]
                .contains(&name)),
            ["example reaches regex; `cargo tree -p example -e normal -i regex` says how"]
        );
    }

    #[test]
    fn every_function_of_the_workspace_has_permissions() {
        let file = tree::root().join("infra/permissions.json");
        let text = std::fs::read_to_string(file).unwrap();
        let permissions: serde_json::Value = serde_json::from_str(&text).unwrap();
        let listed: BTreeSet<String> = permissions.as_object().unwrap().keys().cloned().collect();
        let found: BTreeSet<String> = function_names().unwrap().into_iter().collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn the_tree_of_this_crate_is_read() {
        let names = normal_dependencies("xtask").unwrap();
        assert!(names.contains("xtask") && names.contains("clap") && !names.contains("tempfile"));
    }
}
