//! The JSON document of a Secrets Manager secret: read, and edited in place.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::credentials::CredentialValues;
use super::kind::{KEY_CLIENT_ID, KEY_CLIENT_SECRET, KEY_SELLERS, key};
use crate::application::{Role, SellerId};

/// Longest document that Secrets Manager takes, in bytes,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>.
pub const MAX_DOCUMENT: usize = 65_536;

/// Why a document cannot be read, or cannot take a credential. No value is quoted.
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

/// What stands where a credential belongs.
#[derive(Debug, Clone)]
pub enum Field {
    /// Nothing, or `null`.
    Absent,
    /// Text that is empty but for white space.
    Blank,
    /// Something other than text.
    NotText,
    /// A credential, without the white space around it: no credential has any.
    Text(SecretString),
}

impl Field {
    /// The credential, if there is one.
    pub fn text(self) -> Option<SecretString> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Blank | Self::NotText => None,
        }
    }

    fn of(raw: Option<&str>) -> Self {
        match raw.map(str::trim) {
            None | Some("null") => Self::Absent,
            Some(raw) => match serde_json::from_str(raw).map(Zeroizing::<String>::new) {
                Ok(text) if text.trim().is_empty() => Self::Blank,
                Ok(text) => Self::Text(text.trim().into()),
                Err(_) => Self::NotText,
            },
        }
    }
}

/// A JSON object, its keys in order and its values as they are written.
pub struct Document<'a> {
    text: &'a str,
    entries: Vec<(String, &'a str)>,
}

impl<'a> Document<'a> {
    /// Parses a secret's text.
    pub fn parse(document: &'a SecretString) -> Result<Self, DocumentError> {
        Self::of(document.expose_secret())
    }

    fn of(text: &'a str) -> Result<Self, DocumentError> {
        let Entries(entries) =
            serde_json::from_str(text).map_err(|error| DocumentError::Shape {
                line: error.line(),
                column: error.column(),
            })?;
        Ok(Self { text, entries })
    }

    /// Parses text whose keys must all differ.
    pub(crate) fn of_unique_keys(text: &'a str) -> Result<Self, DocumentError> {
        let document = Self::of(text)?;
        document.check_keys(|_| true)?;
        Ok(document)
    }

    /// The keys and their values as they are written.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.entries.iter().map(|(key, raw)| (key.as_str(), *raw))
    }

    /// What stands where the credential of a role belongs.
    pub fn field(&self, role: &Role) -> Field {
        let value = self.get(key(role));
        match role.seller() {
            None => Field::of(value),
            Some(seller) => match value.map(Self::of) {
                Some(Ok(sellers)) => Field::of(sellers.get(seller.as_str())),
                _ => Field::Absent,
            },
        }
    }

    /// Whether it has one of the keys that only an application's secret has.
    pub fn is_an_applications(&self) -> bool {
        [KEY_CLIENT_ID, KEY_CLIENT_SECRET]
            .iter()
            .any(|key| self.get(key).is_some())
    }

    /// Every credential in it. What is no text, or blank, counts as absent.
    pub fn credentials(&self) -> CredentialValues {
        let sellers = self.get(KEY_SELLERS).map(Self::of);
        let entries = sellers.iter().flatten().flat_map(Self::entries);
        let of_sellers = entries.filter_map(|(seller, raw)| {
            let seller = Some(SellerId::parse(seller).ok()?);
            Some((Role::RefreshToken { seller }, Field::of(Some(raw))))
        });
        let own = Role::OWN.map(|role| (role.clone(), self.field(&role)));
        let all = own.into_iter().chain(of_sellers);
        all.filter_map(|(role, field)| Some((role, field.text()?)))
            .collect()
    }

    /// The document with these credentials in it. Everything else stays byte for byte: a value is
    /// cut out and the new one put in its place, and a new key goes to the end.
    pub fn with(&self, credentials: &CredentialValues) -> Result<SecretString, DocumentError> {
        self.check_keys(|_| true)?;
        let mut values = BTreeMap::new();
        let mut sellers = BTreeMap::new();
        for (role, value) in credentials {
            let quoted = quoted(value.expose_secret());
            match role.seller() {
                None => values.insert(key(role), quoted),
                Some(seller) => sellers.insert(seller.as_str(), quoted),
            };
        }
        if !sellers.is_empty() {
            let before = match self.get(KEY_SELLERS) {
                None | Some("null") => "{}",
                Some(before) => before,
            };
            let before = Self::of(before).map_err(|_| DocumentError::Sellers)?;
            before.check_keys(|_| true)?;
            values.insert(KEY_SELLERS, before.with_values(&sellers));
        }
        self.edited(&values)
    }

    /// The document with another client secret. Only the keys that tell what is replaced, and
    /// whose it is, need to be there once: a new secret comes once and must find its place.
    pub(super) fn with_client_secret(
        &self,
        secret: &SecretString,
    ) -> Result<SecretString, DocumentError> {
        self.check_keys(|key| [KEY_CLIENT_ID, KEY_CLIENT_SECRET].contains(&key))?;
        let value = quoted(secret.expose_secret());
        self.edited(&BTreeMap::from([(KEY_CLIENT_SECRET, value)]))
    }

    fn edited(
        &self,
        values: &BTreeMap<&str, Zeroizing<String>>,
    ) -> Result<SecretString, DocumentError> {
        let changed = self.with_values(values);
        if changed.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLong(changed.len()));
        }
        Ok(changed.as_str().into())
    }

    fn with_values(&self, values: &BTreeMap<&str, Zeroizing<String>>) -> Zeroizing<String> {
        let added: usize = values
            .iter()
            .map(|(key, value)| 6 * key.len() + value.len() + 4)
            .sum();
        let mut text = Zeroizing::new(String::with_capacity(self.text.len() + added));
        let mut copied = 0;
        for (key, raw) in &self.entries {
            if let Some(value) = values.get(key.as_str()) {
                let start = self.offset(raw);
                text.push_str(&self.text[copied..start]);
                text.push_str(value);
                copied = start + raw.len();
            }
        }
        let end = match self.entries.last() {
            Some((_, raw)) => self.offset(raw) + raw.len(),
            None => self.text.find('{').map_or(0, |brace| brace + 1),
        };
        text.push_str(&self.text[copied..end]);
        let mut is_first = self.entries.is_empty();
        for (key, value) in values.iter().filter(|(key, _)| self.get(key).is_none()) {
            if !std::mem::take(&mut is_first) {
                text.push(',');
            }
            text.push_str(&quoted(key));
            text.push(':');
            text.push_str(value);
        }
        text.push_str(&self.text[end..]);
        text
    }

    /// A key that is there twice cannot be edited: readers differ in which of the two they take.
    /// Keys that do not matter are not looked at.
    fn check_keys(&self, matters: impl Fn(&str) -> bool) -> Result<(), DocumentError> {
        for (index, (key, raw)) in self.entries.iter().enumerate() {
            let mut earlier = self.entries[..index].iter();
            if matters(key) && earlier.any(|(before, _)| before == key) {
                let before = &self.text[..self.offset(raw)];
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                return Err(DocumentError::Shape {
                    line: before.matches('\n').count() + 1,
                    column: before.len() - line_start + 1,
                });
            }
        }
        Ok(())
    }

    /// The value of a key as it is written; the last, as JSON readers do.
    fn get(&self, key: &str) -> Option<&'a str> {
        let (_, value) = self.entries.iter().rev().find(|(name, _)| name == key)?;
        Some(*value)
    }

    /// Where a value begins, which is a part of the text.
    fn offset(&self, raw: &str) -> usize {
        raw.as_ptr().addr() - self.text.as_ptr().addr()
    }
}

/// Text as a JSON string, without a copy that is not wiped.
fn quoted(text: &str) -> Zeroizing<String> {
    // Every byte may become six, and a buffer that is outgrown is not wiped.
    let mut quoted = Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(&mut *quoted, text);
    Zeroizing::new(String::from_utf8_lossy(&quoted).into_owned())
}

/// An empty document with these credentials in it.
pub fn new_document(credentials: &CredentialValues) -> Result<SecretString, DocumentError> {
    Document::of("{}")?.with(credentials)
}

struct Entries<'a>(Vec<(String, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push((key, value.get()));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn credentials(pairs: &[(Role, &str)]) -> CredentialValues {
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

    fn changed(document: &str, new: &[(Role, &str)]) -> Result<SecretString, DocumentError> {
        Document::of(document)?.with(&credentials(new))
    }

    fn check(before: &str, new: &[(Role, &str)], after: &str) {
        assert_eq!(changed(before, new).unwrap().expose_secret(), after);
    }

    #[test]
    fn a_new_document_has_what_is_given_under_the_keys_of_the_layout() {
        let new = [
            (Role::ClientId, "id"),
            (Role::ClientSecret, "s\"ecret"),
            (Role::RefreshToken { seller: None }, "own"),
            (of_seller("A1"), "one"),
        ];
        let document = new_document(&credentials(&new)).unwrap();
        assert_eq!(
            document.expose_secret(),
            r#"{"AppClientId":"id","AppClientSecret":"s\"ecret","refreshToken":"own","sellers":{"A1":"one"}}"#,
        );
    }

    #[test]
    fn only_the_values_that_are_given_change() {
        check(
            "{ \"huge\": 123456789012345678901234567890.10, \"AppClientId\": \"id\",\n \
             \"sellers\": {\"A1\": \"one\", \"A2\": \"two\" }, \"nested\": { \"a\" : [1] } }",
            &[(of_seller("A2"), "new"), (of_seller("A3"), "three")],
            "{ \"huge\": 123456789012345678901234567890.10, \"AppClientId\": \"id\",\n \
             \"sellers\": {\"A1\": \"one\", \"A2\": \"new\",\"A3\":\"three\" }, \"nested\": { \"a\" : [1] } }",
        );
        check(
            r#"{"sellers":null}"#,
            &[(of_seller("A1"), "one")],
            r#"{"sellers":{"A1":"one"}}"#,
        );
        let secret = [(Role::ClientSecret, "n\"e\\w{{")];
        check(
            "{ \"AppClientId\" : \"id\",\n  \"AppClientSecret\" : \"o\\\"ld\" , \"huge\": \
             123456789012345678901234567890.10, \"sellers\": {\"A\": \"t\"} }\n",
            &secret,
            "{ \"AppClientId\" : \"id\",\n  \"AppClientSecret\" : \"n\\\"e\\\\w{{\" , \"huge\": \
             123456789012345678901234567890.10, \"sellers\": {\"A\": \"t\"} }\n",
        );
        check(
            r#"{"note":"{\"AppClientSecret\":\"x\"}","AppClientSecret":null,"AppClientId":"id"}"#,
            &secret,
            r#"{"note":"{\"AppClientSecret\":\"x\"}","AppClientSecret":"n\"e\\w{{","AppClientId":"id"}"#,
        );
        check(
            r#"{"AppClientId":"id"}"#,
            &secret,
            r#"{"AppClientId":"id","AppClientSecret":"n\"e\\w{{"}"#,
        );
        check(
            r#"{"AppClient\u0053ecret":"old","AppClientId":"id"}"#,
            &secret,
            r#"{"AppClient\u0053ecret":"n\"e\\w{{","AppClientId":"id"}"#,
        );
    }

    #[test]
    fn what_cannot_be_built_on_is_refused_without_being_quoted() {
        let refuse = |document: &str, role: Role| {
            let error = changed(document, &[(role, "planted-new")]).unwrap_err();
            assert!(!error.to_string().contains("planted"), "{error}");
            error
        };
        for document in [
            "",
            "planted",
            "[\"planted\"]",
            "\"planted\"",
            r#"{"a":"planted","a":1}"#,
            r#"{"AppClientId":"i","AppClientSecret":"planted","AppClientSecret":"planted"}"#,
        ] {
            let error = refuse(document, Role::ClientSecret);
            assert!(matches!(error, DocumentError::Shape { .. }));
        }
        assert_eq!(
            refuse("{\n \"a\": 1,\n  \"a\": 2}", Role::ClientSecret),
            DocumentError::Shape { line: 3, column: 8 }
        );
        let error = refuse(r#"{"sellers":"planted"}"#, of_seller("A1"));
        assert_eq!(error, DocumentError::Sellers);
        let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(MAX_DOCUMENT));
        let error = refuse(&long, Role::ClientSecret);
        assert!(matches!(error, DocumentError::TooLong(_)));
    }

    #[test]
    fn a_new_secret_finds_its_place_beside_a_key_that_is_there_twice() {
        let document = |text: &str| {
            let changed = Document::of(text)?.with_client_secret(&"new".into());
            changed.map(|changed| changed.expose_secret().to_owned())
        };
        assert_eq!(
            document(r#"{"AppClientId":"i","note":1,"AppClientSecret":"old","note":2}"#).unwrap(),
            r#"{"AppClientId":"i","note":1,"AppClientSecret":"new","note":2}"#
        );
        for text in [
            r#"{"AppClientId":"i","AppClientId":"j","AppClientSecret":"old"}"#,
            r#"{"AppClientId":"i","AppClientSecret":"old","AppClientSecret":"older"}"#,
        ] {
            assert!(document(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_stands_where_a_credential_belongs_is_told_apart() {
        let document = r#"{"AppClientId":" id\n","AppClientSecret":" ","refreshToken":["x"],
            "sellers":{"A1":null,"A2":"two"}}"#;
        let document = Document::of(document).unwrap();
        let field = |role| match document.field(&role) {
            Field::Absent => "absent".to_owned(),
            Field::Blank => "blank".to_owned(),
            Field::NotText => "not text".to_owned(),
            Field::Text(text) => text.expose_secret().to_owned(),
        };
        assert_eq!(field(Role::ClientId), "id");
        assert_eq!(field(Role::ClientSecret), "blank");
        assert_eq!(field(Role::RefreshToken { seller: None }), "not text");
        assert_eq!(field(of_seller("A1")), "absent");
        assert_eq!(field(of_seller("A2")), "two");
        assert_eq!(field(of_seller("A3")), "absent");
        let roles: Vec<_> = document.credentials().into_keys().collect();
        assert_eq!(roles, [Role::ClientId, of_seller("A2")]);
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_and_nothing_else_moves(
            secret in "[!-~]{1,60}|\\PC{1,40}|[\"\\\\{}\u{0}-\u{1f}]{1,20}",
            note in "\\PC{0,40}",
            key in "\\PC{0,10}",
        ) {
            prop_assume!(!secret.trim().is_empty() && key != "AppClientSecret" && key != "z");
            let before = serde_json::json!({
                &key: note, "AppClientSecret": "old", "z": [1, {"a": 2.5}],
            });
            let changed = changed(&before.to_string(), &[(Role::ClientSecret, &secret)]).unwrap();
            let read = Document::parse(&changed).unwrap().credentials();
            prop_assert_eq!(read[&Role::ClientSecret].expose_secret(), secret.trim());
            let mut after: Value = serde_json::from_str(changed.expose_secret()).unwrap();
            prop_assert_eq!(after["AppClientSecret"].as_str(), Some(secret.as_str()));
            after["AppClientSecret"] = "old".into();
            prop_assert_eq!(after, before);
        }
    }
}
