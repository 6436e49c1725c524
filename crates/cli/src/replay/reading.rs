//! Reading the files of an input: the event, and what a scenario has beside it.

use std::io::{self, Read};
use std::path::Path;

use lwa_core::text::quotable_input;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::input::Input;
use super::outcome::Failed;

/// The longest event that is read, in bytes: the most that a function can be invoked with,
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const LONGEST: u64 = 6 * 1024 * 1024;

/// The event of an input.
pub(super) fn event(input: &Input) -> Result<Value, Failed> {
    let file = match &input.event {
        Some(path) => path.display().to_string(),
        None => input.name.clone(),
    };
    let bytes = bytes(input.event.as_deref()).map_err(|error| unreadable(&file, &error))?;
    if bytes.is_empty() {
        return Err(Failed::new("InvalidJson", format!("{file} is empty")));
    }
    serde_json::from_slice(&bytes).map_err(|error| invalid_json(&file, &bytes, &error))
}

/// A file of a scenario; none where it does not have it.
pub(super) fn scenario_file<T: DeserializeOwned>(path: Option<&Path>) -> Result<Option<T>, Failed> {
    let Some(path) = path else {
        return Ok(None);
    };
    let file = path.display();
    let text = std::fs::read(path).map_err(|error| unreadable(&file.to_string(), &error))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let problem = without_position(&error);
        let message = format!("{file}:{line}:{column}: {problem}");
        Failed::new("InvalidScenario", message)
    })
}

fn bytes(path: Option<&Path>) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> = match path {
        None => Box::new(io::stdin()),
        Some(path) => Box::new(std::fs::File::open(path)?),
    };
    let mut bytes = Vec::new();
    source.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(
            "longer than 6 MiB, the most that a function can be invoked with",
        ));
    }
    Ok(bytes)
}

fn unreadable(file: &str, error: &io::Error) -> Failed {
    Failed::new("Unreadable", format!("{file} cannot be read: {error}"))
}

/// Says where the JSON is invalid, and shows that line.
fn invalid_json(file: &str, bytes: &[u8], error: &serde_json::Error) -> Failed {
    let (line, column) = (error.line(), error.column());
    let problem = match without_position(error) {
        deep if deep.starts_with("recursion limit") => {
            "nested deeper than 127 levels, which no function reads".to_owned()
        }
        other => format!("this is not JSON: {other}"),
    };
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let shown = lines.nth(line.saturating_sub(1)).unwrap_or_default();
    let shown = quotable_input(String::from_utf8_lossy(shown).trim());
    let message = format!("{file}:{line}:{column}: {problem}, in `{shown}`");
    Failed::new("InvalidJson", message)
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}
