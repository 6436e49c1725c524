//! Putting events on the default bus of EventBridge.

use lwa_core::ports::CallError;
use serde_json::{Value, json};

use crate::call_error::service_error;
use crate::clients::Aws;
use crate::signed_call::{EVENTS, call};

const OPERATION: &str = "PutEvents";

/// Puts one event, written as rules see it, on the default bus, and returns the id that it got,
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>.
pub async fn put_event(aws: &Aws, event: &Value) -> Result<String, CallError> {
    let entry = json!({
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": event["detail"].to_string(),
    });
    let input = Some(json!({ "Entries": [entry] }));
    event_id(&call(aws, EVENTS, OPERATION, "/", input).await?)
}

/// The id in an answer. The call succeeds even if the bus took none of its entries.
fn event_id(answer: &Value) -> Result<String, CallError> {
    let entry = &answer["Entries"][0];
    match entry["EventId"].as_str() {
        Some(id) if answer["FailedEntryCount"] == 0 => Ok(id.to_owned()),
        _ => {
            let code = entry["ErrorCode"].as_str();
            let message = entry["ErrorMessage"].as_str();
            Err(service_error(OPERATION, code, 200, message, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use lwa_core::ports::CallFailure;

    use super::*;

    #[test]
    fn an_entry_that_the_bus_did_not_take_is_a_failure() {
        let taken = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]});
        assert_eq!(event_id(&taken).as_deref(), Ok("e-1"));

        let entry = json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "Too many events"});
        let failed = json!({"FailedEntryCount": 1, "Entries": [entry]});
        let error = event_id(&failed).unwrap_err();
        assert_eq!(error.failure, CallFailure::Throttled);
        assert_eq!(
            error.to_string(),
            "PutEvents was throttled: ThrottlingException: Too many events"
        );

        // Something else than EventBridge answered.
        assert!(event_id(&json!({})).is_err());
    }
}
