//! Prints the HTML report of a made-up estate, to be looked at in a browser:
//! `cargo run -p lwa-report --example page > page.html`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example reports at a terminal"
)]

use jiff::{SignedDuration, Timestamp};
use lwa_core::audit::findings::{Code, Exemption, Finding};
use lwa_core::audit::tally::{ApplicationDeadline, Limits, Tally};
use lwa_core::outlook::Outlook;
use lwa_core::rotation::policy::Policy;
use lwa_core::secret::SecretRecord;
use lwa_core::tags::{SECRET_EXPIRES_AT, SecretTags};
use lwa_core::vault::VaultKind;
use lwa_core::vault::ports::Tags;
use lwa_core::{ApplicationName, Basis, Deadline, Role, Severity};
use lwa_report::{Report, html};

/// Name, days left, owner, whether the deadline is estimated, and findings.
type Made = (
    &'static str,
    i64,
    &'static str,
    bool,
    &'static [(Code, Severity, &'static str)],
);

const ESTATE: &[Made] = &[
    (
        "my-erp/us",
        -2,
        "Warehouse",
        false,
        &[(
            Code::Lwa001,
            Severity::Critical,
            "The deadline passed 2 days ago, at 2026-10-19 06:00 UTC, as reported.",
        )],
    ),
    (
        "my-erp/eu",
        5,
        "Warehouse",
        false,
        &[
            (
                Code::Lwa002,
                Severity::Critical,
                "It stops working in 5 days, at 2026-10-26 06:00 UTC, as reported.",
            ),
            (
                Code::Lwa009,
                Severity::Critical,
                "A rotation was requested at 2026-10-18 06:00 UTC, and no new secret has been stored since.",
            ),
        ],
    ),
    (
        "repricer",
        24,
        "Pricing",
        false,
        &[
            (
                Code::Lwa002,
                Severity::Warning,
                "It stops working in 24 days, at 2026-11-14 06:00 UTC, as reported.",
            ),
            (
                Code::Lwa004,
                Severity::Warning,
                "It is encrypted under alias/aws/ssm.",
            ),
        ],
    ),
    (
        "company/europe/germany/advertising-reports",
        61,
        "Marketing",
        true,
        &[(
            Code::Lwa010,
            Severity::Info,
            "The deadline was not reported; 2026-12-21 is an estimate of 180 days from its last write.",
        )],
    ),
    ("returns", 118, "", false, &[]),
    ("my-erp/fe", 149, "Warehouse", false, &[]),
    ("invoices", 176, "Finance", false, &[]),
];

fn main() {
    let now: Timestamp = "2026-10-21T06:00:00Z".parse().unwrap();
    let mut tally = Tally::new(Limits::NONE);
    for (name, days, owner, estimated, findings) in ESTATE {
        let application = ApplicationName::parse(name).unwrap();
        let credential = format!("/{name}/lwa/clientsecret");
        let owner = (!owner.is_empty()).then(|| (*owner).to_owned());
        let exemption = (*name == "returns").then(|| Exemption {
            until: "2026-12-31".parse().unwrap(),
            reason: "moves to another account".into(),
        });
        let at = now + SignedDuration::from_hours(24 * days);
        let tags = Tags::from([(SECRET_EXPIRES_AT.to_owned(), at.to_string())]);
        let record = SecretRecord {
            application: application.clone(),
            version: None,
            written_at: None,
            tags: SecretTags::from_map(&tags),
        };
        tally.applications += 1;
        tally.credentials += 3;
        tally.deadlines.push(ApplicationDeadline {
            application: application.clone(),
            vault: VaultKind::ParameterStore,
            credential: credential.clone(),
            owner: owner.clone(),
            deadline: Some(Deadline {
                at,
                basis: if *estimated {
                    Basis::Estimated
                } else {
                    Basis::Reported
                },
            }),
            days_left: Some(*days),
            severity: None,
            outlook: Some(Outlook::new(&[record], &Policy::default(), now)),
            exemption: exemption.clone(),
        });
        let made = |code, severity, detail: &str| Finding {
            code,
            severity,
            application: application.clone(),
            vault: VaultKind::ParameterStore,
            credential: credential.clone(),
            role: Some(Role::ClientSecret),
            owner: owner.clone(),
            detail: detail.into(),
            days_left: Some(*days),
            exemption: exemption.clone(),
        };
        for (code, severity, detail) in *findings {
            tally.by_severity[*severity as usize] += 1;
            tally.findings.push(made(*code, *severity, detail));
        }
        if exemption.is_some() {
            tally.exempt.push(made(
                Code::Lwa005,
                Severity::Info,
                "It has no reminder policy, so only this audit reminds of its deadline.",
            ));
        }
    }
    tally.miss(
        "the tags of /invoices/lwa/clientsecret",
        "ListTagsForResource was throttled: Rate exceeded",
    );
    tally.sort();
    let report = Report {
        tally: &tally,
        now,
        region: "eu-west-1",
        scope: "Parameter Store below /my-erp, /repricer, /company",
    };
    println!("{}", html::render(&report).unwrap());
}
