//! From a story that fails to the shortest one that fails in the same way.

use jiff::SignedDuration;

use crate::invariant::{Invariant, Violation};
use crate::settings::{FaultKind, Settings};
use crate::{Outcome, simulate, simulate_and_tell};

/// How many other seeds are tried where the same one no longer fails: with fewer applications
/// or faults, chance takes other ways.
const OTHER_SEEDS: u64 = 16;

/// How long the story tells of everybody, before the end. Of the application it is about, it
/// tells all.
const LEAD: SignedDuration = SignedDuration::from_hours(48);

/// Tries fewer applications, fewer sellers, fewer kinds of faults and fewer days, as long as the
/// same invariant does not hold, and tells what is left. The seed may become another one.
pub fn shrink(settings: &Settings, violation: &Violation) -> Outcome {
    let invariant = violation.invariant;
    let mut best = cut(settings, violation);
    while let Some(smaller) = candidates(&best, settings.days)
        .iter()
        .find_map(|candidate| failing(candidate, invariant))
    {
        best = smaller;
    }
    simulate_and_tell(&best)
}

/// Everything that would be easier to read, the greatest gain first. Fewer applications may need
/// more days, of which there were `days` to begin with: a story is told of one application only.
fn candidates(settings: &Settings, days: u32) -> Vec<Settings> {
    let mut candidates = Vec::new();
    let few = [1, 2, 3, 5, 8, 13, 21, 34];
    for applications in few.into_iter().filter(|&few| few < settings.applications) {
        candidates.push(Settings {
            days,
            applications,
            ..settings.clone()
        });
    }
    if settings.sellers > 0 {
        candidates.push(Settings {
            sellers: 0,
            ..settings.clone()
        });
    }
    for kind in FaultKind::ALL {
        if settings.faults.contains(kind) {
            candidates.push(Settings {
                faults: settings.faults.without(kind),
                ..settings.clone()
            });
        }
    }
    if settings.days > 2 {
        candidates.push(Settings {
            days: settings.days / 2,
            ..settings.clone()
        });
    }
    candidates
}

fn failing(candidate: &Settings, invariant: Invariant) -> Option<Settings> {
    let seeds = std::iter::once(candidate.seed).chain(1..=OTHER_SEEDS);
    seeds
        .map(|seed| Settings {
            seed,
            ..candidate.clone()
        })
        .find_map(|settings| {
            let violation = simulate(&settings).violation?;
            (violation.invariant == invariant).then(|| cut(&settings, &violation))
        })
}

/// The same story up to its end.
fn cut(settings: &Settings, violation: &Violation) -> Settings {
    let hours = violation.at.duration_since(crate::year::start()).as_hours();
    let days = u32::try_from(hours / 24 + 1).unwrap_or(settings.days);
    Settings {
        days: days.min(settings.days),
        ..settings.clone()
    }
}

/// The end of a story that fails, with the command that tells it again; nothing of one that
/// does not.
pub fn explain(outcome: &Outcome) -> Option<String> {
    let violation = outcome.violation.as_ref()?;
    let since = violation
        .at
        .checked_sub(LEAD)
        .unwrap_or(jiff::Timestamp::MIN);
    Some(format!(
        "{violation}\n\nseed {}; to tell it again:\n  lwa simulate {}\n\n{}",
        outcome.settings.seed,
        outcome.settings,
        outcome.story.about(violation.application, since)
    ))
}
