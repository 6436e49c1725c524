//! The auditor over an in-memory account.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use auditor::{Auditor, AuditorError, Response, Settings};
use jiff::{SignedDuration, Timestamp};
use lwa_core::config::Lookup;
use lwa_core::error::FunctionError;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::vault::ports::{
    NewTag, Page, ParameterFilter, ParameterMetadata, ReadMetadata, SecretMetadata,
    SecretVersionEntry, Tags, WriteTags,
};
use lwa_local::SecretVersion;
use lwa_local::{Fault, Parameter, ScriptedFault, Secret, World};
use serde_json::{Value, json};

/// A Tuesday.
const NOW: &str = "2026-06-02T06:00:00Z";
const ISSUED: &str = "2026-05-01T06:00:00Z";
const EXPIRES: &str = "2026-10-28T06:00:00Z";
const PLANTED: &str = "amzn1.oa2-cs.v1.planted-secret";
const HOUR: Duration = Duration::from_hours(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A well-kept application with a reported deadline.
fn put_application(world: &World, root: &str) {
    world.seed_parameter(&format!("{root}/lwa/clientidentifier"), PLANTED, at(ISSUED));
    world.seed_parameter(&format!("{root}/lwa/clientsecret"), PLANTED, at(ISSUED));
    world.seed_parameter(&format!("{root}/refreshToken"), PLANTED, at(ISSUED));
    tag(world, root, "lwa:secret-expires-at", EXPIRES);
}

fn tag(world: &World, root: &str, name: &str, value: &str) {
    change(world, &format!("{root}/lwa/clientsecret"), |parameter| {
        parameter.tags.insert(name.into(), value.into());
    });
}

fn change(world: &World, name: &str, change: impl FnOnce(&mut Parameter)) {
    change(world.state().parameters.get_mut(name).unwrap());
}

fn fail(world: &World, operation: &str, target: &str, failure: CallFailure) {
    world.state().faults.push(ScriptedFault {
        operation: operation.into(),
        target: target.into(),
        fault: Fault::Before(failure),
        times: None,
    });
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    let lookup = Lookup::new(|name: &str| {
        let set = variables.iter().find(|(key, _)| *key == name);
        set.map(|(_, value)| (*value).to_owned())
            .or_else(|| (name == "AWS_REGION").then(|| "us-east-2".to_owned()))
    });
    Settings::from_lookup(&lookup).unwrap()
}

struct Harness<P> {
    auditor: Auditor<P, World, World, World>,
    world: World,
    /// How many metrics the world had before.
    before: usize,
}

fn harness(world: &World, variables: &[(&str, &str)]) -> Harness<World> {
    harness_over(world.clone(), world, variables)
}

fn harness_over<P: ReadMetadata + WriteTags>(
    parameters: P,
    world: &World,
    variables: &[(&str, &str)],
) -> Harness<P> {
    let auditor = Auditor::new(
        settings(variables),
        parameters,
        world.clone(),
        world.clone(),
        world.clone(),
    );
    Harness {
        auditor,
        world: world.clone(),
        before: world.state().metrics.len(),
    }
}

impl<P: ReadMetadata + WriteTags> Harness<P> {
    async fn audit(&self) -> Response {
        self.auditor.handle(json!({}), HOUR).await.unwrap()
    }

    /// `Name{dimensions} = value` of every metric written.
    fn metrics(&self) -> Vec<String> {
        let mut all = Vec::new();
        for set in &self.world.state().metrics[self.before..] {
            let dimensions: Vec<_> = set
                .dimensions
                .iter()
                .map(|(_, value)| value.as_str())
                .collect();
            for metric in &set.metrics {
                all.push(format!(
                    "{}{{{}}} = {}",
                    metric.name,
                    dimensions.join(","),
                    metric.value
                ));
            }
        }
        all
    }
}

async fn audit(world: &World, variables: &[(&str, &str)]) -> Response {
    harness(world, variables).audit().await
}

/// Code, severity and credential of each finding, `(exempt)` where it is.
fn findings(response: &Response) -> Vec<String> {
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    response
        .findings
        .iter()
        .map(|finding| {
            let exempt = if finding["exempt"].is_null() {
                ""
            } else {
                " (exempt)"
            };
            format!(
                "{} {} {}{exempt}",
                field(finding, "code"),
                field(finding, "severity"),
                field(finding, "credential")
            )
        })
        .collect()
}

#[tokio::test]
async fn a_healthy_estate_is_silent_and_answers_what_it_saw() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    put_application(&world, "/my-erp/eu");
    let harness = harness(&world, &[]);
    let response = harness.audit().await;
    insta::assert_json_snapshot!(response, @r#"
    {
      "complete": true,
      "partial": false,
      "started_at": "2026-06-02T06:00:00Z",
      "summary": {
        "applications": 2,
        "credentials": 6,
        "invocations": 1,
        "duration_ms": 0
      },
      "counts": {
        "critical": 0,
        "warning": 0,
        "info": 0,
        "exempt": 0
      },
      "findings": [],
      "findings_omitted": 0,
      "next_deadlines": [
        {
          "application": "my-erp",
          "basis": "reported",
          "credential": "/my-erp/lwa/clientsecret",
          "days_left": 148,
          "deadline": "2026-10-28T06:00:00Z",
          "exempt": null,
          "next": "rotates",
          "next_at": "2026-08-29T06:00:00Z",
          "next_step": "rotates by itself on 2026-08-29",
          "owner": null,
          "severity": null,
          "vault": "parameter-store"
        },
        {
          "application": "my-erp/eu",
          "basis": "reported",
          "credential": "/my-erp/eu/lwa/clientsecret",
          "days_left": 148,
          "deadline": "2026-10-28T06:00:00Z",
          "exempt": null,
          "next": "rotates",
          "next_at": "2026-08-29T06:00:00Z",
          "next_step": "rotates by itself on 2026-08-29",
          "owner": null,
          "severity": null,
          "vault": "parameter-store"
        }
      ],
      "not_seen": [],
      "not_seen_omitted": 0,
      "notes": [],
      "digest": {
        "sent": false,
        "duplicate": false,
        "reasons": []
      }
    }
    "#);
    assert!(world.published().is_empty());
    assert_eq!(
        harness.metrics(),
        [
            "DaysToDeadline{my-erp/eu} = 148",
            "DaysToDeadline{my-erp} = 148",
            "CredentialsAudited{} = 6",
            "AuditDurationMs{} = 0",
            "PartialScans{} = 0",
            "DaysToDeadline{} = 148",
            "Findings{info} = 0",
            "Findings{warning} = 0",
            "Findings{critical} = 0",
        ]
    );
    let calls = world.calls();
    assert_eq!(
        calls.len(),
        3,
        "a page, and the tags of each client secret: {calls:?}"
    );
}

#[tokio::test]
async fn over_200_days_people_are_reminded_on_the_right_days_and_daily_after_the_deadline() {
    let world = World::new(at(ISSUED));
    put_application(&world, "/my-erp");
    let variables = [("HEARTBEAT_DAY", "off"), ("AUTO_ROTATE", "false")];
    let harness = harness(&world, &variables);
    let mut story = String::new();
    for day in 0..200 {
        // The schedule is as inexact as the real one.
        let drift = SignedDuration::from_secs(day * 37 % 90);
        let date = at("2026-05-01T06:00:30Z") + SignedDuration::from_hours(24 * day) + drift;
        world.set_now(date);
        let before = world.published().len();
        harness.audit().await;
        let published = world.published();
        assert!(published.len() - before <= 1);
        for message in &published[before..] {
            writeln!(story, "{day} {} {}", date.strftime("%F"), message.subject).unwrap();
        }
    }
    insta::assert_snapshot!(story);
}

#[tokio::test]
async fn a_healthy_estate_is_heard_of_once_a_week() {
    let world = World::new(at(ISSUED));
    put_application(&world, "/my-erp");
    let harness = harness(&world, &[]);
    let mut story = String::new();
    for day in 0..30 {
        let date = at(ISSUED) + SignedDuration::from_hours(24 * day);
        world.set_now(date);
        let before = world.published().len();
        harness.audit().await;
        for message in &world.published()[before..] {
            writeln!(story, "{} {}", date.strftime("%a %F"), message.subject).unwrap();
        }
    }
    insta::assert_snapshot!(story);
    insta::assert_snapshot!(world.published()[0].email);
}

/// An estate in which every finding of Parameter Store occurs.
fn troubled() -> World {
    let world = World::new(at("2026-10-21T06:00:00Z"));
    for root in [
        "/my-erp/dead",
        "/my-erp/near",
        "/my-erp/open",
        "/my-erp/late",
        "/my-erp/muted",
    ] {
        put_application(&world, root);
    }
    let expires = |root, at| tag(&world, root, "lwa:secret-expires-at", at);
    expires("/my-erp/dead", "2026-10-19T06:00:00Z");
    expires("/my-erp/near", "2026-10-28T06:00:00Z");
    expires("/my-erp/open", "2027-04-01T06:00:00Z");
    expires("/my-erp/late", "2027-01-01T06:00:00Z");
    expires("/my-erp/muted", "2027-01-01T06:00:00Z");
    tag(&world, "/my-erp/dead", "owner", "team-a");
    tag(&world, "/my-erp/near", "owner", "team-b");
    tag(
        &world,
        "/my-erp/near",
        "lwa:rotation-requested-at",
        "2026-10-18T06:00:00Z",
    );
    tag(&world, "/my-erp/muted", "lwa:exempt-until", "2026-12-31");
    tag(
        &world,
        "/my-erp/muted",
        "lwa:exempt-reason",
        "moves to another account",
    );
    change(&world, "/my-erp/muted/lwa/clientsecret", |p| {
        p.key_id = Some("alias/aws/ssm".into());
    });
    change(&world, "/my-erp/open/refreshToken", |p| {
        p.parameter_type = "String".into();
        p.key_id = None;
    });
    change(&world, "/my-erp/open/lwa/clientsecret", |p| {
        p.key_id = Some("alias/aws/ssm".into());
        p.policies[0].status = "Failed".into();
        p.push_version(
            PLANTED.into(),
            at("2026-10-02T06:00:00Z"),
            "arn:aws:iam::111122223333:role/x",
        );
    });
    change(&world, "/my-erp/late/lwa/clientsecret", |p| {
        p.policies[0].policy_type = "Expiration".into();
        p.policies[0].text = json!({"Type": "Expiration", "Version": "1.0",
            "Attributes": {"Timestamp": "2026-12-01T00:00:00Z"}})
        .to_string();
        p.push_version(
            PLANTED.into(),
            at("2026-10-20T06:00:00Z"),
            "arn:aws:iam::111122223333:user/alice",
        );
    });
    world.seed_parameter(
        "/my-erp/half/lwa/clientsecret",
        PLANTED,
        at("2026-10-02T06:00:00Z"),
    );
    world.seed_parameter("/my-erp/gone/refreshToken", PLANTED, at(ISSUED));
    world
}

#[tokio::test]
async fn every_finding_of_parameter_store_is_found_once_and_told_in_one_digest() {
    let world = troubled();
    let response = audit(
        &world,
        &[(
            "EXPECTED_WRITER_ARN",
            "arn:aws:iam::111122223333:user/alice",
        )],
    )
    .await;
    insta::assert_snapshot!(findings(&response).join("\n"));
    let published = world.published();
    assert_eq!(published.len(), 1);
    insta::assert_snapshot!(published[0].subject);
    insta::assert_snapshot!(published[0].sms);
    insta::assert_snapshot!(published[0].email);
    assert!(
        published[0]
            .email
            .lines()
            .all(|line| line.chars().count() <= 72 || line.contains("https://"))
    );
    serde_json::from_str::<Value>(&published[0].https).unwrap();
}

#[tokio::test]
async fn the_largest_numbers_come_first_in_the_digest_and_the_rest_is_counted() {
    let world = World::new(at(NOW));
    for number in 0..300 {
        let root = format!("/my-erp/{number:03}");
        put_application(&world, &root);
        change(&world, &format!("{root}/lwa/clientsecret"), |p| {
            p.key_id = None;
        });
    }
    let response = audit(&world, &[]).await;
    assert_eq!(
        (response.counts.warning, response.findings.len()),
        (300, 120)
    );
    assert_eq!(response.findings_omitted, 180);
    let email = &world.published()[0].email;
    assert_eq!(email.matches("WARNING LWA004").count(), 40);
    assert!(email.contains("LWA004 AWS-managed key: 260"), "{email}");
}

/// Every application that messages name as one to rotate, in the order of their names.
fn reminded_of(world: &World) -> Vec<String> {
    let mut names: Vec<_> = world
        .published()
        .iter()
        .filter_map(|message| {
            let (_, list) = message.email.split_once("Client secrets that need you\n")?;
            Some(list.split("\n\n").next()?.to_owned())
        })
        .flat_map(|list| {
            let name =
                |line: &str| Some(line.trim().strip_prefix("- ")?.split_once(": ")?.0.into());
            list.lines().filter_map(name).collect::<Vec<String>>()
        })
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_application_of_an_estate_of_any_size_is_reminded_of_once() {
    let estate = |applications: usize| {
        let world = World::new(at(NOW));
        for number in 0..applications {
            let root = format!("/my-erp/{number:04}");
            put_application(&world, &root);
            tag(
                &world,
                &root,
                "lwa:secret-expires-at",
                "2026-06-09T07:00:00Z",
            );
        }
        world
    };
    let all = |applications: usize| -> Vec<String> {
        let name = |number| format!("my-erp/{number:04}");
        (0..applications).map(name).collect()
    };
    for (applications, messages) in [(40, 1), (41, 2), (3_000, 3)] {
        let world = estate(applications);
        let harness = harness(&world, &[]);
        harness.audit().await;
        assert_eq!(reminded_of(&world), all(applications));
        assert_eq!(world.published().len(), messages);
        // A second run of the day repeats none of them.
        harness.audit().await;
        assert_eq!(world.published().len(), messages);
        for message in world.published() {
            let bytes = message.email.len() + message.default.len() + message.https.len();
            assert!(bytes < 240_000, "{bytes}");
        }
    }
    // However many invocations it takes.
    let world = estate(300);
    let (_, invocations, _) = audit_in_parts(&world, &[]).await;
    assert!(invocations > 5, "{invocations}");
    assert_eq!(reminded_of(&world), all(300));
}

fn put_secret(world: &World, name: &str, stages: &[(&str, &str)]) {
    let version = |(stage, created): &(&str, &str)| SecretVersion {
        id: format!("version-{}", stage.to_lowercase()),
        value: PLANTED.into(),
        created_at: at(created),
        stages: vec![(*stage).into()],
    };
    let secret = Secret {
        deleted_at: None,
        arn: format!("arn:aws:secretsmanager:us-east-2:111122223333:secret:{name}-a1b2c3"),
        key_id: Some("alias/lwa-credentials".into()),
        tags: BTreeMap::from([("lwa:secret-expires-at".into(), EXPIRES.into())]),
        versions: stages.iter().map(version).collect(),
    };
    world.state().secrets.insert(name.into(), secret);
}

#[tokio::test]
async fn both_vaults_and_several_prefixes_are_audited_in_one_go() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    put_application(&world, "/shop");
    put_application(&world, "/other");
    put_secret(&world, "my-erp", &[("AWSCURRENT", ISSUED)]);
    put_secret(
        &world,
        "my-erp/eu",
        &[
            ("AWSCURRENT", ISSUED),
            ("AWSPENDING", "2026-06-01T06:00:00Z"),
        ],
    );
    put_secret(&world, "my-erp2", &[("AWSPENDING", ISSUED)]);
    world.state().secrets.get_mut("my-erp").unwrap().key_id = None;
    let variables = [
        ("LWA_VAULT", "both"),
        ("LWA_PARAMETER_PREFIX", "/my-erp,/shop"),
    ];
    let response = audit(&world, &variables).await;
    assert_eq!(
        findings(&response),
        ["LWA004 warning my-erp", "LWA011 warning my-erp/eu"]
    );
    assert_eq!(
        (response.summary.applications, response.summary.credentials),
        (4, 8)
    );
    let calls = world.calls();
    assert!(
        !calls.contains(&"ListSecretVersionIds my-erp".to_owned()),
        "{calls:?}"
    );
    assert!(
        calls.contains(&"ListSecretVersionIds my-erp/eu".to_owned()),
        "{calls:?}"
    );
}

#[tokio::test]
async fn an_estate_without_any_date_is_estimated_and_rewriting_moves_only_the_estimate() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp/reported");
    put_application(&world, "/my-erp/estimated");
    change(&world, "/my-erp/estimated/lwa/clientsecret", |p| {
        p.tags.clear();
    });
    let deadlines = async || {
        let response = audit(&world, &[]).await;
        let text = |row: &Value| {
            format!(
                "{} {} {}",
                row["application"].as_str().unwrap(),
                row["deadline"].as_str().unwrap(),
                row["basis"].as_str().unwrap()
            )
        };
        (
            response.next_deadlines.iter().map(text).collect::<Vec<_>>(),
            findings(&response),
        )
    };
    let (before, found) = deadlines().await;
    assert_eq!(found, ["LWA010 info /my-erp/estimated/lwa/clientsecret"]);
    for root in ["/my-erp/reported", "/my-erp/estimated"] {
        world.seed_parameter(
            &format!("{root}/lwa/clientsecret"),
            PLANTED,
            at("2026-06-01T06:00:00Z"),
        );
    }
    let (after, _) = deadlines().await;
    assert_eq!(
        before,
        [
            "my-erp/estimated 2026-10-28T06:00:00Z estimated",
            "my-erp/reported 2026-10-28T06:00:00Z reported",
        ]
    );
    assert_eq!(
        after,
        [
            "my-erp/reported 2026-10-28T06:00:00Z reported",
            "my-erp/estimated 2026-11-28T06:00:00Z estimated",
        ]
    );
}

#[tokio::test]
async fn an_exemption_silences_its_credential_and_comes_back_loudly_the_day_after() {
    let world = World::new(at("2026-09-30T06:00:00Z"));
    put_application(&world, "/my-erp");
    tag(&world, "/my-erp", "lwa:exempt-until", "2026-09-30");
    tag(&world, "/my-erp", "lwa:exempt-reason", "being retired");
    let harness = harness(&world, &[("DIGEST_SEVERITY", "critical")]);
    let response = harness.audit().await;
    assert_eq!(
        findings(&response),
        ["LWA002 warning /my-erp/lwa/clientsecret (exempt)"]
    );
    assert_eq!((response.counts.warning, response.counts.exempt), (0, 1));
    assert!(world.published().is_empty());
    world.set_now(at("2026-10-01T06:00:00Z"));
    let response = harness.audit().await;
    let reasons = json!(response.digest.unwrap().reasons);
    assert_eq!(reasons, json!(["reminder-day", "exemption-ended"]));
    assert!(
        world.published()[0]
            .email
            .contains("until 2026-09-30 (being retired)")
    );
    world.set_now(at("2026-10-02T06:00:00Z"));
    assert!(!harness.audit().await.digest.unwrap().sent);
}

/// The digest and the metrics tell what was not seen.
async fn check_partial(
    world: &World,
    variables: &[(&str, &str)],
    what: &str,
    why: &str,
) -> Response {
    let harness = harness(world, variables);
    let response = harness.audit().await;
    assert!(response.complete && response.partial);
    let missed = response.not_seen.iter().find(|missed| missed.what == what);
    let missed = missed.unwrap_or_else(|| panic!("{:?}", response.not_seen));
    assert!(missed.why.contains(why), "{missed:?}");
    assert!(harness.metrics().contains(&"PartialScans{} = 1".to_owned()));
    let message = &world.published()[0];
    let email = message.email.replace("\n    ", " ");
    assert!(email.contains(&format!("{what}: ")), "{email}");
    assert!(
        message.subject.to_lowercase().contains("audit"),
        "{}",
        message.subject
    );
    response
}

#[tokio::test]
async fn a_prefix_that_is_denied_is_told_and_the_others_are_audited() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    put_application(&world, "/shop");
    fail(&world, "DescribeParameters", "/my-erp", CallFailure::Denied);
    let variables = [("LWA_PARAMETER_PREFIX", "/my-erp,/shop")];
    let what = "parameters below /my-erp, all or some";
    let response = check_partial(&world, &variables, what, "AccessDeniedException").await;
    assert_eq!(response.summary.applications, 1);
    assert_eq!(
        world.published()[0].subject,
        "[WARNING] Audit incomplete; not seen: parameters below /my-erp, all or some"
    );
}

#[tokio::test]
async fn an_audit_that_sees_nothing_at_all_is_critical() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    fail(&world, "DescribeParameters", "", CallFailure::Denied);
    check_partial(
        &world,
        &[],
        "parameters below /my-erp, all or some",
        "denied",
    )
    .await;
    assert!(
        world.published()[0]
            .subject
            .starts_with("[CRITICAL] Audit saw nothing: ")
    );
}

#[tokio::test]
async fn a_page_that_fails_for_good_leaves_the_rest_of_its_prefix_unseen() {
    let world = World::new(at(NOW));
    for number in 10..50 {
        put_application(&world, &format!("/my-erp/{number}"));
    }
    fail(
        &world,
        "DescribeParameters",
        "/my-erp from",
        CallFailure::Unavailable,
    );
    let what = "parameters below /my-erp, all or some";
    let response = check_partial(&world, &[], what, "InternalServerError").await;
    assert_eq!(response.summary.credentials, 50);
    // The client secret of the application that the page cut in two is looked up by name.
    assert_eq!(findings(&response), Vec::<String>::new());
}

#[tokio::test]
async fn tags_that_are_throttled_leave_an_estimate_and_no_false_claim() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    put_application(&world, "/my-erp/eu");
    fail(
        &world,
        "ListTagsForResource",
        "/my-erp/eu",
        CallFailure::Throttled,
    );
    let what = "the tags of /my-erp/eu/lwa/clientsecret";
    let response = check_partial(&world, &[], what, "ThrottlingException").await;
    assert_eq!(findings(&response), Vec::<String>::new());
    assert_eq!(response.next_deadlines.len(), 2);
}

#[tokio::test]
async fn a_credential_that_is_deleted_during_the_scan_is_told() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    put_application(&world, "/my-erp/eu");
    fail(
        &world,
        "ListTagsForResource",
        "/my-erp/eu",
        CallFailure::NotFound,
    );
    let what = "/my-erp/eu/lwa/clientsecret";
    let response = check_partial(&world, &[], what, "deleted while the audit ran").await;
    assert_eq!(response.summary.applications, 1);
}

#[tokio::test]
async fn where_completeness_cannot_be_looked_up_nothing_is_claimed() {
    let world = World::new(at(NOW));
    world.seed_parameter("/my-erp/lwa/clientsecret", PLANTED, at(ISSUED));
    tag(&world, "/my-erp", "lwa:secret-expires-at", EXPIRES);
    fail(
        &world,
        "DescribeParameters",
        "/lwa/clientidentifier",
        CallFailure::Throttled,
    );
    let what = "whether 1 applications below /my-erp are complete";
    let response = check_partial(&world, &[], what, "Rate exceeded").await;
    assert_eq!(findings(&response), Vec::<String>::new());
}

/// A listing that leaves parameters out, as a best-effort listing may, and takes its time.
struct Leaky {
    world: World,
    hidden: &'static str,
    page_takes: SignedDuration,
}

impl ReadMetadata for Leaky {
    async fn describe_parameters(
        &self,
        filter: ParameterFilter<'_>,
        token: Option<&str>,
    ) -> Result<Page<ParameterMetadata>, CallError> {
        let mut page = self.world.describe_parameters(filter, token).await?;
        if matches!(filter, ParameterFilter::Below(_)) {
            page.items.retain(|parameter| parameter.name != self.hidden);
            let later = self.world.state().now + self.page_takes;
            self.world.set_now(later);
        }
        Ok(page)
    }

    async fn list_parameter_tags(&self, name: &str) -> Result<Tags, CallError> {
        self.world.list_parameter_tags(name).await
    }

    async fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        self.world.list_secrets(name_prefix, token).await
    }

    async fn describe_secret(&self, name: &str) -> Result<SecretMetadata, CallError> {
        self.world.describe_secret(name).await
    }

    async fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        self.world
            .list_secret_version_ids(name, include_deprecated, token)
            .await
    }
}

impl WriteTags for Leaky {
    async fn add_parameter_tags(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        self.world.add_parameter_tags(name, tags).await
    }

    async fn remove_parameter_tags(
        &self,
        name: &str,
        keys: &[&'static str],
    ) -> Result<(), CallError> {
        self.world.remove_parameter_tags(name, keys).await
    }

    async fn tag_secret(&self, name: &str, tags: &[NewTag]) -> Result<(), CallError> {
        self.world.tag_secret(name, tags).await
    }

    async fn untag_secret(&self, name: &str, keys: &[&'static str]) -> Result<(), CallError> {
        self.world.untag_secret(name, keys).await
    }
}

#[tokio::test]
async fn what_the_listing_left_out_is_looked_up_before_anything_is_called_incomplete() {
    for hidden in ["/my-erp/lwa/clientsecret", "/my-erp/lwa/clientidentifier"] {
        let world = World::new(at("2026-10-20T06:00:00Z"));
        put_application(&world, "/my-erp");
        let page_takes = SignedDuration::ZERO;
        let leaky = Leaky {
            world: world.clone(),
            hidden,
            page_takes,
        };
        let response = harness_over(leaky, &world, &[]).audit().await;
        assert_eq!(
            findings(&response),
            ["LWA002 warning /my-erp/lwa/clientsecret"],
            "{hidden}"
        );
        assert_eq!(response.summary.applications, 1);
    }
}

/// Audits in as many invocations as it takes, each on a fresh environment that gets the
/// continuation as JSON text.
async fn audit_in_parts(
    world: &World,
    variables: &[(&str, &str)],
) -> (Response, usize, Vec<String>) {
    let mut input = json!({});
    let mut metrics = Vec::new();
    for invocations in 1.. {
        let page_takes = SignedDuration::from_secs(100);
        let leaky = Leaky {
            world: world.clone(),
            hidden: "",
            page_takes,
        };
        let harness = harness_over(leaky, world, variables);
        let response = harness
            .auditor
            .handle(input, Duration::from_secs(250))
            .await
            .unwrap();
        metrics.extend(harness.metrics());
        let text = serde_json::to_string(&response).unwrap();
        assert!(text.len() < 256 * 1024, "{}", text.len());
        assert!(!text.contains("planted"));
        if response.complete {
            assert!(response.continuation.is_none());
            return (response, invocations, metrics);
        }
        assert!(response.digest.is_none());
        let answer: Value = serde_json::from_str(&text).unwrap();
        input = json!({"continuation": answer["continuation"]});
    }
    unreachable!()
}

#[tokio::test]
async fn an_audit_in_many_invocations_ends_as_one_in_one_go_with_one_digest() {
    let variables = [
        (
            "EXPECTED_WRITER_ARN",
            "arn:aws:iam::111122223333:user/alice",
        ),
        ("LWA_VAULT", "both"),
        ("LWA_PARAMETER_PREFIX", "/my-erp,/shop"),
    ];
    let estate = || {
        let world = troubled();
        for number in 0..200 {
            put_application(&world, &format!("/shop/{number}"));
        }
        put_secret(&world, "shop/x", &[("AWSPENDING", ISSUED)]);
        world.seed_parameter("/shop/half/lwa/clientidentifier", PLANTED, at(ISSUED));
        world
    };
    let whole = estate();
    let harness = harness(&whole, &variables);
    let mut expected = harness.audit().await;
    let parts = estate();
    let (mut response, invocations, metrics) = audit_in_parts(&parts, &variables).await;
    assert!(invocations > 5, "{invocations}");
    assert_eq!(response.summary.invocations as usize, invocations);
    assert!(response.summary.duration_ms >= 1_400_000);
    response.summary = expected.summary;
    expected.digest.as_mut().unwrap().message_id.take();
    response.digest.as_mut().unwrap().message_id.take();
    assert_eq!(response, expected);
    // One digest, the same; what it has no room for goes out as it is found.
    let digests = |world: &World| -> Vec<String> {
        let published = world.published().into_iter();
        published
            .filter(|message| message.attributes.kind == "audit-digest")
            .map(|message| message.subject)
            .collect()
    };
    assert_eq!(digests(&whole).len(), 1);
    assert_eq!(digests(&parts), digests(&whole));
    assert_eq!(reminded_of(&parts), reminded_of(&whole));
    let without_duration = |metrics: Vec<String>| -> Vec<String> {
        metrics
            .into_iter()
            .filter(|metric| !metric.contains("DurationMs"))
            .collect()
    };
    assert_eq!(
        without_duration(metrics),
        without_duration(harness.metrics())
    );
    // Nothing is asked twice for having been interrupted.
    let asked = |world: &World| {
        let calls = world.calls();
        calls
            .iter()
            .filter(|call| !call.starts_with("Publish"))
            .count()
    };
    assert_eq!(asked(&parts), asked(&whole));
}

#[tokio::test]
async fn a_page_that_hangs_is_tried_again_and_then_told_instead_of_looping() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    put_application(&world, "/shop");
    world.state().faults.push(ScriptedFault {
        operation: "DescribeParameters".into(),
        target: "/shop".into(),
        fault: Fault::Hang,
        times: None,
    });
    let variables = [("LWA_PARAMETER_PREFIX", "/my-erp,/shop")];
    let first = harness(&world, &variables)
        .auditor
        .handle(json!({}), HOUR)
        .await
        .unwrap();
    assert!(!first.complete);
    let again = json!({"continuation": first.continuation});
    let last = harness(&world, &variables)
        .auditor
        .handle(again, HOUR)
        .await
        .unwrap();
    assert!(last.complete && last.partial);
    assert_eq!(last.not_seen[0].what, "parameters below /shop, all or some");
    assert_eq!(last.summary.applications, 1);
}

#[tokio::test]
async fn every_trigger_starts_an_audit() {
    let event = json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "111122223333", "time": NOW, "region": "us-east-2", "resources": [], "detail": {},
    });
    for input in [event, json!({}), Value::Null, json!({"continuation": null})] {
        let world = World::new(at(NOW));
        put_application(&world, "/my-erp");
        let harness = harness(&world, &[]);
        let response = harness.auditor.handle(input, HOUR).await.unwrap();
        assert_eq!((response.complete, response.summary.credentials), (true, 3));
    }
}

#[tokio::test]
async fn an_input_that_is_not_understood_is_refused_with_what_is_allowed_and_not_quoted() {
    for input in [
        json!("planted"),
        json!([1]),
        json!({"key1": "planted"}),
        json!({"Continuation": {}}),
        json!({"continuation": {}, "x": "planted"}),
        json!({"Payload": {}}),
        json!({"Records": [{"body": "planted"}]}),
        json!({"source": "aws.events"}),
        json!({"Atzr|planted": 1}),
    ] {
        let world = World::new(at(NOW));
        put_application(&world, "/my-erp");
        let harness = harness(&world, &[]);
        let error = harness.auditor.handle(input, HOUR).await.unwrap_err();
        assert_eq!(error.error_type(), "InvalidRequest");
        let error = error.to_string();
        assert!(error.contains("; allowed are `{}`, "), "{error}");
        assert!(!error.contains("planted"), "{error}");
        assert_eq!(world.calls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_continuation_that_does_not_fit_is_refused_and_nothing_is_done() {
    let world = World::new(at(NOW));
    for number in 0..200 {
        put_application(&world, &format!("/my-erp/{number}"));
    }
    let leaky = Leaky {
        world: world.clone(),
        hidden: "",
        page_takes: SignedDuration::from_secs(100),
    };
    let harness = harness_over(leaky, &world, &[]);
    let first = harness
        .auditor
        .handle(json!({}), Duration::from_secs(200))
        .await
        .unwrap();
    let good = json!(first.continuation);
    let calls = world.calls().len();
    let check = async |change: &dyn Fn(&mut Value), expected: &str| {
        let mut continuation = good.clone();
        change(&mut continuation);
        let input = json!({"continuation": continuation});
        let error = harness.auditor.handle(input, HOUR).await.unwrap_err();
        assert_eq!(error.error_type(), "InvalidRequest");
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(
        &|c| *c = json!("x"),
        "the continuation cannot be read: invalid type",
    )
    .await;
    check(
        // As an earlier deployment wrote it, with its own fields.
        &|c| *c = json!({"version": 1, "vault": "parameter-store"}),
        "has version 1, and this function reads 3",
    )
    .await;
    check(
        &|c| c["position"]["prefix"] = json!("/else"),
        "a vault or prefix that is not configured",
    )
    .await;
    check(
        &|c| c["settled"] = json!("?"),
        "`settled` that is not Base64",
    )
    .await;
    check(
        &|c| c["started_at"] = json!("2026-05-01T00:00:00Z"),
        "not within the last 24 hours",
    )
    .await;
    check(
        &|c| c["position"]["vault"] = json!("attic"),
        "cannot be read: unknown variant `attic`",
    )
    .await;
    assert_eq!(world.calls().len(), calls);
}

#[tokio::test]
async fn a_second_invocation_on_the_same_day_repeats_nothing_that_people_have_read() {
    let world = troubled();
    let harness = harness(&world, &[]);
    assert!(harness.audit().await.digest.unwrap().sent);
    let later = world.state().now + SignedDuration::from_mins(90);
    world.set_now(later);
    let again = harness.audit().await.digest.unwrap();
    assert!(again.duplicate && !again.sent);
    assert_eq!(world.published().len(), 1);
    // Something new is told on the same day.
    change(&world, "/my-erp/near/lwa/clientsecret", |p| p.key_id = None);
    assert!(harness.audit().await.digest.unwrap().sent);
    // The next day it is told again.
    world.set_now(later + SignedDuration::from_hours(24));
    assert!(harness.audit().await.digest.unwrap().sent);
}

#[tokio::test]
async fn a_digest_that_cannot_be_published_fails_the_function_after_the_metrics_are_out() {
    let world = troubled();
    fail(&world, "Publish", "", CallFailure::Unavailable);
    let harness = harness(&world, &[]);
    let error = harness.auditor.handle(json!({}), HOUR).await.unwrap_err();
    assert!(matches!(error, AuditorError::PublishFailed { .. }));
    assert_eq!(error.error_type(), "PublishFailed");
    assert!(
        harness
            .metrics()
            .iter()
            .any(|metric| metric.starts_with("CredentialsAudited"))
    );
    world.state().faults.clear();
    assert!(harness.audit().await.digest.unwrap().sent);
}

#[tokio::test]
async fn the_metrics_are_those_that_the_alarms_are_made_from() {
    let listed: Vec<Value> =
        serde_json::from_str(include_str!("../../../infra/metrics.json")).unwrap();
    let mut expected: Vec<String> = Vec::new();
    for metric in listed
        .iter()
        .filter(|metric| metric["function"] == "auditor")
    {
        for set in metric["dimensions"].as_array().unwrap() {
            expected.push(format!("{} {set}", metric["name"].as_str().unwrap()));
        }
    }
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    let harness = harness(&world, &[]);
    harness.audit().await;
    let mut found: Vec<String> = Vec::new();
    for set in &world.state().metrics {
        let names: Vec<_> = set.dimensions.iter().map(|(name, _)| *name).collect();
        let written = set
            .metrics
            .iter()
            .map(|metric| format!("{} {}", metric.name, json!(names)));
        found.extend(written);
    }
    found.sort();
    found.dedup();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_prefix_without_an_application_is_told_and_never_well() {
    let world = World::new(at(NOW));
    put_application(&world, "/my-erp");
    world.seed_parameter("/shop/clientSecret", "amzn1.oa2-cs.v1.planted", at(ISSUED));
    let prefixes = ("LWA_PARAMETER_PREFIX", "/my-erp,/shop");
    let response = harness(&world, &[prefixes]).audit().await;
    assert_eq!(findings(&response), ["LWA013 warning /shop"]);
    let email = world.published().pop().unwrap().email;
    let email = email.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        email.contains("none ends in /lwa/clientsecret, and there is 1 other name"),
        "{email}"
    );

    let nothing = World::new(at(NOW));
    harness(&nothing, &[]).audit().await;
    let told = nothing.published().pop().unwrap();
    assert_eq!(told.subject, "[WARNING] The audit found no application");
    assert!(told.email.contains("LWA013"), "{}", told.email);
}
