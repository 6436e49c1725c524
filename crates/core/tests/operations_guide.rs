//! The operations guide covers what wakes people.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwa_core::audit::findings::EXPLANATIONS;

const GUIDE: &str = include_str!("../../../docs/operations.md");

/// The text of one chapter, up to the next.
fn chapter(title: &str) -> &'static str {
    let heading = format!("\n## {title}\n");
    let text = GUIDE.split_once(&heading).unwrap().1;
    text.split("\n## ").next().unwrap()
}

#[test]
fn every_finding_says_whether_it_can_wait_and_what_to_do() {
    let rows: Vec<Vec<&str>> = chapter("Findings")
        .lines()
        .filter(|line| line.starts_with("| `LWA"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let codes: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let expected: Vec<&str> = EXPLANATIONS
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    assert_eq!(codes, expected);
    for row in rows {
        assert_eq!(row.len(), 3, "{row:?}");
        assert!(row.iter().all(|cell| cell.len() > 3), "{row:?}");
    }
}

#[test]
fn what_messages_send_people_to_is_there() {
    // `secret-receiver`'s messages name this chapter.
    assert!(chapter("Redrive").contains("start-message-move-task"));
    for title in [
        "First, at 3 a.m.",
        "Rotate by hand",
        "Is the alert path broken?",
    ] {
        assert!(chapter(title).len() > 200, "{title}");
    }
}

#[test]
fn every_link_within_the_guide_leads_to_a_heading() {
    let anchors: Vec<String> = GUIDE
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, '-' | ' ' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect();
    let links: Vec<&str> = GUIDE
        .split("](#")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
        .collect();
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        assert!(anchors.iter().any(|anchor| anchor == link), "#{link}");
    }
}
