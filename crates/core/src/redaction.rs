//! Hiding credentials in text from outside.
//!
//! Everything that people read passes through here: a notice where it is rendered, an error
//! where it leaves the program, a setting where an error quotes it. What has one of Amazon's
//! prefixes is hidden wherever it is, however its characters are written. An older client secret
//! has none: a long run of letters and digits is hidden only where a secret is expected, because
//! ids and versions look the same.

use std::borrow::Cow;

use serde_json::Value;

use crate::shape::Shape;

/// What stands in the place of a credential.
pub const REDACTED: &str = "[redacted]";

/// What the names of fields that hold credentials end with, in lower case.
const NAME_ENDINGS: [&str; 3] = ["secret", "token", "password"];

/// The same for fields of AWS that only sound like it: they hold ids.
const ID_ENDINGS: [&str; 2] = ["requesttoken", "nexttoken"];

/// What may stand between the name of a credential and its value.
const FILLERS: [&str; 3] = ["is", "was", "value"];

/// Most backslashes of one escape: JSON within JSON within JSON has seven.
const DEEPEST: usize = 8;

/// Shortest run of letters and digits that is taken for a credential without a prefix. Older
/// client secrets are 64 hexadecimal digits; no name, alias or date is one such run.
const SHORTEST_BARE: usize = 32;

/// The text with every credential in it hidden. A long run of letters and digits counts as one
/// after the name of a secret.
pub fn clean(text: &str) -> String {
    without_bare(&without_prefixed(text), false)
}

/// The same for a text in which a secret is to be expected anywhere: a setting, an option, an
/// answer to a request with credentials. Any long run of letters and digits counts as one, and so
/// does what stands before the host in a URL.
pub fn clean_input(text: &str) -> String {
    without_bare(&without_user(&without_prefixed(text)), true)
}

/// Whether a setting, an option or an argument must be taken for a credential, or for a document
/// with one.
pub fn holds_credential(text: &str) -> bool {
    clean_input(text) != text || text.to_ascii_lowercase().contains("secret\"")
}

/// The value without what fields hold that are named like credentials, also in JSON within
/// strings. Other texts in it are still to be cleaned.
pub(crate) fn without_named(value: &Value) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            let inner = serde_json::from_str(text);
            inner.map_or_else(
                |_| value.clone(),
                |inner| Value::from(without_named(&inner).to_string()),
            )
        }
        Value::Array(values) => values.iter().map(without_named).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let shown = if is_named_like_secret(key) && !value.is_null() {
                    Value::from(REDACTED)
                } else {
                    without_named(value)
                };
                (key.clone(), shown)
            })
            .collect(),
        _ => value.clone(),
    }
}

fn is_named_like_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends_with_one = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    ends_with_one(&NAME_ENDINGS) && !ends_with_one(&ID_ENDINGS)
}

fn without_prefixed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((_, length)) = first(rest) {
        let (shown, length) = match credential(rest) {
            Some(length) => (REDACTED, length),
            None => (&rest[..length], length),
        };
        out.push_str(shown);
        rest = &rest[length..];
    }
    out
}

/// The length of the credential with a prefix that a text begins with.
fn credential(text: &str) -> Option<usize> {
    let rest = Shape::secret_prefixes().find_map(|prefix| after(text, prefix))?;
    let value = rest[..run(rest, is_part)].trim_end_matches('.');
    let has_value = value.bytes().any(|b| b.is_ascii_alphanumeric());
    has_value.then(|| text.len() - rest.len() + value.len())
}

/// What follows a prefix, in any letter case and however its characters are written.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    prefix.chars().try_fold(text, |text, expected| {
        let (c, length) = first(text)?;
        c.eq_ignore_ascii_case(&expected).then(|| &text[length..])
    })
}

/// `https://user:password@host` without user and password.
fn without_user(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_whitespace() || "/?#\"'`".contains(c));
        let (authority, tail) = part.split_at(end.unwrap_or(part.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => out.extend(["://", REDACTED, "@", host, tail]),
            None => out.extend(["://", authority, tail]),
        }
    }
    out
}

fn without_bare(text: &str, is_input: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_named) = (text, false);
    while !rest.is_empty() {
        let (word, after) = rest.split_at(run(rest, is_of_word));
        let (gap, after) = after.split_at(run(after, |c| !is_of_word(c)));
        let bare = word.trim_matches(['-', '.', '_']);
        let shown = if (is_input || is_named) && is_bare(bare) {
            Cow::from(word.replacen(bare, REDACTED, 1))
        } else {
            Cow::from(word)
        };
        out.extend([&shown, gap]);
        let is_filler = FILLERS.contains(&bare.to_ascii_lowercase().as_str());
        is_named = is_named_like_secret(bare) || is_named && is_filler;
        rest = after;
    }
    out
}

fn is_bare(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|b| is(&b));
    word.len() >= SHORTEST_BARE
        && word.bytes().all(|b| b.is_ascii_alphanumeric())
        && (word.bytes().all(|b| b.is_ascii_hexdigit())
            || has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic))
}

/// Whether a credential goes on. Characters that nobody sees do not end it.
fn is_part(c: char) -> bool {
    if c.is_ascii() && !c.is_ascii_control() {
        c.is_ascii_alphanumeric() || "_-.|+/=~%".contains(c)
    } else {
        !c.is_whitespace() && !c.is_alphanumeric()
    }
}

/// Whether a character joins others to one word, as in an id or the name of a host.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.".contains(c)
}

/// The length of the characters at the beginning that fulfil a condition.
fn run(text: &str, is_in: impl Fn(char) -> bool) -> usize {
    let mut rest = text;
    while let Some((c, length)) = first(rest)
        && is_in(c)
    {
        rest = &rest[length..];
    }
    text.len() - rest.len()
}

/// The first character of a text, and the length of what stands for it: the character itself, or
/// an escape of URLs, HTML or JSON, each also escaped again.
fn first(text: &str) -> Option<(char, usize)> {
    let c = text.chars().next()?;
    let escaped = match c {
        '%' => of_url(text),
        '&' => of_html(text),
        '\\' => of_json(text),
        _ => None,
    };
    let escaped = escaped.map(|(c, rest)| (c, text.len() - rest.len()));
    Some(escaped.unwrap_or((c, c.len_utf8())))
}

/// `%7C`
fn of_url(text: &str) -> Option<(char, &str)> {
    let mut digits = text.strip_prefix('%')?;
    while let Some(inner) = digits.strip_prefix("25") {
        digits = inner;
    }
    numbered(digits, 2, 16)
}

/// `&#124;`, `&#x7c;` or `&vert;`
fn of_html(text: &str) -> Option<(char, &str)> {
    let mut name = text.strip_prefix('&')?;
    while let Some(inner) = name.strip_prefix("amp;") {
        name = inner;
    }
    if let Some(number) = name.strip_prefix('#') {
        let hexadecimal = number.strip_prefix(['x', 'X']);
        let (digits, radix) = hexadecimal.map_or((number, 10), |digits| (digits, 16));
        let count = digits
            .bytes()
            .take_while(|b| char::from(*b).is_digit(radix));
        let (c, after) = numbered(digits, count.count(), radix)?;
        // Browsers do without it, too.
        return Some((c, after.strip_prefix(';').unwrap_or(after)));
    }
    let bars = ["vert;", "verbar;", "verticalline;"].into_iter();
    let mut found = bars.filter_map(|bar| {
        let (name, after) = name.split_at_checked(bar.len())?;
        name.eq_ignore_ascii_case(bar).then_some(after)
    });
    Some(('|', found.next()?))
}

/// `\u007c`
fn of_json(text: &str) -> Option<(char, &str)> {
    let slashes = text.bytes().take(DEEPEST).take_while(|b| *b == b'\\');
    let digits = text[slashes.count()..].strip_prefix('u')?;
    numbered(digits, 4, 16)
}

/// The visible ASCII character with the number that the first digits make, and what follows them.
fn numbered(text: &str, digits: usize, radix: u32) -> Option<(char, &str)> {
    let number = u8::try_from(u32::from_str_radix(text.get(..digits)?, radix).ok()?).ok()?;
    let is_visible = number.is_ascii_graphic();
    is_visible.then(|| (char::from(number), &text[digits..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const BARE: &str = "b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7f8b5f7";

    #[test]
    fn whatever_has_the_prefix_of_a_credential_is_hidden_however_it_is_written() {
        for credential in [
            "amzn1.oa2-cs.v1.planted",
            "AMZN1.OA2-CS.V1.planted",
            "amzn1%2Eoa2%2Dcs%2Ev1%2Eplanted",
            "Atzr|IwEB-planted_x/+=",
            "Aztr|planted",
            "Atza|planted",
            "Azta|planted",
            "Atc|planted",
            "Atz.sprdt|planted",
            "ATZR|planted",
            "Atzr%7Cplanted",
            "atzr%7cplanted",
            "Atzr%257Cplanted",
            "Atzr&#124;planted",
            "Atzr&#0124;planted",
            "Atzr&#124planted",
            "Atzr&#x7c;planted",
            "Atzr&#X7C;planted",
            "Atzr&vert;planted",
            "Atzr&verbar;planted",
            "Atzr&VerticalLine;planted",
            "Atzr&amp;#124;planted",
            r"Atzr\u007cplanted",
            r"Atzr\\u007Cplanted",
            "%41tzr%7Cplanted",
            "Atzr|IwEB\u{200b}\u{7}planted",
        ] {
            assert_eq!(
                clean(&format!("it is ({credential}), not x.")),
                "it is ([redacted]), not x.",
                "{credential}"
            );
            assert_eq!(clean(&format!("a={credential}&b")), "a=[redacted]&b");
            assert!(holds_credential(credential), "{credential}");
        }
    }

    #[test]
    fn a_secret_without_a_prefix_is_hidden_after_the_name_of_one() {
        for text in [
            "client_secret={}",
            "client secret: {}.",
            "newClientSecret\":\"{}\"",
            r#"\"AppClientSecret\": \"{}\""#,
            "The client secret is `{}`",
            "/my-erp/lwa/clientsecret {} x",
            "client%5Fsecret%3D{}&x",
            "password {}",
        ] {
            let whole = text.replace("{}", BARE);
            let expected = text.replace("{}", REDACTED);
            assert_eq!(clean(&whole), expected);
        }
        assert_eq!(
            clean_input(&format!("https://{BARE}@x/")),
            "https://[redacted]@x/"
        );
        assert_eq!(clean_input(&"ab".repeat(16)), REDACTED);
        assert_eq!(
            clean_input("http://127.0.0.1:80@x/ a@b ftp://user:word@y"),
            "http://[redacted]@x/ a@b ftp://[redacted]@y"
        );
    }

    #[test]
    fn ids_and_versions_are_not_hidden() {
        for text in [
            "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef",
            "amzn1.sp.solution.1234abcd-12ab-34cd-56ef-1234567890ab",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-erp-AbCdEf",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "/my-erp/lwa/clientsecret",
            "the client secret of my-erp, see `Atzr|` and Atzr&#124;",
            "batch|1 match|2",
        ] {
            assert_eq!(clean(text), text);
            assert_eq!(clean_input(text), text);
        }
        let version = "0123456789abcdef0123456789abcdef01234567";
        for text in [
            format!("commit {version}"),
            format!("secret my-erp, version {version}"),
            format!("clientRequestToken: {version}"),
            format!("RequestId={version}"),
        ] {
            assert_eq!(clean(&text), text);
        }
    }

    #[test]
    fn arguments_that_are_secrets_are_told_from_names_keys_and_dates() {
        for text in [
            "--secret=Atzr|x",
            "-aAtzr|x",
            BARE,
            r#"{"AppClientSecret":"short"}"#,
        ] {
            assert!(holds_credential(text), "{text}");
        }
        for text in [
            "my-erp/eu",
            "/my-erp",
            "A2EXAMPLE",
            "alias/lwa/credentials",
            "2027-05-20T00:00:00Z",
            "http://127.0.0.1:5000",
            "credentials.json",
            "aprofilewithaverylongnamewithoutanydigitatall",
        ] {
            assert!(!holds_credential(text), "{text}");
        }
    }

    #[test]
    fn fields_named_like_credentials_are_hidden_wherever_they_are_and_everything_else_stays() {
        let body = json!({"payload": {"newClientSecret": "b5f7f8", "clientId": "amzn1.x"}});
        let event = json!({
            "Records": [{"body": body.to_string()}],
            "detail": {"name": "/my-erp/lwa/clientsecret", "count": 3, "refreshToken": "x"},
            "clientRequestToken": "145e23af-58ed-5cb9-ac61-f44f8a3499a4",
            "cut": "{\"newClientSecret\":",
        });
        let inner = json!({"payload": {"newClientSecret": REDACTED, "clientId": "amzn1.x"}});
        let expected = json!({
            "Records": [{"body": inner.to_string()}],
            "detail": {"name": "/my-erp/lwa/clientsecret", "count": 3, "refreshToken": REDACTED},
            "clientRequestToken": "145e23af-58ed-5cb9-ac61-f44f8a3499a4",
            "cut": "{\"newClientSecret\":",
        });
        assert_eq!(without_named(&event), expected);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_clean_stays_as_it_is(
            text in "\\PC{0,60}|[Aatzr|%&#x7c124;amp.ou\\\\0-9 -]{0,60}",
        ) {
            for clean in [clean, clean_input] {
                let cleaned = clean(&text);
                prop_assert_eq!(clean(&cleaned), cleaned.clone());
                let planted = clean(&format!("{text} Atzr|planted"));
                prop_assert!(!planted.contains("planted"));
            }
        }
    }

    #[test]
    fn a_name_that_may_be_a_credential_is_told_from_one_that_is_long() {
        for name in [
            "b5f7f800000000000000000000000000",
            "my-erp/amzn1.oa2-cs.v1.00",
            "my-erp/B5F7F80000000000000000000000000000000000000000000000000000000000",
        ] {
            assert!(holds_credential(name), "{name}");
        }
        for name in [
            "A2EXAMPLE",
            "my-erp/0b6c1d5a-9a4b-4c7e-8f3e-1d2c3b4a5f60",
            "internationalorderprocessing",
        ] {
            assert!(!holds_credential(name), "{name}");
        }
    }
}
