//! A pseudo-terminal, for questions that a command asks only a person.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use pty_process::blocking::{Command, open};

/// Runs a command in a terminal, waits for each question and types its answer. Returns what the
/// terminal shows, and whether the command succeeded.
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
