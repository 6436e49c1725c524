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
    let explanation = finding.map(|finding| finding.code.explanation());
    let exemption = match finding {
        Some(finding) => finding.exemption.as_ref(),
        None => row.exemption(),
    };
    let credential = match finding {
        Some(finding) => Some(finding.credential.as_str()),
        None => row.secret.map(|secret| secret.credential.as_str()),
    };
    [
        row.vault.as_str().to_owned(),
        harmless(row.application.as_str()),
        text(finding.and_then(|f| f.owner.as_deref()).or(row.owner())),
        text(credential),
        plain(finding.and_then(|finding| finding.role.as_ref())),
        plain(row.days_left()),
        plain(row.deadline().map(|deadline| deadline.at)),
        plain(row.deadline().map(|deadline| match deadline.basis {
            Basis::Reported => "reported",
            Basis::Estimated | Basis::Doubtful => "estimated",
        })),
        plain(finding.map(|finding| finding.code)),
        plain(finding.map(|finding| finding.severity)),
        text(explanation.map(|explanation| explanation.title)),
        text(finding.map(|finding| finding.detail.as_str())),
        text(explanation.map(|explanation| explanation.remedy)),
        plain(exemption.map(|exemption| exemption.until)),
        text(exemption.map(|exemption| exemption.reason.as_str())),
    ]
}

fn plain(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn text(text: Option<&str>) -> String {
    harmless(text.unwrap_or_default())
}

/// The text as a cell that a spreadsheet does not take for a formula,
/// <https://owasp.org/www-community/attacks/CSV_Injection>.
fn harmless(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    }
}
