//! Colours, paragraphs, questions, errors and progress.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use lwa_core::error::chain;
use lwa_core::redaction::{clean, clean_input};
use lwa_core::text::{self, printable};
use rustix::termios::{QueueSelector, tcflush};
use serde_json::Value;

use crate::failure::Failure;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Widest line that is written, except for a link, which would not work if it were broken.
pub(crate) const COLUMNS: usize = 80;

/// After this long a person wants to know that something is going on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How often the progress is shown anew.
const TICK: Duration = Duration::from_millis(250);

/// Text as a person may see it: without credentials and without control characters.
fn shown(text: &str) -> String {
    printable(&clean(text))
}

/// Text in lines of at most [`COLUMNS`], those after the first below the first one's text.
pub(crate) fn paragraph(
    out: &mut impl Write,
    style: Style,
    opening: &str,
    text: &str,
) -> io::Result<()> {
    for line in wrap(&shown(text), opening, COLUMNS) {
        writeln!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}

/// Names and what they stand for, below each other.
pub(crate) fn fields(out: &mut impl Write, fields: &[(&str, String)]) -> io::Result<()> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in fields {
        let opening = format!("  {name:width$}  ");
        paragraph(out, Style::new(), &opening, value)?;
    }
    Ok(())
}

/// Lines of at most `columns`; those after the first begin below the text's first character.
pub(crate) fn wrap(text: &str, opening: &str, columns: usize) -> Vec<String> {
    let indent = " ".repeat(opening.chars().count());
    text::wrap(text, columns, opening, &indent)
}

/// An object on standard output, for a program.
pub(crate) fn write_json(object: &Value) -> io::Result<()> {
    writeln!(anstream::stdout(), "{object:#}")
}

/// Refuses to go on where a confirmation is needed and no person can give it.
pub(crate) fn check_confirmable(what: &str) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{what} has to be confirmed, and standard input is no terminal\n\n  tip: `--yes` confirms \
         it, `--dry-run` only shows what would happen"
    )))
}

/// A person's answer to a question, which is asked on standard error.
pub(crate) fn ask(question: &str) -> io::Result<String> {
    let mut err = anstream::stderr();
    write!(err, "{question}")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    // What was pasted behind it is not for the shell.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    Ok(answer.trim().to_owned())
}

/// One line on standard error.
pub(crate) fn say(text: &str) {
    // There is no other place to report that standard error is closed.
    let _ = writeln!(anstream::stderr(), "{}", shown(text));
}

/// A warning on standard error.
pub(crate) fn warn(text: &str) {
    let text = printable(text);
    let _ = writeln!(anstream::stderr(), "{WARNING}warning:{WARNING:#} {text}");
}

/// Shows an error with its causes, on standard error: in lines that a person can read, or in
/// one that a program can.
pub(crate) fn error(error: &anyhow::Error) {
    let text = chain(error.as_ref());
    let lines: Vec<String> = if io::stderr().is_terminal() {
        let wrapped = |line| wrap(&printable(line), "", COLUMNS - "error: ".len());
        text.lines().flat_map(wrapped).collect()
    } else {
        text.lines().map(printable).collect()
    };
    let _ = writeln!(
        anstream::stderr(),
        "{BAD}error:{BAD:#} {}",
        lines.join("\n")
    );
}

/// Shows what was wrong with the command line of a subcommand, in clap's own form.
pub(crate) fn usage_error(mut subcommand: clap::Command, problem: &str) -> ExitCode {
    let lines: Vec<String> = problem.lines().map(shown).collect();
    let kind = clap::error::ErrorKind::ValueValidation;
    show(&subcommand.error(kind, lines.join("\n")))
}

/// Shows what clap has to say, be it an error or the help that was asked for; the exit code is 2
/// for errors.
pub(crate) fn show(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let cleaned = clean_input(&text);
    let _ = if cleaned == text {
        error.print()
    } else {
        // An argument that clap quotes is a credential; then it is quoted without, in no colour.
        write!(anstream::stderr(), "{cleaned}")
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Whether the reader of our output went away, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// One line on standard error that comes and goes; none where no person sees it.
pub(crate) struct Progress {
    enabled: bool,
    shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            enabled: io::stderr().is_terminal(),
            shown: false,
        }
    }

    /// Waits, and says for what once it takes long.
    pub(crate) async fn over<T>(&mut self, waiting: &str, work: impl Future<Output = T>) -> T {
        self.watch(|| waiting.to_owned(), work).await
    }

    /// Waits, and keeps showing how far the work is once it takes long.
    pub(crate) async fn watch<T>(
        &mut self,
        waiting: impl Fn() -> String,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        let mut pause = PATIENCE;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    self.clear();
                    return done;
                }
                () = tokio::time::sleep(pause) => self.show(&waiting()),
            }
            pause = TICK;
        }
    }

    pub(crate) fn show(&mut self, text: &str) {
        if self.enabled {
            self.shown = true;
            let text: String = printable(text).chars().take(COLUMNS - 2).collect();
            overwrite(&format!("{text} …"));
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            overwrite("");
        }
    }
}

fn overwrite(text: &str) {
    let mut stderr = io::stderr();
    let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
}
