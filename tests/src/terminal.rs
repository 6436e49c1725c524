//! A pseudo-terminal, for questions that a command asks only a person.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::clock;

/// What a question says whose answer the terminal does not show.
const HIDDEN: &str = "not shown";

/// How long a program may take to show something, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program in a terminal that stays when the program has ended, as the one of a shell does.
pub struct Session {
    terminal: Pty,
    /// The shell's end.
    shell: File,
    child: Child,
    seen: Vec<u8>,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Left {
    /// How it ended.
    pub status: ExitStatus,
    /// What the terminal shows.
    pub seen: String,
    /// Whether the terminal shows what is typed.
    pub is_shown: bool,
    /// How many bytes of whole lines the shell is going to read.
    pub unread: u64,
}

/// Runs a command in a terminal, waits for each question and types its answer. Returns what the
/// terminal shows, and whether the command succeeded.
///
/// A question that says that its answer is not shown is answered once the terminal has stopped
/// showing it, which is a moment after the question.
pub fn run(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    variables: &BTreeMap<String, String>,
    answers: &[(&str, &str)],
) -> (String, bool) {
    let (mut terminal, inside) = open().expect("the system should have a pseudo-terminal");
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables)
        .spawn(inside)
        .expect("the program should start");
    let mut answers = answers.iter();
    let mut next = answers.next();
    let mut seen = Vec::new();
    let mut from = 0;
    let mut buffer = [0; 4096];
    loop {
        match terminal.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => seen.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Linux says so when the last program has left the terminal.
            Err(_) => break,
        }
        if let Some((question, answer)) = next
            && String::from_utf8_lossy(&seen[from..]).contains(question)
        {
            if question.contains(HIDDEN) {
                wait_until_hidden(&terminal);
            }
            writeln!(terminal, "{answer}").expect("the terminal should take what is typed");
            from = seen.len();
            next = answers.next();
        }
    }
    let status = child.wait().expect("the program should end");
    let seen = String::from_utf8_lossy(&seen).replace("\r\n", "\n");
    assert!(next.is_none(), "{next:?} was not asked in:\n{seen}");
    (seen, status.success())
}

impl Session {
    /// Starts a program with exactly these variables.
    pub fn start(
        program: &Path,
        arguments: &[&str],
        folder: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        let (terminal, inside) = open().expect("the system should have a pseudo-terminal");
        let name = rustix::pty::ptsname(&terminal, Vec::new());
        let name = name
            .expect("a pseudo-terminal should have a name")
            .into_string();
        let shell = File::open(name.expect("a terminal's name should be text"));
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .spawn(inside)
            .expect("the program should start");
        Self {
            terminal,
            shell: shell.expect("a terminal can be opened twice"),
            child,
            seen: Vec::new(),
        }
    }

    /// The process, by the number that the system gave it.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a question whose answer is not shown, and until it is not.
    pub fn wait_for_hidden(&mut self, question: &str) {
        self.wait_for(question);
        wait_until_hidden(&self.terminal);
    }

    /// Waits until the terminal shows a text after what it showed before.
    pub fn wait_for(&mut self, text: &str) {
        let (from, until) = (self.seen.len(), clock::now() + PATIENCE);
        while !String::from_utf8_lossy(&self.seen[from..]).contains(text) {
            self.read_until(until);
            assert!(clock::now() < until, "no {text:?} in:\n{}", self.shown());
        }
    }

    /// Types, or pastes.
    pub fn type_in(&mut self, text: &str) {
        let typed = self.terminal.write_all(text.as_bytes());
        typed.expect("the terminal should take what is typed");
    }

    /// Sends the program a signal.
    pub fn send(&self, signal: Signal) {
        let process = Pid::from_child(&self.child);
        kill_process(process, signal).expect("a child can be sent a signal");
    }

    /// Whether the terminal shows what is typed.
    pub fn is_shown(&self) -> bool {
        is_shown(&self.terminal)
    }

    /// Waits until the program has ended.
    pub fn end(mut self) -> Left {
        let until = clock::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(clock::now() < until, "it still runs:\n{}", self.shown());
            self.read_until(clock::now() + Duration::from_millis(20));
        };
        self.read_until(clock::now());
        Left {
            status,
            seen: self.shown(),
            is_shown: self.is_shown(),
            unread: rustix::io::ioctl_fionread(&self.shell).expect("a terminal counts its input"),
        }
    }

    /// Reads what the terminal shows by then, and at most one piece of it.
    fn read_until(&mut self, until: Instant) {
        let left = until.saturating_duration_since(clock::now());
        let left = Timespec::try_from(left).expect("a short time can be waited for");
        let mut events = [PollFd::new(&self.terminal, PollFlags::IN)];
        if poll(&mut events, Some(&left)).is_ok_and(|ready| ready > 0) {
            let mut buffer = [0; 4096];
            let length = self.terminal.read(&mut buffer).unwrap_or_default();
            self.seen.extend_from_slice(&buffer[..length]);
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace("\r\n", "\n")
    }
}

fn wait_until_hidden(terminal: &Pty) {
    for _ in 0..1_000 {
        if !is_shown(terminal) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the terminal still shows what is typed");
}

fn is_shown(terminal: &Pty) -> bool {
    let modes = tcgetattr(terminal).expect("a terminal should have modes");
    modes.local_modes.contains(LocalModes::ECHO)
}
