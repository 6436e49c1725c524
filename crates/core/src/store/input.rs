//! What was typed, piped or read from a file, as credentials.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::application::{Role, SellerId};
use crate::exchange::misplaced;
use crate::shape::Shape;
use crate::vault::document::{Document, DocumentError, MAX_DOCUMENT};
use crate::vault::{
    self, CredentialValues, KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_REFRESH_TOKEN, KEY_SELLERS,
};

/// Longest input, in bytes: twice the longest document.
pub const MAX_INPUT: usize = 2 * MAX_DOCUMENT;

/// Why an input cannot be used. No value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Nothing, or only white space.
    #[error("{0} is blank")]
    Blank(Role),
    /// White space or a control character in the middle.
    #[error(
        "{0} has white space or a control character inside; give the value alone, without quotes, \
         name or a second line"
    )]
    Broken(Role),
    /// A JSON document where one value is wanted.
    #[error("{0} begins like a JSON document; leave out --only and --seller to store a document")]
    DocumentForValue(Role),
    /// The prefix of another kind of credential.
    #[error("{0}; were values mixed up?")]
    Misplaced(String),
    /// No JSON object.
    #[error(
        "the input is no JSON object that has each key once (line {line}, column {column}); it \
         may have the keys {KEY_CLIENT_ID}, {KEY_CLIENT_SECRET}, {KEY_REFRESH_TOKEN} and \
         {KEY_SELLERS}. For one plain value say which: --only client-secret"
    )]
    Document {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A key that means nothing. It is not quoted, because it may be a value.
    #[error(
        "key number {0} of the document is none of {KEY_CLIENT_ID}, {KEY_CLIENT_SECRET}, \
         {KEY_REFRESH_TOKEN} and {KEY_SELLERS}"
    )]
    UnknownKey(usize),
    /// A value of another type.
    #[error("the document's key {0} must hold {1}")]
    WrongType(&'static str, &'static str),
    /// No seller id. It is not quoted, because it may be a value.
    #[error(
        "key number {0} of {KEY_SELLERS} is no seller id: allowed are letters, digits and `_.-`"
    )]
    SellerId(usize),
    /// A document without a credential.
    #[error(
        "the document has none of {KEY_CLIENT_ID}, {KEY_CLIENT_SECRET}, {KEY_REFRESH_TOKEN} and \
         {KEY_SELLERS}"
    )]
    Nothing,
}

/// One plain value, without the white space around it.
pub fn value(role: &Role, text: &SecretString) -> Result<SecretString, InputError> {
    let text = text.expose_secret();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.is_empty() {
        return Err(InputError::Blank(role.clone()));
    }
    if text.starts_with('{') {
        return Err(InputError::DocumentForValue(role.clone()));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(InputError::Broken(role.clone()));
    }
    if let Some(hint) = misplaced(&format!("the {role}"), role, Shape::of(text))
        && !is_only_odd(role, text)
    {
        return Err(InputError::Misplaced(hint));
    }
    Ok(text.into())
}

/// What to look at although it may be right; Amazon's own documents misspell the prefixes of
/// tokens.
pub fn oddities(credentials: &CredentialValues) -> Vec<String> {
    let odd = |(role, value): (&Role, &SecretString)| {
        let shape = Shape::of(value.expose_secret());
        misplaced(&format!("The {role}"), role, shape)
    };
    credentials.iter().filter_map(odd).collect()
}

fn is_only_odd(role: &Role, text: &str) -> bool {
    matches!(role, Role::RefreshToken { .. }) && Shape::of(text) == Some(Shape::AccessToken)
}

/// A JSON document with the keys of the Secrets Manager layout; `null` counts as absent.
pub fn document(text: &SecretString) -> Result<CredentialValues, InputError> {
    let text = text.expose_secret();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let object = Document::of_unique_keys(text).map_err(|error| match error {
        DocumentError::Shape { line, column } => InputError::Document { line, column },
        _ => InputError::Document { line: 1, column: 1 },
    })?;
    let mut credentials = CredentialValues::new();
    for (index, (key, raw)) in object.entries().enumerate() {
        if key == KEY_SELLERS {
            sellers(raw, &mut credentials)?;
            continue;
        }
        let mut roles = Role::OWN.into_iter();
        let role = roles.find(|role| vault::key(role) == key);
        let role = role.ok_or(InputError::UnknownKey(index + 1))?;
        if let Some(value) = member(&role, raw)? {
            credentials.insert(role, value);
        }
    }
    if credentials.is_empty() {
        return Err(InputError::Nothing);
    }
    Ok(credentials)
}

fn sellers(raw: &str, credentials: &mut CredentialValues) -> Result<(), InputError> {
    if raw == "null" {
        return Ok(());
    }
    let wrong = |_| InputError::WrongType(KEY_SELLERS, "an object of refresh tokens by seller id");
    let object = Document::of_unique_keys(raw).map_err(wrong)?;
    for (index, (seller, raw)) in object.entries().enumerate() {
        let seller = SellerId::parse(seller).map_err(|_| InputError::SellerId(index + 1))?;
        let role = Role::RefreshToken {
            seller: Some(seller),
        };
        if let Some(value) = member(&role, raw)? {
            credentials.insert(role, value);
        }
    }
    Ok(())
}

fn member(role: &Role, raw: &str) -> Result<Option<SecretString>, InputError> {
    if raw == "null" {
        return Ok(None);
    }
    let text: Zeroizing<String> = serde_json::from_str(raw)
        .map(Zeroizing::new)
        .map_err(|_| InputError::WrongType(vault::key(role), "a text in double quotes"))?;
    value(role, &text.as_str().into()).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "amzn1.application-oa2-client.0123";
    const SECRET: &str = "amzn1.oa2-cs.v1.planted";
    const OWN: &str = "Atzr|planted-own";

    fn of(text: &str) -> Result<CredentialValues, InputError> {
        document(&text.into())
    }

    #[test]
    fn a_document_has_the_keys_of_the_secrets_manager_layout() {
        let found = of(&format!(
            "\u{feff} {{\"AppClientId\": \" {ID}\\n\", \"AppClientSecret\": \"{SECRET}\", \
             \"refreshToken\": null, \"sellers\": {{\"A1\": \"{OWN}\"}}}}\n"
        ))
        .unwrap();
        let read: Vec<_> = found
            .iter()
            .map(|(role, value)| (role.to_string(), value.expose_secret().to_owned()))
            .collect();
        let expected = [
            ("client id", ID),
            ("client secret", SECRET),
            ("refresh token of seller A1", OWN),
        ];
        assert_eq!(read, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn what_is_no_such_document_is_refused_without_a_value() {
        for (text, words) in [
            ("", "no JSON object"),
            (SECRET, "--only client-secret"),
            ("[]", "no JSON object"),
            ("{}", "has none of"),
            (
                r#"{"AppClientSecret":"planted","AppClientSecret":"planted"}"#,
                "each key once",
            ),
            (r#"{"AppClientSecert":"planted"}"#, "key number 1"),
            (r#"{"AppClientId":"x","planted":1}"#, "key number 2"),
            (
                r#"{"AppClientSecret":["planted"]}"#,
                "a text in double quotes",
            ),
            (r#"{"AppClientSecret":" "}"#, "client secret is blank"),
            (r#"{"AppClientSecret":"planted planted"}"#, "white space"),
            (r#"{"sellers":["planted"]}"#, "an object of refresh tokens"),
            (
                r#"{"sellers":{"Atzr|planted":"A1"}}"#,
                "key number 1 of sellers",
            ),
            (
                r#"{"AppClientId":"amzn1.oa2-cs.v1.planted"}"#,
                "looks like a client secret",
            ),
            (
                r#"{"AppClientSecret":"amzn1.application-oa2-client.planted"}"#,
                "looks like a client id",
            ),
            (
                r#"{"AppClientId":"amzn1.sp.solution.planted"}"#,
                "LWA credentials",
            ),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("planted"), "{text}: {error}");
        }
    }

    #[test]
    fn a_plain_value_is_trimmed_and_its_prefix_decides_nothing_that_amazon_misspells() {
        let plain = |role: Role, text: &str| value(&role, &text.into());
        let own = || Role::RefreshToken { seller: None };
        assert_eq!(
            plain(Role::ClientSecret, " b5f7f8\r\n")
                .unwrap()
                .expose_secret(),
            "b5f7f8"
        );
        assert!(plain(own(), "Aztr|x").is_ok());
        let odd = plain(own(), "Atza|planted").unwrap();
        let hints = oddities(&CredentialValues::from([(own(), odd)]));
        assert!(hints[0].contains("an access token"), "{hints:?}");
        assert!(plain(own(), SECRET).is_err());
        for text in ["", " \n", "{\"a\":1}", "one\ntwo", "a\u{0}b"] {
            assert!(plain(Role::ClientSecret, text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_or_is_quoted(text in "\\PC{0,200}|[{}\\[\\]\":,a-zA-Z ]{0,60}") {
            if let Err(error) = of(&text) {
                prop_assert!(text.len() < 12 || !error.to_string().contains(&text));
            }
        }
    }
}
