//! Whose the dates in the tags are, after people have stored something by hand.

use jiff::{SignedDuration, Timestamp};
use lwa_core::deadline::days;
use lwa_core::ports::CallFailure;
use lwa_core::tags;
use lwa_core::vault::VaultKind;
use lwa_local::Fault;
use lwa_local::FaultInjector;
use rotation_requester::Outcome;

use super::stage::{CLIENT_ID, ROTATE, SECRET, Stage, VAULTS, at, expiry, schedule, send};

const ISSUED: &str = "2026-05-25T00:00:00Z";
const EXPIRES: &str = "2026-11-21T00:00:00Z";
const ANOTHER: &str = "amzn1.oa2-cs.v1.planted-another";

/// The version of a stage that was founded, and the one that is stored after it.
fn version(stage: &Stage, number: u32) -> String {
    match stage.vault {
        VaultKind::ParameterStore => number.to_string(),
        VaultKind::SecretsManager => format!("v{number}"),
    }
}

/// A secret that was stored and dated in January, and looked at.
async fn looked_at(vault: VaultKind) -> Stage {
    let stage = Stage::new(vault);
    stage.tag("my-erp", tags::SECRET_ISSUED_AT, "2026-01-01T00:00:00Z");
    stage.tag("my-erp", tags::SECRET_EXPIRES_AT, "2026-06-30T00:00:00Z");
    stage.world.set_now(at("2026-01-01T05:00:00Z"));
    schedule(&stage.requester()).await.unwrap();
    let known = format!(
        "{} 2026-01-01T00:00:00Z 2026-06-30T00:00:00Z",
        version(&stage, 1)
    );
    assert_eq!(stage.tags("my-erp")[tags::SECRET_VERSION], known);
    stage
}

#[tokio::test(start_paused = true)]
async fn the_dates_of_a_secret_that_somebody_replaced_by_hand_are_removed() {
    for vault in VAULTS {
        let stage = looked_at(vault).await;
        stage.world.set_now(at("2026-05-20T12:00:00Z"));
        stage.store_by_hand("my-erp", ANOTHER);
        stage.world.set_now(at("2026-05-21T05:00:00Z"));
        schedule(&stage.requester()).await.unwrap();
        let tags = stage.tags("my-erp");
        let known = format!("{} 2026-05-20T12:00:00Z", version(&stage, 2));
        assert_eq!(tags[tags::SECRET_VERSION], known);
        assert!(!tags.contains_key(tags::SECRET_EXPIRES_AT), "{tags:?}");
        assert!(!tags.contains_key(tags::SECRET_ISSUED_AT), "{tags:?}");
        // Nothing is due 180 days before, and nothing more is read once somebody has looked.
        stage.world.set_now(at("2026-06-20T05:00:00Z"));
        let before = stage.world.calls().len();
        schedule(&stage.requester()).await.unwrap();
        let calls = stage.world.calls().split_off(before);
        let reads = calls.iter().filter(|call| {
            call.contains("clientsecret:")
                || (call.starts_with("GetSecretValue") && !call.ends_with("AWSCURRENT"))
        });
        assert_eq!(reads.count(), 0, "{calls:?}");
        assert_eq!(stage.calls(ROTATE), 0);
        stage.assert_nothing_leaked("replaced");
    }
}

#[tokio::test(start_paused = true)]
async fn writing_the_same_value_again_is_no_rotation_with_dates_or_without() {
    for vault in VAULTS {
        let dated = looked_at(vault).await;
        let undated = Stage::new(vault);
        undated.world.set_now(at("2026-01-02T05:00:00Z"));
        schedule(&undated.requester()).await.unwrap();
        for (stage, requested_on) in [
            (dated, "2026-05-31T05:00:00Z"),
            (undated, "2026-05-31T05:00:00Z"),
        ] {
            for (day, number) in [("2026-03-01T12:00:00Z", 2), ("2026-05-29T12:00:00Z", 3)] {
                stage.world.set_now(at(day));
                stage.store_by_hand("my-erp", SECRET);
                stage.world.set_now(at(day) + days(1));
                schedule(&stage.requester()).await.unwrap();
                let known = &stage.tags("my-erp")[tags::SECRET_VERSION];
                let expected = format!("{} 2026-01-01T00:00:00Z", version(&stage, number));
                assert!(known.starts_with(&expected), "{known}");
                assert_eq!(stage.calls(ROTATE), 0, "{day}");
            }
            // The secret ends on 2026-06-30, whatever was written since.
            stage.world.set_now(at(requested_on));
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.calls(ROTATE), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_secret_before_put_back_within_the_overlap_is_rotated_again() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, "2026-06-30T00:00:00Z");
        stage.world.set_now(at("2026-05-25T00:02:00Z"));
        stage.store_by_hand("my-erp", ANOTHER);
        stage.tag("my-erp", tags::SECRET_ISSUED_AT, ISSUED);
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, EXPIRES);
        stage.world.set_now(at("2026-05-25T05:00:00Z"));
        schedule(&stage.requester()).await.unwrap();
        stage.world.set_now(at("2026-05-25T09:00:00Z"));
        stage.store_by_hand("my-erp", SECRET);
        // A day has to pass between two requests, and the new secret may have been one's answer.
        for (now, calls) in [("2026-05-25T23:00:00Z", 0), ("2026-05-26T05:00:00Z", 1)] {
            stage.world.set_now(at(now));
            let report = schedule(&stage.requester()).await.unwrap().to_json();
            assert_eq!(stage.calls(ROTATE), calls, "{now}");
            if calls == 1 {
                // It ends with the overlap.
                let deadline = &report["applications"][0]["deadline"];
                assert_eq!(deadline, "2026-06-01T00:00:00Z", "{report}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_amazon_wrote_before_the_value_was_stored_is_about_another_one() {
    for vault in VAULTS {
        let stage = looked_at(vault).await;
        let notice = expiry(CLIENT_ID, "2026-06-30T00:00:00Z", "2026-05-20T06:00:00Z");
        stage.world.set_now(at("2026-05-20T12:00:00Z"));
        stage.store_by_hand("my-erp", ANOTHER);
        stage.world.set_now(at("2026-05-21T05:00:00Z"));
        schedule(&stage.requester()).await.unwrap();
        let before = stage.tags("my-erp");
        let sent = send(&stage.requester(), &notice, 1).await;
        assert_eq!(sent, (Outcome::Outdated, false));
        assert_eq!(stage.tags("my-erp"), before);
    }
}

/// Every call takes a second.
struct Slow;

impl FaultInjector for Slow {
    fn inject(&mut self, now: &mut Timestamp, _: &str, _: &str) -> Option<Fault> {
        *now += SignedDuration::from_secs(1);
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_estate_is_looked_at_over_some_days_and_no_rotation_waits_for_that() {
    for vault in VAULTS {
        let stage = Stage::empty(vault);
        let roots: Vec<String> = (0..9).map(|number| format!("my-erp/{number}")).collect();
        for root in &roots {
            stage.add(root, root);
        }
        stage.tag("my-erp/8", tags::SECRET_EXPIRES_AT, "2026-06-20T00:00:00Z");
        stage.world.state().fault_injector = Some(Box::new(Slow));
        let mut looked_at = vec![0];
        for day in 1..6 {
            let now = at("2026-05-31T05:00:00Z") + days(day);
            stage.world.set_now(now);
            schedule(&stage.requester()).await.unwrap();
            assert!(stage.calls(ROTATE) >= 1, "on day {day}");
            let is_known = |root: &&String| stage.tags(root).contains_key(tags::SECRET_VERSION);
            looked_at.push(roots.iter().filter(is_known).count());
        }
        assert!((1..9).contains(&looked_at[1]), "{looked_at:?}");
        assert!(looked_at.is_sorted(), "{looked_at:?}");
        assert_eq!(looked_at[5], 9, "{looked_at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_look_failed_once_ends_the_same_a_day_later() {
    let modes = [
        Fault::Before(CallFailure::Unavailable),
        Fault::Before(CallFailure::Denied),
        Fault::After(CallFailure::TimedOut),
    ];
    let replaced = async |vault| {
        let stage = looked_at(vault).await;
        stage.world.set_now(at("2026-05-20T12:00:00Z"));
        stage.store_by_hand("my-erp", ANOTHER);
        stage.world.set_now(at("2026-05-21T05:00:00Z"));
        stage
    };
    for vault in VAULTS {
        let stage = replaced(vault).await;
        let before = stage.world.calls().len();
        schedule(&stage.requester()).await.unwrap();
        let calls = stage.world.calls().split_off(before);
        let well = stage.tags("my-erp");
        assert!(calls.len() > 6, "{calls:?}");
        for (call, mode) in calls.iter().flat_map(|call| modes.map(|mode| (call, mode))) {
            let stage = replaced(vault).await;
            let (operation, target) = call.split_once(' ').unwrap_or((call, ""));
            stage.fail(operation, target, mode, Some(1));
            let _ = schedule(&stage.requester()).await;
            stage.world.set_now(at("2026-05-22T05:00:00Z"));
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.tags("my-erp"), well, "{call} {mode:?}");
            let left = stage.world.state().faults[0].times;
            assert_eq!(left, Some(0), "{call} was not made");
        }
    }
}
