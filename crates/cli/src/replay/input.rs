//! Finding events: files, scenario folders, and folders of them.

use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lwa_core::text::printable;

/// The file that makes a folder a scenario.
const EVENT: &str = "event.json";

/// What a scenario's vault and services answer.
const WORLD: &str = "world.json";

/// What has to come out of a scenario.
const EXPECTED: &str = "expected.json";

/// What happens before a step of a story.
const MEANWHILE: &str = "meanwhile.json";

/// One event to replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// What to call it: the path as given.
    pub name: String,
    /// Where the event is; none for standard input.
    pub event: Option<PathBuf>,
    /// The scenario's world.
    pub world: Option<PathBuf>,
    /// The scenario's expectation.
    pub expected: Option<PathBuf>,
    /// What happens before it, in a story.
    pub meanwhile: Option<PathBuf>,
    /// The steps of the story before it, which happen to the same world first.
    pub earlier: Vec<Input>,
}

impl Input {
    /// An event that depends on nothing.
    fn alone(name: String, event: Option<PathBuf>) -> Self {
        Self {
            name,
            event,
            ..Self::default()
        }
    }

    /// The event in the scenario folder `folder`, which may be a step of a story: a folder with
    /// a world and no event, whose folders with events happen to it one after the other.
    fn scenario(folder: &Path) -> io::Result<Self> {
        let full = std::fs::canonicalize(folder)?;
        let story = full.parent().filter(|story| is_story(story));
        let mut earlier = story.map_or(Ok(Vec::new()), steps)?;
        earlier.retain(|step| step.file_name() < full.file_name());
        Ok(Self {
            world: present(story.unwrap_or(folder), WORLD),
            earlier: earlier.iter().map(|step| Self::step(step)).collect(),
            ..Self::step(folder)
        })
    }

    fn step(folder: &Path) -> Self {
        Self {
            expected: present(folder, EXPECTED),
            meanwhile: present(folder, MEANWHILE),
            ..Self::alone(folder.display().to_string(), Some(folder.join(EVENT)))
        }
    }

    /// The event in a file.
    fn file(path: &Path) -> io::Result<Self> {
        let name = path.display().to_string();
        if path.file_name().is_some_and(|name| name == EVENT) {
            let folder = path.parent().unwrap_or(path);
            let is_here = folder.as_os_str().is_empty();
            let folder = if is_here { Path::new(".") } else { folder };
            return Ok(Self {
                name,
                event: Some(path.to_owned()),
                ..Self::scenario(folder)?
            });
        }
        Ok(Self::alone(name, Some(path.to_owned())))
    }

    /// Whether it has a world or an expectation of its own, and so depends on nothing else.
    pub const fn is_scenario(&self) -> bool {
        self.world.is_some() || self.expected.is_some()
    }
}

/// All events below `paths`, in the order given; within a folder sorted by name.
pub fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        let name = printable(&path.display().to_string());
        let before = inputs.len();
        search(path, &mut inputs).with_context(|| format!("`{name}` cannot be read"))?;
        anyhow::ensure!(
            inputs.len() > before,
            "`{name}` holds no event: no .json file is below it"
        );
    }
    Ok(inputs)
}

fn search(path: &Path, inputs: &mut Vec<Input>) -> io::Result<()> {
    if path.as_os_str() == "-" {
        inputs.push(Input::alone("standard input".into(), None));
    } else if std::fs::metadata(path)?.is_dir() {
        search_folder(path, inputs)?;
    } else {
        inputs.push(Input::file(path)?);
    }
    Ok(())
}

fn search_folder(folder: &Path, inputs: &mut Vec<Input>) -> io::Result<()> {
    if folder.join(EVENT).is_file() {
        inputs.push(Input::scenario(folder)?);
        return Ok(());
    }
    for (path, kind) in sorted(folder)? {
        // A link to a folder is not followed: it may lead back here.
        if kind.is_dir() {
            search_folder(&path, inputs)?;
        } else if is_event(&path, folder) {
            inputs.push(Input::file(&path)?);
        }
    }
    Ok(())
}

/// Whether a file may hold an event by itself; the world of a story is none.
fn is_event(path: &Path, folder: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
        && !(path.file_name().is_some_and(|name| name == WORLD) && is_story(folder))
}

fn is_story(folder: &Path) -> bool {
    present(folder, WORLD).is_some()
        && present(folder, EVENT).is_none()
        && steps(folder).is_ok_and(|steps| !steps.is_empty())
}

/// The steps of a story, in their order.
fn steps(story: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = sorted(story)?.into_iter();
    Ok(entries
        .filter(|(path, kind)| kind.is_dir() && path.join(EVENT).is_file())
        .map(|(path, _)| path)
        .collect())
}

fn sorted(folder: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
    let mut entries = std::fs::read_dir(folder)?
        .map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries)
}

fn present(folder: &Path, name: &str) -> Option<PathBuf> {
    Some(folder.join(name)).filter(|path| path.is_file())
}
