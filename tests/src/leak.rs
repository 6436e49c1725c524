//! A search for planted secrets in what a program let out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

/// Shorter values would be found by chance.
const SHORTEST: usize = 8;

/// Assert that none of the `planted` values is in `text`: neither as it is, nor percent-encoded,
/// in Base64 (also as a part of something longer), escaped for JSON (also twice), nor as the list
/// of numbers that `Debug` makes of bytes.
///
/// # Panics
///
/// If one is found, with its name and how it was written, but without the text around it.
/// Also if a value is shorter than 8 bytes, because finding or not finding it would mean nothing.
pub fn assert_none(text: &str, planted: &[(&str, &str)]) {
    let found = find(text, planted);
    assert!(found.is_empty(), "secrets leaked:\n{}", found.join("\n"));
}

fn find(text: &str, planted: &[(&str, &str)]) -> Vec<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let form_decoded = text.replace('+', " ");
    let form_decoded = percent_decode_str(&form_decoded).decode_utf8_lossy();
    let mut found = Vec::new();
    for (name, value) in planted {
        assert!(
            value.len() >= SHORTEST,
            "the planted {name} is too short to be searched for"
        );
        let mut report = |how: &str| found.push(format!("  {name}, {how}"));
        if text.contains(value) {
            report("as it is");
        } else if decoded.contains(value) || form_decoded.contains(value) {
            report("percent-encoded");
        }
        if in_base64(value)
            .iter()
            .any(|encoded| text.contains(encoded))
        {
            report("in Base64");
        }
        let escaped = escape(value);
        if escaped != *value && (text.contains(&escaped) || text.contains(&escape(&escaped))) {
            report("escaped for JSON");
        }
        if text.contains(&as_numbers(value)) {
            report("as a list of bytes");
        }
    }
    found
}

/// What every Base64 text has in it that encodes something with `value` in it: a value begins at
/// the first, second or third byte of a group, and its outer characters depend on its neighbours.
fn in_base64(value: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value.as_bytes());
        let dependent_start = (before * 8).div_ceil(6);
        let independent_end = bytes.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(engine.encode(&bytes)[dependent_start..independent_end].to_owned());
        }
    }
    forms
}

fn escape(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn as_numbers(value: &str) -> String {
    let numbers: Vec<String> = value.bytes().map(|byte| byte.to_string()).collect();
    numbers.join(", ")
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::{assert_none, find};

    const TOKEN: &str = "Atzr|IwEBIA/+=\"quoted\"\\ end";

    fn ways(text: &str) -> Vec<String> {
        find(text, &[("refresh token", TOKEN)])
    }

    #[test]
    fn a_text_without_the_value_is_clean() {
        assert_none("Atzr|IwEBIB: nothing to see", &[("refresh token", TOKEN)]);
    }

    #[test]
    fn the_plain_value_is_found() {
        assert_eq!(
            ways(&format!("token={TOKEN};")),
            ["  refresh token, as it is"]
        );
    }

    #[test]
    fn every_percent_encoding_is_found() {
        let strict = "a=Atzr%7CIwEBIA%2F%2B%3D%22quoted%22%5C%20end&b";
        let lower_case = "a=Atzr%7cIwEBIA%2f%2b%3d%22quoted%22%5c%20end";
        let form = "a=Atzr%7CIwEBIA%2F%2B%3D%22quoted%22%5C+end";
        let loose = "a=Atzr|IwEBIA/%2B=%22quoted%22\\%20end";
        for text in [strict, lower_case, form, loose] {
            assert_eq!(ways(text), ["  refresh token, percent-encoded"], "{text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_value_begins_and_ends() {
        for before in ["", "a", "ab", "abc", "client:"] {
            for after in ["", "z", "zy", "zyx"] {
                let whole = format!("{before}{TOKEN}{after}");
                for encoded in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                    assert_eq!(ways(&encoded), ["  refresh token, in Base64"], "{whole}");
                }
            }
        }
    }

    #[test]
    fn a_value_in_json_and_in_json_within_json_is_found() {
        let once = serde_json::json!({ "token": TOKEN }).to_string();
        let twice = serde_json::json!({ "message": once }).to_string();
        for text in [once, twice] {
            assert_eq!(ways(&text), ["  refresh token, escaped for JSON"], "{text}");
        }
    }

    #[test]
    fn bytes_in_debug_form_are_found() {
        let text = format!("Body {{ bytes: {:?} }}", TOKEN.as_bytes());
        assert_eq!(ways(&text), ["  refresh token, as a list of bytes"]);
    }

    #[test]
    #[should_panic(expected = "too short")]
    fn a_value_that_could_be_found_by_chance_is_refused() {
        assert_none("anything", &[("seller", "A2EX")]);
    }
}
