//! The pure parts, one at a time: `cargo bench -p lwa-core`.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark documents nothing, and reports by failing"
)]

use std::collections::BTreeMap;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jiff::civil::Weekday;
use lwa_core::audit::assessment::{client_secret, other_parameter};
use lwa_core::audit::roster::Roster;
use lwa_core::audit::tally::{Limits, Tally};
use lwa_core::audit::{Rules, digest};
use lwa_core::config::Lookup;
use lwa_core::event::Event;
use lwa_core::policy_notice::{Context, Lookups, notice};
use lwa_core::rotation::policy::Policy;
use lwa_core::vault::ports::{InlinePolicy, ParameterMetadata};
use lwa_core::{Layout, Role, Severity, Timestamp};

const EVENT: &str =
    include_str!("../../../events/parameter-store/client-secret-unchanged-150-days/event.json");

/// Client id, client secret and eight refresh tokens.
const PER_APPLICATION: usize = 10;

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_an_event(bencher: Bencher) {
    bencher.bench(|| Event::parse(&serde_json::from_str(black_box(EVENT)).unwrap()));
}

#[divan::bench]
fn render_a_message(bencher: Bencher) {
    let event = Event::parse(&serde_json::from_str(EVENT).unwrap());
    let name = "/my-erp/lwa/clientsecret";
    let lookups = Lookups {
        metadata: Ok(Some(metadata(name.to_owned()))),
        tags: Ok(tags()),
    };
    let layout = layout();
    let context = Context {
        layout: &layout,
        policy: Policy::default(),
        system_writer: None,
        runbook_url: Some("https://wiki.example.com/rotate"),
        now: now(),
    };
    bencher.bench(|| notice(black_box(&event), Some(&lookups), context).render());
}

/// Records come and go one by one, as from a listing: a list of 100,000 would be a measurement of
/// the processor's cache.
#[divan::bench(args = [1_000, 100_000])]
fn audit(bencher: Bencher, parameters: usize) {
    let (layout, rules, tags, now) = (layout(), rules(), tags(), now());
    bencher.counter(ItemsCount::new(parameters)).bench(|| {
        let mut tally = Tally::new(Limits::FUNCTION);
        let mut roster = Roster::default();
        for index in 0..parameters {
            let metadata = &black_box(metadata(name(index)));
            let place = layout.locate(&metadata.name).unwrap();
            tally.credentials += 1;
            roster.note(&place.application, &place.role);
            if place.role == Role::ClientSecret {
                let assessment = client_secret(&place, metadata, Some(&tags), &rules, now);
                roster.tag(&assessment.application);
                tally.add(assessment, &rules);
            } else {
                for finding in other_parameter(&place, metadata, &rules, now) {
                    tally.add_finding(finding, &rules);
                }
            }
        }
        tally.sort();
        assert_eq!(tally.applications, (parameters / PER_APPLICATION) as u64);
        digest::reasons(&tally, &rules, now)
    });
}

fn now() -> Timestamp {
    "2026-06-01T06:12:09Z".parse().unwrap()
}

fn layout() -> Layout {
    Lookup::new(|_| None).layout().unwrap()
}

fn rules() -> Rules {
    Rules {
        policy: Policy::default(),
        reminder_days: vec![90, 60, 30, 14, 7, 3, 1],
        heartbeat: Some(Weekday::Monday),
        expected_writer: None,
        digest_severity: Severity::Warning,
    }
}

fn name(index: usize) -> String {
    let root = format!("/my-erp/application-{:06}", index / PER_APPLICATION);
    match index % PER_APPLICATION {
        0 => format!("{root}/lwa/clientidentifier"),
        1 => format!("{root}/lwa/clientsecret"),
        seller => format!("{root}/sellers/A{seller}EXAMPLE/refreshToken"),
    }
}

fn tags() -> BTreeMap<String, String> {
    [
        ("lwa:secret-issued-at", "2025-12-23T06:12:09Z"),
        ("lwa:secret-expires-at", "2026-06-21T06:12:09Z"),
        ("owner", "integrations@example.com"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn metadata(name: String) -> ParameterMetadata {
    let policy = |days: u32| InlinePolicy {
        text: format!(
            r#"{{"Type":"NoChangeNotification","Version":"1.0","Attributes":{{"After":"{days}","Unit":"Days"}}}}"#
        ),
        policy_type: "NoChangeNotification".to_owned(),
        status: "Pending".to_owned(),
    };
    let is_secret = name.ends_with("/clientsecret");
    ParameterMetadata {
        parameter_type: "SecureString".to_owned(),
        key_id: Some("arn:aws:kms:us-east-1:111122223333:key/01234567".to_owned()),
        last_modified: "2025-12-23T06:12:09Z".parse().ok(),
        last_modified_user: Some("arn:aws:iam::111122223333:user/operator".to_owned()),
        version: Some(7),
        tier: Some("Advanced".to_owned()),
        policies: if is_secret {
            [90, 150, 165, 173].map(policy).into()
        } else {
            Vec::new()
        },
        name,
    }
}
