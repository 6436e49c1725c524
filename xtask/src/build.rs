//! `cargo xtask build`: builds each function as a `bootstrap` for Lambda, and checks it.
//!
//! The binaries contain nothing of this machine: paths are replaced, so that the same sources and
//! the same toolchain give the same bytes in any folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader;
use serde::Deserialize;

use crate::cargo::cargo;
use crate::{dependencies, steps, tree};

/// The glibc of `provided.al2023`, <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>.
const NEWEST_GLIBC: (u32, u32) = (2, 34);

/// How much larger or smaller than recorded a function may be, in percent.
const ALLOWED_CHANGE: u64 = 10;

/// The size of a zip archive of one file besides its compressed bytes.
const ZIP_OVERHEAD: u64 = 150;

const RECORD: &str = "tests/bench/sizes.toml";

/// A processor architecture, by Lambda's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    Arm64,
}

/// The size of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Size {
    /// The binary.
    bytes: u64,
    /// The archive that is uploaded.
    zipped: u64,
}

type Sizes = BTreeMap<String, Size>;

impl Architecture {
    /// The one of this machine; x86-64 where Lambda has none like it.
    pub(crate) const fn of_this_machine() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::X86_64
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's name for Amazon Linux on it.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The C compiler that links for it on another machine, as Debian and others call it.
    const fn cross_compiler(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }
}

/// Where `bootstrap` of a function is.
pub(crate) fn folder() -> PathBuf {
    tree::root().join("target/lambda")
}

/// The size step of `cargo xtask test`: builds all functions for this machine's architecture, and
/// compares them with the record.
pub(crate) fn check_sizes() -> Result<()> {
    let architecture = Architecture::of_this_machine();
    if dependencies::host()? != architecture.target() {
        steps::skip(
            "sizes",
            "this machine does not build for Amazon Linux by itself",
        );
        return Ok(());
    }
    build(architecture, false, false)
}

/// `cargo xtask build`: builds all functions, checks that they run on Amazon Linux 2023, and
/// compares their sizes with the record, or writes it.
pub(crate) fn build(architecture: Architecture, record: bool, again: bool) -> Result<()> {
    let built = build_functions(architecture)?;
    steps::time("glibc", || {
        built
            .iter()
            .try_for_each(|(name, file)| check_glibc(name, file))
    })?;
    if again {
        // Cargo would not build again in the same folder.
        let functions: Vec<String> = built.iter().map(|(name, _)| name.clone()).collect();
        let second = release(architecture, &functions, &tree::root().join("target/again"))?;
        steps::time("reproducible", || {
            built
                .iter()
                .zip(&second)
                .try_for_each(|((name, first), (_, second))| check_same(name, first, second))
        })?;
    }
    let sizes: Sizes = built
        .iter()
        .map(|(name, file)| Ok((name.clone(), size(file)?)))
        .collect::<Result<_>>()?;

    let file = tree::root().join(RECORD);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let mut recorded: BTreeMap<String, Sizes> =
        toml::from_str(&text).with_context(|| format!("{RECORD} is not as expected"))?;
    let before = recorded.get(architecture.name()).cloned();
    print!("{}", table(architecture, &sizes, before.as_ref()));
    if record {
        recorded.insert(architecture.name().to_owned(), sizes);
        return fs::write(&file, written(&recorded))
            .with_context(|| format!("{RECORD} cannot be written"));
    }
    let Some(before) = before else {
        steps::skip("sizes", "none are recorded for this architecture");
        return Ok(());
    };
    steps::time("sizes", || {
        let problems = differences(&sizes, &before);
        if problems.is_empty() {
            return Ok(());
        }
        bail!(
            "{}\nIf that is intended, `cargo xtask build --record` records it in {RECORD}",
            problems.join("\n")
        )
    })
}

/// Builds all functions into [`folder`], and returns their names with their files.
pub(crate) fn build_functions(architecture: Architecture) -> Result<Vec<(String, PathBuf)>> {
    let functions = dependencies::function_names()?;
    let built = release(architecture, &functions, &tree::root().join("target"))?;
    for (name, file) in &built {
        let folder = folder().join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let bootstrap = folder.join("bootstrap");
        fs::copy(file, &bootstrap)
            .with_context(|| format!("{} cannot be written", bootstrap.display()))?;
    }
    Ok(built)
}

/// Builds packages with the profile that is deployed, and returns their names with their files.
pub(crate) fn release(
    architecture: Architecture,
    packages: &[String],
    target_folder: &Path,
) -> Result<Vec<(String, PathBuf)>> {
    let target = architecture.target();
    require_standard_library(target)?;
    let mut command = cargo(&["build", "--release", "--locked", "--target", target]);
    for package in packages {
        command.args(["--package", package]);
    }
    command.arg("--target-dir").arg(target_folder);
    command.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(target_folder)?);
    if dependencies::host()? != target {
        let compiler = architecture.cross_compiler();
        for (variable, compiler) in cross_compilation(target, compiler, |name| env::var_os(name))? {
            command.env(variable, compiler);
        }
    }
    let rerun = format!("cargo xtask build --arch {}", architecture.name());
    steps::run("release build", command, &rerun)?;
    let folder = target_folder.join(target).join("release");
    Ok(packages
        .iter()
        .map(|package| (package.clone(), folder.join(package)))
        .collect())
}

/// The linker, not the loader, decides where the program is in memory: the loader then writes some
/// 15,000 addresses less, which was a sixth of the CPU time to a function's first response.
/// Libraries, heap and stack are still at random addresses. `docs/performance.md` has the numbers.
///
/// Paths of this machine become short names, the longest last.
fn rust_flags(target_folder: &Path) -> Result<OsString> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir()
            .context("there is no home directory, so no Cargo registry")?
            .join(".cargo"),
    };
    let root = tree::root();
    let mut flags = OsString::from("-Crelocation-model=static");
    for (path, short) in [(&*home, "cargo"), (&*root, "."), (target_folder, "target")] {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(path);
        flags.push("=");
        flags.push(short);
    }
    Ok(flags)
}

fn require_standard_library(target: &str) -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(tree::root())
        .output()
        .context("`rustc` cannot be started; install Rust")?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    bail!(
        "Rust's standard library for {target} is not installed; `rustup target add {target}` \
         installs it"
    )
}

/// The variables with which Cargo, and build scripts that compile C, use the compiler for another
/// system, unless the environment has them already.
fn cross_compilation(
    target: &str,
    compiler: &'static str,
    get: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<(String, &'static str)>> {
    let name = target.replace('-', "_");
    let linker = format!("CARGO_TARGET_{}_LINKER", name.to_uppercase());
    let unset: Vec<_> = [linker.clone(), format!("CC_{name}")]
        .into_iter()
        .filter(|variable| get(variable).is_none())
        .map(|variable| (variable, compiler))
        .collect();
    if !unset.is_empty() && Command::new(compiler).arg("--version").output().is_err() {
        bail!(
            "{target} needs a compiler that links for it, and `{compiler}` is not installed; on \
             Debian and Ubuntu: `apt install {}`, or name another one in {linker} and CC_{name}",
            debian_package(compiler),
        );
    }
    Ok(unset)
}

/// Debian's package of a cross compiler.
fn debian_package(compiler: &str) -> String {
    let system = compiler.trim_end_matches("-gcc").replace('_', "-");
    format!("gcc-{system}")
}

fn check_glibc(name: &str, file: &Path) -> Result<()> {
    let bytes = read(file)?;
    let too_new: Vec<String> = glibc_versions(&bytes)
        .with_context(|| format!("{} is not a program for Linux", file.display()))?
        .into_iter()
        .filter(|version| *version > NEWEST_GLIBC)
        .map(|(major, minor)| format!("{major}.{minor}"))
        .collect();
    if too_new.is_empty() {
        return Ok(());
    }
    let (major, minor) = NEWEST_GLIBC;
    bail!(
        "{name} needs glibc {}, and provided.al2023 has {major}.{minor}; build on a system with \
         that glibc or an older one, or with `cargo lambda build`",
        too_new.join(" and ")
    )
}

/// The versions of glibc whose symbols a program asks for.
fn glibc_versions(bytes: &[u8]) -> object::Result<Vec<(u32, u32)>> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let mut versions = Vec::new();
    if let Some((mut needs, strings)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((_, mut entries)) = needs.next()? {
            while let Some(entry) = entries.next()? {
                let name = entry.name(endian, strings)?;
                versions.extend(str::from_utf8(name).ok().and_then(glibc_version));
            }
        }
    }
    Ok(versions)
}

/// `GLIBC_2.3.4` as 2 and 3.
fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn check_same(name: &str, first: &Path, second: &Path) -> Result<()> {
    if read(first)? == read(second)? {
        return Ok(());
    }
    bail!(
        "{name} is not the same when built again: compare {} and {}",
        first.display(),
        second.display()
    )
}

fn size(file: &Path) -> Result<Size> {
    let bytes = read(file)?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(&bytes)
        .context("it cannot be compressed")?;
    let compressed = encoder.finish().context("it cannot be compressed")?;
    Ok(Size {
        bytes: bytes.len() as u64,
        zipped: compressed.len() as u64 + ZIP_OVERHEAD,
    })
}

fn differences(sizes: &Sizes, recorded: &Sizes) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, size) in sizes {
        let Some(before) = recorded.get(name) else {
            problems.push(format!("the size of {name} is not recorded"));
            continue;
        };
        for (what, now, before) in [
            ("", size.bytes, before.bytes),
            (", zipped,", size.zipped, before.zipped),
        ] {
            if now * 100 > before * (100 + ALLOWED_CHANGE) {
                problems.push(format!(
                    "{name}{what} has {now} bytes and had {before}: more than {ALLOWED_CHANGE} % larger"
                ));
            }
            // Otherwise it could grow back unnoticed.
            if now * 100 < before * (100 - ALLOWED_CHANGE) {
                problems.push(format!(
                    "{name}{what} has {now} bytes and had {before}: more than {ALLOWED_CHANGE} % smaller"
                ));
            }
        }
    }
    for name in recorded.keys().filter(|name| !sizes.contains_key(*name)) {
        problems.push(format!("{name} is recorded and is no function"));
    }
    problems
}

fn table(architecture: Architecture, sizes: &Sizes, recorded: Option<&Sizes>) -> String {
    let mut text = format!(
        "{:<22} {:>10} {:>10} {:>12}\n",
        architecture.name(),
        "bytes",
        "zipped",
        "recorded"
    );
    for (name, size) in sizes {
        let recorded = recorded
            .and_then(|sizes| sizes.get(name))
            .map_or_else(|| "-".to_owned(), |size| size.zipped.to_string());
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{name:<22} {:>10} {:>10} {recorded:>12}",
            size.bytes, size.zipped
        );
    }
    text
}

fn written(recorded: &BTreeMap<String, Sizes>) -> String {
    let mut text = "# How large the functions are: a build that differs by more than 10 % fails.\n\
                    # `cargo xtask build --record` writes this file.\n"
        .to_owned();
    for (architecture, sizes) in recorded {
        let _ = writeln!(text, "\n[{architecture}]");
        for (name, Size { bytes, zipped }) in sizes {
            let _ = writeln!(text, "{name} = {{ bytes = {bytes}, zipped = {zipped} }}");
        }
    }
    text
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(entries: &[(&str, u64, u64)]) -> Sizes {
        entries
            .iter()
            .map(|(name, bytes, zipped)| {
                let size = Size {
                    bytes: *bytes,
                    zipped: *zipped,
                };
                ((*name).to_owned(), size)
            })
            .collect()
    }

    #[test]
    fn ten_percent_more_or_less_is_allowed_and_a_byte_beyond_is_not() {
        let before = sizes(&[("auditor", 1000, 100)]);
        assert!(differences(&sizes(&[("auditor", 1100, 110)]), &before).is_empty());
        assert_eq!(
            differences(&sizes(&[("auditor", 1101, 111)]), &before),
            [
                "auditor has 1101 bytes and had 1000: more than 10 % larger",
                "auditor, zipped, has 111 bytes and had 100: more than 10 % larger",
            ]
        );
        assert!(differences(&sizes(&[("auditor", 900, 90)]), &before).is_empty());
        assert_eq!(
            differences(&sizes(&[("auditor", 900, 89)]), &before),
            ["auditor, zipped, has 89 bytes and had 100: more than 10 % smaller"]
        );
    }

    #[test]
    fn a_function_without_a_record_and_a_record_without_a_function_are_problems() {
        assert_eq!(
            differences(&sizes(&[("auditor", 1, 1)]), &sizes(&[("editor", 1, 1)])),
            [
                "the size of auditor is not recorded",
                "editor is recorded and is no function"
            ]
        );
    }

    #[test]
    fn the_record_is_read_as_it_was_written() {
        let recorded = BTreeMap::from([
            ("arm64".to_owned(), sizes(&[("auditor", 3, 2)])),
            (
                "x86_64".to_owned(),
                sizes(&[("auditor", 5, 4), ("secret-receiver", 7, 6)]),
            ),
        ]);
        assert_eq!(
            toml::from_str::<BTreeMap<String, Sizes>>(&written(&recorded)).unwrap(),
            recorded
        );
    }

    #[test]
    fn versions_of_glibc_are_read_out_of_symbol_versions() {
        assert_eq!(glibc_version("GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc_version("GLIBC_2.3.4"), Some((2, 3)));
        assert_eq!(glibc_version("GCC_3.0"), None);
    }

    #[test]
    fn a_target_without_its_standard_library_is_named_with_what_installs_it() {
        // Rust knows this target and ships no standard library for it.
        for target in ["msp430-none-elf", "no-such-target"] {
            assert_eq!(
                require_standard_library(target).unwrap_err().to_string(),
                format!(
                    "Rust's standard library for {target} is not installed; `rustup target add \
                     {target}` installs it"
                )
            );
        }
    }

    #[test]
    fn a_cross_compiler_that_is_missing_is_named_with_what_replaces_it() {
        let target = Architecture::Arm64.target();
        let error = cross_compilation(target, "no_such-linux-gnu-gcc", |_| None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "aarch64-unknown-linux-gnu needs a compiler that links for it, and \
             `no_such-linux-gnu-gcc` is not installed; on Debian and Ubuntu: \
             `apt install gcc-no-such-linux-gnu`, or name another one in \
             CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER and CC_aarch64_unknown_linux_gnu"
        );
        // Variables that are set are left as they are.
        let named = cross_compilation(target, "no_such-linux-gnu-gcc", |_| Some("zig".into()));
        assert_eq!(named.unwrap(), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_program_asks_for_a_glibc() {
        let bytes = fs::read(env::current_exe().unwrap()).unwrap();
        let versions = glibc_versions(&bytes).unwrap();
        assert!(
            versions
                .iter()
                .any(|(major, minor)| (*major, *minor) >= (2, 2))
        );
        assert!(glibc_versions(b"#!/bin/sh").is_err());
    }
}
