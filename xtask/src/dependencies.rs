//! What the workspace depends on, held against `deny.toml` and against what must never be in a
//! Lambda function or in the core. Needs Cargo only, and no network.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

use crate::tree;

/// What no function may carry: each costs start-up time or size, or is for tests.
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

/// What the core may not reach: it is pure, without I/O and without AWS.
const NOT_IN_CORE: &[&str] = &[
    "hyper",
    "lambda_runtime",
    "lwa-aws",
    "mio",
    "rustls",
    "tokio",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Check licences, sources and bans.
pub(crate) fn check() -> Result<()> {
    let text = std::fs::read_to_string(tree::root().join("deny.toml"))
        .context("deny.toml cannot be read")?;
    let rules: Rules = toml::from_str(&text).context("deny.toml is not as expected")?;
    let metadata = metadata()?;

    let mut problems = against_rules(&rules, &metadata.packages)?;
    problems.extend(functions_on_functions(&metadata.packages));
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
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None for the workspace's own.
    source: Option<String>,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// None for a normal one, otherwise `dev` or `build`.
    kind: Option<String>,
}

fn against_rules(rules: &Rules, packages: &[Package]) -> Result<Vec<String>> {
    let allowed: Vec<Licensee> = rules
        .licenses
        .allow
        .iter()
        .map(|text| Licensee::parse(text).with_context(|| format!("`{text}` in deny.toml")))
        .collect::<Result<_>>()?;
    let mut problems = Vec::new();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        match package
            .license
            .as_deref()
            .map(|text| Expression::parse_mode(text, ParseMode::LAX))
        {
            None => problems.push(format!("{name} names no licence")),
            Some(Err(error)) => problems.push(format!("{name} has an unreadable licence: {error}")),
            Some(Ok(licence)) => {
                if !licence.evaluate(|one| allowed.iter().any(|licensee| licensee.satisfies(one))) {
                    problems.push(format!(
                        "{name} has the licence {licence}, which deny.toml does not allow"
                    ));
                }
            }
        }
        if package
            .source
            .as_deref()
            .is_some_and(|source| source != CRATES_IO)
        {
            problems.push(format!(
                "{name} comes from neither crates.io nor this workspace"
            ));
        }
        if rules.bans.deny.iter().any(|ban| ban.name == package.name) {
            problems.push(format!("{name} is banned by deny.toml"));
        }
    }
    Ok(problems)
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
    let version = output(Command::new("rustc").args(["--verbose", "--version"]))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc --verbose --version` names no host")
}

fn metadata() -> Result<Metadata> {
    let host = host()?;
    // Without a platform Cargo would ask for packages that nothing here needed to download.
    let text = output(cargo().args([
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
    let text = output(cargo().args([
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

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .current_dir(tree::root())
        .output()
        .context("Cargo cannot be started")?;
    if !output.status.success() {
        bail!(
            "{}",
            String::from_utf8_lossy(&output.stderr).trim().to_owned()
        );
    }
    String::from_utf8(output.stdout).context("Cargo's answer is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: "example".to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: source.map(str::to_owned),
            manifest_path: "/elsewhere/Cargo.toml".to_owned(),
            dependencies: Vec::new(),
        }
    }

    fn problems(package: Package) -> Vec<String> {
        let rules = toml::from_str(
            r#"
            licenses.allow = ["MIT", "Apache-2.0", "ISC"]
            bans.deny = [{ crate = "native-tls", use-instead = "rustls" }]
            "#,
        )
        .unwrap();
        against_rules(&rules, &[package]).unwrap()
    }

    #[test]
    fn one_allowed_licence_of_a_choice_is_enough() {
        assert!(problems(package(Some("GPL-3.0-only OR MIT"), None)).is_empty());
        assert!(problems(package(Some("Unlicense/MIT"), Some(CRATES_IO))).is_empty());
    }

    #[test]
    fn every_licence_of_a_sum_must_be_allowed() {
        assert_eq!(
            problems(package(Some("MIT AND GPL-3.0-only"), None)),
            ["example 1.0.0 has the licence MIT AND GPL-3.0-only, which deny.toml does not allow"]
        );
    }

    #[test]
    fn a_licence_that_is_missing_or_unknown_is_a_problem() {
        assert_eq!(
            problems(package(None, None)),
            ["example 1.0.0 names no licence"]
        );
        assert_eq!(problems(package(Some("Do as you like"), None)).len(), 1);
    }

    #[test]
    fn a_package_from_git_is_a_problem() {
        assert_eq!(
            problems(package(
                Some("MIT"),
                Some("git+https://example.com/example")
            )),
            ["example 1.0.0 comes from neither crates.io nor this workspace"]
        );
    }

    #[test]
    fn a_banned_crate_is_a_problem() {
        let mut banned = package(Some("MIT"), Some(CRATES_IO));
        banned.name = "native-tls".to_owned();
        assert_eq!(
            problems(banned),
            ["native-tls 1.0.0 is banned by deny.toml"]
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
    fn the_tree_of_this_crate_is_read() {
        let names = normal_dependencies("xtask").unwrap();
        assert!(names.contains("xtask") && names.contains("clap") && !names.contains("tempfile"));
    }
}
