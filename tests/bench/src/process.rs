//! A function's process, and what the kernel tells about it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::clock;

/// How long to wait for a process to become idle.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// When it was started.
    pub(crate) started: Instant,
    output: tempfile::NamedTempFile,
}

impl Process {
    /// Starts a program with exactly these variables.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        variables: &[(String, String)],
    ) -> Result<Self> {
        let output = tempfile::NamedTempFile::new().context("a log cannot be made")?;
        let file = output.as_file();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("a log cannot be shared")?)
            .stderr(file.try_clone().context("a log cannot be shared")?);
        let started = clock::now();
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self {
            child,
            started,
            output,
        })
    }

    /// The end of what it wrote.
    pub(crate) fn output(&self) -> String {
        let text = fs::read_to_string(self.output.path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// Waits until it has ended, or for so long.
    pub(crate) async fn end(&mut self, patience: Duration) {
        let start = clock::now();
        while start.elapsed() < patience && matches!(self.child.try_wait(), Ok(None)) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// The processor time that it has used, all threads together, once all of them wait for
    /// something. The kernel's account of a thread that runs is old by up to a tick.
    pub(crate) async fn cpu_when_idle(&self) -> Result<Duration> {
        let start = clock::now();
        while !self.is_idle()? {
            if start.elapsed() > PATIENCE {
                bail!("process {} does not become idle", self.child.id());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        self.cpu()
    }

    /// The processor time as the kernel last counted it.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for thread in self.threads()? {
            let text = read(&thread.join("schedstat"))?;
            let nanoseconds = text
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok())
                .with_context(|| format!("`{text}` is not as expected in schedstat"))?;
            sum += Duration::from_nanos(nanoseconds);
        }
        Ok(sum)
    }

    /// The most memory it has ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = read(&self.folder().join("status"))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kibibytes| kibibytes * 1024)
            .context("the kernel tells no VmHWM")
    }

    fn is_idle(&self) -> Result<bool> {
        for thread in self.threads()? {
            let stat = read(&thread.join("stat"))?;
            // The state follows the name, which is in parentheses and may hold any character.
            let state = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.chars().next());
            if state != Some('S') {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn threads(&self) -> Result<Vec<std::path::PathBuf>> {
        let folder = self.folder().join("task");
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read: this needs Linux", folder.display()))?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    fn folder(&self) -> std::path::PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time of this process.
pub(crate) fn own_cpu() -> Result<Duration> {
    let text = read(Path::new("/proc/self/schedstat"))?;
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    Ok(Duration::from_nanos(
        nanoseconds.context("schedstat is not as expected")?,
    ))
}

/// Lets this thread, and the processes that it starts from now on, run on one processor only.
#[cfg(target_os = "linux")]
pub(crate) fn run_on(processor: usize) -> Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(processor);
    sched_setaffinity(None, &set)
        .with_context(|| format!("processor {processor} cannot be chosen; is there one?"))
}

/// Only Linux can.
#[cfg(not(target_os = "linux"))]
pub(crate) fn run_on(_: usize) -> Result<()> {
    bail!("the benchmark reads /proc and needs Linux")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
