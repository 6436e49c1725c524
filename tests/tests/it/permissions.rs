//! Each function under exactly the policy that the CDK app gives its role: every call is allowed,
//! every permission is used, and without any single one of them something fails. What is played
//! to show it also writes every metric that the app makes alarms and its dashboard from.
//!
//! The real binaries run against an emulator that enforces IAM, with credentials of a user who has
//! the role's `Calls` policy. Two things it cannot judge:
//! - It knows no resources but queues, so elsewhere each statement is given everything, and what
//!   the calls were on is held against the statements' own resources here.
//! - It never calls KMS on a caller's behalf, so the `kms:` actions are not tried. The CDK app's
//!   own tests hold them to `permissions.json`, to the right key, and to the service through which
//!   that key may be used ("keys are used through the service that holds the data, never directly").

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use http::Method;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_tests::aws_call;
use lwa_tests::emulator::{self, Emulator, VaultClients as _};
use lwa_tests::http_stub::{Answer, HttpStub};
use lwa_tests::recorder::Recorder;
use lwa_tests::runtime_api::Function;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::deployed::{in_days, notification, sample};
use crate::functions;

const PARAMETER_STORE: &str = "parameter-store";
const SECRETS_MANAGER: &str = "secrets-manager";
const VAULTS: [&str; 2] = [PARAMETER_STORE, SECRETS_MANAGER];

const TOKEN_PATH: &str = "/auth/o2/token";
const ROTATION_PATH: &str = "/applications/2023-11-30/clientSecret";
const DESTINATIONS_PATH: &str = "/notifications/v1/destinations";
const CLIENT_ID: &str = "amzn1.application-oa2-client.0123";
const OLD: &str = "amzn1.oa2-cs.v1.old-secret";
const NEW: &str = "amzn1.oa2-cs.v1.new-secret";

/// Holds what a scenario was to lead to; otherwise it failed.
macro_rules! require {
    ($held:expr, $($what:tt)+) => {
        if !$held {
            return Err(format!($($what)+));
        }
    };
}

/// How a scenario failed.
type Failure = String;

#[tokio::test]
async fn token_exchanger_uses_exactly_its_permissions_and_writes_its_metrics() {
    prove("token-exchanger").await;
}

#[tokio::test]
async fn policy_formatter_uses_exactly_its_permissions_and_writes_its_metrics() {
    prove("policy-formatter").await;
}

#[tokio::test]
async fn auditor_uses_exactly_its_permissions_and_writes_its_metrics() {
    prove("auditor").await;
}

#[tokio::test]
async fn rotation_requester_uses_exactly_its_permissions_and_writes_its_metrics() {
    prove("rotation-requester").await;
}

#[tokio::test]
async fn secret_receiver_uses_exactly_its_permissions_and_writes_its_metrics() {
    prove("secret-receiver").await;
}

#[test]
fn every_function_and_nothing_else_is_listed() {
    let permissions = permissions();
    let listed: BTreeSet<&str> = permissions
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(listed, functions().into());
}

#[test]
fn resources_match_as_iam_matches_them() {
    assert!(is_like("a:b/c", "a:b/c") && is_like("a:b/c", "a:*") && is_like("a:b/c", "*"));
    assert!(is_like("x-AbCdEf", "x-??????") && is_like("a/b/c/d", "a/*/d"));
    assert!(!is_like("x-AbCdE", "x-??????") && !is_like("a/d", "a/*/d") && !is_like("ab", "a"));
}

async fn prove(function: &'static str) {
    let mut written = BTreeSet::new();
    for vault in VAULTS {
        let case = format!("{function} with {vault}");
        let allowed = listed(function, vault);

        let stage = Stage::set(function, vault, None).await;
        let outcome = stage.play().await;
        let calls = stage.recorder.calls();
        assert!(outcome.is_ok(), "{case}: {outcome:?} after {calls:#?}");
        let denied: Vec<_> = calls.iter().filter(|call| call.status == 403).collect();
        assert!(denied.is_empty(), "{case}: not allowed: {denied:#?}");
        let made: BTreeSet<String> = calls.iter().map(|call| call.action.clone()).collect();
        assert_eq!(
            made, allowed,
            "{case}: calls made, and those in infra/permissions.json"
        );
        for call in &calls {
            for resource in &call.resources {
                assert!(
                    stage.pass.allows(&call.action, resource),
                    "{case}: {} on {resource}, which no statement names",
                    call.action
                );
            }
        }

        written.extend(metrics(&stage.function.json_lines()));

        for action in &allowed {
            let stage = Stage::set(function, vault, Some(action)).await;
            let outcome = stage.play().await;
            // What cannot be noted is told twice, which is no failure.
            let is_note = ["ssm:AddTagsToResource", "secretsmanager:TagResource"]
                .contains(&action.as_str())
                && ["auditor", "policy-formatter"].contains(&function);
            assert!(
                outcome.is_err() || is_note,
                "{case}: nothing fails without {action}"
            );
            let calls = stage.recorder.calls();
            assert!(
                calls
                    .iter()
                    .any(|call| call.action == *action && call.status != 200),
                "{case}: {action} was not refused, yet {outcome:?}"
            );
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/metrics.json");
    let all: Vec<Value> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for metric in all.iter().filter(|metric| metric["function"] == function) {
        for dimensions in metric["dimensions"].as_array().unwrap() {
            let wanted = format!("{} {dimensions}", metric["name"].as_str().unwrap());
            assert!(
                written.contains(&wanted),
                "infra/metrics.json has {wanted}; {function} wrote {written:?}"
            );
        }
    }
}

/// The metrics in the output of a function, each with the names of its dimensions.
fn metrics(output: &[Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let sets = output
        .iter()
        .filter_map(|line| line["_aws"]["CloudWatchMetrics"].as_array());
    for set in sets.flatten() {
        for metric in set["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            found.insert(format!("{name} {}", set["Dimensions"][0]));
        }
    }
    found
}

fn permissions() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/permissions.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The calls that `infra/permissions.json` lists, without those that services make by themselves.
fn listed(function: &str, vault: &str) -> BTreeSet<String> {
    let permissions = permissions();
    let all = permissions[function].as_array().unwrap();
    let here = all
        .iter()
        .filter(|one| one["vault"].is_null() || one["vault"] == vault);
    here.map(|one| one["action"].as_str().unwrap().to_owned())
        .filter(|action| !action.starts_with("kms:"))
        .collect()
}

/// A function's process under a policy, with an estate, a topic and a queue of its own.
struct Stage {
    name: &'static str,
    vault: &'static str,
    pass: &'static Pass,
    owner: Aws,
    inbox: String,
    queue: String,
    recorder: Recorder,
    amazon: HttpStub,
    function: Function,
}

impl Stage {
    async fn set(name: &'static str, vault: &'static str, without: Option<&str>) -> Self {
        let office = Office::open().await;
        let pass = &office.passes[&key(name, vault, without)];
        let owner = office.owner.aws();
        let amazon = HttpStub::start();
        let token =
            json!({"access_token": "Atza|token", "token_type": "bearer", "expires_in": 3600});
        amazon.script(&Method::POST, TOKEN_PATH, [Answer::json(200, &token)]);
        amazon.script(&Method::POST, ROTATION_PATH, [Answer::bytes(204, "")]);
        let destinations = [Answer::json(200, &json!({"payload": []}))];
        amazon.script(&Method::GET, DESTINATIONS_PATH, destinations);

        let topic = owner.sns().create_topic().name(&pass.topic);
        let topic = topic.send().await.unwrap().topic_arn.unwrap();
        let inbox = create_queue(&owner, &format!("{}-inbox", pass.topic)).await;
        let arn = pass.arn("sqs", &format!("{}-inbox", pass.topic));
        let subscribe = owner.sns().subscribe().topic_arn(&topic).protocol("sqs");
        subscribe.endpoint(arn).send().await.unwrap();
        let queue = create_queue(&owner, &pass.queue).await;

        let recorder = Recorder::start(&office.owner.emulator.url, &office.owner.emulator.account);
        let mut variables = pass.key.variables(&recorder.url());
        let amazon_url = amazon.url();
        for (key, value) in [
            ("LWA_PARAMETER_PREFIX", format!("/{}", pass.root)),
            ("LWA_VAULT", vault.to_owned()),
            ("TOPIC_ARN", topic),
            ("LWA_TOKEN_URL", format!("{amazon_url}{TOKEN_PATH}")),
            ("SP_API_ENDPOINT", amazon_url),
        ] {
            variables.insert(key.to_owned(), value);
        }
        let function = Function::start(name, variables);
        let stage = Self {
            name,
            vault,
            pass,
            owner,
            inbox,
            queue,
            recorder,
            amazon,
            function,
        };
        stage.store_application().await;
        stage
    }

    async fn play(&self) -> Result<(), Failure> {
        match self.name {
            "token-exchanger" => {
                self.a_token_is_exchanged_even_with_the_secret_before()
                    .await
            }
            "policy-formatter" => self.an_event_becomes_a_message_that_lacks_nothing().await,
            "auditor" => self.the_whole_estate_is_seen_and_people_are_told().await,
            "rotation-requester" => self.a_rotation_is_refused_then_requested().await,
            "secret-receiver" => {
                self.a_new_secret_is_stored().await?;
                self.a_duplicate_of_a_secret_that_was_written_again_is_acknowledged()
                    .await?;
                self.a_message_without_hope_comes_back_at_once().await
            }
            name => panic!("no scenario for {name}"),
        }
    }

    async fn a_token_is_exchanged_even_with_the_secret_before(&self) -> Result<(), Failure> {
        self.invoke(&json!({})).await?;
        let check = self.invoke(&json!({"action": "check"})).await?;
        require!(check["sp_api"] == "ok", "{check}");
        // Written twice, so that the version before the newest holds the same secret.
        self.store_secret(NEW).await;
        self.store_secret(NEW).await;
        let refusal = json!({"error": "invalid_client", "error_description": "no"});
        let token =
            json!({"access_token": "Atza|token", "token_type": "bearer", "expires_in": 3600});
        let answers = [Answer::json(401, &refusal), Answer::json(200, &token)];
        self.amazon.script(&Method::POST, TOKEN_PATH, answers);
        self.invoke(&json!({"force_refresh": true})).await?;
        let last = self.amazon.requests().pop().unwrap().form();
        require!(last["client_secret"] == OLD, "another secret was used");
        Ok(())
    }

    async fn an_event_becomes_a_message_that_lacks_nothing(&self) -> Result<(), Failure> {
        let case = match self.vault {
            PARAMETER_STORE => "parameter-store/client-secret-unchanged-150-days",
            _ => "secrets-manager/rotation-succeeded",
        };
        // Near enough that there is something to do.
        if self.vault == PARAMETER_STORE {
            self.tag("lwa:secret-expires-at", &in_days(20)).await;
        }
        let event = sample(case).to_string().replace("my-erp", &self.pass.root);
        self.invoke(&serde_json::from_str(&event).unwrap()).await?;
        let told = self.told().await;
        require!(told.len() == 1, "{} messages", told.len());
        require!(
            !told[0].contains("Missing from this message"),
            "{}",
            told[0]
        );
        Ok(())
    }

    async fn the_whole_estate_is_seen_and_people_are_told(&self) -> Result<(), Failure> {
        // Once with a deadline that only versions tell, and once with one so near that there is
        // something to say on every day of the week.
        for day in [None, Some(3)] {
            if let Some(day) = day {
                self.tag("lwa:secret-expires-at", &in_days(day)).await;
            }
            self.told().await;
            let report = self.invoke(&json!({})).await?;
            require!(report["partial"] == false, "{}", report["not_seen"]);
            require!(report["complete"] == true, "{report}");
            require!(report["summary"]["applications"] == 1, "{report}");
        }
        require!(!self.told().await.is_empty(), "nobody was told");
        Ok(())
    }

    async fn a_rotation_is_refused_then_requested(&self) -> Result<(), Failure> {
        let facts = json!({"clientId": CLIENT_ID, "clientSecretExpiryTime": in_days(20)});
        let refusal = json!({"errors": [{"code": "InvalidInput", "message": "no queue"}]});
        let answers = [Answer::json(400, &refusal), Answer::bytes(204, "")];
        self.amazon.script(&Method::POST, ROTATION_PATH, answers);
        for requested in [false, true] {
            let event = self
                .delivered(&notification("client-secret-expiry", &facts))
                .await;
            let answer = self.invoke(&event).await?;
            require!(answer["batchItemFailures"] == json!([]), "{answer}");
            let tags = self.tags().await;
            require!(tags.contains_key("lwa:secret-expires-at"), "{tags:?}");
            require!(
                tags.contains_key("lwa:rotation-requested-at") == requested,
                "{tags:?}"
            );
            // Of a refusal people hear, and of a request when its secret is stored.
            let told = self.told().await.len();
            require!(told == usize::from(!requested), "{told} messages");
        }
        // Written again, so that only the versions tell since when the value is stored.
        self.store_secret(OLD).await;
        self.store_secret(OLD).await;
        self.invoke(&json!({})).await?;
        let tags = self.tags().await;
        require!(tags.contains_key("lwa:secret-version"), "{tags:?}");
        Ok(())
    }

    async fn a_new_secret_is_stored(&self) -> Result<(), Failure> {
        self.tag("lwa:rotation-requested-at", &in_days(0)).await;
        let facts = json!({"clientId": CLIENT_ID, "newClientSecret": NEW,
            "newClientSecretExpiryTime": in_days(180), "oldClientSecretExpiryTime": in_days(7)});
        let event = self
            .delivered(&notification("client-new-secret", &facts))
            .await;
        let answer = self.invoke(&event).await?;
        require!(answer["batchItemFailures"] == json!([]), "{answer}");
        require!(self.secret().await == NEW, "the secret is not stored");
        let tags = self.tags().await;
        require!(tags.contains_key("lwa:secret-expires-at"), "{tags:?}");
        require!(!tags.contains_key("lwa:rotation-requested-at"), "{tags:?}");
        require!(self.told().await.len() == 1, "people were not told once");
        Ok(())
    }

    async fn a_duplicate_of_a_secret_that_was_written_again_is_acknowledged(
        &self,
    ) -> Result<(), Failure> {
        self.store_secret(NEW).await;
        self.store_secret(NEW).await;
        let expires = self.tags().await["lwa:secret-expires-at"].clone();
        let facts = json!({"clientId": CLIENT_ID, "newClientSecret": NEW,
            "newClientSecretExpiryTime": expires, "oldClientSecretExpiryTime": in_days(7)});
        let mut notification = notification("client-new-secret", &facts);
        notification["eventTime"] = json!(in_days(-1));
        let event = self.delivered(&notification).await;
        let answer = self.invoke(&event).await?;
        require!(answer["batchItemFailures"] == json!([]), "{answer}");
        require!(
            self.told().await.is_empty(),
            "people were told of a duplicate"
        );
        Ok(())
    }

    async fn a_message_without_hope_comes_back_at_once(&self) -> Result<(), Failure> {
        let event = self.delivered(&json!("no notification")).await;
        let answer = self.invoke(&event).await?;
        require!(
            answer["batchItemFailures"]
                .as_array()
                .is_some_and(|failed| failed.len() == 1),
            "{answer}"
        );
        require!(self.told().await.len() == 1, "people were not told once");
        require!(
            !self.receive(&self.queue).await.is_empty(),
            "it waits for its visibility timeout"
        );
        Ok(())
    }

    async fn invoke(&self, event: &Value) -> Result<Value, Failure> {
        let outcome = self.function.invoke(event).await;
        outcome.map_err(|error| format!("{}: {}", error.error_type, error.error_message))
    }

    async fn store_application(&self) {
        if self.vault == PARAMETER_STORE {
            self.put("lwa/clientidentifier", CLIENT_ID).await;
            self.put("refreshToken", "Atzr|token").await;
            self.put("lwa/clientsecret", OLD).await;
        } else {
            let create = self.owner.secrets_manager().create_secret();
            let create = create.name(&self.pass.root).secret_string(document(OLD));
            create.send().await.unwrap();
        }
    }

    async fn store_secret(&self, secret: &str) {
        if self.vault == PARAMETER_STORE {
            self.put("lwa/clientsecret", secret).await;
        } else {
            let put = self.owner.secrets_manager().put_secret_value();
            let put = put
                .secret_id(&self.pass.root)
                .secret_string(document(secret));
            put.send().await.unwrap();
        }
    }

    async fn put(&self, leaf: &str, value: &str) {
        let put = self.owner.ssm().put_parameter().name(self.parameter(leaf));
        let put = put
            .value(value)
            .r#type(ParameterType::SecureString)
            .key_id("alias/lwa-credentials");
        let put = put.tier(ParameterTier::Advanced).overwrite(true);
        put.send().await.unwrap();
    }

    async fn secret(&self) -> String {
        if self.vault == PARAMETER_STORE {
            let get = self.owner.ssm().get_parameter().with_decryption(true);
            let found = get.name(self.parameter("lwa/clientsecret")).send().await;
            return found.unwrap().parameter.unwrap().value.unwrap();
        }
        let get = self.owner.secrets_manager().get_secret_value();
        let get = get.secret_id(&self.pass.root).version_stage("AWSCURRENT");
        let found = get.send().await.unwrap().secret_string.unwrap();
        let document: Value = serde_json::from_str(&found).unwrap();
        document["AppClientSecret"].as_str().unwrap().to_owned()
    }

    async fn tag(&self, key: &str, value: &str) {
        if self.vault == PARAMETER_STORE {
            let tag = Tag::builder().key(key).value(value).build().unwrap();
            let add = self.owner.ssm().add_tags_to_resource().tags(tag);
            let add = add.resource_type(ResourceTypeForTagging::Parameter);
            let add = add.resource_id(self.parameter("lwa/clientsecret"));
            add.send().await.unwrap();
        } else {
            let tag = aws_sdk_secretsmanager::types::Tag::builder();
            let tag = tag.key(key).value(value).build();
            let add = self.owner.secrets_manager().tag_resource().tags(tag);
            add.secret_id(&self.pass.root).send().await.unwrap();
        }
    }

    async fn tags(&self) -> BTreeMap<String, String> {
        if self.vault == PARAMETER_STORE {
            let list = self.owner.ssm().list_tags_for_resource();
            let list = list.resource_type(ResourceTypeForTagging::Parameter);
            let list = list.resource_id(self.parameter("lwa/clientsecret"));
            let tags = list.send().await.unwrap().tag_list.unwrap_or_default();
            return tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        }
        let describe = self.owner.secrets_manager().describe_secret();
        let found = describe.secret_id(&self.pass.root).send().await.unwrap();
        let tags = found.tags.unwrap_or_default();
        tags.into_iter()
            .map(|tag| (tag.key.unwrap(), tag.value.unwrap()))
            .collect()
    }

    fn parameter(&self, leaf: &str) -> String {
        format!("/{}/{leaf}", self.pass.root)
    }

    /// A message that was sent to the function's queue and received from it, as Lambda passes it on.
    async fn delivered(&self, body: &Value) -> Value {
        let body = body
            .as_str()
            .map_or_else(|| body.to_string(), str::to_owned);
        let send = self.owner.sqs().send_message().queue_url(&self.queue);
        send.message_body(body).send().await.unwrap();
        let records = self.receive(&self.queue).await.into_iter().map(|message| {
            json!({
                "messageId": message.message_id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
                "eventSourceARN": self.pass.arn("sqs", &self.pass.queue),
                "awsRegion": emulator::REGION,
            })
        });
        json!({"Records": records.collect::<Vec<_>>()})
    }

    /// What people were told since this was last asked.
    async fn told(&self) -> Vec<String> {
        let messages = self.receive(&self.inbox).await;
        messages
            .into_iter()
            .filter_map(|message| message.body)
            .collect()
    }

    async fn receive(&self, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
        let receive = self.owner.sqs().receive_message().queue_url(queue);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        received.messages.unwrap_or_default()
    }
}

/// Where everybody gets the credentials they work under, all of them before IAM is enforced.
struct Office {
    owner: Key,
    passes: BTreeMap<String, Pass>,
}

/// Credentials under one policy, with the names that the policy has been written for.
struct Pass {
    key: Key,
    account: String,
    root: String,
    topic: String,
    queue: String,
    statements: Vec<Value>,
}

/// An access key.
struct Key {
    emulator: Emulator,
    id: String,
    secret: String,
}

impl Office {
    async fn open() -> &'static Self {
        static OFFICE: OnceCell<Office> = OnceCell::const_new();
        OFFICE.get_or_init(Self::build).await
    }

    async fn build() -> Self {
        let emulator = emulator::moto_with_iam();
        enforce_after(&emulator, "inf").await;
        let everything = json!({"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let owner = Key::issue(&emulator, &everything).await;
        let mut passes = BTreeMap::new();
        for vault in VAULTS {
            let policies = read_policies(vault);
            for function in functions() {
                let calls = &policies[function]["Calls"];
                let allowed = listed(function, vault);
                let removals = allowed.iter().map(|action| Some(action.as_str()));
                for without in removals.chain([None]) {
                    let pass = Pass::write(&emulator, calls, without).await;
                    passes.insert(key(function, vault, without), pass);
                }
            }
        }
        enforce_after(&emulator, "0").await;
        Self { owner, passes }
    }
}

impl Pass {
    /// A pass for the synthesised policy, with names of its own in the place of those that were
    /// synthesised, and without one action.
    async fn write(emulator: &Emulator, calls: &Value, without: Option<&str>) -> Self {
        let id = unique();
        let (root, topic, queue) = (
            format!("app{id}"),
            format!("alerts{id}"),
            format!("queue{id}"),
        );
        let text = calls
            .to_string()
            .replace("my-erp", &root)
            .replace("lwa-alerts", &topic)
            .replace("lwa-secret-expiry", &queue)
            .replace("lwa-new-secret", &queue)
            .replace("us-east-1", emulator::REGION)
            .replace("111122223333", &emulator.account);
        let policy: Value = serde_json::from_str(&text).unwrap();
        let statements = policy["Statement"].as_array().unwrap().clone();
        let mut enforced = statements.clone();
        for statement in &mut enforced {
            let mut actions = list(&statement["Action"]);
            actions.retain(|action| Some(action.as_str()) != without);
            // The emulator knows what a call is on for queues only.
            if !actions.iter().all(|action| action.starts_with("sqs:")) {
                statement["Resource"] = json!("*");
            }
            statement["Action"] = json!(actions);
        }
        enforced.retain(|statement| statement["Action"] != json!([]));
        let enforced = json!({"Version": "2012-10-17", "Statement": enforced});
        Self {
            key: Key::issue(emulator, &enforced).await,
            account: emulator.account.clone(),
            root,
            topic,
            queue,
            statements,
        }
    }

    fn allows(&self, action: &str, resource: &str) -> bool {
        self.statements.iter().any(|statement| {
            statement["Effect"] == "Allow"
                && list(&statement["Action"]).iter().any(|one| one == action)
                && list(&statement["Resource"])
                    .iter()
                    .any(|pattern| is_like(resource, pattern))
        })
    }

    fn arn(&self, service: &str, name: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{name}",
            emulator::REGION,
            self.account
        )
    }
}

impl Key {
    async fn issue(emulator: &Emulator, policy: &Value) -> Self {
        let user = format!("user{}", unique());
        let policy = policy.to_string();
        let version = ("Version", "2010-05-08");
        let user = ("UserName", user.as_str());
        iam(emulator, &[("Action", "CreateUser"), version, user]).await;
        let put = [
            ("Action", "PutUserPolicy"),
            version,
            user,
            ("PolicyName", "Calls"),
            ("PolicyDocument", &policy),
        ];
        iam(emulator, &put).await;
        let answer = iam(emulator, &[("Action", "CreateAccessKey"), version, user]).await;
        Self {
            emulator: emulator.clone(),
            id: element(&answer, "AccessKeyId"),
            secret: element(&answer, "SecretAccessKey"),
        }
    }

    fn variables(&self, endpoint: &str) -> BTreeMap<String, String> {
        let mut variables = self.emulator.variables();
        for (name, value) in [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", &self.id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        variables
    }

    fn aws(&self) -> Aws {
        let variables = self.variables(&self.emulator.url);
        let timeouts = Timeouts {
            attempt: Duration::from_secs(20),
            operation: Duration::from_secs(30),
        };
        Aws::from_environment(|name| variables.get(name).cloned(), timeouts).unwrap()
    }
}

async fn iam(emulator: &Emulator, fields: &[(&str, &str)]) -> String {
    aws_call::query(emulator, "iam", fields).await
}

/// From so many calls on, the emulator asks who calls and whether they may.
async fn enforce_after(emulator: &Emulator, calls: &str) {
    aws_call::post(&format!("{}/moto-api/reset-auth", emulator.url), calls).await;
}

async fn create_queue(owner: &Aws, name: &str) -> String {
    let create = owner.sqs().create_queue().queue_name(name);
    let create = create.attributes(QueueAttributeName::VisibilityTimeout, "900");
    create.send().await.unwrap().queue_url.unwrap()
}

/// The policies as the CDK app's `npm run templates` writes them.
fn read_policies(vault: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/infra/templates")
        .join(format!("{vault}.policies.json"));
    let Ok(text) = fs::read(&file) else {
        panic!(
            "there is no {}; `cargo xtask test` makes it, and so does `npm run templates -- ../target/infra/templates` in infra/",
            file.display()
        );
    };
    serde_json::from_slice(&text).unwrap()
}

fn key(function: &str, vault: &str, without: Option<&str>) -> String {
    format!("{function} {vault} {}", without.unwrap_or_default())
}

fn unique() -> u64 {
    fastrand::u64(100_000_000..1_000_000_000)
}

/// One or many texts.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect(),
        value => vec![value.as_str().unwrap().to_owned()],
    }
}

/// Whether a text is like a pattern, in which `*` is anything and `?` one character.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => text
            .char_indices()
            .map(|(at, _)| &text[at..])
            .chain([""])
            .any(|tail| is_like(tail, rest.as_str())),
        Some(wanted) => {
            let mut tail = text.chars();
            tail.next()
                .is_some_and(|found| wanted == '?' || wanted == found)
                && is_like(tail.as_str(), rest.as_str())
        }
    }
}

fn element(xml: &str, name: &str) -> String {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let found = xml
        .split_once(&start)
        .and_then(|(_, rest)| rest.split_once(&end));
    found
        .unwrap_or_else(|| panic!("no {name} in {xml}"))
        .0
        .to_owned()
}

fn document(secret: &str) -> String {
    json!({"AppClientId": CLIENT_ID, "AppClientSecret": secret, "refreshToken": "Atzr|token"})
        .to_string()
}
