//! The AWS emulators that `lwa-tests` runs against. They stop when this program does.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{steps, tree};

/// The variables that tell `lwa-tests` where they are, and a path that answers 200 when ready.
const EMULATORS: [(&str, &str, &str); 3] = [
    ("moto", "LWA_TEST_MOTO_URL", "/moto-api/"),
    // Enforcing IAM is a switch for a whole process, so the tests of permissions have their own.
    ("moto-with-iam", "LWA_TEST_MOTO_IAM_URL", "/moto-api/"),
    ("ministack", "LWA_TEST_MINISTACK_URL", "/_ministack/health"),
];

/// Both start in about a second on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Running emulators. They end when this is dropped, and when this process dies in any other way:
/// `tests/emulators/serve.py` says how.
pub(crate) struct Emulators(Vec<Emulator>);

struct Emulator {
    name: &'static str,
    variable: &'static str,
    ready_path: &'static str,
    port: u16,
    folder: PathBuf,
    process: Child,
}

impl Emulators {
    /// Start them on free loopback ports with the given Python, and wait until they answer.
    pub(crate) fn start(python: &Path) -> Result<Self> {
        let mut emulators = Self(Vec::new());
        for (name, variable, ready_path) in EMULATORS {
            emulators
                .0
                .push(Emulator::start(python, name, variable, ready_path)?);
        }
        for emulator in &mut emulators.0 {
            emulator.wait_until_ready()?;
        }
        Ok(emulators)
    }

    /// What tests need in their environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.0
            .iter()
            .map(|emulator| (emulator.variable, emulator.url()))
    }

    /// Wait for ever. Returns only with an error, when one of them has ended.
    pub(crate) fn wait(mut self) -> Result<()> {
        loop {
            for emulator in &mut self.0 {
                emulator.require_running()?;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Emulator {
    fn start(
        python: &Path,
        name: &'static str,
        variable: &'static str,
        ready_path: &'static str,
    ) -> Result<Self> {
        let port = free_port()?;
        let tests = tree::root().join("tests/emulators");
        let folder = tree::root().join(format!("target/emulators/{name}-{port}"));
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let log = File::create(folder.join("log")).context("its log cannot be made")?;

        let mut command = Command::new(python);
        command
            .arg(tests.join("serve.py"))
            .arg(name)
            .arg(port.to_string())
            .arg(&folder);
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        // A developer's own settings must not change what it emulates.
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if ["AWS_", "MOTO_", "MINISTACK_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(&variable);
            }
        }
        let process = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self {
            name,
            variable,
            ready_path,
            port,
            folder,
            process,
        })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let start = steps::now();
        while start.elapsed() < PATIENCE {
            self.require_running()?;
            if answers(self.port, self.ready_path) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let seconds = PATIENCE.as_secs();
        bail!(
            "{} did not answer within {seconds} s; its log ends with:\n{}",
            self.name,
            self.log()
        )
    }

    fn require_running(&mut self) -> Result<()> {
        match self
            .process
            .try_wait()
            .context("a process cannot be watched")?
        {
            None => Ok(()),
            Some(status) => {
                bail!(
                    "{} ended ({status}); its log ends with:\n{}",
                    self.name,
                    self.log()
                )
            }
        }
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), 20)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends at the end of its input, and stops everything that it started.
        drop(self.process.stdin.take());
        let ended = self.process.wait();
        // It removes the folder itself, unless it never came so far.
        let removed = if self.folder.exists() {
            fs::remove_dir_all(&self.folder)
        } else {
            Ok(())
        };
        if let Err(error) = ended.and(removed) {
            eprintln!("warning: {} could not be cleaned up: {error}", self.name);
        }
    }
}

/// A port that was free a moment ago. The kernel hands out others before it repeats one.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.context("no loopback port is free")?.port())
}

/// Whether `GET path` is answered with 200.
fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let host = format!("127.0.0.1:{port}");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.starts_with(b"HTTP/1.") && status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{answers, free_port, last_lines};

    #[test]
    fn the_end_of_a_log_is_shown_and_all_of_a_short_one() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 2), "a");
    }

    #[test]
    fn nothing_answers_on_a_free_port() {
        assert!(!answers(free_port().unwrap(), "/"));
    }
}
