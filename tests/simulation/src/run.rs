//! Runs simulations.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::counts::Counts;
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::year;

/// Runs a simulation without recording its story, which is quicker.
pub fn simulate(settings: &Settings) -> Outcome {
    year::run(settings, false)
}

/// Runs the same simulation, and records its story.
pub fn simulate_with_story(settings: &Settings) -> Outcome {
    year::run(settings, true)
}

/// Runs many simulations on all processors. Returns the outcome of the first in the list that
/// fails, otherwise how much happened in all of them.
pub fn simulate_many(all: &[Settings]) -> Result<Counts, Box<Outcome>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Counts::default(), None::<(usize, Outcome)>));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(all.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(settings) = all.get(index) else {
                        break;
                    };
                    let outcome = simulate(settings);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.0 += outcome.counts;
                    if outcome.violation.is_some() {
                        // No other begins; those under way end.
                        next.store(all.len(), Ordering::Relaxed);
                        if results.1.as_ref().is_none_or(|(first, _)| index < *first) {
                            results.1 = Some((index, outcome));
                        }
                    }
                }
            });
        }
    });
    let (counts, failure) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    match failure {
        None => Ok(counts),
        Some((_, outcome)) => Err(Box::new(outcome)),
    }
}
