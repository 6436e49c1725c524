//! Text for places that cannot hold every character: subjects, text messages, quotations.

use std::fmt::Display;

use crate::redaction::{clean, clean_input};

/// Longest quotation of text from outside in an error, in characters.
const MAX_QUOTATION: usize = 80;

/// Text from outside, made fit for an error message: credentials are hidden, control characters
/// become `?`, and anything longer than 80 characters is cut.
pub fn quotable(text: &str) -> String {
    elide_end(&printable(&clean(text)), MAX_QUOTATION)
}

/// The same for a setting, an option or a field of a request, where somebody may have pasted a
/// secret without a prefix.
pub fn quotable_input(text: &str) -> String {
    elide_end(&printable(&clean_input(text)), MAX_QUOTATION)
}

/// The text with every control and direction-changing character replaced by `?`, so that it
/// can neither break a line nor rearrange what a person sees.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_unsafe(c) { '?' } else { c })
        .collect()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text in printable ASCII: common typographic characters become their plain cousins,
/// everything else `?`.
pub fn ascii(text: &str) -> String {
    text.chars().map(plain).collect()
}

/// The text in characters that take one unit each of a GSM-7 text message. The GSM alphabet
/// lacks the backtick, and counts brackets, braces, tilde, bar, caret and backslash double.
pub fn gsm7(text: &str) -> String {
    text.chars()
        .map(|c| match plain(c) {
            '`' => '\'',
            '[' | '{' => '(',
            ']' | '}' => ')',
            '\\' | '|' => '/',
            '^' | '~' => '-',
            c => c,
        })
        .collect()
}

fn plain(c: char) -> char {
    match c {
        ' '..='~' => c,
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\t' | '\n' => ' ',
        _ => '?',
    }
}

/// At most `limit` characters: what is too long loses its end, marked by `...`.
pub fn elide_end(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(3)).collect();
    format!("{kept}{}", &"..."[..limit.min(3)])
}

/// At most `limit` characters: what is too long loses its middle, because both ends of a path
/// tell applications apart.
pub fn elide_middle(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    if limit < 5 {
        return elide_end(text, limit);
    }
    let kept = limit - 2;
    let (head, tail) = (kept - kept / 2, kept / 2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}..{end}")
}

/// The text in lines of at most `columns` that end in no space, of which the first begins with
/// `first` and every other one with `rest`. A word is broken only where it fits no line.
pub fn wrap(text: &str, columns: usize, first: &str, rest: &str) -> Vec<String> {
    let options = textwrap::Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options).into_iter();
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// The text with its first letter in upper case.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// The text where a condition holds, and nothing where it does not.
pub const fn when(condition: bool, text: &str) -> &str {
    if condition { text } else { "" }
}

/// A value after some words, and nothing where there is none.
pub fn after(words: &str, value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| format!("{words}{value}"))
}

/// A text as one word of a tag's value, cut to `limit` characters: every character but letters,
/// digits and `_.:/=+-@` becomes `-`. Parameter Store and Secrets Manager take few others,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Tag.html>.
pub fn tag_word(text: &str, limit: usize) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c);
    let word = text.chars().take(limit);
    word.map(|c| if is_legal(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_short_and_harmless() {
        assert_eq!(quotable("a\nb\u{202e}c"), "a?b?c");
        assert_eq!(quotable(&"x".repeat(500)).len(), 80);
    }

    #[test]
    fn both_ends_of_a_long_name_survive() {
        assert_eq!(
            elide_middle("company/department/europe", 14),
            "compan..europe"
        );
        assert_eq!(elide_middle("short", 14), "short");
        assert_eq!(elide_middle("longer than that", 4), "l...");
        assert_eq!(elide_end("abc", 2), "..");
    }

    #[test]
    fn every_character_of_a_text_message_takes_one_unit() {
        assert_eq!(gsm7("a[b]{c}~|\\`^ €é\u{2019}"), "a(b)(c)-//'- ??'");
    }
}
