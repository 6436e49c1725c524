//! An audit under way, and where it goes on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lwa_core::audit::absence::Below;
use lwa_core::audit::roster::Roster;
use lwa_core::audit::tally::{Limits, Tally};
use lwa_core::vault::VaultKind;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// An audit under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// When it began; all days are counted from here, also after midnight.
    pub started_at: Timestamp,
    /// Invocations that have ended before this one.
    pub invocations: u32,
    /// Milliseconds that those took.
    pub elapsed_ms: u64,
    /// What comes next; none at the end.
    pub position: Option<Position>,
    /// What was found.
    pub tally: Tally,
    /// Which applications are complete.
    pub roster: Roster,
    /// What was seen below each prefix.
    pub below: BTreeMap<String, Below>,
}

/// Where an audit goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The vault.
    pub vault: VaultKind,
    /// The prefix, with its slash.
    pub prefix: String,
    /// Which part of it.
    pub stage: Stage,
}

/// The parts of scanning one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The page of this token; none for the first.
    Page(Option<String>),
    /// Looking up what is missing of applications that the pages showed in part.
    Settle,
}

impl State {
    /// An audit that begins now.
    pub fn begin(settings: &Settings, limits: Limits, now: Timestamp) -> Self {
        Self {
            started_at: now,
            invocations: 0,
            elapsed_ms: 0,
            position: Position::nth(settings, 0),
            tally: Tally::new(limits),
            roster: Roster::default(),
            below: BTreeMap::new(),
        }
    }

    /// Counts an invocation that ends.
    pub(crate) fn count_invocation(&mut self, began: Timestamp, ended: Timestamp) {
        let took = ended.duration_since(began).as_millis();
        self.elapsed_ms += u64::try_from(took).unwrap_or_default();
        self.invocations += 1;
    }
}

impl Position {
    /// The beginning of one of the settings' targets; none after the last.
    fn nth(settings: &Settings, index: usize) -> Option<Self> {
        let (vault, prefix) = *settings.targets().get(index)?;
        Some(Self {
            vault,
            prefix: prefix.to_owned(),
            stage: Stage::Page(None),
        })
    }

    /// Which of the settings' targets it is in; none where they have changed.
    pub(crate) fn target(&self, settings: &Settings) -> Option<usize> {
        let here = (self.vault, self.prefix.as_str());
        let mut targets = settings.targets().into_iter();
        targets.position(|target| target == here)
    }

    /// What comes after this prefix.
    pub(crate) fn following(&self, settings: &Settings) -> Option<Self> {
        Self::nth(settings, self.target(settings)? + 1)
    }
}
