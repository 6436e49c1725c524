//! `lwa doctor` through the real binary, over a system that is put together in an emulator and
//! then broken in one way after another.
//!
//! Only ministack has every service that the doctor asks. It confirms subscriptions by itself and
//! enforces no permission, so those two answers are scripted.

use std::process::Output;

use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use http::Method;
use lwa_tests::emulator::{self, Emulator, REGION};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::{aws_call, leak};
use serde_json::{Value, json};

use crate::cli::{lwa, text};

const TOKEN_PATH: &str = "/auth/o2/token";
/// What a check calls: the one with a seller's token, the other with the application's own.
const SP_API_PATHS: [&str; 2] = [
    "/sellers/v1/marketplaceParticipations",
    "/notifications/v1/destinations",
];
const SECRET: &str = "amzn1.oa2-cs.v1.planted-secret";
const REFRESH: &str = "Atzr|planted-refresh-token";
const ACCESS: &str = "Atza|planted-access-token";

/// The end-of-archive record of an empty ZIP file: code that nobody runs.
const NO_CODE: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

const FUNCTIONS: [&str; 5] = [
    "token-exchanger",
    "policy-formatter",
    "auditor",
    "rotation-requester",
    "secret-receiver",
];

/// The parts of a deployment that the doctor looks at.
struct System {
    emulator: Emulator,
    amazon: HttpStub,
    key: String,
}

impl System {
    /// As the stack deploys it, with one application in it.
    async fn healthy() -> Self {
        let emulator = emulator::ministack();
        let key = aws_call::json(&emulator, "kms", "TrentService.CreateKey", &json!({})).await;
        let key = key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        let system = Self {
            emulator,
            amazon: HttpStub::start(),
            key,
        };
        system.amazon_is_well();
        system.make_functions().await;
        system.make_queues().await;
        for (name, pattern) in [
            (
                "parameter-policy-actions",
                pattern("Parameter Store Policy Action", "parameter-name"),
            ),
            (
                "parameter-changes",
                pattern("Parameter Store Change", "name"),
            ),
        ] {
            system.put_rule(name, &pattern).await;
        }
        for name in ["auditor", "rotation-requester", "canary-my-erp"] {
            system.put_schedule(&Method::POST, name, "ENABLED").await;
        }
        let sns = system.emulator.aws().sns();
        let topic = sns.create_topic().name("lwa-alerts").send().await.unwrap();
        let subscribe = sns.subscribe().topic_arn(topic.topic_arn.unwrap());
        let subscribe = subscribe.protocol("email").endpoint("you@example.com");
        subscribe.send().await.unwrap();
        for (leaf, value) in [
            ("lwa/clientidentifier", "amzn1.application-oa2-client.0123"),
            ("lwa/clientsecret", SECRET),
            ("refreshToken", REFRESH),
        ] {
            system.put_parameter(leaf, value).await;
        }
        system.report_deadline("2099-01-01T00:00:00Z").await;
        system
    }

    fn amazon_is_well(&self) {
        let token = json!({"access_token": ACCESS, "token_type": "bearer", "expires_in": 3600});
        let token = Answer::json(200, &token);
        self.amazon.script(&Method::POST, TOKEN_PATH, [token]);
        self.sp_api_answers(200, &json!({"payload": []}));
    }

    fn sp_api_answers(&self, status: u16, body: &Value) {
        for path in SP_API_PATHS {
            let answer = Answer::json(status, body);
            self.amazon.script(&Method::GET, path, [answer]);
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{REGION}:{}:{resource}",
            self.emulator.account
        )
    }

    async fn make_functions(&self) {
        for name in FUNCTIONS {
            let function = json!({
                "FunctionName": format!("lwa-{name}"),
                "Role": format!("arn:aws:iam::{}:role/lwa", self.emulator.account),
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Code": {"ZipFile": NO_CODE},
                "Environment": {"Variables": self.variables("/my-erp")},
            });
            self.lambda(&Method::POST, "/2015-03-31/functions", &function)
                .await;
        }
    }

    fn variables(&self, prefix: &str) -> Value {
        json!({
            "LWA_PARAMETER_PREFIX": prefix,
            "TOPIC_ARN": self.arn("sns", "lwa-alerts"),
            "LWA_TOKEN_URL": format!("{}{TOKEN_PATH}", self.amazon.url()),
            "SP_API_ENDPOINT": self.amazon.url(),
        })
    }

    async fn lambda(&self, method: &Method, path: &str, input: &Value) -> Value {
        aws_call::rest(&self.emulator, "lambda", method, path, input).await
    }

    async fn events(&self, operation: &str, input: &Value) {
        let target = format!("AWSEvents.{operation}");
        aws_call::json(&self.emulator, "events", &target, input).await;
    }

    async fn make_queues(&self) {
        for (name, fed) in [
            ("secret-expiry", Some("rotation-requester")),
            ("new-secret", Some("secret-receiver")),
            ("failed-invocations", None),
            ("undelivered", None),
        ] {
            let sqs = self.emulator.aws().sqs();
            let create = |name: &str| sqs.create_queue().queue_name(name);
            let Some(function) = fed else {
                create(&format!("lwa-{name}")).send().await.unwrap();
                continue;
            };
            let dead_letters = format!("lwa-{name}-dead-letters");
            create(&dead_letters).send().await.unwrap();
            let redrive = json!({
                "deadLetterTargetArn": self.arn("sqs", &dead_letters),
                "maxReceiveCount": 5,
            });
            create(&format!("lwa-{name}"))
                .attributes(QueueAttributeName::Policy, policy("437568002678"))
                .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string())
                .send()
                .await
                .unwrap();
            let mapping = json!({
                "EventSourceArn": self.arn("sqs", &format!("lwa-{name}")),
                "FunctionName": format!("lwa-{function}"),
            });
            let path = "/2015-03-31/event-source-mappings/";
            self.lambda(&Method::POST, path, &mapping).await;
        }
    }

    async fn put_rule(&self, name: &str, pattern: &Value) {
        let name = format!("lwa-{name}");
        let rule = json!({"Name": name, "EventPattern": pattern.to_string()});
        self.events("PutRule", &rule).await;
        let target = json!({"Id": "1", "Arn": self.arn("lambda", "function:lwa-policy-formatter")});
        self.events("PutTargets", &json!({"Rule": name, "Targets": [target]}))
            .await;
    }

    async fn put_schedule(&self, method: &Method, name: &str, state: &str) {
        let schedule = json!({
            "ScheduleExpression": "rate(365 days)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": state,
            "Target": {
                "Arn": self.arn("lambda", "function:lwa-auditor"),
                "RoleArn": format!("arn:aws:iam::{}:role/lwa", self.emulator.account),
            },
        });
        let path = format!("/schedules/lwa-{name}");
        aws_call::rest(&self.emulator, "scheduler", method, &path, &schedule).await;
    }

    async fn put_parameter(&self, leaf: &str, value: &str) {
        let put = self.emulator.aws().ssm().put_parameter();
        put.name(format!("/my-erp/{leaf}"))
            .value(value)
            .r#type(ParameterType::SecureString)
            .tier(ParameterTier::Advanced)
            .key_id(&self.key)
            .overwrite(true)
            .send()
            .await
            .unwrap();
    }

    async fn report_deadline(&self, at: &str) {
        let tag = Tag::builder().key("lwa:secret-expires-at").value(at);
        let add = self.emulator.aws().ssm().add_tags_to_resource();
        add.resource_type(ResourceTypeForTagging::Parameter)
            .resource_id("/my-erp/lwa/clientsecret")
            .tags(tag.build().unwrap())
            .send()
            .await
            .unwrap();
    }

    async fn send(&self, queue: &str) {
        let sqs = self.emulator.aws().sqs();
        let url = sqs.get_queue_url().queue_name(queue).send().await.unwrap();
        let send = sqs.send_message().queue_url(url.queue_url.unwrap());
        send.message_body("poison").send().await.unwrap();
    }

    async fn lwa(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = lwa(arguments);
        command
            .envs(self.emulator.variables())
            .envs(variables.iter().copied());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        for printed in [&output.stdout, &output.stderr] {
            leak::assert_none(
                text(printed),
                &[
                    ("secret", SECRET),
                    ("refresh token", REFRESH),
                    ("token", ACCESS),
                ],
            );
        }
        output
    }

    /// The checks of a run, whose exit code must tell whether one is bad.
    async fn checks(&self, variables: &[(&str, &str)]) -> Vec<Value> {
        let output = self.lwa(&["doctor", "--json"], variables).await;
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        let checks = report["checks"].as_array().unwrap().clone();
        let is_bad = checks.iter().any(|line| line["mark"] == "bad");
        assert_eq!(output.status.code(), Some(i32::from(is_bad)), "{report}");
        checks
    }

    /// A fault is recognised: a line with this mark about it, and what to do.
    async fn finds(&self, check: &str, mark: &str, found: &str) {
        let checks = self.checks(&[]).await;
        recognised(&checks, check, mark, found);
    }
}

fn recognised(checks: &[Value], check: &str, mark: &str, found: &str) -> Value {
    let line = checks.iter().find(|line| {
        line["check"] == check
            && line["mark"] == mark
            && line["found"].as_str().unwrap().contains(found)
    });
    let Some(line) = line else {
        panic!("no {mark} {check} with {found:?} in {checks:#?}");
    };
    line.clone()
}

fn pattern(detail_type: &str, field: &str) -> Value {
    json!({
        "source": ["aws.ssm"],
        "detail-type": [detail_type],
        "detail": {field: [{"prefix": "/my-erp/"}]},
    })
}

fn policy(account: &str) -> String {
    let principal = json!({"AWS": format!("arn:aws:iam::{account}:root")});
    json!({"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": principal}]})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_system_has_nothing_broken_and_every_part_was_looked_at() {
    let system = System::healthy().await;
    let checks = system.checks(&[]).await;
    let bad: Vec<&Value> = checks
        .iter()
        .filter(|line| line["mark"] == "bad" || line["mark"] == "skipped")
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    for (check, found) in [
        ("identity", system.emulator.account.as_str()),
        ("function", "lwa-secret-receiver"),
        ("settings", "below /my-erp"),
        ("source", "a queue feeds lwa-secret-receiver"),
        ("source", "a queue feeds lwa-rotation-requester"),
        ("credential", "/my-erp/lwa/clientsecret ends on 2099-01-01"),
        ("key", "is enabled"),
        (
            "rule",
            "lwa-parameter-policy-actions matches events of my-erp",
        ),
        ("rule", "lwa-parameter-changes matches events of my-erp"),
        ("schedule", "lwa-auditor is enabled"),
        ("schedule", "lwa-rotation-requester is enabled"),
        ("schedule", "lwa-canary-my-erp is enabled"),
        ("topic", "1 confirmed subscription"),
        ("queue", "lwa-new-secret lets Amazon in"),
        ("queue", "lwa-new-secret-dead-letters is empty"),
        ("queue", "lwa-undelivered is empty"),
        ("lwa", "my-erp: LWA gives a token"),
        ("sp-api", "my-erp: SP-API takes it"),
    ] {
        // A function of an emulator may be pending for a while.
        let mark = checks
            .iter()
            .find(|line| line["found"].as_str().unwrap().contains(found))
            .map_or("good", |line| line["mark"].as_str().unwrap());
        let mark = if check == "function" { mark } else { "good" };
        recognised(&checks, check, mark, found);
    }

    let output = system.lwa(&["doctor"], &[]).await;
    let report = text(&output.stdout);
    assert!(report.starts_with("✓ identity "), "{report}");
    assert!(report.contains("\n0 broken, "), "{report}");
    assert!(
        report.lines().all(|line| line.chars().count() <= 80),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_what_is_deployed_is_recognised() {
    let system = System::healthy().await;

    let change = json!({"Environment": {"Variables": system.variables("/my-erp,/other")}});
    let path = "/2015-03-31/functions/lwa-auditor/configuration";
    system.lambda(&Method::PUT, path, &change).await;
    system
        .finds("settings", "bad", "`/my-erp,/other` for lwa-auditor")
        .await;
    let change = json!({"Environment": {"Variables": system.variables("/my-erp")}});
    system.lambda(&Method::PUT, path, &change).await;

    let glob = json!({"source": ["aws.ssm"], "detail-type": ["Parameter Store Change"],
        "detail": {"name": ["/my-erp/*"]}});
    system.put_rule("parameter-changes", &glob).await;
    system
        .finds(
            "rule",
            "bad",
            "lwa-parameter-changes does not match the events of my-erp",
        )
        .await;
    let name = "lwa-parameter-policy-actions";
    system.events("DisableRule", &json!({"Name": name})).await;
    system
        .finds("rule", "bad", "lwa-parameter-policy-actions is disabled")
        .await;
    system.events("EnableRule", &json!({"Name": name})).await;
    let targets = json!({"Rule": name, "Ids": ["1"]});
    system.events("RemoveTargets", &targets).await;
    system
        .finds("rule", "bad", "does not invoke policy-formatter")
        .await;
    system.events("DeleteRule", &json!({"Name": name})).await;
    system
        .finds("rule", "bad", "lwa-parameter-policy-actions does not exist")
        .await;

    system
        .put_schedule(&Method::PUT, "auditor", "DISABLED")
        .await;
    system
        .finds("schedule", "bad", "lwa-auditor is disabled")
        .await;
    for (name, mark) in [
        ("rotation-requester", "bad"),
        ("canary-my-erp", "attention"),
    ] {
        let path = format!("/schedules/lwa-{name}");
        aws_call::rest(
            &system.emulator,
            "scheduler",
            &Method::DELETE,
            &path,
            &Value::Null,
        )
        .await;
        let found = format!("lwa-{name} does not exist");
        system.finds("schedule", mark, &found).await;
    }

    system.send("lwa-new-secret-dead-letters").await;
    system
        .finds(
            "queue",
            "bad",
            "lwa-new-secret-dead-letters holds 1 message",
        )
        .await;
    let sqs = system.emulator.aws().sqs();
    let url = sqs
        .get_queue_url()
        .queue_name("lwa-new-secret")
        .send()
        .await
        .unwrap();
    let url = url.queue_url.unwrap();
    sqs.set_queue_attributes()
        .queue_url(&url)
        .attributes(QueueAttributeName::Policy, policy("111122223333"))
        .send()
        .await
        .unwrap();
    system
        .finds(
            "queue",
            "bad",
            "does not let Amazon's account 437568002678 send",
        )
        .await;
    sqs.delete_queue().queue_url(&url).send().await.unwrap();
    system
        .finds("queue", "bad", "lwa-new-secret does not exist")
        .await;

    let path = "/2015-03-31/event-source-mappings/?FunctionName=lwa-secret-receiver";
    let found = system.lambda(&Method::GET, path, &Value::Null).await;
    let id = found["EventSourceMappings"][0]["UUID"].as_str().unwrap();
    let path = format!("/2015-03-31/event-source-mappings/{id}");
    system.lambda(&Method::DELETE, &path, &Value::Null).await;
    system
        .finds("source", "bad", "no queue feeds lwa-secret-receiver")
        .await;

    let logs = |operation: &str, input: Value| {
        let target = format!("Logs_20140328.{operation}");
        let emulator = system.emulator.clone();
        async move { aws_call::json(&emulator, "logs", &target, &input).await }
    };
    let group = "/aws/lambda/lwa-policy-formatter";
    // An invocation, or the emulator, may have made it already.
    let groups = logs("DescribeLogGroups", json!({"logGroupNamePrefix": group})).await;
    if groups["logGroups"].as_array().is_none_or(Vec::is_empty) {
        logs("CreateLogGroup", json!({"logGroupName": group})).await;
    }
    let stream = json!({"logGroupName": group, "logStreamName": "one"});
    logs("CreateLogStream", stream).await;
    let line = json!({"level": "ERROR", "message": format!("no message went out {SECRET}")});
    let put = json!({"logGroupName": group, "logStreamName": "one",
        "logEvents": [{"timestamp": now_ms(), "message": line.to_string()}]});
    logs("PutLogEvents", put).await;
    system
        .finds("errors", "attention", "no message went out [redacted]")
        .await;

    let path = "/2015-03-31/functions/lwa-auditor";
    system.lambda(&Method::DELETE, path, &Value::Null).await;
    system
        .finds("function", "bad", "lwa-auditor does not exist")
        .await;

    let topic = system.arn("sns", "lwa-alerts");
    let sns = system.emulator.aws().sns();
    let subscriptions = sns.list_subscriptions_by_topic().topic_arn(&topic).send();
    for subscription in subscriptions.await.unwrap().subscriptions() {
        let unsubscribe = sns
            .unsubscribe()
            .subscription_arn(subscription.subscription_arn().unwrap());
        unsubscribe.send().await.unwrap();
    }
    system
        .finds("topic", "bad", "has no confirmed subscription")
        .await;
    sns.delete_topic().topic_arn(&topic).send().await.unwrap();
    system
        .finds("topic", "bad", "lwa-alerts does not exist")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_credentials_is_recognised() {
    let system = System::healthy().await;

    let refused =
        json!({"error": "invalid_client", "error_description": "Client authentication failed"});
    system
        .amazon
        .script(&Method::POST, TOKEN_PATH, [Answer::json(401, &refused)]);
    system
        .finds("lwa", "bad", "my-erp: LWA refuses (credential_rejected)")
        .await;
    system.amazon_is_well();
    let expired = json!({"errors": [{"code": "Unauthorized",
        "details": "The LWA secret token you provided has expired.",
        "message": "Access to requested resource is denied."}]});
    system.sp_api_answers(403, &expired);
    system
        .finds(
            "sp-api",
            "bad",
            "my-erp: SP-API refuses (credential_rejected)",
        )
        .await;
    system.amazon_is_well();

    system.report_deadline("2020-01-01T00:00:00Z").await;
    system
        .finds("credential", "bad", "LWA001 /my-erp/lwa/clientsecret")
        .await;

    let disable = json!({"KeyId": system.key});
    aws_call::json(&system.emulator, "kms", "TrentService.DisableKey", &disable).await;
    system.finds("key", "bad", "is Disabled").await;

    let ssm = system.emulator.aws().ssm();
    let delete = ssm.delete_parameter().name("/my-erp/lwa/clientidentifier");
    delete.send().await.unwrap();
    system.finds("credential", "bad", "LWA007").await;
    system
        .finds("lwa", "bad", "/my-erp/lwa/clientidentifier")
        .await;
    let delete = ssm.delete_parameter().name("/my-erp/lwa/clientsecret");
    delete.send().await.unwrap();
    system
        .finds("credential", "bad", "there is no client secret")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_waits_for_its_confirmation_is_named() {
    let system = System::healthy().await;
    let sns = HttpStub::start();
    let attributes = "<GetTopicAttributesResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
        <GetTopicAttributesResult><Attributes><entry><key>KmsMasterKeyId</key>\
        <value>alias/aws/sns</value></entry></Attributes></GetTopicAttributesResult>\
        </GetTopicAttributesResponse>";
    let subscriptions = "<ListSubscriptionsByTopicResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
        <ListSubscriptionsByTopicResult><Subscriptions><member>\
        <SubscriptionArn>PendingConfirmation</SubscriptionArn><Protocol>email</Protocol>\
        <Endpoint>late@example.com</Endpoint></member></Subscriptions>\
        </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>";
    let answers = [attributes, subscriptions].map(|body| Answer::bytes(200, body));
    sns.script(&Method::POST, "/", answers);
    let checks = system.checks(&[("AWS_ENDPOINT_URL_SNS", &sns.url())]).await;
    recognised(&checks, "topic", "bad", "has no confirmed subscription");
    recognised(
        &checks,
        "topic",
        "attention",
        "email late@example.com has not confirmed",
    );
    recognised(&checks, "topic", "bad", "AWS-managed one");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_looked_at_is_skipped_with_the_permission_and_the_rest_goes_on() {
    let system = System::healthy().await;
    let denied = HttpStub::start();
    let answer = || {
        let body = json!({"__type": "AccessDeniedException", "message": "is not authorized"});
        let answer = Answer::json(403, &body);
        answer.header("x-amzn-errortype", "AccessDeniedException")
    };
    denied.script(&Method::POST, "/", [answer()]);
    for name in FUNCTIONS {
        let path = format!("/2015-03-31/functions/lwa-{name}/configuration");
        denied.script(&Method::GET, &path, [answer()]);
    }
    for name in ["auditor", "rotation-requester", "canary-my-erp"] {
        denied.script(&Method::GET, format!("/schedules/lwa-{name}"), [answer()]);
    }
    let url = denied.url();
    let names = ["EVENTBRIDGE", "KMS", "LAMBDA", "SCHEDULER", "SQS"]
        .map(|service| format!("AWS_ENDPOINT_URL_{service}"));
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*url)).collect();
    let token_url = format!("{}{TOKEN_PATH}", system.amazon.url());
    let amazon = system.amazon.url();
    variables.extend([
        ("LWA_TOKEN_URL", &*token_url),
        ("SP_API_ENDPOINT", &*amazon),
    ]);
    let checks = system.checks(&variables).await;
    for (check, permission) in [
        ("function", "lambda:GetFunctionConfiguration"),
        ("rule", "events:DescribeRule"),
        ("schedule", "scheduler:GetSchedule"),
        ("queue", "sqs:GetQueueAttributes"),
        ("key", "kms:DescribeKey"),
    ] {
        let line = recognised(&checks, check, "skipped", "AccessDenied");
        let permissions = line["permission"].as_str().unwrap();
        assert!(permissions.contains(permission), "{permissions}");
        assert!(
            line["advice"].as_str().unwrap().contains(permission),
            "{line}"
        );
    }
    // The topic's name follows from the stack's where no function tells it.
    recognised(
        &checks,
        "topic",
        "good",
        "lwa-alerts has 1 confirmed subscription",
    );
    recognised(&checks, "sp-api", "good", "my-erp");

    let ssm = HttpStub::start();
    ssm.script(&Method::POST, "/", [answer()]);
    let checks = system.checks(&[("AWS_ENDPOINT_URL_SSM", &ssm.url())]).await;
    recognised(&checks, "credential", "skipped", "was denied");
    let line = recognised(&checks, "lwa", "skipped", "my-erp");
    assert!(
        line["permission"].as_str().unwrap().contains("kms:Decrypt"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_identity_nothing_else_is_asked() {
    let system = System::healthy().await;
    let sts = HttpStub::start();
    let body = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
        <Code>ExpiredToken</Code><Message>The token is expired</Message></Error></ErrorResponse>";
    sts.script(&Method::POST, "/", [Answer::bytes(403, body)]);
    let checks = system.checks(&[("AWS_ENDPOINT_URL_STS", &sts.url())]).await;
    assert_eq!(checks.len(), 1, "{checks:#?}");
    let line = recognised(&checks, "identity", "bad", "ExpiredToken");
    assert!(
        line["advice"].as_str().unwrap().contains("--profile"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_changes_nothing() {
    let system = System::healthy().await;
    let ssm = system.emulator.aws().ssm();
    let state = || async {
        let all = ssm.describe_parameters().send().await.unwrap();
        let tags = ssm.list_tags_for_resource();
        let tags = tags
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id("/my-erp/lwa/clientsecret");
        let mut parameters: Vec<String> = all
            .parameters()
            .iter()
            .map(|found| format!("{found:?}"))
            .collect();
        parameters.sort();
        (
            parameters,
            format!("{:?}", tags.send().await.unwrap().tag_list),
        )
    };
    let before = state().await;
    system.checks(&[]).await;
    assert_eq!(state().await, before);
}

/// CloudWatch Logs refuses events that are old.
fn now_ms() -> i64 {
    use lwa_core::ports::Clock;
    lwa_aws::clock::SystemClock.now().as_millisecond()
}
