//! What an invocation brings, before it is read.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The payload of an invocation, still unread.
///
/// It may be anything, so that a function answers what it does not understand with an error of its
/// own, and it is a secret, because a message of a queue may hold one.
pub struct Payload(Option<SecretString>);

/// A payload that cannot be read as JSON. What is in it is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event cannot be read: {0}; allowed is JSON of at most 127 levels, in which every \\u \
     escape stands for a character"
)]
pub struct UnreadableEvent(String);

impl Payload {
    /// Wraps the text of an event.
    pub fn new(json: impl Into<SecretString>) -> Self {
        Self(Some(json.into()))
    }

    /// The text; none where it is not even JSON by its shape.
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The event, for a function whose events hold no secrets.
    pub fn json(&self) -> Result<Value, UnreadableEvent> {
        let text = self.text().ok_or("it is not JSON");
        let read = text.and_then(|text| {
            // Serde's own words about an error of syntax quote nothing, but are not ours.
            serde_json::from_str(text).map_err(|error| match error.to_string() {
                deep if deep.starts_with("recursion limit") => "it is nested too deeply",
                escape if escape.contains("surrogate") || escape.contains("escape") => {
                    "it has an escape that stands for no character"
                }
                _ => "it is not JSON",
            })
        });
        read.map_err(|problem| UnreadableEvent(problem.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Payload {
    /// Takes everything: an error here would be answered by the Lambda runtime.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer);
        Ok(Self(raw.ok().map(|raw| SecretString::new(raw.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the runtime reads it.
    fn payload(bytes: &[u8]) -> Payload {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn whatever_a_caller_sends_is_taken_and_then_read_or_refused_without_being_quoted() {
        assert_eq!(
            payload(b"{\"a\":1}").json(),
            Ok(serde_json::json!({"a": 1}))
        );
        let deep = [b"[".repeat(5_000), b"]".repeat(5_000)].concat();
        for (bytes, problem) in [
            (
                &br#"{"planted":"\ud800"}"#[..],
                "an escape that stands for no",
            ),
            (br#""\udc00planted""#, "an escape that stands for no"),
            (&deep, "nested too deeply"),
        ] {
            let error = payload(bytes).json().unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            assert!(error.contains("allowed is JSON of at most 127 levels"));
            assert!(!error.contains("planted"), "{error}");
        }
        for bytes in [&b"planted"[..], b"", b"{", b"\"\xff\""] {
            let jd = &mut serde_json::Deserializer::from_slice(bytes);
            let error = Payload::deserialize(jd).unwrap().json().unwrap_err();
            assert!(error.to_string().contains("it is not JSON"), "{error}");
        }
    }
}
