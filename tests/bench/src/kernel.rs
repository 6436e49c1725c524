//! What the kernel knows of a process: processor time, memory, whether it is idle.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lwa_tests::clock;

/// How long to wait for a process to become idle.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the kernel knows of the process with this id.
pub(crate) struct Usage(pub(crate) u32);

impl Usage {
    /// The processor time that it has used, all threads together, once all of them wait for
    /// something. The kernel's account of a thread that runs is old by up to a tick.
    pub(crate) async fn cpu_when_idle(&self) -> Result<Duration> {
        let start = clock::now();
        while !self.is_idle()? {
            if start.elapsed() > PATIENCE {
                bail!("process {} does not become idle", self.0);
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        self.cpu()
    }

    /// The processor time as the kernel last counted it.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let threads = self.threads()?;
        threads
            .iter()
            .map(|thread| processor_time(&thread.join("schedstat")))
            .sum()
    }

    /// The most memory it has ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = read(&self.folder().join("status"))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kibibytes| kibibytes * 1024)
            .context("the kernel gives no VmHWM")
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

    fn threads(&self) -> Result<Vec<PathBuf>> {
        let folder = self.folder().join("task");
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read: this needs Linux", folder.display()))?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    fn folder(&self) -> PathBuf {
        Path::new("/proc").join(self.0.to_string())
    }
}

/// The processor time of this process.
pub(crate) fn own_cpu() -> Result<Duration> {
    processor_time(Path::new("/proc/self/schedstat"))
}

fn processor_time(schedstat: &Path) -> Result<Duration> {
    let text = read(schedstat)?;
    text.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .map(Duration::from_nanos)
        .with_context(|| format!("`{text}` is not as expected in {}", schedstat.display()))
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
