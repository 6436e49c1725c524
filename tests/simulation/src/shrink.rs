//! Reduces a simulation that fails to the shortest one that fails in the same way.

use jiff::SignedDuration;

use crate::invariant::{Invariant, Violation};
use crate::outcome::Outcome;
use crate::run::{simulate, simulate_with_story};
use crate::settings::{FaultKind, Faults, Settings};

/// How many other seeds are tried where the same one no longer fails: with fewer applications
/// or faults, the random numbers are used differently.
const OTHER_SEEDS: u64 = 16;

/// How long before the end the story includes all applications. Of the application that the
/// violation is about, it includes everything.
const LEAD: SignedDuration = SignedDuration::from_hours(48);

/// Tries fewer applications, sellers, kinds of faults and days, as long as the same invariant is
/// violated, and records the story of the smallest. The seed may change.
pub fn shrink(settings: &Settings, violation: &Violation) -> Outcome {
    let invariant = violation.invariant;
    let mut best = cut(settings, violation);
    while let Some(smaller) = candidates(&best, settings.days)
        .iter()
        .find_map(|candidate| failing(candidate, invariant))
    {
        best = smaller;
    }
    simulate_with_story(&best)
}

/// Simulations that would be easier to read, the greatest gain first. With fewer applications it
/// may take more days, up to the `days` that there were at first.
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
    let kinds: Vec<_> = settings.faults.kinds().collect();
    if kinds.len() > 1 {
        candidates.extend(kinds.iter().map(|kind| Settings {
            faults: Faults::NONE.with(*kind),
            ..settings.clone()
        }));
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
    let hours = violation.at.duration_since(crate::time::start()).as_hours();
    let days = u32::try_from(hours / 24 + 1).unwrap_or(settings.days);
    Settings {
        days: days.min(settings.days),
        ..settings.clone()
    }
}

/// The end of the story of a simulation that failed, with the command that repeats it; none if it
/// did not fail.
pub fn explain(outcome: &Outcome) -> Option<String> {
    let violation = outcome.violation.as_ref()?;
    let since = violation
        .at
        .checked_sub(LEAD)
        .unwrap_or(jiff::Timestamp::MIN);
    Some(format!(
        "{violation}\n\nseed {}; to repeat it:\n  lwa simulate {}\n\n{}",
        outcome.settings.seed,
        outcome.settings,
        outcome.story.about(violation.application, since)
    ))
}
