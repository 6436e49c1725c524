//! Simulated years of the whole system, and handlers broken on purpose.
//!
//! These are few years, in seconds. `cargo xtask test` simulates ten thousand more, with fixed and
//! random seeds, and `cargo xtask simulate` as many as asked for.

use lwa_core::vault::VaultKind;
use lwa_simulation::{
    Breakage, Counts, FaultKind, Faults, Invariant, Outcome, Settings, shrink, simulate,
    simulate_many, simulate_with_story,
};

use crate::cli::{lwa, text};

/// Fails with the shortest simulation that fails in the same way.
fn must_hold(result: Result<Counts, Box<Outcome>>) -> Counts {
    result.unwrap_or_else(|outcome| {
        let violation = outcome.violation.as_ref().unwrap();
        let shortest = shrink::shrink(&outcome.settings, violation);
        panic!(
            "lwa simulate {}\nfails: {violation}\n\nShorter:\n{}",
            outcome.settings,
            shrink::explain(&shortest).unwrap_or_default()
        )
    })
}

fn with_seed(seed: u64, auto_rotate: bool) -> Settings {
    Settings {
        seed,
        auto_rotate,
        ..Settings::default()
    }
}

#[test]
fn every_invariant_holds_under_all_kinds_of_faults() {
    // Each run is 50 applications for 400 days.
    let all = [
        (VaultKind::ParameterStore, true),
        (VaultKind::ParameterStore, false),
        (VaultKind::SecretsManager, true),
        (VaultKind::SecretsManager, false),
    ]
    .map(|(vault, auto_rotate)| Settings {
        vault,
        ..with_seed(100, auto_rotate)
    });
    let counts = must_hold(simulate_many(&all));
    assert!(counts.application_days / 365 >= 200);
    assert!(counts.rotations > 200 && counts.deaths > 200 && counts.dead_letters > 10);
}

/// A simulation in which nothing goes wrong.
fn quiet_year(applications: usize, vault: VaultKind, seed: u64) -> Outcome {
    let outcome = simulate(&Settings {
        applications,
        vault,
        faults: Faults::NONE,
        ..with_seed(seed, true)
    });
    assert_eq!(outcome.violation, None);
    outcome
}

#[test]
fn in_a_quiet_year_each_rotation_is_one_message_and_the_rest_is_the_heartbeat() {
    for vault in [VaultKind::ParameterStore, VaultKind::SecretsManager] {
        for seed in 7..=9 {
            let Outcome { heard, counts, .. } = quiet_year(1, vault, seed);
            let mondays = 57;
            let expected = [
                ("audit-heartbeat", [mondays, 0, 0]),
                ("secret-stored", [counts.rotations, 0, 0]),
            ];
            assert_eq!(heard, expected.into(), "{vault:?} {seed}");
        }
        let heard = quiet_year(40, vault, 3).heard;
        assert!(
            heard
                .values()
                .all(|[_, warning, critical]| warning + critical == 0)
        );
    }
}

#[test]
fn each_kind_of_fault_alone_changes_the_story_and_breaks_nothing() {
    let quiet = Settings {
        days: 200,
        applications: 10,
        faults: Faults::NONE,
        ..with_seed(5, true)
    };
    let without = simulate_with_story(&quiet);
    assert!(without.violation.is_none());
    // A clock that is wrong by minutes does not show in a story; `platform.rs` tests it.
    let is_told = |kind: &FaultKind| *kind != FaultKind::ClockSkew;
    for kind in FaultKind::ALL.into_iter().filter(is_told) {
        let settings = Settings {
            faults: Faults::NONE.with(kind),
            ..quiet.clone()
        };
        let with = simulate_with_story(&settings);
        assert_eq!(with.violation, None, "{}", kind.as_str());
        assert!(
            with.story != without.story,
            "{} changes nothing",
            kind.as_str()
        );
    }
}

/// Defects that the simulation found, with the settings that it found them with. Since each call is
/// one chance of a fault, these seeds tell other stories than then; the tests of the functions
/// keep the defects fixed.
#[test]
fn defects_that_were_found_before_are_still_fixed() {
    let all = [
        // A late secret was taken for the answer to a later request, whose own secret was lost:
        // the requester did not ask again, and the stored secret expired within the week.
        with_seed(7, true),
        with_seed(25, true),
        with_seed(29, true),
        // A schedule that ran twice, and a notice that was delivered twice, reminded twice.
        with_seed(2, false),
        with_seed(4, false),
        with_seed(11, false),
        // A person stored a newer secret by hand, without dates, and an older one that was late
        // replaced it.
        Settings {
            vault: VaultKind::SecretsManager,
            ..with_seed(15, true)
        },
        with_seed(26, false),
        // A copy of a notice that came after half an hour led to a second message.
        with_seed(41, false),
        // A person stored another secret by hand, and dates of other secrets were taken for its own:
        // those in the tags, those of a late notice, those that a person had set for a third one.
        with_seed(1, false),
        with_seed(38, false),
        Settings {
            vault: VaultKind::SecretsManager,
            ..with_seed(51, true)
        },
        // A person rotated by hand a minute after the system had, and the older secret replaced
        // the newer.
        with_seed(44, true),
        // A person put a secret back whose own message came after that.
        with_seed(110, true),
        // A secret was put back on the day of a request, its successor's message came again, and a
        // second rotation was requested within 24 hours.
        with_seed(248, true),
        // Amazon refused a request, and the requester forgot that an earlier one might have replaced
        // the stored secret.
        Settings {
            vault: VaultKind::SecretsManager,
            ..with_seed(67, true)
        },
    ];
    must_hold(simulate_many(&all));
}

#[test]
fn the_same_seed_gives_the_same_story_byte_for_byte() {
    let settings = Settings {
        applications: 8,
        days: 220,
        ..with_seed(7, true)
    };
    let (first, second) = (
        simulate_with_story(&settings),
        simulate_with_story(&settings),
    );
    assert!(first.story.text().len() > 10_000);
    assert_eq!(first.story.text(), second.story.text());
    assert_eq!(first, second);
    // Recording the story changes nothing.
    assert_eq!(simulate(&settings).counts, first.counts);
    let other = simulate_with_story(&Settings {
        seed: 8,
        ..settings
    });
    assert_ne!(first.story.text(), other.story.text());
}

#[test]
fn another_process_gives_the_same_story_and_the_same_picture() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "simulate --applications 8 --days 220 --story --picture";
    let told = |page: &str| {
        let page = folder.path().join(page);
        let mut command = lwa(&arguments.split(' ').collect::<Vec<_>>());
        let output = command.arg(&page).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        (output.stdout, std::fs::read(page).unwrap())
    };
    let (first, second) = (told("first.html"), told("second.html"));
    assert!(first.0.len() > 10_000 && first.1.len() > 10_000);
    assert!(first == second);
    let settings = Settings {
        applications: 8,
        days: 220,
        ..Settings::default()
    };
    let here = simulate_with_story(&settings).story.text();
    assert!(text(&first.0).starts_with(&here));
}

#[test]
fn the_schedules_alone_are_enough() {
    // Everything holds without any notice and any event.
    let faults = Faults::NONE.with(FaultKind::LostEvents);
    for auto_rotate in [true, false] {
        let settings = Settings {
            faults,
            ..with_seed(3, auto_rotate)
        };
        must_hold(simulate_many(&[settings]));
    }
}

/// Simulates with a defect until it violates an invariant, which must be the expected one.
fn noticed(breakage: Breakage, expected: Invariant) -> Outcome {
    let outcome = (1..=24)
        .map(|seed| Settings {
            breakage: Some(breakage),
            ..with_seed(seed, true)
        })
        .map(|settings| simulate(&settings))
        .find(|outcome| outcome.violation.is_some())
        .unwrap_or_else(|| panic!("no simulation notices that a handler {}", breakage.as_str()));
    let violation = outcome.violation.as_ref().unwrap();
    assert_eq!(
        violation.invariant,
        expected,
        "a handler that {}: {violation}",
        breakage.as_str()
    );
    outcome
}

#[test]
fn every_defect_violates_the_expected_invariant() {
    for (breakage, expected) in [
        (
            Breakage::SkipsTheIntent,
            Invariant::RotationsAreRequestedOnce,
        ),
        (
            Breakage::RepeatsUnansweredRequests,
            Invariant::RotationsAreRequestedOnce,
        ),
        (
            Breakage::AcknowledgesBeforeStoring,
            Invariant::NoSecretIsLost,
        ),
        (Breakage::ReportsNoFailures, Invariant::NoSecretIsLost),
        (
            Breakage::StoresWithoutVerifying,
            Invariant::StoredSecretsWork,
        ),
        (
            Breakage::ForgetsTheStoredDeadline,
            Invariant::NoOlderSecretIsStored,
        ),
        // Without its dates a secret of today looks as old as the one before.
        (Breakage::ForgetsTheDates, Invariant::DeadlinesAreRight),
        (Breakage::PretendsToStore, Invariant::NoSecretIsLost),
        (Breakage::ForgetsDuplicates, Invariant::NoMessageIsRepeated),
        (Breakage::ForgetsTheDigest, Invariant::NoReminderIsRepeated),
        (Breakage::DropsAPage, Invariant::EveryApplicationIsAudited),
        (Breakage::SwallowsMessages, Invariant::EveryReminderIsSent),
        (Breakage::QuotesTheSecret, Invariant::NoSecretIsExposed),
        (Breakage::CountsFromAWrongDay, Invariant::DeadlinesAreRight),
        (Breakage::TrustsStaleDates, Invariant::DeadlinesAreRight),
        (Breakage::OmitsTheVersionTag, Invariant::DeadlinesAreRight),
        (Breakage::KeepsCredentialsForever, Invariant::ServicesWork),
        (
            Breakage::IgnoresDeadLetters,
            Invariant::DeadLettersRaiseAlarms,
        ),
        (Breakage::ForgetsWhatItSaid, Invariant::NoReminderIsRepeated),
        (
            Breakage::OverlooksTheRequest,
            Invariant::NobodyIsAskedInVain,
        ),
    ] {
        noticed(breakage, expected);
    }
}

#[test]
fn a_failure_is_shrunk_and_explained_with_its_seed() {
    let outcome = noticed(
        Breakage::AcknowledgesBeforeStoring,
        Invariant::NoSecretIsLost,
    );
    let violation = outcome.violation.as_ref().unwrap();
    let shortest = shrink::shrink(&outcome.settings, violation);
    let found = shortest.violation.as_ref().unwrap();
    assert_eq!(found.invariant, violation.invariant);
    assert_eq!(shortest.settings.applications, 1);
    assert_eq!(shortest.settings.sellers, 0);
    assert!(shortest.settings.faults.kinds().count() <= 2);
    let text = shrink::explain(&shortest).unwrap();
    assert!(
        text.contains("\"no secret is lost\" does not hold"),
        "{text}"
    );
    assert!(text.contains(&format!("seed {}", shortest.settings.seed)));
    assert!(text.contains("the system requests a new secret"), "{text}");
    assert!(text.lines().count() < 60, "{text}");
}
