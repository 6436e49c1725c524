//! Runs every target on every seed, and on inputs that are almost seeds, so that the targets work
//! on any toolchain and every test run covers the seeds.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use lwa_fuzz_targets::{TARGETS, Target, seeds};

#[test]
fn every_target_holds_for_every_seed_and_its_neighbours() {
    let seeds = seeds::all(&root().join("events")).unwrap();
    assert!(seeds.len() > 500, "only {} seeds were found", seeds.len());
    let check = |target: &Target| {
        for (number, seed) in seeds.iter().enumerate() {
            // A different neighbour of each, so that all kinds of damage come up.
            for bytes in [seed, &neighbour(seed, number)] {
                let outcome = catch_unwind(|| (target.run)(bytes));
                assert!(outcome.is_ok(), "{}: {}", target.name, bytes.escape_ascii());
            }
        }
    };
    // On all processors; a thread that panics fails the test.
    thread::scope(|scope| {
        for target in TARGETS {
            scope.spawn(|| check(target));
        }
    });
}

#[test]
fn inputs_that_fuzzing_found_pass_now() {
    for (name, bytes) in [
        // An array was taken for the document's values in order.
        ("document", &b"[\"A\"]"[..]),
        // The id of the answer, which shows the token, was passed on as it came.
        ("sp-api-answer", b"for sent-access-token"),
        // The error quoted a control character.
        (
            "audit-request",
            br#"{"continuation":{"invocation\u007fs":1}}"#,
        ),
    ] {
        let target = TARGETS.iter().find(|target| target.name == name);
        (target.unwrap().run)(bytes);
    }
}

#[test]
fn every_target_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), TARGETS.len());
}

/// The seed cut off, or with one byte changed, at a place that depends on its number.
fn neighbour(seed: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let place = (number * 7_919) % (bytes.len() + 1);
    match bytes.get_mut(place) {
        Some(byte) if number.is_multiple_of(2) => *byte = b"\"\0{9\\,[}"[number / 2 % 8],
        _ => bytes.truncate(place),
    }
    bytes
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
