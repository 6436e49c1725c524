//! Colours, errors and progress.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use lwa_core::text::printable;

use crate::arguments::Command;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Widest line that is written, except for a link, which would not work if it were broken.
pub(crate) const COLUMNS: usize = 80;

/// Shows an error with its causes, on standard error.
pub(crate) fn error(error: &anyhow::Error) {
    let text = format!("{error:#}");
    let lines: Vec<String> = text.lines().map(printable).collect();
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(
        anstream::stderr(),
        "{BAD}error:{BAD:#} {}",
        lines.join("\n")
    );
}

/// Shows what was wrong with the command line, in clap's own form; the exit code is 2.
pub(crate) fn usage_error(command: &Command, problem: &str) -> ExitCode {
    let mut clap = crate::clap_command(command.name());
    let lines: Vec<String> = problem.lines().map(printable).collect();
    let error = clap.error(clap::error::ErrorKind::ValueValidation, lines.join("\n"));
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Whether the reader of our output went away, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// One line on standard error that comes and goes; none where no person sees it.
pub(crate) struct Progress {
    enabled: bool,
    shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            enabled: std::io::stderr().is_terminal(),
            shown: false,
        }
    }

    pub(crate) fn show(&mut self, text: &str) {
        if self.enabled {
            self.shown = true;
            let text: String = printable(text).chars().take(COLUMNS - 2).collect();
            let mut stderr = std::io::stderr();
            let _ = write!(stderr, "\r\x1b[K{text} …").and_then(|()| stderr.flush());
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let mut stderr = std::io::stderr();
            let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}
