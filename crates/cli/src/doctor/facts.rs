//! What the doctor asks AWS. Every call only reads.

use std::collections::BTreeMap;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::{SignedDuration, Timestamp};
use lwa_aws::call_error::call_error;
use lwa_aws::clients::Aws;
use lwa_core::lwa::safe_words;
use lwa_core::ports::{CallError, CallFailure};
use serde_json::{Value, json};

use super::aws_api::{AwsApi, EVENTS, KMS, LAMBDA, LOGS, SCHEDULER, objects, string};
use super::checks::{Failures, Function, Identity, Queue, Rule, Subscription, Topic};

/// How far back errors are looked for.
const LOG_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Our own errors, and invocations that the platform ended,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>.
const LOG_PATTERNS: [&str; 2] = ["{ $.level = \"ERROR\" }", "\"Status: \""];

/// Most pages of log events that are read per function; a page may be empty.
const MAX_LOG_PAGES: usize = 10;

pub(super) async fn identity(aws: &Aws) -> Result<Identity, CallError> {
    let answer = Box::pin(
        aws_sdk_sts::Client::new(aws.sdk_config())
            .get_caller_identity()
            .send(),
    )
    .await
    .map_err(|error| call_error("GetCallerIdentity", &error))?;
    Ok(Identity {
        arn: answer.arn.unwrap_or_default(),
        account: answer.account.unwrap_or_default(),
    })
}

pub(super) async fn function(api: &AwsApi<'_>, name: &str) -> Result<Function, CallError> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let found = api.get(LAMBDA, "GetFunctionConfiguration", &path).await?;
    let variables = found.pointer("/Environment/Variables");
    let environment: BTreeMap<String, String> = variables
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let reason = match string(&found, "StateReason") {
        reason if reason.is_empty() => string(&found, "LastUpdateStatusReason"),
        reason => reason,
    };
    Ok(Function {
        state: string(&found, "State"),
        last_update: string(&found, "LastUpdateStatus"),
        reason,
        environment,
    })
}

/// The states of the event source mappings of a function.
pub(super) async fn sources(api: &AwsApi<'_>, name: &str) -> Result<Vec<String>, CallError> {
    let path = format!("/2015-03-31/event-source-mappings/?FunctionName={name}");
    let found = api.get(LAMBDA, "ListEventSourceMappings", &path).await?;
    Ok(objects(&found, "EventSourceMappings")
        .into_iter()
        .map(|mapping| {
            let state = mapping.get("State").and_then(Value::as_str);
            state.unwrap_or_default().to_owned()
        })
        .collect())
}

/// The failures that a function logged within the last day.
pub(super) async fn failures(
    api: &AwsApi<'_>,
    name: &str,
    now: Timestamp,
) -> Result<Failures, CallError> {
    let mut failures = Failures::default();
    for pattern in LOG_PATTERNS {
        find_failures(api, name, pattern, now, &mut failures).await?;
    }
    Ok(failures)
}

async fn find_failures(
    api: &AwsApi<'_>,
    name: &str,
    pattern: &str,
    now: Timestamp,
    failures: &mut Failures,
) -> Result<(), CallError> {
    let since = now.checked_sub(LOG_WINDOW).unwrap_or(now);
    let mut token = Value::Null;
    for _ in 0..MAX_LOG_PAGES {
        let mut input = json!({
            "logGroupName": format!("/aws/lambda/{name}"),
            "startTime": since.as_millisecond(),
            "filterPattern": pattern,
        });
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let mut page = api.json(LOGS, "FilterLogEvents", &input).await?;
        for event in objects(&page, "events") {
            let message = event.get("message").and_then(Value::as_str);
            let at = event.get("timestamp").and_then(Value::as_i64);
            let (Some(text), Some(at)) = (message.and_then(failure), at) else {
                continue;
            };
            failures.count += 1;
            let at = Timestamp::from_millisecond(at).unwrap_or(now);
            if failures.last.as_ref().is_none_or(|(last, _)| *last <= at) {
                failures.last = Some((at, text));
            }
        }
        token = page
            .get_mut("nextToken")
            .map(Value::take)
            .unwrap_or_default();
        if token.is_null() {
            return Ok(());
        }
    }
    failures.more = true;
    Ok(())
}

/// What a line of a log says about a failure; none where it is about something else, which
/// merely has the word in it.
fn failure(line: &str) -> Option<String> {
    let text = match serde_json::from_str::<Value>(line) {
        Ok(object) if object.get("level")? == "ERROR" => match object.get("message")? {
            Value::String(message) => message.clone(),
            other => other.to_string(),
        },
        Err(_) if line.contains("Status: timeout") || line.contains("Status: error") => {
            line.trim().to_owned()
        }
        _ => return None,
    };
    // Our own lines hold no credential; what another program wrote there might.
    Some(safe_words(&text))
}

pub(super) async fn rule(api: &AwsApi<'_>, name: &str) -> Result<Rule, CallError> {
    let found = api
        .json(EVENTS, "DescribeRule", &json!({"Name": name}))
        .await?;
    let targets = api
        .json(EVENTS, "ListTargetsByRule", &json!({"Rule": name}))
        .await?;
    Ok(Rule {
        state: string(&found, "State"),
        pattern: string(&found, "EventPattern"),
        targets: objects(&targets, "Targets")
            .into_iter()
            .filter_map(|target| Some(target.get("Arn")?.as_str()?.to_owned()))
            .collect(),
    })
}

pub(super) async fn schedule(api: &AwsApi<'_>, name: &str) -> Result<String, CallError> {
    let found = api
        .get(SCHEDULER, "GetSchedule", &format!("/schedules/{name}"))
        .await?;
    Ok(string(&found, "State"))
}

pub(super) async fn topic(aws: &Aws, arn: &str) -> Result<Topic, CallError> {
    let sns = aws.sns();
    let attributes = Box::pin(sns.get_topic_attributes().topic_arn(arn).send())
        .await
        .map_err(|error| call_error("GetTopicAttributes", &error))?;
    let key = attributes
        .attributes()
        .and_then(|attributes| attributes.get("KmsMasterKeyId"))
        .cloned();
    let mut subscriptions = Vec::new();
    let mut token = None;
    loop {
        let list = sns
            .list_subscriptions_by_topic()
            .topic_arn(arn)
            .set_next_token(token);
        let page = Box::pin(list.send())
            .await
            .map_err(|error| call_error("ListSubscriptionsByTopic", &error))?;
        for found in page.subscriptions() {
            subscriptions.push(Subscription {
                protocol: found.protocol().unwrap_or_default().to_owned(),
                endpoint: found.endpoint().unwrap_or_default().to_owned(),
                // There is no ARN yet, only this word in its place.
                is_pending: !found
                    .subscription_arn()
                    .is_some_and(|arn| arn.starts_with("arn:")),
            });
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(Topic { key, subscriptions });
        }
    }
}

pub(super) async fn queue(aws: &Aws, name: &str) -> Result<Queue, CallError> {
    let sqs = aws.sqs();
    let found = Box::pin(sqs.get_queue_url().queue_name(name).send())
        .await
        .map_err(|error| {
            let code = error.code().unwrap_or_default();
            // One name in the service's own protocol, the other in the one before it.
            let is_missing = ["QueueDoesNotExist", "NonExistentQueue"]
                .iter()
                .any(|name| code.ends_with(name));
            let error = call_error("GetQueueUrl", &error);
            if is_missing {
                return CallError {
                    failure: CallFailure::NotFound,
                    ..error
                };
            }
            error
        })?;
    let get = sqs
        .get_queue_attributes()
        .queue_url(found.queue_url.unwrap_or_default())
        .attribute_names(QueueAttributeName::All);
    let found = Box::pin(get.send())
        .await
        .map_err(|error| call_error("GetQueueAttributes", &error))?;
    let get = |name: QueueAttributeName| found.attributes().and_then(|all| all.get(&name));
    let number = |name| get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Queue {
        visible: number(QueueAttributeName::ApproximateNumberOfMessages),
        in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        policy: get(QueueAttributeName::Policy).cloned().unwrap_or_default(),
        redrives: get(QueueAttributeName::RedrivePolicy).is_some_and(|text| !text.is_empty()),
    })
}

pub(super) async fn key(api: &AwsApi<'_>, id: &str) -> Result<String, CallError> {
    let found = api.json(KMS, "DescribeKey", &json!({"KeyId": id})).await?;
    let metadata = found.get("KeyMetadata").cloned().unwrap_or_default();
    Ok(string(&metadata, "KeyState"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_about_failures_count() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(failure(line).as_deref(), expected, "{line}");
        };
        check(
            r#"{"level":"ERROR","message":"the vault was denied"}"#,
            Some("the vault was denied"),
        );
        check(r#"{"level":"INFO","message":"no ERROR here"}"#, None);
        check(
            "2026-01-01 6f Status: timeout",
            Some("2026-01-01 6f Status: timeout"),
        );
        check("an ERROR of nobody knows what", None);
        check(
            r#"{"level":"ERROR","message":"it said amzn1.oa2-cs.v1.0123456789abcdef"}"#,
            Some("it said [redacted]"),
        );
    }
}
