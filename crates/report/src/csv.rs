//! One line for each finding, and one for each application without any.

use lwa_core::audit::findings::Finding;
use lwa_core::text::printable;
use lwa_core::{Basis, Severity};

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
    let text = |text: Option<&str>| harmless(text.unwrap_or_default());
    let owner = finding
        .and_then(|finding| finding.owner.as_deref())
        .or(row.owner);
    let credential = finding
        .map(|finding| finding.credential.as_str())
        .or(row.credential);
    let explanation = finding.map(|finding| finding.code.explanation());
    let exemption = match finding {
        Some(finding) => finding.exemption.as_ref(),
        None => row.exemption,
    };
    [
        row.vault.as_str().to_owned(),
        harmless(row.application.as_str()),
        text(owner),
        text(credential),
        finding
            .and_then(|f| f.role.as_ref())
            .map(ToString::to_string)
            .unwrap_or_default(),
        row.days_left
            .map(|days| days.to_string())
            .unwrap_or_default(),
        row.deadline
            .map(|deadline| deadline.at.to_string())
            .unwrap_or_default(),
        row.deadline
            .map(|deadline| match deadline.basis {
                Basis::Reported => "reported",
                Basis::Estimated | Basis::Doubtful => "estimated",
            })
            .unwrap_or_default()
            .to_owned(),
        finding
            .map(|f| f.code.as_str())
            .unwrap_or_default()
            .to_owned(),
        finding
            .map(|f| Severity::as_str(f.severity))
            .unwrap_or_default()
            .to_owned(),
        text(explanation.map(|explanation| explanation.title)),
        text(finding.map(|finding| finding.detail.as_str())),
        text(explanation.map(|explanation| explanation.remedy)),
        exemption
            .map(|exemption| exemption.until.to_string())
            .unwrap_or_default(),
        text(exemption.map(|exemption| exemption.reason.as_str())),
    ]
}

/// The text, kept from being a formula where a spreadsheet opens it,
/// <https://owasp.org/www-community/attacks/CSV_Injection>.
fn harmless(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    }
}
