//! Every step failed once, and every step done twice: however an invocation ends, the secret is
//! stored in the end or still in a queue, and people know.

use crate::stage::{Ending, Stage, Story};
use lwa_core::ports::CallFailure;
use lwa_core::vault::VaultKind;
use lwa_local::Fault;

const STORIES: [Story; 4] = [
    Story::Plain,
    Story::LatePropagation,
    Story::Dying,
    Story::TwoRoots,
];

const VAULTS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

const MODES: [Fault; 6] = [
    Fault::Before(CallFailure::Unavailable),
    Fault::Before(CallFailure::Denied),
    Fault::Before(CallFailure::TimedOut),
    Fault::After(CallFailure::TimedOut),
    Fault::After(CallFailure::Denied),
    Fault::Hang,
];

/// The calls of a story that goes well, each once.
async fn calls(story: Story, vault: VaultKind) -> Vec<(String, String)> {
    let stage = Stage::new(story, vault);
    let mut queue = stage.queue();
    queue.run(&stage).await;
    let mut calls: Vec<(String, String)> = Vec::new();
    for call in stage.world.calls() {
        let (operation, target) = call.split_once(' ').unwrap_or((&call, ""));
        let call = (operation.to_owned(), target.to_owned());
        if !calls.contains(&call) {
            calls.push(call);
        }
    }
    assert!(calls.len() >= 8, "{calls:?}");
    calls
}

#[tokio::test(start_paused = true)]
async fn without_any_failure_every_story_ends_well_and_people_hear_each_thing_once() {
    for vault in VAULTS {
        for story in STORIES.into_iter().chain([Story::NeverAccepted]) {
            let stage = Stage::new(story, vault);
            let mut queue = stage.queue();
            queue.run(&stage).await;
            let expected: &[&str] = match story {
                // When the old one is about to end, and when it is stored.
                Story::Dying => &["secret-waiting", "secret-stored-unverified"],
                // That it waits for a while is no news.
                Story::Plain | Story::TwoRoots | Story::LatePropagation => &["secret-stored"],
                // Daily, when the old one is about to end, and when it is stored.
                Story::NeverAccepted => &[
                    "secret-waiting",
                    "secret-waiting",
                    "secret-waiting",
                    "secret-waiting",
                    "secret-waiting",
                    "secret-waiting",
                    "secret-stored-unverified",
                ],
            };
            assert_eq!(stage.kinds(), expected, "{story:?} {vault:?}");
            stage.assert_ended_well(&queue, &format!("{story:?} {vault:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_failed_once_before_and_after_its_effect_ends_the_same() {
    let mut struck = 0;
    for vault in VAULTS {
        for story in STORIES {
            for (operation, target) in calls(story, vault).await {
                for mode in MODES {
                    for fresh in [false, true] {
                        let what = format!(
                            "{story:?} {vault:?} {operation} {target} {mode:?} fresh {fresh}"
                        );
                        let stage = Stage::new(story, vault);
                        stage.fail(&operation, &target, mode, Some(1));
                        let mut queue = stage.queue();
                        queue.fresh_each_time = fresh;
                        queue.run(&stage).await;
                        assert!(stage.has_struck(), "{what}");
                        stage.assert_ended_well(&queue, &what);
                        // Twice only where people may have been told before it failed.
                        let told = stage.count(story.final_kind());
                        // Of two places one may be done before the other.
                        let may_repeat = story == Story::TwoRoots
                            || operation == "Publish"
                            || operation.starts_with("RemoveTags")
                            || operation == "UntagResource";
                        assert!(
                            told == 1 || (may_repeat && told == 2),
                            "{told} times: {what}"
                        );
                        struck += 1;
                    }
                }
            }
        }
    }
    assert!(struck > 700, "{struck}");
}

#[tokio::test(start_paused = true)]
async fn every_message_delivered_twice_is_stored_and_told_once() {
    for vault in VAULTS {
        for story in STORIES {
            for apart in [false, true] {
                let stage = Stage::new(story, vault);
                let mut queue = stage.queue();
                queue.deliver_again(apart);
                queue.run(&stage).await;
                let what = format!("{story:?} {vault:?} {apart}");
                stage.assert_ended_well(&queue, &what);
                assert_eq!(stage.count(story.final_kind()), 1, "{what}");
                assert_eq!(stage.writes(), story.places(), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_works_leaves_the_secret_in_the_vault_or_in_a_queue() {
    for vault in VAULTS {
        for (operation, target) in calls(Story::Plain, vault).await {
            for mode in [
                Fault::Before(CallFailure::Denied),
                Fault::Before(CallFailure::Unavailable),
                Fault::After(CallFailure::TimedOut),
                Fault::Hang,
            ] {
                let what = format!("{vault:?} {operation} {target} {mode:?}");
                let stage = Stage::new(Story::Plain, vault);
                stage.fail(&operation, &target, mode, None);
                let mut queue = stage.queue();
                let ending = queue.run(&stage).await;
                let is_stored = stage.is_stored();
                let is_kept = ending == Ending::DeadLetters;
                assert!(is_stored || is_kept, "lost: {what}");
                if ending == Ending::Acknowledged {
                    assert!(is_stored, "acknowledged without being stored: {what}");
                }
                // The queue keeps trying for as long as the old secret lives.
                if is_kept {
                    let tried_for = stage.elapsed();
                    assert!(tried_for.as_secs() >= 6 * 86_400, "{tried_for:?}: {what}");
                }
                // Whoever can be told is told, and not at every try.
                let told = stage.kinds().len();
                let is_mute = operation == "Publish" || mode == Fault::Hang;
                assert!(
                    is_mute || (1..=20).contains(&told),
                    "told {told} times: {what}"
                );
                stage.assert_nothing_leaked(&what);
            }
        }
    }
}
