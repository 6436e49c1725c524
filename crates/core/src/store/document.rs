//! The JSON document of a Secrets Manager secret, with other credentials in it.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Credentials;
use crate::application::{Role, SellerId};
use crate::vault::{KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_REFRESH_TOKEN, KEY_SELLERS};

/// Longest document that Secrets Manager takes, in bytes,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>.
pub const MAX_DOCUMENT: usize = 65_536;

/// Why a document cannot take a credential. No value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is no JSON object, or has a key twice.
    #[error("is no JSON object that has each key once (line {line}, column {column})")]
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The sellers are something other than an object.
    #[error("has a key {KEY_SELLERS} that holds no JSON object")]
    Sellers,
    /// It would be longer than a secret may be.
    #[error("would be {0} bytes long, and a secret holds {MAX_DOCUMENT}")]
    TooLong(usize),
}

/// The credentials in a document. What is no text, or blank, counts as absent.
pub fn read(document: &SecretString) -> Result<Credentials, DocumentError> {
    let keys = Object::parse(document.expose_secret())?;
    let mut credentials = Credentials::new();
    for (key, role) in [
        (KEY_CLIENT_ID, Role::ClientId),
        (KEY_CLIENT_SECRET, Role::ClientSecret),
        (KEY_REFRESH_TOKEN, Role::RefreshToken { seller: None }),
    ] {
        if let Some(value) = keys.get(key).and_then(text) {
            credentials.insert(role, value);
        }
    }
    if let Some(sellers) = keys.get(KEY_SELLERS) {
        // Not ours to complain of unless somebody wants to store a seller's token.
        if let Ok(sellers) = Object::parse(sellers) {
            for (seller, value) in &sellers.0 {
                if let (Ok(seller), Some(value)) = (SellerId::parse(seller), text(value)) {
                    let seller = Some(seller);
                    credentials.insert(Role::RefreshToken { seller }, value);
                }
            }
        }
    }
    Ok(credentials)
}

/// The document with these credentials in it; every other key keeps its place, and its value
/// byte for byte. Without a document, a new one.
pub fn with_credentials(
    document: Option<&SecretString>,
    credentials: &Credentials,
) -> Result<SecretString, DocumentError> {
    let text = document.map_or("{}", ExposeSecret::expose_secret);
    let with_sellers;
    let mut sellers = BTreeMap::new();
    let mut quoted = Vec::new();
    for (role, value) in credentials {
        let value = Zeroizing::new(Value::from(value.expose_secret()).to_string());
        match role {
            Role::ClientId => quoted.push((KEY_CLIENT_ID, value)),
            Role::ClientSecret => quoted.push((KEY_CLIENT_SECRET, value)),
            Role::RefreshToken { seller: None } => quoted.push((KEY_REFRESH_TOKEN, value)),
            Role::RefreshToken {
                seller: Some(seller),
            } => {
                sellers.insert(seller.as_str(), value);
            }
        }
    }
    let mut keys = Object::parse(text)?;
    for (key, value) in &quoted {
        keys.set(key, value);
    }
    if !sellers.is_empty() {
        let before = keys.get(KEY_SELLERS).filter(|text| *text != "null");
        let mut object = match before {
            None => Object::default(),
            Some(text) => Object::parse(text).map_err(|_| DocumentError::Sellers)?,
        };
        for (seller, value) in &sellers {
            object.set(seller, value);
        }
        with_sellers = object.to_text();
        keys.set(KEY_SELLERS, &with_sellers);
    }
    let changed = keys.to_text();
    if changed.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLong(changed.len()));
    }
    Ok(changed.as_str().into())
}

/// A JSON object in the order of its keys, its values as they are written.
#[derive(Default)]
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a str)>);

impl<'a> Object<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, DocumentError> {
        serde_json::from_str(text).map_err(|error| DocumentError::Shape {
            line: error.line(),
            column: error.column(),
        })
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        Some(*value)
    }

    fn set(&mut self, key: &str, value: &'a str) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    fn to_text(&self) -> Zeroizing<String> {
        let length = |(key, value): &(String, &str)| 6 * key.len() + value.len() + 4;
        let mut text = String::with_capacity(2 + self.0.iter().map(length).sum::<usize>());
        text.push('{');
        for (index, (key, value)) in self.0.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&Value::from(key.as_str()).to_string());
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        Zeroizing::new(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut keys = Object::default();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if keys.get(&key).is_some() {
                        return Err(A::Error::custom("a key twice"));
                    }
                    keys.0.push((key, value.get()));
                }
                Ok(keys)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

fn text(raw: &str) -> Option<SecretString> {
    let text: Zeroizing<String> = Zeroizing::new(serde_json::from_str(raw).ok()?);
    Some(text.trim().into()).filter(|text: &SecretString| !text.expose_secret().is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credentials(pairs: &[(Role, &str)]) -> Credentials {
        pairs
            .iter()
            .map(|(role, value)| (role.clone(), (*value).into()))
            .collect()
    }

    fn of_seller(id: &str) -> Role {
        Role::RefreshToken {
            seller: Some(SellerId::parse(id).unwrap()),
        }
    }

    fn check(before: Option<&str>, new: &[(Role, &str)], after: &str) {
        let before = before.map(SecretString::from);
        let changed = with_credentials(before.as_ref(), &credentials(new)).unwrap();
        assert_eq!(changed.expose_secret(), after);
    }

    #[test]
    fn a_new_document_has_what_is_given_under_the_keys_of_the_layout() {
        check(
            None,
            &[
                (Role::ClientId, "id"),
                (Role::ClientSecret, "s\"ecret"),
                (Role::RefreshToken { seller: None }, "own"),
                (of_seller("A1"), "one"),
            ],
            r#"{"AppClientId":"id","AppClientSecret":"s\"ecret","refreshToken":"own","sellers":{"A1":"one"}}"#,
        );
    }

    #[test]
    fn other_keys_and_other_sellers_stay_byte_for_byte() {
        check(
            Some(
                "{ \"huge\": 123456789012345678901234567890.10, \"AppClientId\": \"id\",\n \
                 \"sellers\": {\"A1\": \"one\", \"A2\": \"two\" }, \"nested\": { \"a\" : [1] } }",
            ),
            &[(of_seller("A2"), "new"), (of_seller("A3"), "three")],
            "{\"huge\":123456789012345678901234567890.10,\"AppClientId\":\"id\",\
             \"sellers\":{\"A1\":\"one\",\"A2\":\"new\",\"A3\":\"three\"},\
             \"nested\":{ \"a\" : [1] }}",
        );
        check(
            Some(r#"{"sellers":null}"#),
            &[(of_seller("A1"), "one")],
            r#"{"sellers":{"A1":"one"}}"#,
        );
    }

    #[test]
    fn what_cannot_be_built_on_is_refused_without_being_quoted() {
        let refuse = |document: &str, role: Role| {
            let new = credentials(&[(role, "planted-new")]);
            let error = with_credentials(Some(&document.into()), &new).unwrap_err();
            assert!(!error.to_string().contains("planted"), "{error}");
            error
        };
        for document in ["", "planted", "[\"planted\"]", r#"{"a":"planted","a":1}"#] {
            let error = refuse(document, Role::ClientSecret);
            assert!(matches!(error, DocumentError::Shape { .. }));
        }
        let error = refuse(r#"{"sellers":"planted"}"#, of_seller("A1"));
        assert_eq!(error, DocumentError::Sellers);
        let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(MAX_DOCUMENT));
        let error = refuse(&long, Role::ClientSecret);
        assert!(matches!(error, DocumentError::TooLong(_)));
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_and_nothing_else_moves(
            secret in "[!-~]{1,60}|\\PC{1,40}",
            note in "\\PC{0,40}",
            key in "\\PC{0,10}",
        ) {
            prop_assume!(!secret.trim().is_empty() && key != "AppClientSecret");
            let before = serde_json::json!({ &key: note, "AppClientSecret": "old" });
            let new = credentials(&[(Role::ClientSecret, &secret)]);
            let changed = with_credentials(Some(&before.to_string().into()), &new).unwrap();
            let read = read(&changed).unwrap();
            prop_assert_eq!(read[&Role::ClientSecret].expose_secret(), secret.trim());
            let after: Value = serde_json::from_str(changed.expose_secret()).unwrap();
            prop_assert_eq!(&after[&key], &Value::from(note));
        }
    }
}
