//! What an event tells about itself: how it reaches which function, from where, and when.

use lwa_core::Timestamp;
use lwa_core::rules::EventRule;
use serde_json::Value;

use crate::account;
use crate::function::Function;

/// The region of an event that tells none: the topic's.
const REGION: &str = "us-east-1";

/// How an event reaches a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Over the default event bus, if a rule matches.
    EventBus,
    /// From a queue.
    Queue {
        /// The queue's name; none when the records name several or none.
        queue: Option<String>,
        /// How many messages there are.
        messages: usize,
    },
    /// From a schedule.
    Schedule,
    /// By direct invocation.
    Invocation,
}

/// How an event arrives and which function gets it, or what is not understood about it.
pub(super) type Detected = (Option<Arrival>, Result<Function, &'static str>);

/// Tells it from the shape of `event` and from the rules that match it.
pub(super) fn detect(event: &Value, matching: &[&EventRule]) -> Detected {
    let Value::Object(fields) = event else {
        let problem = "it is not a JSON object, as every event of a function is";
        return (None, Err(problem));
    };
    if let Some(Value::Array(records)) = fields.get("Records") {
        return queue(records);
    }
    if fields.contains_key("source")
        && (fields.contains_key("detail-type") || fields.contains_key("detail"))
    {
        return bus(event, matching);
    }
    let keys: Vec<&str> = fields.keys().map(String::as_str).collect();
    let (arrival, function) = match keys.as_slice() {
        [] => (Arrival::Schedule, Function::Auditor),
        ["dry_run"] => (Arrival::Invocation, Function::RotationRequester),
        ["continuation"] => (Arrival::Invocation, Function::Auditor),
        keys if keys.iter().all(|key| token_exchanger::FIELDS.contains(key)) => {
            (Arrival::Invocation, Function::TokenExchanger)
        }
        _ => {
            let problem = "it has neither the fields of an EventBridge event (`source`, \
                           `detail-type`, `detail`), nor the `Records` of a queue, nor only those \
                           of a token request";
            return (None, Err(problem));
        }
    };
    (Some(arrival), Ok(function))
}

fn bus(event: &Value, matching: &[&EventRule]) -> Detected {
    let is_schedule = event["source"] == "aws.scheduler"
        || (event["source"] == "aws.events" && event["detail-type"] == "Scheduled Event");
    if is_schedule {
        // The schedule or rule is named after the function that it wakes.
        let resources = event["resources"].as_array().into_iter().flatten();
        let named = resources.filter_map(Value::as_str).find_map(|arn| {
            let mut all = Function::ALL.into_iter();
            all.find(|function| arn.contains(function.as_str()))
        });
        let function = named.unwrap_or(Function::Auditor);
        return (Some(Arrival::Schedule), Ok(function));
    }
    let mut rules = matching.iter();
    let by_rule = rules.find_map(|rule| Function::named(&rule.function));
    // No other function listens to the event bus.
    let function = by_rule.unwrap_or(Function::PolicyFormatter);
    (Some(Arrival::EventBus), Ok(function))
}

fn queue(records: &[Value]) -> Detected {
    let is_of_queue = |record: &Value| record["eventSource"] == "aws:sqs";
    if records.is_empty() || !records.iter().all(is_of_queue) {
        return (None, Err("its `Records` do not come from a queue"));
    }
    let mut queues: Vec<&str> = records
        .iter()
        .filter_map(|record| record["eventSourceARN"].as_str()?.rsplit(':').next())
        .collect();
    queues.dedup();
    let arrival = Arrival::Queue {
        queue: match queues.as_slice() {
            [only] => Some((*only).to_owned()),
            _ => None,
        },
        messages: records.len(),
    };
    let mut taken_by: Vec<Function> = records.iter().filter_map(taken_by).collect();
    taken_by.dedup();
    let function = match taken_by.as_slice() {
        [] => Err("no message in its `Records` is a notification that a function takes"),
        [only] => Ok(*only),
        _ => Err("its `Records` mix notifications of two functions"),
    };
    (Some(arrival), function)
}

/// The function that takes a notification of SP-API,
/// <https://developer-docs.amazon.com/sp-api/docs/notification-type-values>.
fn taken_by(record: &Value) -> Option<Function> {
    let body: Value = serde_json::from_str(record["body"].as_str()?).ok()?;
    match body["notificationType"].as_str()? {
        "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY" => Some(Function::RotationRequester),
        "APPLICATION_OAUTH_CLIENT_NEW_SECRET" => Some(Function::SecretReceiver),
        _ => None,
    }
}

/// The region that an event comes from: every function runs where its events are.
pub(super) fn region_of(event: &Value) -> String {
    let region = event["region"]
        .as_str()
        .or_else(|| event["Records"][0]["awsRegion"].as_str());
    let region = region.and_then(|text| account::region(text).ok());
    region.unwrap_or_else(|| REGION.to_owned())
}

/// When the event was sent, by its own account.
pub(super) fn time_of(event: &Value) -> Option<Timestamp> {
    if let Some(time) = event.get("time").and_then(Value::as_str) {
        return time.parse().ok();
    }
    let sent = event["Records"][0]["attributes"]["SentTimestamp"].as_str()?;
    Timestamp::from_millisecond(sent.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(event: &Value, expected: Option<Function>) {
        assert_eq!(detect(event, &[]).1.ok(), expected, "{event}");
    }

    fn record(body: &Value) -> Value {
        json!({"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:1:q",
               "body": body.to_string()})
    }

    #[test]
    fn the_shape_tells_the_function() {
        check(&json!({}), Some(Function::Auditor));
        check(&json!({"action": "check"}), Some(Function::TokenExchanger));
        check(&json!({"dry_run": true}), Some(Function::RotationRequester));
        check(&json!({"continuation": {}}), Some(Function::Auditor));
        check(&json!({"application": "a", "unknown": 1}), None);
        check(
            &json!({"source": "aws.ec2", "detail-type": "x", "detail": {}}),
            Some(Function::PolicyFormatter),
        );
        check(
            &json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}",
                   "resources": ["arn:aws:scheduler:us-east-1:1:schedule/default/rotation-requester"]}),
            Some(Function::RotationRequester),
        );
        check(&json!([]), None);
        check(&json!(null), None);
        check(&json!({"Records": []}), None);
        check(&json!({"Records": [{"eventSource": "aws:s3"}]}), None);
    }

    #[test]
    fn a_queue_is_told_by_what_is_in_its_messages() {
        let expiry = json!({"notificationType": "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"});
        let secret = json!({"notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET"});
        let poison = json!("nonsense");
        let records = |bodies: &[&Value]| {
            let all: Vec<_> = bodies.iter().map(|body| record(body)).collect();
            json!({ "Records": all })
        };
        check(&records(&[&expiry]), Some(Function::RotationRequester));
        check(
            &records(&[&poison, &secret]),
            Some(Function::SecretReceiver),
        );
        check(&records(&[&poison]), None);
        check(&records(&[&expiry, &secret]), None);
    }
}
