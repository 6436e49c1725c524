//! One line for each finding, and one for each application without any.

use lwa_core::Basis;
use lwa_core::audit::findings::Finding;
use lwa_core::text::printable;

use crate::{Report, Row};

/// The columns, in order.
pub const COLUMNS: [&str; 15] = [
    "vault",
    "application",
    "owner",
    "credential",
    "role",
    "days_left",
    "deadline",
    "basis",
    "code",
    "severity",
    "title",
    "detail",
    "remedy",
    "exempt_until",
    "exempt_reason",
];

/// The report as CSV with a heading, lines ended as RFC 4180 asks,
/// <https://www.rfc-editor.org/rfc/rfc4180>.
pub fn render(report: &Report<'_>) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in report.rows() {
        if row.findings.is_empty() {
            writer.write_record(line(&row, None))?;
        }
        for finding in &row.findings {
            writer.write_record(line(&row, Some(finding)))?;
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    // It was written from strings.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn line(row: &Row<'_>, finding: Option<&Finding>) -> [String; 15] {
    let owner = finding.and_then(|finding| finding.owner.as_deref());
    let role = finding.and_then(|finding| finding.role.as_ref());
    let explanation = finding.map(|finding| finding.code.explanation());
    let exemption = match finding {
        Some(finding) => finding.exemption.as_ref(),
        None => row.exemption,
    };
    let basis = row.deadline.map(|deadline| match deadline.basis {
        Basis::Reported => "reported",
        Basis::Estimated | Basis::Doubtful => "estimated",
    });
    let credential = finding.map(|finding| finding.credential.as_str());
    let of = |text: fn(&Finding) -> &str| finding.map_or("", text).to_owned();
    [
        row.vault.as_str().to_owned(),
        row.application.to_string(),
        owner.or(row.owner).unwrap_or_default().to_owned(),
        credential.or(row.credential).unwrap_or_default().to_owned(),
        text(role),
        text(row.days_left),
        text(row.deadline.map(|deadline| deadline.at)),
        text(basis),
        of(|finding| finding.code.as_str()),
        of(|finding| finding.severity.as_str()),
        text(explanation.map(|explanation| explanation.title)),
        of(|finding| &finding.detail),
        text(explanation.map(|explanation| explanation.remedy)),
        text(exemption.map(|exemption| exemption.until)),
        text(exemption.map(|exemption| &exemption.reason)),
    ]
    .map(|cell| harmless(&cell))
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The text, kept from being a formula where a spreadsheet opens it,
/// <https://owasp.org/www-community/attacks/CSV_Injection>. Numbers are safe.
fn harmless(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) && text.parse::<i64>().is_err() {
        format!("'{text}")
    } else {
        text
    }
}
