//! The JSON document of a Secrets Manager secret, with another client secret.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::vault::{KEY_CLIENT_ID, KEY_CLIENT_SECRET};

/// Longest document that Secrets Manager takes, in bytes,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>.
const MAX_DOCUMENT: usize = 65_536;

/// Why the client secret in a document could not be replaced. No value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is no JSON object, or has a key twice.
    #[error(
        "does not hold a JSON object with the keys {KEY_CLIENT_ID} and {KEY_CLIENT_SECRET}, each \
         once (line {line}, column {column})"
    )]
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// With the new secret it would be longer than a secret may be.
    #[error("would be {0} bytes long, and a secret holds {MAX_DOCUMENT}")]
    TooLong(usize),
}

#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow, rename = "AppClientId")]
    _client_id: &'a RawValue,
    #[serde(
        borrow,
        default,
        rename = "AppClientSecret",
        deserialize_with = "present"
    )]
    client_secret: Option<&'a RawValue>,
}

/// What stands there, `null` included.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// The document with another client secret. Everything else stays byte for byte: the value is
/// cut out and the new one put in its place, so neither unknown keys nor long numbers nor the
/// layout can change on the way.
pub fn with_client_secret(
    document: &SecretString,
    secret: &SecretString,
) -> Result<SecretString, DocumentError> {
    let text = document.expose_secret();
    // An array would be taken for the keys' values in order.
    if !text.trim_start().starts_with('{') {
        return Err(DocumentError::Shape { line: 1, column: 1 });
    }
    let keys: Keys<'_> = serde_json::from_str(text).map_err(|error| DocumentError::Shape {
        line: error.line(),
        column: error.column(),
    })?;
    let value = serde_json::Value::from(secret.expose_secret()).to_string();
    let changed = if let Some(found) = keys.client_secret.map(RawValue::get) {
        let start = found.as_ptr().addr() - text.as_ptr().addr();
        let end = start + found.len();
        [&text[..start], &value, &text[end..]].concat()
    } else {
        // The client id is there, so a comma belongs behind the new key.
        let open = text.find('{').map_or(0, |brace| brace + 1);
        let (head, tail) = text.split_at(open);
        format!("{head}\"{KEY_CLIENT_SECRET}\":{value},{tail}")
    };
    if changed.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLong(changed.len()));
    }
    Ok(changed.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn check(document: &str, expected: &str) {
        let changed = with_client_secret(&document.into(), &"n\"e\\w{{".into()).unwrap();
        assert_eq!(changed.expose_secret(), expected);
    }

    #[test]
    fn an_array_is_no_document() {
        for text in ["[\"A\"]", " [\"A\",\"B\"]", "\"A\"", ""] {
            let changed = with_client_secret(&text.into(), &"new".into());
            assert!(
                matches!(changed, Err(DocumentError::Shape { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn only_the_value_of_the_client_secret_changes() {
        check(
            "{ \"AppClientId\" : \"id\",\n  \"AppClientSecret\" : \"o\\\"ld\" , \"huge\": \
             123456789012345678901234567890.10, \"sellers\": {\"A\": \"t\"} }\n",
            "{ \"AppClientId\" : \"id\",\n  \"AppClientSecret\" : \"n\\\"e\\\\w{{\" , \"huge\": \
             123456789012345678901234567890.10, \"sellers\": {\"A\": \"t\"} }\n",
        );
        check(
            r#"{"note":"{\"AppClientSecret\":\"x\"}","AppClientSecret":null,"AppClientId":"id"}"#,
            r#"{"note":"{\"AppClientSecret\":\"x\"}","AppClientSecret":"n\"e\\w{{","AppClientId":"id"}"#,
        );
        check(
            r#"{"AppClientId":"id"}"#,
            r#"{"AppClientSecret":"n\"e\\w{{","AppClientId":"id"}"#,
        );
        check(
            r#"{"AppClient\u0053ecret":"old","AppClientId":"id"}"#,
            r#"{"AppClient\u0053ecret":"n\"e\\w{{","AppClientId":"id"}"#,
        );
    }

    #[test]
    fn what_is_no_document_is_refused_without_being_quoted() {
        for document in [
            "",
            "planted",
            "[]",
            "{}",
            r#"{"AppClientSecret":"planted"}"#,
            r#"{"AppClientId":"i","AppClientSecret":"planted","AppClientSecret":"planted"}"#,
        ] {
            let error = with_client_secret(&document.into(), &"new".into()).unwrap_err();
            assert!(matches!(error, DocumentError::Shape { .. }));
            assert!(!error.to_string().contains("planted"));
        }
        let long = "x".repeat(MAX_DOCUMENT);
        let error = with_client_secret(
            &r#"{"AppClientId":"i","AppClientSecret":"old"}"#.into(),
            &long.into(),
        );
        assert!(matches!(error, Err(DocumentError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn any_secret_comes_back_as_it_went_in_and_nothing_else_moves(
            secret in "\\PC{0,80}|[\"\\\\{}\u{0}-\u{1f}]{0,20}",
            note in "\\PC{0,40}",
        ) {
            let before = serde_json::json!({
                "AppClientId": "id", "AppClientSecret": "old", "note": note, "z": [1, {"a": 2.5}],
            });
            let changed =
                with_client_secret(&before.to_string().into(), &secret.clone().into()).unwrap();
            let mut after: Value = serde_json::from_str(changed.expose_secret()).unwrap();
            prop_assert_eq!(after["AppClientSecret"].as_str(), Some(secret.as_str()));
            after["AppClientSecret"] = "old".into();
            prop_assert_eq!(after, before);
        }
    }
}
