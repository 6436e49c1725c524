//! One line for each finding, and one for each application without any.

use lwa_core::audit::findings::{Exemption, Finding};
use lwa_core::tags::whole_seconds;
use lwa_core::text::printable;

use crate::{Report, Row};

/// What a column holds for an application, and for one of its findings.
type Cell = fn(&Row<'_>, Option<&Finding>) -> String;

/// The columns, in order.
const COLUMNS: [(&str, Cell); 17] = [
    ("vault", |row, _| row.vault.as_str().to_owned()),
    ("application", |row, _| row.application.to_string()),
    ("owner", |row, finding| {
        text(finding.and_then(|f| f.owner.as_deref()).or(row.owner))
    }),
    ("credential", |row, finding| {
        text(finding.map(|f| f.credential.as_str()).or(row.credential))
    }),
    ("role", |_, finding| {
        text(finding.and_then(|f| f.role.as_ref()))
    }),
    ("days_left", |row, _| text(row.days_left)),
    ("deadline", |row, _| {
        text(row.deadline.map(|d| whole_seconds(d.at)))
    }),
    ("basis", |row, _| {
        let basis = |estimated| if estimated { "estimated" } else { "reported" };
        text(row.deadline.map(|d| basis(d.basis.is_estimate())))
    }),
    ("next", |row, _| {
        text(row.outlook.map(|outlook| outlook.next.as_str()))
    }),
    ("next_at", |row, _| {
        text(
            row.outlook
                .and_then(|outlook| outlook.next.at())
                .map(whole_seconds),
        )
    }),
    ("code", |_, finding| text(finding.map(|f| f.code))),
    ("severity", |_, finding| text(finding.map(|f| f.severity))),
    ("title", |_, finding| {
        text(finding.map(|f| f.code.explanation().title))
    }),
    ("detail", |_, finding| text(finding.map(|f| &f.detail))),
    ("remedy", |_, finding| {
        text(finding.map(|f| f.code.explanation().remedy))
    }),
    ("exempt_until", |row, finding| {
        text(exemption(row, finding).map(|e| e.until))
    }),
    ("exempt_reason", |row, finding| {
        text(exemption(row, finding).map(|e| &e.reason))
    }),
];

/// The report as CSV with a heading, lines ended as RFC 4180 asks,
/// <https://www.rfc-editor.org/rfc/rfc4180>.
pub fn render(report: &Report<'_>) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(name, _)| name))?;
    for row in report.rows() {
        let line = |finding| COLUMNS.map(|(_, cell)| harmless(&cell(&row, finding)));
        if row.findings.is_empty() {
            writer.write_record(line(None))?;
        }
        for finding in &row.findings {
            writer.write_record(line(Some(*finding)))?;
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    // It was written from strings.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn exemption<'a>(row: &Row<'a>, finding: Option<&'a Finding>) -> Option<&'a Exemption> {
    match finding {
        Some(finding) => finding.exemption.as_ref(),
        None => row.exemption,
    }
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
