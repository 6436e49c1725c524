//! A program under test: its process, and what it writes.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::clock;

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    id: u32,
    started: Instant,
    log: Log,
}

/// What a process writes to standard output and standard error. It goes to a file, not through a
/// pipe: reading a pipe would take time from the processor on which the benchmark measures.
#[derive(Debug, Clone)]
pub struct Log(Arc<NamedTempFile>);

impl Process {
    /// Starts a program with exactly these variables. Must be called inside a Tokio runtime.
    pub fn start<A, K, V>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        A: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let log = NamedTempFile::new().expect("a log file should be possible");
        let stream = || Stdio::from(log.as_file().try_clone().expect("a file can be shared"));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(stream())
            .stderr(stream());
        let started = clock::now();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        Self {
            id: child
                .id()
                .expect("a process that was just started has an id"),
            child,
            started,
            log: Log(Arc::new(log)),
        }
    }

    /// Its id, also once it has ended.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// When it was started.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// What it writes.
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Waits until it has ended.
    pub async fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().await;
        status.expect("a child should be waited for")
    }

    /// Kills it; [`Process::wait`] says when it has ended.
    pub fn kill(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        let _ = self.child.start_kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Whatever is measured next has the processor to itself.
        while let Ok(None) = self.child.try_wait() {
            std::thread::yield_now();
        }
    }
}

impl Log {
    /// Everything that was written so far.
    pub fn text(&self) -> String {
        let bytes = std::fs::read(self.0.path()).expect("a log file should be readable");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
