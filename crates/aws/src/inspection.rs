//! What is deployed, as AWS tells it. Every call only reads.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use lwa_core::ports::CallError;
use serde_json::{Value, json};

use crate::call_error::call_error;
use crate::clients::Aws;
use crate::signed_call::{EVENTS, Service, call};

const KMS: Service = ("kms", "KMS", "TrentService");
const LAMBDA: Service = ("lambda", "Lambda", "");
const LOGS: Service = ("logs", "CloudWatch Logs", "Logs_20140328");
const SCHEDULER: Service = ("scheduler", "Scheduler", "");

/// Most pages of log events that are read; a page may be empty.
const MAX_LOG_PAGES: usize = 10;

/// The ARN of the user or role that calls.
pub async fn identity(aws: &Aws) -> Result<String, CallError> {
    let sts = aws_sdk_sts::Client::new(aws.sdk_config());
    let answer = Box::pin(sts.get_caller_identity().send()).await;
    let answer = answer.map_err(|error| call_error("GetCallerIdentity", &error))?;
    Ok(answer.arn.unwrap_or_default())
}

/// The configuration of a Lambda function,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// `Active`, `Pending`, `Inactive` or `Failed`; empty where the service leaves it out.
    pub state: String,
    /// `Successful`, `InProgress` or `Failed`.
    pub last_update: String,
    /// Why one of the two is not as it should be.
    pub reason: String,
    /// Its variables.
    pub environment: BTreeMap<String, String>,
}

/// Reads a function's configuration.
pub async fn function(aws: &Aws, name: &str) -> Result<Function, CallError> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let found = call(aws, LAMBDA, "GetFunctionConfiguration", &path, None).await?;
    let reason = |key: &str| found[key].as_str().filter(|reason| !reason.is_empty());
    let reason = reason("StateReason").or(reason("LastUpdateStatusReason"));
    let variables = found["Environment"]["Variables"].as_object();
    let variables = variables.into_iter().flatten();
    Ok(Function {
        state: text(&found["State"]),
        last_update: text(&found["LastUpdateStatus"]),
        reason: reason.unwrap_or_default().to_owned(),
        environment: variables
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    })
}

/// What feeds a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    /// `Enabled` when it does.
    pub state: String,
    /// The ARN of the queue.
    pub arn: String,
}

/// The event source mappings that feed a function.
pub async fn event_sources(aws: &Aws, function: &str) -> Result<Vec<EventSource>, CallError> {
    let path = format!("/2015-03-31/event-source-mappings/?FunctionName={function}");
    let found = call(aws, LAMBDA, "ListEventSourceMappings", &path, None).await?;
    let mappings = found["EventSourceMappings"].as_array();
    Ok(mappings
        .into_iter()
        .flatten()
        .map(|mapping| EventSource {
            state: text(&mapping["State"]),
            arn: text(&mapping["EventSourceArn"]),
        })
        .collect())
}

/// A line of a log, with its time.
pub type LogLine = (Timestamp, String);

/// The lines of a function's log that match a pattern, and whether there may be more,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>.
pub async fn log_lines(
    aws: &Aws,
    function: &str,
    pattern: &str,
    since: Timestamp,
) -> Result<(Vec<LogLine>, bool), CallError> {
    let mut input = json!({
        "logGroupName": format!("/aws/lambda/{function}"),
        "startTime": since.as_millisecond(),
        "filterPattern": pattern,
    });
    let mut lines = Vec::new();
    for _ in 0..MAX_LOG_PAGES {
        let mut page = call(aws, LOGS, "FilterLogEvents", "/", Some(input.clone())).await?;
        for event in page["events"].as_array().into_iter().flatten() {
            let at = event["timestamp"].as_i64().unwrap_or_default();
            let at = Timestamp::from_millisecond(at).unwrap_or(since);
            lines.push((at, text(&event["message"])));
        }
        input["nextToken"] = page["nextToken"].take();
        if input["nextToken"].is_null() {
            return Ok((lines, false));
        }
    }
    Ok((lines, true))
}

/// A rule of EventBridge.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// `DISABLED`, or one of the ways to be enabled.
    pub state: String,
    /// The event pattern, as JSON.
    pub pattern: String,
    /// The ARNs of what it invokes.
    pub targets: Vec<String>,
}

/// Reads a rule and its targets.
pub async fn rule(aws: &Aws, name: &str) -> Result<Rule, CallError> {
    let input = Some(json!({ "Name": name }));
    let found = call(aws, EVENTS, "DescribeRule", "/", input).await?;
    let input = Some(json!({ "Rule": name }));
    let targets = call(aws, EVENTS, "ListTargetsByRule", "/", input).await?;
    Ok(Rule {
        state: text(&found["State"]),
        pattern: text(&found["EventPattern"]),
        targets: texts(&targets["Targets"], "Arn"),
    })
}

/// The state of a schedule: `ENABLED` or `DISABLED`.
pub async fn schedule(aws: &Aws, name: &str) -> Result<String, CallError> {
    let path = format!("/schedules/{name}");
    let found = call(aws, SCHEDULER, "GetSchedule", &path, None).await?;
    Ok(text(&found["State"]))
}

/// The state of a key, such as `Enabled`,
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html>.
pub async fn key(aws: &Aws, id: &str) -> Result<String, CallError> {
    let found = call(aws, KMS, "DescribeKey", "/", Some(json!({ "KeyId": id }))).await?;
    Ok(text(&found["KeyMetadata"]["KeyState"]))
}

/// A topic with its subscriptions.
#[derive(Debug, Clone, Default)]
pub struct Topic {
    /// Its KMS key, if it has one.
    pub key: Option<String>,
    /// How many subscriptions are confirmed.
    pub confirmed: usize,
    /// The subscriptions that are not: protocol and endpoint of each.
    pub pending: Vec<String>,
}

/// Reads a topic and its subscriptions.
pub async fn topic(aws: &Aws, arn: &str) -> Result<Topic, CallError> {
    let sns = aws.sns();
    let attributes = Box::pin(sns.get_topic_attributes().topic_arn(arn).send()).await;
    let attributes = attributes.map_err(|error| call_error("GetTopicAttributes", &error))?;
    let attributes = attributes.attributes.unwrap_or_default();
    let pages = sns.list_subscriptions_by_topic().topic_arn(arn);
    let mut pages = pages.into_paginator().items().send();
    let mut topic = Topic {
        key: attributes.get("KmsMasterKeyId").cloned(),
        ..Topic::default()
    };
    while let Some(found) = Box::pin(pages.next()).await {
        let found = found.map_err(|error| call_error("ListSubscriptionsByTopic", &error))?;
        // Until it is confirmed there is only a word in place of the ARN.
        if found
            .subscription_arn()
            .is_some_and(|arn| arn.starts_with("arn:"))
        {
            topic.confirmed += 1;
        } else {
            let [protocol, endpoint] =
                [found.protocol(), found.endpoint()].map(Option::unwrap_or_default);
            topic.pending.push(format!("{protocol} {endpoint}"));
        }
    }
    Ok(topic)
}

/// Reads the attributes of a queue,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
pub async fn queue(aws: &Aws, name: &str) -> Result<BTreeMap<String, String>, CallError> {
    let sqs = aws.sqs();
    let found = Box::pin(sqs.get_queue_url().queue_name(name).send()).await;
    let found = found.map_err(|error| call_error("GetQueueUrl", &error))?;
    let get = sqs
        .get_queue_attributes()
        .queue_url(found.queue_url.unwrap_or_default())
        .attribute_names(QueueAttributeName::All);
    let found = Box::pin(get.send()).await;
    let found = found.map_err(|error| call_error("GetQueueAttributes", &error))?;
    let attributes = found.attributes.unwrap_or_default().into_iter();
    Ok(attributes
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The texts at a key of the objects in a list.
fn texts(list: &Value, key: &str) -> Vec<String> {
    let objects = list.as_array().into_iter().flatten();
    objects.map(|object| text(&object[key])).collect()
}
