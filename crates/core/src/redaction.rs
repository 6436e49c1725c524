//! Hiding credentials in unexpected JSON.
//!
//! A message about an event that is not understood shows the event's fields. Should a
//! notification with a new client secret be wired to the wrong function, that must not send the
//! secret to everybody's mailbox.

use serde_json::Value;

/// What credentials begin with,
/// <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>.
const PREFIXES: [&str; 5] = ["amzn1.oa2-cs.", "Atzr|", "Atza|", "Atc|", "Atz.sprdt|"];

/// What the keys of fields that hold credentials end with, in lower case. Older client secrets
/// have no prefix to tell them by.
const KEY_ENDINGS: [&str; 3] = ["secret", "token", "password"];

const HIDDEN: &str = "(hidden, because it may be a credential)";

/// The value with everything hidden that may be a credential, also in JSON within strings.
pub(crate) fn without_credentials(value: &Value) -> Value {
    match value {
        Value::String(text) => without_credentials_in_text(text),
        Value::Array(values) => values.iter().map(without_credentials).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let shown = if holds_credential(key) && !value.is_null() {
                    Value::from(HIDDEN)
                } else {
                    without_credentials(value)
                };
                (key.clone(), shown)
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn without_credentials_in_text(text: &str) -> Value {
    if text.trim_start().starts_with(['{', '['])
        && let Ok(inner) = serde_json::from_str(text)
    {
        return Value::from(without_credentials(&inner).to_string());
    }
    if PREFIXES.iter().any(|prefix| text.contains(prefix)) {
        return Value::from(HIDDEN);
    }
    Value::from(text)
}

fn holds_credential(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    KEY_ENDINGS.iter().any(|ending| key.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_are_hidden_wherever_they_are_and_everything_else_stays() {
        let body = json!({"payload": {"newClientSecret": "b5f7f8", "clientId": "amzn1.x"}});
        let event = json!({
            "Records": [{"body": body.to_string()}],
            "detail": {"name": "/my-erp/lwa/clientsecret", "count": 3, "refreshToken": "x"},
            "text": "it is Atzr|IwEB",
        });
        let inner = json!({"payload": {"newClientSecret": HIDDEN, "clientId": "amzn1.x"}});
        let expected = json!({
            "Records": [{"body": inner.to_string()}],
            "detail": {"name": "/my-erp/lwa/clientsecret", "count": 3, "refreshToken": HIDDEN},
            "text": HIDDEN,
        });
        assert_eq!(without_credentials(&event), expected);
    }

    #[test]
    fn a_cut_off_document_is_hidden_if_a_credential_is_in_it() {
        let event = json!({"body": r#"{"newClientSecret":"amzn1.oa2-cs.v1.00"#});
        assert_eq!(without_credentials(&event), json!({"body": HIDDEN}));
    }
}
