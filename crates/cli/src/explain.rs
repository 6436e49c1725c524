//! `lwa explain`: what findings mean.

use std::io::Write;

use anstyle::Style;
use clap::Args;
use lwa_core::audit::findings::{Code, EXPLANATIONS, Explanation};
use serde_json::json;

use crate::failure::Failure;
use crate::terminal::{BOLD, DIM, paragraph, write_json};

/// Say what a finding means, why it matters and how to fix it
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lwa explain LWA005
      one finding
  lwa explain
      all of them
  lwa explain LWA005 --json | jq -r .remedy
      for a program to read")]
pub(crate) struct ExplainOptions {
    /// The finding's code; every finding by default
    code: Option<Code>,

    /// Print a JSON object, or without CODE an array of them
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) fn main(options: &ExplainOptions) -> Result<bool, Failure> {
    if options.json {
        write_json(&match options.code {
            Some(code) => json!(code.explanation()),
            None => json!(EXPLANATIONS),
        })?;
        return Ok(true);
    }
    let explanations = match options.code {
        Some(code) => std::slice::from_ref(code.explanation()),
        None => EXPLANATIONS,
    };
    let mut out = anstream::stdout();
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
    let severity = format!("Severity: {}", explanation.severity);
    paragraph(out, DIM, "  ", &severity)?;
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
