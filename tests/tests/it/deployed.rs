//! The deployed system, from outside: the CDK app is deployed by the CDK's own command to the
//! emulator that runs functions as processes, with the real binaries in it.
//!
//! What this cannot show is in `docs/deployment.md`: the emulator enforces neither IAM nor the
//! policies of queues, topics and keys, and its alarms do not look at dimensions.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use http::Method;
use lwa_aws::clock::SystemClock;
use lwa_core::Timestamp;
use lwa_core::ports::Clock;
use lwa_tests::emulator::{self, Emulator, VaultClients as _};
use lwa_tests::http_stub::{Answer, HttpStub, Request};
use lwa_tests::{aws_call, binary, leak};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::functions;

const TOKEN_PATH: &str = "/auth/o2/token";
const ROTATION_PATH: &str = "/applications/2023-11-30/clientSecret";
const CLIENT_ID: &str = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old-secret";
const NEW: &str = "amzn1.oa2-cs.v1.planted-new-secret";
const REFRESH_TOKEN: &str = "Atzr|planted-refresh-token";
const ACCESS_TOKEN: &str = "Atza|planted-access-token";
const CLIENT_SECRET: &str = "/my-erp/lwa/clientsecret";

/// How long anything may take that the system does by itself.
const PATIENCE: Duration = Duration::from_secs(150);

#[tokio::test]
async fn the_deployed_system_reminds_audits_rotates_and_keeps_what_it_cannot_handle() {
    let mut system = System::deploy().await;
    // Both go round in their queues while the rest happens.
    system.poison_both_queues().await;
    system.an_event_on_the_bus_becomes_a_message().await;
    system.a_secret_about_to_expire_is_rotated().await;
    system.a_new_secret_is_stored_and_used().await;
    system.a_fired_schedule_leads_to_the_digest().await;
    system
        .poison_ends_in_its_own_dead_letter_queue_and_alarm()
        .await;
    system.nothing_happened_twice_or_leaked();
    system.remove().await;
}

/// A deployment, with a stand-in for Amazon and a queue in place of people.
struct System {
    emulator: Emulator,
    amazon: HttpStub,
    outputs: Value,
    inbox: String,
    messages: Vec<Message>,
}

/// What a subscriber of the topic was sent.
struct Message {
    subject: String,
    text: String,
}

impl System {
    async fn deploy() -> Self {
        let emulator = emulator::ministack();
        let amazon = HttpStub::start();
        let token =
            json!({"access_token": ACCESS_TOKEN, "token_type": "bearer", "expires_in": 3600});
        amazon.script(&Method::POST, TOKEN_PATH, [Answer::json(200, &token)]);
        amazon.script(&Method::POST, ROTATION_PATH, [Answer::bytes(204, "")]);

        let folder = tempfile::tempdir().unwrap();
        for name in functions() {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::copy(
                binary::path(name),
                folder.path().join(name).join("bootstrap"),
            )
            .unwrap();
        }
        let settings = json!({
            "region": emulator::REGION,
            "alerts": {"emails": ["you@example.com"]},
            "lwaTokenUrl": format!("{}{TOKEN_PATH}", amazon.url()),
            "spApi": {"region": "eu", "endpoint": amazon.url()},
            "schedules": {"audit": "rate(1 minute)"},
        });
        let file = |name: &str| folder.path().join(name).display().to_string();
        fs::write(file("config.json"), settings.to_string()).unwrap();
        let environment = format!("aws://{}/{}", emulator.account, emulator::REGION);
        // Outside the app's folder, because bootstrapping needs no app.
        cdk(&emulator, folder.path(), &["bootstrap", &environment]).await;
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
        let settings = format!("config={}", file("config.json"));
        let binaries = format!("binaries={}", folder.path().display());
        let deploy = [
            "deploy",
            "--method=direct",
            "--require-approval=never",
            "--context",
            &settings,
            "--context",
            &binaries,
            "--output",
            &file("cdk.out"),
            "--outputs-file",
            &file("outputs.json"),
        ];
        cdk(&emulator, &infra, &deploy).await;
        let outputs: Value =
            serde_json::from_slice(&fs::read(file("outputs.json")).unwrap()).unwrap();

        let system = Self {
            inbox: String::new(),
            outputs: outputs["lwa"].clone(),
            emulator,
            amazon,
            messages: Vec::new(),
        };
        system.show_functions_the_emulator().await;
        system.store_credentials().await;
        system.subscribe().await
    }

    /// The one thing about the functions that no deployment has: where AWS is.
    async fn show_functions_the_emulator(&self) {
        for name in functions() {
            let path = format!("/2015-03-31/functions/lwa-{name}/configuration");
            let mut found = self.lambda(&Method::GET, &path, &Value::Null).await;
            let mut environment = found["Environment"].take();
            environment["Variables"]["AWS_ENDPOINT_URL"] = json!(self.emulator.url);
            let change = json!({"Environment": environment});
            self.lambda(&Method::PUT, &path, &change).await;
        }
    }

    /// Without policies, which this emulator answers in a form that no SDK can read. A second
    /// application is there for the audit to find fault with.
    async fn store_credentials(&self) {
        let ssm = self.emulator.ssm();
        let plain = ssm.put_parameter().name("/my-erp/eu/lwa/clientsecret");
        let plain = plain.value(OLD).r#type(ParameterType::String);
        plain.send().await.unwrap();
        for (name, value) in [
            ("/my-erp/lwa/clientidentifier", CLIENT_ID),
            (CLIENT_SECRET, OLD),
            ("/my-erp/refreshToken", REFRESH_TOKEN),
        ] {
            let put = self
                .emulator
                .aws()
                .ssm()
                .put_parameter()
                .name(name)
                .value(value);
            put.r#type(ParameterType::SecureString)
                .key_id(self.output("CredentialsKeyArn"))
                .tier(ParameterTier::Advanced)
                .send()
                .await
                .unwrap();
        }
    }

    async fn subscribe(mut self) -> Self {
        let aws = self.emulator.aws();
        let queue = aws
            .sqs()
            .create_queue()
            .queue_name("people")
            .send()
            .await
            .unwrap();
        self.inbox = queue.queue_url.unwrap();
        let arn = format!(
            "arn:aws:sqs:{}:{}:people",
            emulator::REGION,
            self.emulator.account
        );
        let subscribe = aws.sns().subscribe().topic_arn(self.output("TopicArn"));
        subscribe
            .protocol("sqs")
            .endpoint(arn)
            .send()
            .await
            .unwrap();
        self
    }

    /// AWS lets nobody put events of `aws.ssm`, so a copy of the deployed rule listens to another
    /// source, and gives the deployed target the event as `aws.ssm` would have sent it.
    async fn an_event_on_the_bus_becomes_a_message(&mut self) {
        let deployed = json!({"Name": "lwa-parameter-policy-actions"});
        let rule = self.events("DescribeRule", &deployed).await;
        let mut pattern: Value =
            serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap();
        assert_eq!(pattern["source"], json!(["aws.ssm"]));
        pattern["source"] = json!(["test.ssm"]);
        let copy = json!({"Name": "copy", "EventPattern": pattern.to_string()});
        self.events("PutRule", &copy).await;

        let rule = json!({"Rule": "lwa-parameter-policy-actions"});
        let mut targets = self.events("ListTargetsByRule", &rule).await["Targets"].take();
        let fields = [
            "version",
            "id",
            "detail-type",
            "account",
            "time",
            "region",
            "resources",
            "detail",
        ];
        let paths: Value = fields
            .map(|name| (name.to_owned(), json!(format!("$.{name}"))))
            .into_iter()
            .collect();
        let template = fields.map(|name| format!("\"{name}\":<{name}>")).join(",");
        targets[0]["InputTransformer"] = json!({
            "InputPathsMap": paths,
            "InputTemplate": format!("{{\"source\":\"aws.ssm\",{template}}}"),
        });
        let put = json!({"Rule": "copy", "Targets": targets});
        self.events("PutTargets", &put).await;

        for case in ["outside-the-prefix", "client-secret-unchanged-150-days"] {
            let event = sample(&format!("parameter-store/{case}"));
            let entry = json!({"Source": "test.ssm", "DetailType": event["detail-type"],
                "Detail": event["detail"].to_string(), "Resources": event["resources"]});
            let answer = self.events("PutEvents", &json!({"Entries": [entry]})).await;
            assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
        }
        let reminder = self
            .message("the reminder", |message| {
                message.subject.contains("Client secret of my-erp")
            })
            .await;
        assert!(reminder.contains("has not been changed"), "{reminder}");
    }

    async fn a_secret_about_to_expire_is_rotated(&mut self) {
        let notice = notification(
            "client-secret-expiry",
            &json!({"clientSecretExpiryTime": in_days(20)}),
        );
        self.send("SecretExpiryQueueArn", &notice.to_string()).await;
        let start = SystemClock.now();
        while self.rotations() == 0 {
            let waited = SystemClock.now().duration_since(start).unsigned_abs();
            assert!(waited < PATIENCE, "no rotation was requested");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Amazon's queues deliver at least once. Not at the same time, because this emulator does
        // not keep a function to the one invocation that is reserved for it.
        self.send("SecretExpiryQueueArn", &notice.to_string()).await;
    }

    async fn a_new_secret_is_stored_and_used(&mut self) {
        let notice = notification(
            "client-new-secret",
            &json!({"newClientSecret": NEW, "newClientSecretExpiryTime": in_days(180),
                "oldClientSecretExpiryTime": in_days(7)}),
        );
        self.send("NewSecretQueueArn", &notice.to_string()).await;
        self.message("the word that a new secret is stored", |message| {
            message
                .subject
                .contains("New client secret of my-erp is stored")
        })
        .await;
        let ssm = self.emulator.ssm();
        let get = ssm
            .get_parameter()
            .name(CLIENT_SECRET)
            .with_decryption(true);
        let stored = get.send().await.unwrap().parameter.unwrap();
        assert_eq!((stored.version, stored.value.as_deref()), (2, Some(NEW)));

        let invoke = "/2015-03-31/functions/lwa-token-exchanger/invocations";
        let token = self.lambda(&Method::POST, invoke, &json!({})).await;
        assert_eq!(token["access_token"], ACCESS_TOKEN, "{token}");
        assert_eq!(token["secret_version"], "2");
        let exchange = self.requests(TOKEN_PATH).pop().unwrap().form();
        assert_eq!(exchange["client_secret"], NEW);
        assert_eq!(exchange["refresh_token"], REFRESH_TOKEN);
    }

    async fn a_fired_schedule_leads_to_the_digest(&mut self) {
        let digest = self
            .message(
                "the digest of an audit that the schedule started",
                |message| message.text.contains("LWA003"),
            )
            .await;
        assert!(digest.contains("my-erp/eu"), "{digest}");
    }

    async fn poison_both_queues(&self) {
        // In the deployed queue a message that fails comes back after six minutes.
        let sqs = self.emulator.aws().sqs();
        sqs.set_queue_attributes()
            .queue_url(
                self.queue_url(name(self.output("SecretExpiryQueueArn")))
                    .await,
            )
            .attributes(QueueAttributeName::VisibilityTimeout, "1")
            .send()
            .await
            .unwrap();
        for queue in ["SecretExpiryQueueArn", "NewSecretQueueArn"] {
            self.send(queue, &format!("poison for {queue}")).await;
        }
    }

    async fn poison_ends_in_its_own_dead_letter_queue_and_alarm(&mut self) {
        for queue in ["SecretExpiryQueueArn", "NewSecretQueueArn"] {
            // Without the UUID that only the name of the queue itself ends in.
            let (queue_name, _) = name(self.output(queue)).rsplit_once('-').unwrap();
            let dead_letters = format!("{queue_name}-dead-letters");
            let url = self.queue_url(&dead_letters).await;
            let body = self.first_message(&url).await;
            assert_eq!(body, format!("poison for {queue}"), "in {dead_letters}");

            // What AWS would report of the queue: this emulator measures none.
            let fields = [
                ("Action", "PutMetricData"),
                ("Version", "2010-08-01"),
                ("Namespace", "AWS/SQS"),
                (
                    "MetricData.member.1.MetricName",
                    "ApproximateNumberOfMessagesVisible",
                ),
                ("MetricData.member.1.Dimensions.member.1.Name", "QueueName"),
                (
                    "MetricData.member.1.Dimensions.member.1.Value",
                    &dead_letters,
                ),
                ("MetricData.member.1.Value", "1"),
            ];
            aws_call::query(&self.emulator, "monitoring", &fields).await;
            let alarm = format!("ALARM: \"{dead_letters}\"");
            self.message(&alarm, |message| message.subject.starts_with(&alarm))
                .await;
        }
    }

    fn nothing_happened_twice_or_leaked(&self) {
        assert_eq!(self.rotations(), 1);
        let said: Vec<&str> = self
            .messages
            .iter()
            .flat_map(|message| [message.subject.as_str(), message.text.as_str()])
            .collect();
        let said = said.join("\n");
        assert!(
            !said.contains("/my-erp2/"),
            "a rule matched what is not below the prefix: {said}"
        );
        let planted = [
            ("old secret", OLD),
            ("new secret", NEW),
            ("refresh token", REFRESH_TOKEN),
            ("access token", ACCESS_TOKEN),
        ];
        leak::assert_none(&said, &planted);
    }

    /// So that no schedule goes on in the emulator that other tests use.
    async fn remove(self) {
        let delete = [
            ("Action", "DeleteStack"),
            ("Version", "2010-05-15"),
            ("StackName", "lwa"),
        ];
        aws_call::query(&self.emulator, "cloudformation", &delete).await;
        let function = json!({});
        let functions = self
            .lambda(&Method::GET, "/2015-03-31/functions/", &function)
            .await;
        assert_eq!(functions["Functions"], json!([]));
    }

    /// Waits for a message to people, and returns its text.
    async fn message(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> String {
        let sqs = self.emulator.aws().sqs();
        let start = SystemClock.now();
        loop {
            if let Some(found) = self.messages.iter().find(|message| wanted(message)) {
                return found.text.clone();
            }
            let subjects: Vec<_> = self
                .messages
                .iter()
                .map(|message| &message.subject)
                .collect();
            assert!(
                SystemClock.now().duration_since(start).unsigned_abs() < PATIENCE,
                "{what} did not come; what came: {subjects:#?}"
            );
            let receive = sqs.receive_message().queue_url(&self.inbox);
            let received = receive.max_number_of_messages(10).wait_time_seconds(1);
            for message in received.send().await.unwrap().messages.unwrap_or_default() {
                let body: Value = serde_json::from_str(&message.body.unwrap()).unwrap();
                let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
                self.messages.push(Message {
                    subject: text("Subject"),
                    text: text("Message"),
                });
                let delete = sqs.delete_message().queue_url(&self.inbox);
                let handle = message.receipt_handle.unwrap();
                delete.receipt_handle(handle).send().await.unwrap();
            }
        }
    }

    async fn first_message(&self, queue_url: &str) -> String {
        let sqs = self.emulator.aws().sqs();
        let start = SystemClock.now();
        while SystemClock.now().duration_since(start).unsigned_abs() < PATIENCE {
            let receive = sqs
                .receive_message()
                .queue_url(queue_url)
                .wait_time_seconds(1);
            let messages = receive.send().await.unwrap().messages.unwrap_or_default();
            if let Some(message) = messages.into_iter().next() {
                return message.body.unwrap();
            }
        }
        panic!("nothing came to {queue_url}");
    }

    fn output(&self, name: &str) -> &str {
        self.outputs[name]
            .as_str()
            .unwrap_or_else(|| panic!("the stack has no output {name}: {}", self.outputs))
    }

    async fn queue_url(&self, name: &str) -> String {
        let get = self.emulator.aws().sqs().get_queue_url().queue_name(name);
        get.send().await.unwrap().queue_url.unwrap()
    }

    async fn send(&self, output: &str, body: &str) {
        let url = self.queue_url(name(self.output(output))).await;
        let send = self.emulator.aws().sqs().send_message().queue_url(url);
        send.message_body(body).send().await.unwrap();
    }

    fn requests(&self, path: &str) -> Vec<Request> {
        let mut requests = self.amazon.requests();
        requests.retain(|request| request.path == path);
        requests
    }

    fn rotations(&self) -> usize {
        self.requests(ROTATION_PATH).len()
    }

    async fn events(&self, operation: &str, input: &Value) -> Value {
        let target = format!("AWSEvents.{operation}");
        aws_call::json(&self.emulator, "events", &target, input).await
    }

    async fn lambda(&self, method: &Method, path: &str, input: &Value) -> Value {
        aws_call::rest(&self.emulator, "lambda", method, path, input).await
    }
}

/// The CDK's command, as a person would type it, against the emulator.
async fn cdk(emulator: &Emulator, folder: &Path, arguments: &[&str]) {
    let command =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/node_modules/aws-cdk/bin/cdk");
    assert!(
        command.exists(),
        "the CDK is not installed; `cargo xtask test` does that, and so does `npm ci` in infra/"
    );
    let output = Command::new("node")
        .arg(command)
        .args(arguments)
        .current_dir(folder)
        .envs(emulator.variables())
        .env("AWS_ENDPOINT_URL_S3", &emulator.url)
        .env("CDK_DISABLE_CLI_TELEMETRY", "true")
        // Infra's own tests run it; here it would only take seconds.
        .env("CDK_VALIDATION", "false")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "`cdk {}` failed:\n{}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

pub(crate) fn sample(case: &str) -> Value {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    serde_json::from_slice(&fs::read(events.join(case).join("event.json")).unwrap()).unwrap()
}

/// A notification of Amazon's from the samples, of this moment and with other facts in it.
pub(crate) fn notification(case: &str, facts: &Value) -> Value {
    let event = sample(&format!("sp-api/{case}"));
    let body = event["Records"][0]["body"].as_str().unwrap();
    let mut body: Value = serde_json::from_str(body).unwrap();
    // A notice that is older than what a test has just stored would be about the secret before.
    let event_time = in_days(i64::from(case.ends_with("expiry")));
    body["eventTime"] = json!(event_time);
    body["notificationMetadata"]["publishTime"] = json!(in_days(0));
    let payload = body["payload"].as_object_mut().unwrap().values_mut();
    for about in payload {
        for (key, value) in facts.as_object().unwrap() {
            about[key] = value.clone();
        }
    }
    body
}

pub(crate) fn in_days(days: i64) -> String {
    let now = SystemClock.now().as_second();
    Timestamp::from_second(now + days * 86_400)
        .unwrap()
        .to_string()
}

/// The last part of an ARN.
fn name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
