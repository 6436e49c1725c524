//! `lwa explain`: what findings mean.

use std::io::Write;

use anstyle::Style;
use lwa_core::audit::findings::{EXPLANATIONS, Explanation};
use serde_json::{Value, json};

use crate::Failure;
use crate::arguments::ExplainOptions;
use crate::terminal::{BOLD, DIM, paragraph};

/// Runs the subcommand.
pub(crate) fn main(options: &ExplainOptions) -> Result<bool, Failure> {
    let explanations = match options.code {
        Some(code) => std::slice::from_ref(code.explanation()),
        None => EXPLANATIONS,
    };
    let mut out = anstream::stdout();
    if options.json {
        let all: Vec<Value> = explanations.iter().map(to_json).collect();
        match (options.code, all.as_slice()) {
            (Some(_), [one]) => writeln!(out, "{one:#}")?,
            _ => writeln!(out, "{:#}", Value::from(all))?,
        }
        return Ok(true);
    }
    for (index, explanation) in explanations.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        show(&mut out, explanation)?;
    }
    Ok(true)
}

fn show(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    let Explanation { code, title, .. } = explanation;
    writeln!(out, "{BOLD}{code}  {title}{BOLD:#}")?;
    paragraph(
        out,
        DIM,
        "  ",
        &format!("Severity: {}", explanation.severity),
    )?;
    for (heading, text) in [
        ("What it means", explanation.meaning),
        ("Why it matters", explanation.why),
        ("How to fix it", explanation.remedy),
    ] {
        writeln!(out, "\n  {BOLD}{heading}{BOLD:#}")?;
        paragraph(out, Style::new(), "  ", text)?;
    }
    Ok(())
}

fn to_json(explanation: &Explanation) -> Value {
    json!({
        "code": explanation.code.as_str(),
        "title": explanation.title,
        "severity": explanation.severity,
        "meaning": explanation.meaning,
        "why": explanation.why,
        "remedy": explanation.remedy,
    })
}
