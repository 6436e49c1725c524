//! A pseudo-terminal, for questions that a command asks only a person.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use pty_process::blocking::{Command, Pty, open};
use rustix::termios::{LocalModes, tcgetattr};

/// What a question says whose answer the terminal does not show.
const HIDDEN: &str = "not shown";

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

fn wait_until_hidden(terminal: &Pty) {
    for _ in 0..1_000 {
        let modes = tcgetattr(terminal).expect("a terminal should have modes");
        if !modes.local_modes.contains(LocalModes::ECHO) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the terminal still shows what is typed");
}
