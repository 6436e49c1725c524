//! Finding events: files, scenario folders, and folders of them.

use std::io::Read;
use std::path::{Path, PathBuf};

use lwa_core::text::printable;

/// The file that makes a folder a scenario.
const EVENT: &str = "event.json";

/// What a scenario's vault and services answer.
const WORLD: &str = "world.json";

/// What has to come out of a scenario.
const EXPECTED: &str = "expected.json";

/// The longest event that is read, in bytes: the most that a function can be invoked with,
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const LONGEST: u64 = 6 * 1024 * 1024;

/// One event to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What to call it: the path as given.
    pub name: String,
    /// Where the event is; none for standard input.
    pub event: Option<PathBuf>,
    /// The scenario's world.
    pub world: Option<PathBuf>,
    /// The scenario's expectation.
    pub expected: Option<PathBuf>,
}

impl Input {
    /// The event in the scenario folder `folder`.
    fn scenario(folder: &Path) -> Self {
        let present = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        Self {
            name: folder.display().to_string(),
            event: Some(folder.join(EVENT)),
            world: present(WORLD),
            expected: present(EXPECTED),
        }
    }

    /// The event in a file.
    fn file(path: &Path) -> Self {
        if path.file_name().is_some_and(|name| name == EVENT) {
            let scenario = Self::scenario(path.parent().unwrap_or(Path::new("")));
            return Self {
                name: path.display().to_string(),
                event: Some(path.to_owned()),
                ..scenario
            };
        }
        Self {
            name: path.display().to_string(),
            event: Some(path.to_owned()),
            world: None,
            expected: None,
        }
    }

    /// Whether it has a world or an expectation of its own, and so depends on nothing else.
    pub const fn is_scenario(&self) -> bool {
        self.world.is_some() || self.expected.is_some()
    }

    /// The bytes of the event.
    pub(super) fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut limited: Box<dyn Read> = match &self.event {
            None => Box::new(std::io::stdin().take(LONGEST + 1)),
            Some(path) => Box::new(std::fs::File::open(path)?.take(LONGEST + 1)),
        };
        limited.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            return Err(std::io::Error::other(
                "longer than 6 MiB, the most that a function can be invoked with",
            ));
        }
        Ok(bytes)
    }
}

/// A path that leads to no event.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// It cannot be read.
    #[error(
        "`{}` cannot be read: {source}\n\n  tip: give a JSON file, a folder such as `events`, or \
         `-` for standard input",
        printable(path)
    )]
    Unreadable {
        /// The path.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is a folder without any JSON file.
    #[error("`{}` holds no event: no .json file is below it", printable(path))]
    Empty {
        /// The path.
        path: String,
    },
}

/// All events below `paths`, in the order given; within a folder sorted by name.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Input>, NotFound> {
    let mut inputs = Vec::new();
    for path in paths {
        let before = inputs.len();
        if path.as_os_str() == "-" {
            inputs.push(Input {
                name: "standard input".into(),
                event: None,
                world: None,
                expected: None,
            });
        } else {
            let unreadable = |source| NotFound::Unreadable {
                path: path.display().to_string(),
                source,
            };
            if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
                search(path, &mut inputs).map_err(unreadable)?;
            } else {
                inputs.push(Input::file(path));
            }
        }
        if inputs.len() == before {
            return Err(NotFound::Empty {
                path: path.display().to_string(),
            });
        }
    }
    Ok(inputs)
}

fn search(folder: &Path, inputs: &mut Vec<Input>) -> std::io::Result<()> {
    if folder.join(EVENT).is_file() {
        inputs.push(Input::scenario(folder));
        return Ok(());
    }
    let mut entries = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| (entry.path(), entry.file_type())))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (path, kind) in entries {
        let kind = kind?;
        // A link to a folder is not followed: it may lead back here.
        if kind.is_dir() {
            search(&path, inputs)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            inputs.push(Input::file(&path));
        }
    }
    Ok(())
}
