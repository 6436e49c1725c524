//! One audit in every form.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwa_core::audit::findings::{Code, Exemption, Finding};
use lwa_core::audit::tally::{ApplicationDeadline, Limits, Tally};
use lwa_core::outlook::Outlook;
use lwa_core::rotation::policy::Policy;
use lwa_core::secret::SecretRecord;
use lwa_core::tags::{SECRET_EXPIRES_AT, SecretTags};
use lwa_core::vault::VaultKind;
use lwa_core::vault::ports::Tags;
use lwa_core::{ApplicationName, Basis, Deadline, Role, Severity, Timestamp};
use lwa_report::{Report, csv, html, table};

fn now() -> Timestamp {
    "2026-10-21T06:00:00Z".parse().unwrap()
}

fn application(name: &str) -> ApplicationName {
    ApplicationName::parse(name).unwrap()
}

/// An application whose client secret stops working after so many days.
fn add(tally: &mut Tally, name: &str, days: i64, owner: Option<&str>, basis: Basis) {
    let at = now() + jiff::SignedDuration::from_hours(24 * days);
    let deadline = Deadline { at, basis };
    let tags = Tags::from([(SECRET_EXPIRES_AT.to_owned(), at.to_string())]);
    let record = SecretRecord {
        application: application(name),
        version: None,
        written_at: None,
        tags: SecretTags::from_map(&tags),
    };
    let outlook = Outlook::new(&[record], &Policy::default(), now());
    tally.applications += 1;
    tally.credentials += 3;
    tally.deadlines.push(ApplicationDeadline {
        application: application(name),
        vault: VaultKind::ParameterStore,
        credential: format!("/{name}/lwa/clientsecret"),
        owner: owner.map(str::to_owned),
        deadline: Some(deadline),
        days_left: Some(days),
        severity: None,
        outlook: Some(outlook),
        exemption: None,
    });
}

fn find(tally: &mut Tally, code: Code, severity: Severity, name: &str, detail: &str) {
    tally.by_severity[severity as usize] += 1;
    *tally.by_code.entry(code).or_default() += 1;
    tally.findings.push(Finding {
        code,
        severity,
        application: application(name),
        vault: VaultKind::ParameterStore,
        credential: format!("/{name}/lwa/clientsecret"),
        role: Some(Role::ClientSecret),
        owner: None,
        detail: detail.into(),
        days_left: None,
        exemption: None,
    });
}

/// Text as somebody hostile would put it into a tag.
const HOSTILE: &str = "=HYPERLINK(\"https://evil.example\") <script>alert(1)</script>\u{202e}";

fn tally() -> Tally {
    let mut tally = Tally::new(Limits::NONE);
    let (reported, estimated) = (Basis::Reported, Basis::Estimated);
    add(&mut tally, "my-erp/us", -2, Some("team-a"), reported);
    add(&mut tally, "my-erp/eu", 7, Some("team-b"), reported);
    add(
        &mut tally,
        "my-erp/a-name-that-is-far-longer-than-any-table-has-room-for",
        28,
        None,
        reported,
    );
    add(&mut tally, "shop", 161, Some(HOSTILE), estimated);
    let us = "The deadline passed 2 days ago, at 2026-10-19 06:00 UTC, as reported.";
    find(
        &mut tally,
        Code::Lwa001,
        Severity::Critical,
        "my-erp/us",
        us,
    );
    let eu = "It stops working in 7 days, at 2026-10-28 06:00 UTC, as reported.";
    find(
        &mut tally,
        Code::Lwa002,
        Severity::Critical,
        "my-erp/eu",
        eu,
    );
    find(
        &mut tally,
        Code::Lwa004,
        Severity::Warning,
        "my-erp/eu",
        "It is encrypted under alias/aws/ssm.",
    );
    find(
        &mut tally,
        Code::Lwa010,
        Severity::Info,
        "shop",
        "The deadline was not reported.",
    );
    find(
        &mut tally,
        Code::Lwa007,
        Severity::Critical,
        "half",
        "Its client id does not exist.",
    );
    tally.exempt.push(Finding {
        code: Code::Lwa005,
        exemption: Some(Exemption {
            until: "2026-12-31".parse().unwrap(),
            reason: HOSTILE.into(),
        }),
        ..tally.findings.items()[0].clone()
    });
    tally.miss(
        "the tags of /shop/lwa/clientsecret",
        "ListTagsForResource was throttled: Rate exceeded",
    );
    tally.sort();
    tally
}

fn report(tally: &Tally) -> Report<'_> {
    Report {
        tally,
        now: now(),
        region: "eu-west-1",
        scope: "Parameter Store below /my-erp, /shop",
    }
}

/// The table without colours.
fn plain(report: &Report<'_>) -> String {
    let colored = table::render(report, 80);
    let mut parts = colored.split('\u{1b}');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').unwrap().1)
}

#[test]
fn the_table_fits_a_terminal_and_puts_the_nearest_deadline_first() {
    let tally = tally();
    let text = plain(&report(&tally));
    insta::assert_snapshot!(text);
    for line in text.lines().filter(|line| !line.contains("/a-name-that")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let colored = table::render(&report(&tally), 80);
    assert!(
        colored.contains("\u{1b}[1m\u{1b}[31mcritical"),
        "{colored:?}"
    );
}

#[test]
fn an_empty_estate_is_said_to_be_empty() {
    let tally = Tally::new(Limits::NONE);
    let text = table::render(&report(&tally), 80);
    assert_eq!(
        text,
        "0 applications, 0 credentials: 0 critical, 0 warnings, 0 info.\n"
    );
    let html = html::render(&report(&tally)).unwrap();
    assert!(html.contains("No application was found.") && !html.contains("<svg"));
    assert_eq!(csv::render(&report(&tally)).unwrap().lines().count(), 1);
}

#[test]
fn csv_has_a_line_for_every_finding_and_every_healthy_application_and_no_formula() {
    let tally = tally();
    let text = csv::render(&report(&tally)).unwrap();
    insta::assert_snapshot!(text.replace("\r\n", "\n"));
    assert!(
        text.lines()
            .skip(1)
            .all(|line| !line.contains(",=") && !line.contains("\"="))
    );
}

#[test]
fn the_page_is_whole_by_itself_and_escapes_what_it_was_given() {
    let tally = tally();
    let html = html::render(&report(&tally)).unwrap();
    assert!(!html.contains("<script>alert"));
    assert!(html.contains("&#60;script&#62;alert(1)") || html.contains("&lt;script&gt;alert(1)"));
    for reference in [" src=", "url(", "@import", "<link", "http://", "https://"] {
        let found = html.replace("&#34;https://evil.example&#34;", "");
        assert!(!found.contains(reference), "{reference}");
    }
    for text in [
        "LWA001",
        "2 days ago",
        "my-erp/eu",
        "not know",
        "Rate exceeded",
    ] {
        assert!(html.contains(text), "{text}");
    }
    // Explained is what occurs, and nothing else.
    assert!(html.contains("id=\"LWA004\"") && !html.contains("id=\"LWA006\""));
}

#[test]
fn the_picture_draws_the_nearest_deadlines_and_counts_the_rest() {
    let mut tally = Tally::new(Limits::NONE);
    for number in 0..100 {
        add(
            &mut tally,
            &format!("app-{number:03}"),
            number * 30 - 300,
            None,
            Basis::Reported,
        );
    }
    tally.sort();
    let html = html::render(&report(&tally)).unwrap();
    assert_eq!(html.matches("<circle").count(), 40);
    assert!(html.contains("60 more, all later, are in the table."));
    assert_eq!(html.matches("<th scope=\"row\"").count(), 100);
}
