//! Notices, the schedule and people asking, every step failed once.

use std::time::Duration;

use lwa_core::application::ApplicationName;
use lwa_core::error::FunctionError;
use lwa_core::ports::CallFailure;
use lwa_core::rotation::queue::Payload;
use lwa_core::sp_api::SpApiFailure;
use lwa_core::tags;
use lwa_core::vault::VaultKind;
use lwa_core::{ExposeSecret, Severity};
use lwa_local::Fault;
use rotation_requester::{Outcome, Progress};
use serde_json::json;

use super::stage::{
    CLIENT_ID, DUE, NOW, ROTATE, Stage, VAULTS, at, batch, due, expiry, schedule, send,
};

#[tokio::test(start_paused = true)]
async fn two_notices_and_the_schedule_within_a_minute_make_one_request() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        let requester = stage.requester();
        let payload = batch(&[("m-1", due().to_string()), ("m-2", due().to_string())], 1);
        let report = requester.handle(payload).await.unwrap();
        assert_eq!(report.to_json(), json!({"batchItemFailures": []}));
        stage.world.set_now(at("2026-06-01T05:00:40Z"));
        schedule(&stage.requester()).await.unwrap();
        assert_eq!(stage.calls(ROTATE), 1);
        assert_eq!(stage.world.state().sp_api.rotated.len(), 1);
        // People hear once, when the new one is stored.
        assert!(stage.kinds().is_empty());
        let tags = stage.tags("my-erp");
        assert_eq!(tags[tags::SECRET_EXPIRES_AT], DUE);
        assert_eq!(tags[tags::ROTATION_REQUESTED_AT], NOW);
        // The intent was written before the call.
        let calls = stage.world.calls();
        let position = |what: &str| {
            calls
                .iter()
                .position(|call| call.starts_with(what))
                .unwrap()
        };
        let write = match vault {
            VaultKind::ParameterStore => "AddTagsToResource",
            VaultKind::SecretsManager => "TagResource",
        };
        assert!(position(write) < position(ROTATE));
        stage.assert_nothing_leaked("requested");
    }
}

#[tokio::test(start_paused = true)]
async fn an_early_notice_is_kept_and_the_schedule_acts_on_it_in_time() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.world.set_now(at("2026-05-01T05:00:00Z"));
        let early = expiry(CLIENT_ID, "2026-06-29T00:00:00Z", "2026-05-01T05:00:00Z");
        assert_eq!(
            send(&stage.requester(), &early, 1).await,
            (Outcome::Nothing, false)
        );
        assert_eq!(
            stage.tags("my-erp")[tags::SECRET_EXPIRES_AT],
            "2026-06-29T00:00:00Z"
        );
        assert!(stage.kinds().is_empty());
        // The first request is lost on its way.
        stage.fail(ROTATE, "", Fault::Before(CallFailure::TimedOut), Some(1));
        for (now, calls) in [
            ("2026-05-29T05:00:00Z", 0),
            ("2026-05-30T05:00:00Z", 1),
            ("2026-06-02T16:59:59Z", 1),
            ("2026-06-02T17:00:00Z", 2),
        ] {
            stage.world.set_now(at(now));
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.calls(ROTATE), calls, "{now}");
        }
        // Nothing came of the first request, which may have begun the end of the stored secret.
        assert_eq!(stage.kinds(), ["rotation-requested-again"]);
        let last = stage.world.published().pop().unwrap();
        assert_eq!(last.attributes.severity, Severity::Critical);
        assert!(last.email.contains("no secret came"), "{}", last.email);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clear_refusal_takes_the_intent_back_and_tells_the_cause() {
    for vault in VAULTS {
        for (status, words) in [
            (400, "no queue is registered"),
            (403, "Amazon refused the request"),
            (404, "Amazon refused the request"),
            (413, "Amazon refused the request"),
            (415, "Amazon refused the request"),
        ] {
            let stage = Stage::new(vault);
            stage.answer(SpApiFailure::Refused, status);
            let sent = send(&stage.requester(), &due(), 1).await;
            assert_eq!(sent, (Outcome::Refused, false), "{status}");
            assert!(
                !stage
                    .tags("my-erp")
                    .contains_key(tags::ROTATION_REQUESTED_AT)
            );
            assert_eq!(stage.kinds(), ["rotation-refused"]);
            let email = stage.world.published()[0].email.replace('\n', " ");
            assert!(email.contains(words), "{email}");
            assert!(email.contains("developerconsole"), "{email}");
            // Once somebody has acted, the schedule asks again.
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.calls(ROTATE), 2);
        }
        let stage = Stage::new(vault);
        stage.answer(SpApiFailure::Throttled, 429);
        assert_eq!(
            send(&stage.requester(), &due(), 1).await,
            (Outcome::Postponed, false)
        );
        assert!(
            !stage
                .tags("my-erp")
                .contains_key(tags::ROTATION_REQUESTED_AT)
        );
        assert_eq!(stage.kinds(), ["rotation-postponed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_make_an_earlier_unanswered_request_forgotten() {
    const EARLIER: &str = "2026-05-24T05:00:00Z";
    for vault in VAULTS {
        for failure in [SpApiFailure::Refused, SpApiFailure::Throttled] {
            let stage = Stage::new(vault);
            // What is stored is good for long, but the earlier request may have ended that.
            stage.tag("my-erp", tags::SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
            stage.tag("my-erp", tags::ROTATION_REQUESTED_AT, EARLIER);
            stage.answer(failure, 429);
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.calls(ROTATE), 1);
            assert_eq!(stage.tags("my-erp")[tags::ROTATION_REQUESTED_AT], EARLIER);
            stage.world.set_now(at("2026-06-02T05:00:00Z"));
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.calls(ROTATE), 2, "{vault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_again_before_the_overlap_is_nearly_over_when_the_answer_is_unclear() {
    for vault in VAULTS {
        for mode in [
            Fault::After(CallFailure::TimedOut),
            Fault::Before(CallFailure::TimedOut),
            Fault::After(CallFailure::Unavailable),
            Fault::Hang,
        ] {
            let stage = Stage::new(vault);
            stage.fail(ROTATE, "", mode, Some(1));
            assert_eq!(
                send(&stage.requester(), &due(), 1).await,
                (Outcome::Unclear, false)
            );
            // If nothing comes, the audit says so.
            assert!(stage.kinds().is_empty());
            assert!(
                stage
                    .tags("my-erp")
                    .contains_key(tags::ROTATION_REQUESTED_AT)
            );
            for hours in [1, 12, 23, 24, 3 * 24 + 11] {
                let later = at(NOW).checked_add(Duration::from_hours(hours)).unwrap();
                stage.world.set_now(later);
                send(&stage.requester(), &due(), 1).await;
                schedule(&stage.requester()).await.unwrap();
            }
            assert_eq!(stage.calls(ROTATE), 1, "{mode:?}");
            stage.world.set_now(at("2026-06-05T05:01:00Z"));
            schedule(&stage.requester()).await.unwrap();
            assert_eq!(stage.calls(ROTATE), 2, "{mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_leave_to_rotate_people_are_reminded_and_nothing_is_asked() {
    for vault in VAULTS {
        let mut stage = Stage::new(vault);
        stage.variables = vec![("AUTO_ROTATE", "false")];
        assert_eq!(
            send(&stage.requester(), &due(), 1).await,
            (Outcome::Reminded, false)
        );
        assert_eq!(stage.tags("my-erp")[tags::SECRET_EXPIRES_AT], DUE);
        stage.world.set_now(at("2026-06-14T05:00:00Z"));
        schedule(&stage.requester()).await.unwrap();
        assert_eq!(stage.kinds(), ["rotation-due", "rotation-due"]);
        assert_eq!((stage.calls(ROTATE), stage.calls("ExchangeToken")), (0, 0));
        let last = stage.world.published().pop().unwrap();
        assert_eq!(last.attributes.severity, Severity::Critical);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reminder_comes_once_however_often_its_cause_is_delivered() {
    for vault in VAULTS {
        let mut stage = Stage::new(vault);
        stage.variables = vec![("AUTO_ROTATE", "false")];
        let requester = stage.requester();
        assert_eq!(
            send(&requester, &due(), 1).await,
            (Outcome::Reminded, false)
        );
        // A copy of the notice, here and in an environment that knows of nothing.
        for requester in [&requester, &stage.requester()] {
            assert_eq!(send(requester, &due(), 1).await, (Outcome::Nothing, false));
        }
        // A copy that the queue delivers again hours later, as if the first had been cut off.
        stage.world.set_now(at("2026-06-01T09:00:00Z"));
        assert_eq!(send(&requester, &due(), 2).await, (Outcome::Nothing, false));
        assert_eq!(stage.kinds(), ["rotation-due"]);
        // The schedule, twice within two minutes.
        stage.world.set_now(at("2026-06-14T05:00:00Z"));
        schedule(&requester).await.unwrap();
        stage.world.set_now(at("2026-06-14T05:02:00Z"));
        schedule(&requester).await.unwrap();
        assert_eq!(stage.kinds(), ["rotation-due", "rotation-due"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_decides_and_reports_and_touches_nothing() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.add("my-erp/later", "another-client-id");
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, DUE);
        stage.tag(
            "my-erp/later",
            tags::SECRET_EXPIRES_AT,
            "2026-10-01T00:00:00Z",
        );
        let payload = Payload::new("{\"dry_run\": true}");
        let report = stage.requester().handle(payload).await.unwrap();
        assert_eq!(
            report.to_json(),
            json!({"dry_run": true, "applications": [
                {"applications": ["my-erp"], "decision": "request", "deadline": DUE,
                 "outcome": "dry-run"},
                {"applications": ["my-erp/later"], "decision": "not-due",
                 "deadline": "2026-10-01T00:00:00Z", "outcome": "nothing"},
            ]})
        );
        let reads = [
            "DescribeParameters",
            "GetParameters",
            "ListTagsForResource",
            "ListSecrets",
            "GetSecretValue",
            "DescribeSecret",
        ];
        for call in stage.world.calls() {
            assert!(reads.contains(&call.split(' ').next().unwrap()), "{call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_shape_of_a_schedule_is_understood() {
    for payload in [
        json!({}),
        json!(null),
        json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}),
        json!({"version": "0", "id": "x", "detail-type": "Scheduled Event",
               "source": "aws.events", "resources": ["arn"], "detail": {}}),
    ] {
        let stage = Stage::new(VaultKind::ParameterStore);
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, DUE);
        let payload = Payload::new(payload.to_string());
        stage.requester().handle(payload).await.unwrap();
        assert_eq!(stage.calls(ROTATE), 1);
    }
    let stage = Stage::new(VaultKind::ParameterStore);
    let error = stage
        .requester()
        .handle(Payload::new("[1]"))
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "InvalidRequest");
}

#[tokio::test(start_paused = true)]
async fn roots_that_share_a_client_id_are_asked_for_once_and_dated_alike() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.add("my-erp/eu", CLIENT_ID);
        assert_eq!(
            send(&stage.requester(), &due(), 1).await,
            (Outcome::Requested, false)
        );
        schedule(&stage.requester()).await.unwrap();
        assert_eq!(stage.calls(ROTATE), 1);
        for root in ["my-erp", "my-erp/eu"] {
            assert_eq!(stage.tags(root)[tags::SECRET_EXPIRES_AT], DUE);
            assert_eq!(stage.tags(root)[tags::ROTATION_REQUESTED_AT], NOW);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_while_a_new_secret_waits() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.tag(
            "my-erp",
            tags::NEW_SECRET_PENDING,
            "2026-05-31T20:00:00Z n-1",
        );
        assert_eq!(
            send(&stage.requester(), &due(), 1).await,
            (Outcome::Nothing, false)
        );
        schedule(&stage.requester()).await.unwrap();
        assert_eq!(stage.calls(ROTATE), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_can_never_be_handled_go_back_alone_and_are_told_once() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        let requester = stage.requester();
        let new_secret = json!({
            "notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
            "payload": {"applicationOAuthClientNewSecret": {
                "clientId": CLIENT_ID, "newClientSecret": "planted-new",
                "newClientSecretExpiryTime": DUE}},
        });
        let bodies = [
            ("poison", "planted-poison".to_owned()),
            ("foreign", expiry("somebody-else", DUE, NOW).to_string()),
            ("swapped", new_secret.to_string()),
            ("good", due().to_string()),
        ];
        for receive_count in 1..=5 {
            let report = requester
                .handle(batch(&bodies, receive_count))
                .await
                .unwrap();
            assert_eq!(
                report.to_json(),
                json!({"batchItemFailures": [
                    {"itemIdentifier": "poison"},
                    {"itemIdentifier": "foreign"},
                    {"itemIdentifier": "swapped"},
                ]})
            );
        }
        for kind in ["message-unusable", "client-id-unknown", "wrong-queue"] {
            assert_eq!(
                stage.kinds().iter().filter(|found| **found == kind).count(),
                1,
                "{kind}"
            );
        }
        assert_eq!(stage.calls(ROTATE), 1);
        stage.assert_nothing_leaked("hopeless");
    }
}

#[tokio::test(start_paused = true)]
async fn one_application_that_fails_does_not_keep_the_others_from_their_turn() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.add("my-erp/b", "b");
        stage.add("my-erp/c", "c");
        for root in ["my-erp", "my-erp/b", "my-erp/c"] {
            stage.tag(root, tags::SECRET_EXPIRES_AT, DUE);
        }
        let read = match vault {
            VaultKind::ParameterStore => "ListTagsForResource",
            VaultKind::SecretsManager => "DescribeSecret",
        };
        stage.fail(read, "my-erp/b", Fault::Before(CallFailure::Denied), None);
        let error = schedule(&stage.requester()).await.unwrap_err();
        assert_eq!(error.error_type(), "RotationIncomplete");
        assert!(
            error
                .to_string()
                .starts_with("1 of 3 applications failed; the first: my-erp/b")
        );
        assert_eq!(stage.world.state().sp_api.rotated.len(), 2);
    }
}

/// The calls of a notice that leads to a request, each once.
async fn calls_of_a_request(vault: VaultKind) -> Vec<(String, String)> {
    let stage = Stage::new(vault);
    send(&stage.requester(), &due(), 1).await;
    let mut calls: Vec<(String, String)> = Vec::new();
    for call in stage.world.calls() {
        let (operation, target) = call.split_once(' ').unwrap_or((&call, ""));
        let call = (operation.to_owned(), target.to_owned());
        if !calls.contains(&call) {
            calls.push(call);
        }
    }
    assert!(calls.len() >= 6, "{calls:?}");
    calls
}

#[tokio::test(start_paused = true)]
async fn every_call_failed_once_ends_with_the_deadline_kept_and_at_most_one_request_in_half_the_overlap()
 {
    let modes = [
        Fault::Before(CallFailure::Unavailable),
        Fault::Before(CallFailure::Denied),
        Fault::Before(CallFailure::TimedOut),
        Fault::After(CallFailure::TimedOut),
        Fault::After(CallFailure::Denied),
        Fault::Hang,
    ];
    for vault in VAULTS {
        for (operation, target) in calls_of_a_request(vault).await {
            for mode in modes {
                let what = format!("{vault:?} {operation} {target} {mode:?}");
                let stage = Stage::new(vault);
                stage.fail(&operation, &target, mode, Some(1));
                // The queue gives the message five times, six minutes apart.
                let mut requester = stage.requester();
                for receive_count in 1..=5 {
                    let body = due();
                    let sent = send(&requester, &body, receive_count);
                    match tokio::time::timeout(Duration::from_mins(1), sent).await {
                        Ok((_, false)) => break,
                        Ok((_, true)) => assert!(receive_count < 5, "dead letter: {what}"),
                        Err(_) => requester = stage.requester(),
                    }
                    let later = stage.world.state().now;
                    stage
                        .world
                        .set_now(later.checked_add(Duration::from_mins(6)).unwrap());
                }
                assert_eq!(stage.tags("my-erp")[tags::SECRET_EXPIRES_AT], DUE, "{what}");
                assert!(stage.calls(ROTATE) <= 1, "{what}");
                let is_requested = stage.calls(ROTATE) == 1;
                let is_told = !stage.kinds().is_empty();
                assert!(is_requested || is_told, "nobody was told: {what}");
                stage.world.set_now(at("2026-06-04T16:59:59Z"));
                schedule(&stage.requester()).await.unwrap();
                let rotated = stage.world.state().sp_api.rotated.len();
                // A refusal that Amazon did not mean is believed.
                let is_believed = mode == Fault::After(CallFailure::Denied);
                assert!(rotated <= 1 || is_believed, "{rotated}: {what}");
                // After that the schedule has seen to it in every case.
                stage.world.set_now(at("2026-06-05T06:00:00Z"));
                schedule(&stage.requester()).await.unwrap();
                let rotated = stage.world.state().sp_api.rotated.len();
                assert!((1..=2).contains(&rotated), "{rotated}: {what}");
                stage.assert_nothing_leaked(&what);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_lwa_refuses_or_that_is_missing_is_told_with_what_to_do() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage
            .world
            .state()
            .lwa
            .applications
            .get_mut(CLIENT_ID)
            .unwrap()
            .secrets
            .clear();
        assert_eq!(
            send(&stage.requester(), &due(), 1).await,
            (Outcome::Refused, false)
        );
        assert_eq!(stage.kinds(), ["rotation-refused"]);
        assert!(
            !stage
                .tags("my-erp")
                .contains_key(tags::ROTATION_REQUESTED_AT)
        );
    }
    let stage = Stage::new(VaultKind::ParameterStore);
    stage
        .world
        .state()
        .parameters
        .remove("/my-erp/lwa/clientidentifier");
    stage.tag("my-erp", tags::SECRET_EXPIRES_AT, DUE);
    schedule(&stage.requester()).await.unwrap();
    assert_eq!(stage.kinds(), ["rotation-refused"]);
    assert!(
        stage.world.published()[0]
            .email
            .contains("/my-erp/lwa/clientidentifier")
    );
}

#[tokio::test(start_paused = true)]
async fn somebody_can_ask_at_any_time_but_not_twice() {
    for vault in VAULTS {
        let stage = Stage::new(vault);
        stage.tag("my-erp", tags::SECRET_EXPIRES_AT, "2026-11-01T00:00:00Z");
        let requester = stage.requester();
        let my_erp = ApplicationName::parse("my-erp").unwrap();
        let plan = requester.plan(&my_erp).await.unwrap();
        assert_eq!(
            (plan.client_id.as_str(), plan.decision.as_str()),
            (CLIENT_ID, "request")
        );
        assert_eq!(stage.calls(ROTATE), 0);
        assert_eq!(requester.progress(&plan).await, Ok(Progress::Nothing));
        assert_eq!(requester.rotate(&plan).await.outcome, Outcome::Requested);
        assert_eq!(requester.progress(&plan).await, Ok(Progress::Requested));
        // The same plan once more, and a new one.
        assert_eq!(requester.rotate(&plan).await.outcome, Outcome::Nothing);
        let again = requester.plan(&my_erp).await.unwrap();
        assert_eq!(again.decision.as_str(), "already-requested");
        assert_eq!(stage.calls(ROTATE), 1);
        stage.tag(
            "my-erp",
            tags::NEW_SECRET_PENDING,
            "2026-06-01T05:01:00Z n-1",
        );
        assert_eq!(requester.progress(&plan).await, Ok(Progress::Arrived));
        let name = ApplicationName::parse("my-erp/other").unwrap();
        let error = requester.plan(&name).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no application `my-erp/other`; stored are: my-erp"
        );
    }
    let rotated = Stage::new(VaultKind::ParameterStore);
    send(&rotated.requester(), &due(), 1).await;
    let state = rotated.world.state();
    assert!(
        state.sp_api.rotated[0]
            .1
            .expose_secret()
            .starts_with("amzn1.oa2-cs")
    );
}
