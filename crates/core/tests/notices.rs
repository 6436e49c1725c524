//! Every notice about a rotation, as people read it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwa_core::config::Lookup;
use lwa_core::lwa::{LwaError, LwaFailure};
use lwa_core::notice::Notice;
use lwa_core::rotation::notices::{self, Context, Obstacle, Rejection};
use lwa_core::rotation::notification::{NewSecret, SecretExpiry, Unusable};
use lwa_core::rotation::policy::Policy;
use lwa_core::rotation::receive::Delivery;
use lwa_core::rotation::request::RefusalCause;
use lwa_core::secret::SecretRecord;
use lwa_core::tags::SecretTags;
use lwa_core::vault::{StoredApplication, VaultKind};
use lwa_core::{ApplicationName, Basis, Deadline, Layout, Severity, Timestamp};

use crate::legal::check;

mod legal;

/// How many applications share a secret, and how long their names are.
const ESTATES: [fn() -> Vec<ApplicationName>; 3] = [
    || vec![name("my-erp")],
    || vec![name("my-erp"), name("my-erp/eu")],
    || {
        (0..4)
            .map(|n| name(&format!("my-erp/{}{n}", "x".repeat(300))))
            .collect()
    },
];

#[test]
fn every_notice_about_a_rotation_reads_as_it_was_reviewed() {
    let one = ESTATES[0]();
    let texts: Vec<String> = every_notice(&one, VaultKind::ParameterStore)
        .into_iter()
        .map(|(what, notice)| {
            let message = notice.render();
            format!(
                "=== {what} [{}]\nSubject: {}\nSMS: {}\n\n{}",
                notice.kind, message.subject, message.sms, message.email
            )
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn every_notice_about_a_rotation_is_legal_however_many_and_long_the_names() {
    for estate in ESTATES {
        for vault in [VaultKind::ParameterStore, VaultKind::SecretsManager] {
            for (_, notice) in every_notice(&estate(), vault) {
                check(&notice.render());
            }
        }
    }
}

fn name(text: &str) -> ApplicationName {
    ApplicationName::parse(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn layout() -> Layout {
    Lookup::new(|_| None).layout().unwrap()
}

#[expect(clippy::too_many_lines, reason = "one line or two for each notice")]
fn every_notice(applications: &[ApplicationName], vault: VaultKind) -> Vec<(String, Notice)> {
    let layout = layout();
    let context = Context {
        layout: &layout,
        vault,
        region: Some("us-east-2"),
        policy: Policy::default(),
        runbook_url: Some("https://wiki.example/rotate"),
        origin: "Daily schedule of rotation-requester.",
        now: at("2026-06-01T06:00:00Z"),
    };
    let deadline = Deadline {
        at: at("2026-06-18T08:00:00Z"),
        basis: Basis::Reported,
    };
    let passed = Deadline {
        at: at("2026-05-29T08:00:00Z"),
        basis: Basis::Estimated,
    };
    let old_ends = at("2026-06-08T05:00:00Z");
    let new = NewSecret {
        client_id: "amzn1.application-oa2-client.example".into(),
        secret: "amzn1.oa2-cs.v1.example".into(),
        expires_at: at("2026-11-28T05:00:00Z"),
        old_expires_at: Some(old_ends),
        event_time: Some(at("2026-06-01T05:00:00Z")),
        notification_id: None,
    };
    let delivery = Delivery::new(new.clone(), "n-1", None, 180, context.now);
    let doubtful = Delivery::new(
        NewSecret {
            expires_at: at("2036-11-28T05:00:00Z"),
            ..new.clone()
        },
        "n-1",
        None,
        180,
        context.now,
    );
    let look_alike = StoredApplication {
        name: ApplicationName::parse("my-erp/copy").unwrap(),
        client_id: Some(new.client_id.clone()),
        version: None,
        written_at: None,
        write_problem: None,
    };
    let reason = "holds a secret that Amazon does not accept with this client id";
    let members: Vec<_> = applications
        .iter()
        .map(|name| SecretRecord {
            application: name.clone(),
            version: None,
            written_at: None,
            tags: SecretTags::default(),
        })
        .collect();
    let expiry = SecretExpiry {
        client_id: new.client_id.clone(),
        expires_at: deadline.at,
        reason: None,
        event_time: None,
    };
    let said = LwaError {
        failure: LwaFailure::ClientRefused,
        status: Some(401),
        code: Some("invalid_client".into()),
        description: None,
        retry_after: None,
    };
    let requested = at("2026-06-01T06:00:00Z");
    let unanswered = at("2026-05-30T06:00:00Z");
    let names = applications;
    let mut all: Vec<(String, Notice)> = Vec::new();
    let mut add = |what: &str, notice| all.push((what.to_owned(), notice));
    add(
        "due",
        notices::rotation_due(context, names, &deadline, Severity::Warning),
    );
    add(
        "due, deadline passed",
        notices::rotation_due(context, names, &passed, Severity::Critical),
    );
    add(
        "requested again",
        notices::rotation_requested_again(context, names, None, requested, unanswered),
    );
    let answer = || "SP-API refused the request (HTTP 400)".to_owned();
    let obstacles = [
        Obstacle::SpApi(RefusalCause::NoQueueRegistered, answer()),
        Obstacle::SpApi(RefusalCause::SecretExpired, answer()),
        Obstacle::SpApi(RefusalCause::Other, answer()),
        Obstacle::Lwa(said.clone()),
        Obstacle::Vault("/my-erp/lwa/clientidentifier does not exist".into()),
    ];
    for obstacle in &obstacles {
        let refused = notices::rotation_refused(context, names, Some(&deadline), obstacle);
        add(&format!("refused: {obstacle:?}"), refused);
    }
    add(
        "refused, no deadline known",
        notices::rotation_refused(context, names, None, &obstacles[2]),
    );
    add(
        "postponed",
        notices::rotation_postponed(context, names, Some(&deadline), "LWA timed out"),
    );
    add(
        "postponed, application unknown",
        notices::rotation_postponed(context, &[], None, "GetParameters timed out"),
    );
    add("stored", notices::secret_stored(context, names, &delivery));
    add(
        "stored, dates in doubt",
        notices::secret_stored(context, names, &doubtful),
    );
    add(
        "stored, but not where the client id was copied",
        notices::without_look_alikes(
            context,
            notices::secret_stored(context, names, &delivery),
            &[(look_alike.clone(), reason.into())],
        ),
    );
    add(
        "look-alike",
        notices::look_alike(context, &look_alike, reason, &members),
    );
    add(
        "stored unverified",
        notices::secret_stored_unverified(context, names, &delivery, &said),
    );
    add(
        "still waiting",
        notices::secret_waiting(context, names, &delivery, &said),
    );
    add(
        "contested",
        notices::secret_contested(context, names, &new, Some(unanswered), old_ends),
    );
    add(
        "stale",
        notices::secret_stale(context, names, &new, at("2026-12-01T05:00:00Z")),
    );
    add(
        "not stored",
        notices::secret_not_stored(context, names, Some(old_ends), "PutParameter was denied"),
    );
    let unusable = Unusable::Missing("newClientSecret");
    let rejections = [
        ("unusable", Rejection::Unusable(&unusable)),
        ("expiry", Rejection::ExpiryInWrongQueue(&expiry)),
        ("new secret", Rejection::NewSecretInWrongQueue(&new)),
        ("unknown", Rejection::UnknownClientId(&new.client_id)),
        (
            "date",
            Rejection::DoubtfulDate {
                applications: names,
                reported: at("2026-11-28T05:00:00Z"),
                stored: deadline.at,
            },
        ),
        (
            "unstorable",
            Rejection::Unstorable(names, "The document has 65,536 bytes."),
        ),
    ];
    for (what, rejection) in &rejections {
        let rejected = notices::message_rejected(context, rejection, "id-1", true);
        add(&format!("rejected: {what}"), rejected);
    }
    add(
        "rejected: unusable, from the other queue",
        notices::message_rejected(context, &rejections[0].1, "id-1", false),
    );
    all
}
