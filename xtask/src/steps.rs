//! Steps of a verb: one line each, with how long it took.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Run a program as the step `name`. Its output is shown only if it fails; `rerun` is the command
/// that repeats just this step.
pub(crate) fn run(name: &str, mut command: Command, rerun: &str) -> Result<()> {
    let (reader, writer) = std::io::pipe().context("a pipe could not be made")?;
    let terminal = std::io::stderr().is_terminal();
    if terminal {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
        .stdout(writer.try_clone().context("a pipe could not be shared")?)
        .stderr(writer);

    let start = now();
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("`{program}` cannot be started"))?;
    // It holds the writing end, without which the reading below could not end.
    drop(command);

    let mut output = Vec::new();
    let mut lines = BufReader::new(reader);
    loop {
        let line = output.len();
        if lines
            .read_until(b'\n', &mut output)
            .context("its output could not be read")?
            == 0
        {
            break;
        }
        if terminal {
            progress(name, &output[line..]);
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("`{program}` could not be waited for"))?;
    if terminal {
        eprint!("\r\x1b[K");
    }
    if status.success() {
        line("ok", name, start.elapsed());
        return Ok(());
    }
    std::io::stderr()
        .write_all(&output)
        .context("standard error is closed")?;
    line("FAILED", name, start.elapsed());
    bail!("{name} failed ({status}); to run just this again: {rerun}")
}

/// Run `work` as the step `name`.
pub(crate) fn time<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = now();
    let outcome = work();
    line(
        if outcome.is_ok() { "ok" } else { "FAILED" },
        name,
        start.elapsed(),
    );
    outcome.with_context(|| format!("{name} failed"))
}

/// Say that the step `name` was left out.
pub(crate) fn skip(name: &str, why: &str) {
    say("skipped", name, why);
}

/// Say how a part of the step `name` ended.
pub(crate) fn say(outcome: &str, name: &str, text: &str) {
    eprintln!("{outcome:<7} {name:<16} {text}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took is measured, not decided on"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn line(outcome: &str, name: &str, duration: Duration) {
    eprintln!("{outcome:<7} {name:<16} {:>6.1} s", duration.as_secs_f64());
}

/// Show the latest line of output in place, without escape sequences and cut to a narrow terminal.
fn progress(name: &str, output: &[u8]) {
    let text = String::from_utf8_lossy(output);
    let mut plain = String::new();
    let mut escaped = false;
    for character in text.trim().chars() {
        match character {
            '\x1b' => escaped = true,
            letter if escaped => escaped = !letter.is_ascii_alphabetic(),
            letter if !letter.is_control() => plain.push(letter),
            _ => {}
        }
    }
    let plain: String = plain.chars().take(60).collect();
    eprint!("\r\x1b[K{name}: {plain}");
}
