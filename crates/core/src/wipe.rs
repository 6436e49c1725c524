//! Copies of secrets in memory, which end with their use.
//!
//! [`SecretString`] wipes itself. This is for what is not one yet: what a library hands over, and
//! a document that holds secrets among other values.

use std::fmt;
use std::ops::Deref;

use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use serde_json::Value;

pub use secrecy::zeroize::Zeroizing;

/// What a library handed over, as a secret. The library's own text is wiped.
pub fn taken(text: String) -> SecretString {
    // Turning it into a secret would leave a copy behind where it has room to spare.
    Zeroizing::new(text).as_str().into()
}

/// A JSON document whose texts are wiped when it is dropped. `Debug` shows none of it.
pub struct WipedJson(Value);

impl WipedJson {
    /// Parses a document. No part of one that is invalid may be shown, so the error says nothing.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }
}

impl Deref for WipedJson {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for WipedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WipedJson(..)")
    }
}

impl Drop for WipedJson {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Wipes every text of a document but its keys.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_of_a_document_is_wiped_at_any_depth() {
        let mut document = json!({"a": "planted", "b": [{"c": "planted"}, 1, null, true]});
        wipe(&mut document);
        assert_eq!(document, json!({"a": "", "b": [{"c": ""}, 1, null, true]}));
    }

    #[test]
    fn what_is_taken_is_the_secret_and_nothing_shows_it() {
        let mut text = String::with_capacity(100);
        text.push_str("planted");
        let secret = taken(text);
        assert_eq!(secret.expose_secret(), "planted");
        let document = WipedJson::parse(br#"{"a": "planted"}"#).unwrap();
        assert_eq!(document["a"], "planted");
        assert!(!format!("{secret:?} {document:?}").contains("planted"));
        assert!(WipedJson::parse(b"planted").is_none());
    }
}
