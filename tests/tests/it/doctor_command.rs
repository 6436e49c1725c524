//! `lwa doctor` through the real binary, over a system that is put together in an emulator and
//! then broken in one way after another.
//!
//! Only ministack has every service that the doctor asks, but there are states that it does not
//! get into by any call. Those answers are scripted by a proxy before it, and said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::sync::Arc;

use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use http::Method;
use jiff::SignedDuration;
use lwa_cli::Fault;
use lwa_core::config::Lookup;
use lwa_core::ports::Clock;
use lwa_core::{rules, wording};
use lwa_tests::emulator::{self, Emulator, REGION};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::recorder::Recorder;
use lwa_tests::{aws_call, leak};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cli::{lwa, text};
use crate::functions;

const TOKEN_PATH: &str = "/auth/o2/token";
/// What a check calls: the one with a seller's token, the other with the application's own.
const SP_API_PATHS: [&str; 2] = [
    "/sellers/v1/marketplaceParticipations",
    "/notifications/v1/destinations",
];
const SECRET: &str = "amzn1.oa2-cs.v1.planted-secret";
const REFRESH: &str = "Atzr|planted-refresh-token";
const ACCESS: &str = "Atza|planted-access-token";

/// How the names of the queues end that Amazon sends to, in short.
const STACK_UUID: &str = "5e6c0f10";

const PARAMETER_STORE: &str = "parameter-store";
const SECRETS_MANAGER: &str = "secrets-manager";

/// The end-of-archive record of an empty ZIP file: code that nobody runs.
const NO_CODE: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

/// The parts of a deployment that the doctor looks at.
struct System {
    emulator: Emulator,
    vault: &'static str,
    /// The doctor's way to the emulator.
    aws: Recorder,
    amazon: HttpStub,
    key: String,
    /// Variables of the shell that the doctor is started from.
    shell: BTreeMap<String, String>,
}

impl System {
    /// As the stack deploys it, with one application in it.
    async fn healthy(vault: &'static str) -> Self {
        let emulator = emulator::ministack();
        let key = aws_call::json(&emulator, "kms", "TrentService.CreateKey", &json!({})).await;
        let aws = Recorder::start(&emulator.url, &emulator.account);
        let mut shell = emulator.variables();
        shell.insert("AWS_ENDPOINT_URL".to_owned(), aws.url());
        let system = Self {
            emulator,
            vault,
            aws,
            amazon: HttpStub::start(),
            key: key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned(),
            shell,
        };
        system.amazon_is_well();
        system.make_functions().await;
        system.make_queues().await;
        let prefix = |name: &str| (name == "LWA_PARAMETER_PREFIX").then(|| "/my-erp".to_owned());
        let layout = Lookup::new(prefix).layout().unwrap();
        let wanted = rules::event_rules(&layout).unwrap();
        for rule in wanted.iter().filter(|rule| rule.belongs_to(vault)) {
            system.put_rule(&rule.name, &rule.pattern).await;
        }
        for name in ["auditor", "rotation-requester", "canary-my-erp"] {
            system.put_schedule(&Method::POST, name, "ENABLED").await;
        }
        let sns = system.emulator.aws().sns();
        let topic = sns.create_topic().name("lwa-alerts").send().await.unwrap();
        let subscribe = sns.subscribe().topic_arn(topic.topic_arn.unwrap());
        let subscribe = subscribe.protocol("email").endpoint("you@example.com");
        subscribe.send().await.unwrap();
        system.store_application().await;
        system
    }

    async fn store_application(&self) {
        let client_id = "amzn1.application-oa2-client.0123";
        if self.vault == SECRETS_MANAGER {
            let document = json!({"AppClientId": client_id, "AppClientSecret": SECRET,
                "refreshToken": REFRESH});
            // Without a reported deadline, the versions have to be asked for.
            let create = self.emulator.secrets_manager().create_secret();
            let create = create.name("my-erp").secret_string(document.to_string());
            create.kms_key_id(&self.key).send().await.unwrap();
            return;
        }
        for (leaf, value) in [
            ("lwa/clientidentifier", client_id),
            ("lwa/clientsecret", SECRET),
            ("refreshToken", REFRESH),
        ] {
            self.put_parameter(leaf, value, &self.key).await;
        }
        self.report_deadline("2099-01-01T00:00:00Z").await;
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
        for name in functions() {
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
            "LWA_VAULT": self.vault,
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
            let name = format!("lwa-{name}-{STACK_UUID}");
            create(&name)
                .attributes(QueueAttributeName::Policy, policy("437568002678"))
                .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string())
                .send()
                .await
                .unwrap();
            let mapping = json!({
                "EventSourceArn": self.arn("sqs", &name),
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

    async fn put_parameter(&self, leaf: &str, value: &str, key: &str) {
        let put = self.emulator.ssm().put_parameter();
        put.name(format!("/my-erp/{leaf}"))
            .value(value)
            .r#type(ParameterType::SecureString)
            .tier(ParameterTier::Advanced)
            .key_id(key)
            .overwrite(true)
            .send()
            .await
            .unwrap();
    }

    async fn report_deadline(&self, at: &str) {
        let tag = Tag::builder().key("lwa:secret-expires-at").value(at);
        let add = self.emulator.ssm().add_tags_to_resource();
        add.resource_type(ResourceTypeForTagging::Parameter)
            .resource_id("/my-erp/lwa/clientsecret")
            .tags(tag.build().unwrap())
            .send()
            .await
            .unwrap();
    }

    async fn queue_url(&self, queue: &str) -> String {
        let get = self.emulator.aws().sqs().get_queue_url();
        let found = get.queue_name(queue).send().await.unwrap();
        found.queue_url.unwrap()
    }

    async fn send(&self, queue: &str) {
        let send = self.emulator.aws().sqs().send_message();
        let send = send.queue_url(self.queue_url(queue).await);
        send.message_body("poison").send().await.unwrap();
    }

    async fn set_queue(&self, attribute: QueueAttributeName, value: String) {
        let set = self.emulator.aws().sqs().set_queue_attributes();
        let name = format!("lwa-new-secret-{STACK_UUID}");
        set.queue_url(self.queue_url(&name).await)
            .attributes(attribute, value)
            .send()
            .await
            .unwrap();
    }

    async fn delete_parameter(&self, leaf: &str) {
        let delete = self.emulator.ssm().delete_parameter();
        let delete = delete.name(format!("/my-erp/{leaf}"));
        delete.send().await.unwrap();
    }

    async fn delete_schedule(&self, name: &str) {
        let path = format!("/schedules/lwa-{name}");
        aws_call::rest(
            &self.emulator,
            "scheduler",
            &Method::DELETE,
            &path,
            &Value::Null,
        )
        .await;
    }

    async fn delete_function(&self, name: &str) {
        let path = format!("/2015-03-31/functions/lwa-{name}");
        self.lambda(&Method::DELETE, &path, &Value::Null).await;
    }

    /// Does something to what feeds secret-receiver.
    async fn source(&self, method: &Method, input: &Value) {
        let mappings = "/2015-03-31/event-source-mappings/";
        let list = format!("{mappings}?FunctionName=lwa-secret-receiver");
        let found = self.lambda(&Method::GET, &list, &Value::Null).await;
        let id = found["EventSourceMappings"][0]["UUID"].as_str().unwrap();
        self.lambda(method, &format!("{mappings}{id}"), input).await;
    }

    async fn set_variables(&self, function: &str, variables: &Value) {
        let path = format!("/2015-03-31/functions/lwa-{function}/configuration");
        let change = json!({"Environment": {"Variables": variables}});
        self.lambda(&Method::PUT, &path, &change).await;
    }

    /// No emulator has functions in any state but the good one.
    fn functions_are(&self, states: &Value) {
        let mut function = json!({"Environment": {"Variables": self.variables("/my-erp")}});
        for (key, value) in states.as_object().unwrap() {
            function[key] = value.clone();
        }
        let answer = Answer::json(200, &function);
        self.aws.answer("lambda:GetFunctionConfiguration", answer);
    }

    /// A line in a function's log, of this minute.
    async fn log(&self, line: &Value) {
        let logs = |operation: &str, input: Value| {
            let target = format!("Logs_20140328.{operation}");
            async move { aws_call::json(&self.emulator, "logs", &target, &input).await }
        };
        let group = "/aws/lambda/lwa-policy-formatter";
        // An invocation, or the emulator, may have made it already.
        let groups = logs("DescribeLogGroups", json!({"logGroupNamePrefix": group})).await;
        if groups["logGroups"].as_array().is_none_or(Vec::is_empty) {
            logs("CreateLogGroup", json!({"logGroupName": group})).await;
        }
        let stream = json!({"logGroupName": group, "logStreamName": "one"});
        logs("CreateLogStream", stream).await;
        // The service refuses events that are old.
        let now = lwa_aws::clock::SystemClock.now().as_millisecond();
        let put = json!({"logGroupName": group, "logStreamName": "one",
            "logEvents": [{"timestamp": now, "message": line.to_string()}]});
        logs("PutLogEvents", put).await;
    }

    /// A queue that gets what the rule of test messages matches.
    async fn catch_test_messages(&self) -> String {
        let create = self.emulator.aws().sqs().create_queue();
        let queue = create.queue_name("caught").send().await.unwrap();
        let target = json!({"Id": "2", "Arn": self.arn("sqs", "caught")});
        let targets = json!({"Rule": "lwa-test-messages", "Targets": [target]});
        self.events("PutTargets", &targets).await;
        queue.queue_url.unwrap()
    }

    /// The one event in that queue.
    async fn caught(&self, queue_url: &str) -> Value {
        let receive = self.emulator.aws().sqs().receive_message();
        let receive = receive.queue_url(queue_url).wait_time_seconds(10);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        let [message] = received.messages() else {
            panic!("{received:?}");
        };
        serde_json::from_str(message.body().unwrap()).unwrap()
    }

    /// What the doctor has to be told when no function does.
    fn tell_the_settings(&mut self) {
        let vault = self.vault.to_owned();
        self.shell.insert("LWA_VAULT".to_owned(), vault);
        let token_url = format!("{}{TOKEN_PATH}", self.amazon.url());
        self.shell.insert("LWA_TOKEN_URL".to_owned(), token_url);
        let sp_api = self.amazon.url();
        self.shell.insert("SP_API_ENDPOINT".to_owned(), sp_api);
    }

    async fn lwa(&self, arguments: &[&str]) -> Output {
        let mut command = lwa(arguments);
        command.envs(&self.shell);
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
    async fn checks(&self) -> Vec<Value> {
        let report = self.report(&[]).await;
        report["checks"].as_array().unwrap().clone()
    }

    /// The same with more options, and everything else that is in the report.
    async fn report(&self, options: &[&str]) -> Value {
        let output = self.lwa(&[&["doctor", "--json"], options].concat()).await;
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        let mut checks = report["checks"].as_array().unwrap().iter();
        let is_bad = checks.any(|line| line["mark"] == "bad");
        assert_eq!(output.status.code(), Some(i32::from(is_bad)), "{report}");
        report
    }

    /// Breaks the system so that the doctor should find this.
    ///
    /// No fault is left out: one that the doctor learns does not compile here until there is a
    /// way to produce it.
    async fn produce(&mut self, fault: Fault) {
        let refuse_all_of = |action: &str| self.aws.deny(action);
        match fault {
            // No emulator knows of credentials that have expired.
            Fault::IdentityUnknown => {
                let body = "<ErrorResponse><Error><Code>ExpiredToken</Code>\
                    <Message>The token is expired</Message></Error></ErrorResponse>";
                let answer = Answer::bytes(403, body);
                self.aws.answer("sts:GetCallerIdentity", answer);
            }
            Fault::NothingDeployed => {
                for name in functions() {
                    self.delete_function(name).await;
                }
                self.tell_the_settings();
            }
            Fault::FunctionMissing => self.delete_function("auditor").await,
            Fault::FunctionFailed => {
                let reason = "The function's image no longer exists.";
                let states = json!({"State": "Failed", "StateReason": reason});
                self.functions_are(&states);
            }
            Fault::FunctionNotActive => {
                let states = json!({"State": "Inactive", "StateReason": "It was not invoked."});
                self.functions_are(&states);
            }
            Fault::FunctionUpdateFailed => {
                let states = json!({"State": "Active", "LastUpdateStatus": "Failed",
                    "LastUpdateStatusReason": "The key of its variables is disabled."});
                self.functions_are(&states);
            }
            Fault::FunctionNotChecked => {
                refuse_all_of("lambda:GetFunctionConfiguration");
                self.tell_the_settings();
            }
            Fault::SettingsDiffer => {
                let other = self.variables("/my-erp,/other");
                self.set_variables("auditor", &other).await;
            }
            Fault::SettingsUnusable => {
                let mut variables = self.variables("/my-erp");
                variables["SECRET_LIFETIME_DAYS"] = json!("half a year");
                self.set_variables("token-exchanger", &variables).await;
            }
            Fault::ErrorsLogged => {
                let message = format!("no message went out {SECRET}");
                self.log(&json!({"level": "ERROR", "message": message}))
                    .await;
            }
            Fault::ErrorsNotChecked => refuse_all_of("logs:FilterLogEvents"),
            Fault::SourceMissing => self.source(&Method::DELETE, &Value::Null).await,
            Fault::SourceNotEnabled => {
                self.source(&Method::PUT, &json!({"Enabled": false})).await;
            }
            Fault::SourceNotChecked => refuse_all_of("lambda:ListEventSourceMappings"),
            // Every emulator dates what is written.
            Fault::DeadlineUnknown => {
                let undated = json!({"Name": "/my-erp/lwa/clientsecret", "Type": "SecureString"});
                let undated = Answer::json(200, &json!({"Parameters": [undated]}));
                self.aws.answer("ssm:DescribeParameters", undated);
                let untagged = Answer::json(200, &json!({"TagList": []}));
                self.aws.answer("ssm:ListTagsForResource", untagged);
            }
            Fault::Finding => {
                self.put_parameter("refreshToken", REFRESH, "alias/aws/ssm")
                    .await;
            }
            Fault::CredentialNotChecked => refuse_all_of("ssm:ListTagsForResource"),
            Fault::ClientSecretMissing => self.delete_parameter("lwa/clientsecret").await,
            Fault::KeyMissing => {
                let gone = self.arn("kms", "key/00000000-0000-0000-0000-000000000000");
                self.put_parameter("refreshToken", REFRESH, &gone).await;
            }
            Fault::KeyAliasMissing => {
                let gone = "alias/lwa/credentials";
                self.put_parameter("refreshToken", REFRESH, gone).await;
            }
            Fault::KeyUnusable => {
                let disable = json!({"KeyId": self.key});
                aws_call::json(&self.emulator, "kms", "TrentService.DisableKey", &disable).await;
            }
            Fault::KeyNotChecked => refuse_all_of("kms:DescribeKey"),
            Fault::RuleMissing => {
                let name = "lwa-parameter-changes";
                let targets = json!({"Rule": name, "Ids": ["1"]});
                self.events("RemoveTargets", &targets).await;
                self.events("DeleteRule", &json!({"Name": name})).await;
            }
            Fault::RuleDisabled => {
                let name = json!({"Name": "lwa-parameter-changes"});
                self.events("DisableRule", &name).await;
            }
            Fault::RuleWithoutTarget => {
                let targets = json!({"Rule": "lwa-parameter-changes", "Ids": ["1"]});
                self.events("RemoveTargets", &targets).await;
            }
            Fault::RuleMatchesNothing => {
                let glob = pattern(&json!({"name": ["/my-erp/*"]}));
                self.put_rule("parameter-changes", &glob).await;
            }
            Fault::RuleNotEvaluated => {
                let any_case = json!([{"prefix": {"equals-ignore-case": "/MY-ERP/"}}]);
                let rule = pattern(&json!({"name": any_case}));
                self.put_rule("parameter-changes", &rule).await;
            }
            Fault::RuleNotChecked => refuse_all_of("events:DescribeRule"),
            Fault::ScheduleMissing => self.delete_schedule("rotation-requester").await,
            Fault::ScheduleDisabled => {
                self.put_schedule(&Method::PUT, "auditor", "DISABLED").await;
            }
            Fault::CanaryMissing => self.delete_schedule("canary-my-erp").await,
            Fault::ScheduleNotChecked => refuse_all_of("scheduler:GetSchedule"),
            Fault::TopicMissing => {
                let delete = self.emulator.aws().sns().delete_topic();
                let delete = delete.topic_arn(self.arn("sns", "lwa-alerts"));
                delete.send().await.unwrap();
            }
            Fault::TopicWithoutSubscription => self.unsubscribe_all().await,
            // Emulators confirm subscriptions by themselves.
            Fault::SubscriptionPending => {
                let arn = self.arn("sns", "lwa-alerts:0123");
                let member = |arn: &str, endpoint: &str| {
                    format!(
                        "<member><SubscriptionArn>{arn}</SubscriptionArn><Protocol>email\
                         </Protocol><Endpoint>{endpoint}</Endpoint></member>"
                    )
                };
                let body = format!(
                    "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult>\
                     <Subscriptions>{}{}</Subscriptions></ListSubscriptionsByTopicResult>\
                     </ListSubscriptionsByTopicResponse>",
                    member(&arn, "you@example.com"),
                    member("PendingConfirmation", "late@example.com")
                );
                let answer = Answer::bytes(200, body);
                self.aws.answer("sns:ListSubscriptionsByTopic", answer);
            }
            Fault::TopicKeyManaged => {
                let set = self.emulator.aws().sns().set_topic_attributes();
                set.topic_arn(self.arn("sns", "lwa-alerts"))
                    .attribute_name("KmsMasterKeyId")
                    .attribute_value("alias/aws/sns")
                    .send()
                    .await
                    .unwrap();
            }
            Fault::TopicNotChecked => refuse_all_of("sns:GetTopicAttributes"),
            Fault::QueueMissing => {
                let delete = self.emulator.aws().sqs().delete_queue();
                let delete = delete.queue_url(self.queue_url("lwa-undelivered").await);
                delete.send().await.unwrap();
            }
            Fault::DeadLetters => self.send("lwa-new-secret-dead-letters").await,
            Fault::QueueClosed => {
                let nobody = policy("111122223333");
                self.set_queue(QueueAttributeName::Policy, nobody).await;
            }
            Fault::QueueWithoutDeadLetters => {
                let none = String::new();
                self.set_queue(QueueAttributeName::RedrivePolicy, none)
                    .await;
            }
            Fault::MessagesWaiting => {
                self.send(&format!("lwa-secret-expiry-{STACK_UUID}")).await;
            }
            Fault::QueueNotChecked => refuse_all_of("sqs:GetQueueAttributes"),
            Fault::CredentialsIncomplete | Fault::CriticalFinding => {
                self.delete_parameter("lwa/clientidentifier").await;
            }
            // Emulators decrypt with a key that is disabled.
            Fault::CredentialsUnreadable => {
                let body = json!({"__type": "InvalidKeyId", "message": "The key is disabled."});
                self.aws
                    .answer("ssm:GetParameters", Answer::json(400, &body));
            }
            Fault::CredentialsNotRead => refuse_all_of("ssm:GetParameters"),
            Fault::LwaRefuses | Fault::SpApiNotAsked => {
                let refused = json!({"error": "invalid_client",
                    "error_description": "Client authentication failed"});
                let refused = Answer::json(401, &refused);
                self.amazon.script(&Method::POST, TOKEN_PATH, [refused]);
            }
            // What does not come from LWA is not asked for again.
            Fault::LwaNotReached => {
                let page = Answer::bytes(200, "<html>Welcome to the hotel's network</html>");
                let page = page.header("content-type", "text/html");
                self.amazon.script(&Method::POST, TOKEN_PATH, [page]);
            }
            Fault::SpApiRefuses => {
                let expired = json!({"errors": [{"code": "Unauthorized",
                    "details": "The LWA secret token you provided has expired.",
                    "message": "Access to requested resource is denied."}]});
                self.sp_api_answers(403, &expired);
            }
            Fault::SpApiNotReached => self.sp_api_answers(503, &json!({})),
            // Emulators take every event.
            Fault::TestNotSent => {
                let entry = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Try later"});
                let body = json!({"FailedEntryCount": 1, "Entries": [entry]});
                self.aws
                    .answer("events:PutEvents", Answer::json(200, &body));
            }
        }
    }

    async fn unsubscribe_all(&self) {
        let sns = self.emulator.aws().sns();
        let list = sns.list_subscriptions_by_topic();
        let list = list.topic_arn(self.arn("sns", "lwa-alerts"));
        for subscription in list.send().await.unwrap().subscriptions() {
            let arn = subscription.subscription_arn().unwrap();
            let unsubscribe = sns.unsubscribe().subscription_arn(arn);
            unsubscribe.send().await.unwrap();
        }
    }

    /// A text without what differs from run to run.
    fn settled(&self, text: &str) -> String {
        let now = lwa_aws::clock::SystemClock.now();
        let key = self.key.rsplit('/').next().unwrap();
        let settled = text
            .replace(&self.emulator.account, "ACCOUNT")
            .replace(key, "KEY")
            .replace(&self.amazon.url(), "http://amazon");
        // The minute may have ended since.
        (0..10).fold(settled, |settled, minutes| {
            let minute = now - SignedDuration::from_mins(minutes);
            settled.replace(&wording::minute(minute), "NOW")
        })
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

fn pattern(detail: &Value) -> Value {
    json!({
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": detail,
    })
}

fn policy(account: &str) -> String {
    let principal = json!({"AWS": format!("arn:aws:iam::{account}:root")});
    json!({"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": principal}]})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_system_has_nothing_broken_and_every_part_was_looked_at() {
    let system = System::healthy(PARAMETER_STORE).await;
    let checks = system.checks().await;
    assert_healthy(&checks);
    for (check, found) in [
        ("identity", system.emulator.account.as_str()),
        ("settings", "below /my-erp"),
        ("source", "a queue feeds lwa-secret-receiver"),
        ("source", "a queue feeds lwa-rotation-requester"),
        (
            "credential",
            "/my-erp/lwa/clientsecret expires on 2099-01-01",
        ),
        ("key", "is enabled"),
        (
            "rule",
            "lwa-parameter-policy-actions matches events of my-erp",
        ),
        ("rule", "lwa-parameter-changes matches events of my-erp"),
        ("rule", "lwa-test-messages matches events of my-erp"),
        ("schedule", "lwa-auditor is enabled"),
        ("schedule", "lwa-rotation-requester is enabled"),
        ("schedule", "lwa-canary-my-erp is enabled"),
        ("topic", "1 confirmed subscription"),
        ("queue", "lwa-new-secret-5e6c0f10 lets Amazon in"),
        ("queue", "lwa-new-secret-dead-letters is empty"),
        ("queue", "lwa-undelivered is empty"),
        ("lwa", "my-erp: LWA issues a token"),
        ("sp-api", "my-erp: SP-API accepts the token"),
    ] {
        recognised(&checks, check, "good", found);
    }
    for name in functions() {
        let line = checks.iter().find(|line| {
            line["check"] == "function" && line["found"].as_str().unwrap().contains(name)
        });
        assert!(line.is_some(), "{name} was not looked at in {checks:#?}");
    }

    let output = system.lwa(&["doctor"]).await;
    let report = text(&output.stdout);
    assert!(report.starts_with("✓ identity "), "{report}");
    assert!(report.contains("\n0 broken, "), "{report}");
    assert!(
        report.lines().all(|line| line.chars().count() <= 80),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_secrets_manager_are_looked_at_with_the_rule_that_watches_them() {
    let system = System::healthy(SECRETS_MANAGER).await;
    let checks = system.checks().await;
    assert_healthy(&checks);
    for (check, found) in [
        ("credential", "my-erp expires on "),
        ("rule", "lwa-secret-rotations matches events of my-erp"),
        ("rule", "lwa-test-messages matches events of my-erp"),
        ("lwa", "my-erp: LWA issues a token"),
        ("sp-api", "my-erp: SP-API accepts the token"),
    ] {
        recognised(&checks, check, "good", found);
    }

    let delete = system.emulator.secrets_manager().delete_secret();
    let delete = delete.secret_id("my-erp");
    let delete = delete.force_delete_without_recovery(true);
    delete.send().await.unwrap();
    let checks = system.checks().await;
    recognised(&checks, "credential", "bad", "there is no client secret");
    recognised(&checks, "lwa", "bad", "secret my-erp");
}

fn assert_healthy(checks: &[Value]) {
    // A function of an emulator may be pending for a while, and ministack can hold no policies.
    let usual = [Fault::FunctionNotActive, Fault::Finding].map(Fault::as_str);
    let faults: Vec<&Value> = checks
        .iter()
        .filter(|line| {
            let fault = line["fault"].as_str();
            fault.is_some_and(|fault| !usual.contains(&fault))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_that_the_doctor_knows_is_produced_and_recognised() {
    // Each has a whole system to itself, but not all of them at once.
    let room = Arc::new(Semaphore::new(4));
    let mut work = JoinSet::new();
    for (index, fault) in Fault::ALL.iter().copied().enumerate() {
        let room = Arc::clone(&room);
        work.spawn(async move {
            let _place = room.acquire().await.unwrap();
            (index, recognise(fault).await)
        });
    }
    let mut said = work.join_all().await;
    said.sort();
    let said: Vec<String> = said.into_iter().map(|(_, said)| said).collect();
    insta::assert_snapshot!("doctor_faults", said.join("\n"));
}

/// What the doctor says about a fault, and to do about it.
async fn recognise(fault: Fault) -> String {
    let mut system = System::healthy(PARAMETER_STORE).await;
    let before = system.checks().await;
    system.produce(fault).await;
    let options: &[&str] = if fault == Fault::TestNotSent {
        &["--send-test"]
    } else {
        &[]
    };
    let report = system.report(options).await;
    let checks = report["checks"].as_array().unwrap();
    if fault == Fault::IdentityUnknown {
        assert_eq!(checks.len(), 1, "more was asked: {checks:#?}");
    }
    let name = fault.as_str();
    let is_new = |line: &&Value| line["fault"] == name && !before.contains(line);
    let Some(line) = checks.iter().rev().find(is_new) else {
        panic!("no {name} in {checks:#?}");
    };
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let said = format!(
        "{name} ({} {})\n    {}\n    {}\n",
        text("mark"),
        text("check"),
        text("found"),
        text("advice")
    );
    system.settled(&said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_named_and_the_rest_goes_on() {
    let mut needed = BTreeSet::from(["kms:Decrypt".to_owned()]);
    for vault in [PARAMETER_STORE, SECRETS_MANAGER] {
        let mut system = System::healthy(vault).await;
        system.tell_the_settings();
        assert_healthy(&system.checks().await);
        let mut actions: BTreeSet<String> = system
            .aws
            .calls()
            .into_iter()
            .map(|call| call.action)
            .collect();
        // For which nobody needs a permission.
        assert!(actions.remove("sts:GetCallerIdentity"), "{actions:?}");
        for action in &actions {
            system.aws.deny(action);
            let checks = system.checks().await;
            let mut skipped = checks.iter().filter(|line| line["mark"] == "skipped");
            let is_named = skipped.any(|line| {
                let is_in =
                    |key: &str| line[key].as_str().is_some_and(|text| text.contains(action));
                is_in("permission") && is_in("advice")
            });
            assert!(is_named, "{action} is not named in {checks:#?}");
            let bad = checks.iter().find(|line| line["mark"] == "bad");
            assert_eq!(bad, None, "without {action}");
            let sp_api = checks.last().map(|line| &line["check"]);
            assert!(
                sp_api.is_some_and(|check| check == "sp-api" || check == "lwa"),
                "it ended early without {action}: {checks:#?}"
            );
            system.aws.let_through(action);
        }
        needed.extend(actions);
    }
    let guide = include_str!("../../../docs/operations.md");
    let paragraph = guide
        .lines()
        .find(|line| line.starts_with("`lwa doctor` needs"))
        .unwrap();
    let told: BTreeSet<String> = paragraph
        .split('`')
        .filter(|code| code.contains(':') && !code.contains(' '))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        told, needed,
        "what docs/operations.md says that the doctor needs, and what it calls"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_changes_nothing() {
    let system = System::healthy(PARAMETER_STORE).await;
    system.checks().await;
    let reads = ["Get", "List", "Describe", "Filter"];
    for call in system.aws.calls() {
        let (_, operation) = call.action.split_once(':').unwrap();
        assert!(
            reads.iter().any(|verb| operation.starts_with(verb)),
            "{call:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_takes_the_rule_and_the_report_says_what_to_look_for() {
    for (vault, parameter) in [
        (PARAMETER_STORE, json!("/my-erp/lwa/clientsecret")),
        (SECRETS_MANAGER, Value::Null),
    ] {
        let system = System::healthy(vault).await;
        let queue_url = system.catch_test_messages().await;
        let report = system.report(&["--send-test"]).await;
        let checks = report["checks"].as_array().unwrap();
        assert_healthy(checks);
        let line = recognised(
            checks,
            "test",
            "good",
            "begins with \"[TEST] Alerts reach you\"",
        );
        assert_eq!(checks.last(), Some(&line), "the checks come first");
        let advice = line["advice"].as_str().unwrap();
        assert!(
            advice.contains("/aws/lambda/lwa-policy-formatter"),
            "{advice}"
        );

        let sent = &report["test_message"];
        assert_eq!(sent["parameter"], parameter);
        assert_eq!(sent["subject"], "[TEST] Alerts reach you");
        let event_id = sent["event_id"].as_str().unwrap();
        assert!(line["found"].as_str().unwrap().contains(event_id), "{line}");
        let event = system.caught(&queue_url).await;
        assert_eq!(event["id"], event_id);
        assert_eq!(event["source"], "lwa");
        assert_eq!(event["detail-type"], "LWA Test Message");
        assert_eq!(
            event["detail"]
                .get("parameter-name")
                .unwrap_or(&Value::Null),
            &parameter
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_that_may_not_be_sent_names_the_permission() {
    let system = System::healthy(PARAMETER_STORE).await;
    system.aws.deny("events:PutEvents");
    let report = system.report(&["--send-test"]).await;
    assert_eq!(report["test_message"], Value::Null);
    let checks = report["checks"].as_array().unwrap();
    let line = recognised(checks, "test", "bad", "PutEvents was denied");
    assert_eq!(line["permission"], "events:PutEvents");
    assert_eq!(line["advice"], "Missing permission: events:PutEvents.");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_test_message_is_sent_where_nothing_is_deployed() {
    let mut system = System::healthy(PARAMETER_STORE).await;
    system.produce(Fault::NothingDeployed).await;
    let report = system.report(&["--send-test"]).await;
    assert_eq!(report["test_message"], Value::Null);
    let checks = report["checks"].as_array().unwrap();
    recognised(checks, "function", "bad", "no function of the stack lwa");
    let calls = system.aws.calls();
    assert!(calls.iter().all(|call| call.action != "events:PutEvents"));
}
