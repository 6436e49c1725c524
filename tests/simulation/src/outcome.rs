//! The result of a simulation.

use std::collections::BTreeMap;

use crate::counts::Counts;
use crate::invariant::Violation;
use crate::settings::Settings;
use crate::story::Story;

/// The result of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was simulated.
    pub settings: Settings,
    /// How much happened.
    pub counts: Counts,
    /// How many messages people got: by kind, and of each how many of each severity, mildest
    /// first.
    pub heard: BTreeMap<&'static str, [u64; 3]>,
    /// The first invariant that did not hold; the simulation ends there.
    pub violation: Option<Violation>,
    /// What happened; empty unless it was to be recorded.
    pub story: Story,
}
