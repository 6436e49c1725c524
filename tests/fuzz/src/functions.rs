//! Whole functions, over an account in memory.

use std::collections::BTreeSet;
use std::time::Duration;

use auditor::Auditor;
use lwa_core::ExposeSecret;
use lwa_core::rotation::notification::Notification;
use lwa_core::rotation::queue::{Payload, Trigger};
use lwa_core::vault::{Vault, VaultKind};
use lwa_local::World;
use policy_formatter::PolicyFormatter;
use rotation_requester::RotationRequester;
use secret_receiver::SecretReceiver;
use serde_json::{Value, json};
use token_exchanger::{Response, TokenExchanger};
use tokio::runtime::Runtime;

use crate::account::{self, PLANTED};
use crate::assertions;

const VAULTS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

/// How long an invocation may take on AWS.
const REMAINING: Duration = Duration::from_secs(30);

pub(crate) fn event(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let sent = event.to_string();
    let world = account::world();
    let formatter = formatter(&world);
    let response = block_on(formatter.handle(event.clone()));
    let response = response.expect("a message that is published is all it takes");
    assert_eq!(world.published().len(), 1, "an event is one message");
    if response.event_id.is_some() {
        let again = block_on(formatter.handle(event));
        assert!(again.is_ok_and(|again| again.duplicate), "it was new again");
        assert_eq!(world.published().len(), 1, "the same event, twice");
    }
    assertions::assert_not_leaked(&PLANTED, &sent, &format!("{response:?}"));
    account::assert_in_order(&world, &sent);
}

pub(crate) fn token_request(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let sent = request.to_string();
    for vault in VAULTS {
        let world = account::world();
        let exchanger = exchanger(&world, vault);
        let said = match block_on(exchanger.handle(request.clone(), REMAINING)) {
            Ok(response) => {
                if let Response::Token(token) = &response {
                    assert!(token.expires_in <= Duration::from_hours(1));
                }
                format!("{response:?} {}", response.to_json())
            }
            Err(error) => assertions::assert_printable(&error) + &format!("{error:?}"),
        };
        assertions::assert_not_leaked(&PLANTED, &sent, &said);
        account::assert_in_order(&world, &sent);
    }
}

pub(crate) fn audit_request(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let sent = request.to_string();
    // The second invocation has no time, and hands over what the first was told.
    for remaining in [REMAINING, Duration::ZERO] {
        let world = account::world();
        let auditor = auditor(&world);
        let response = match block_on(auditor.handle(request.clone(), remaining)) {
            Ok(response) => response,
            Err(error) => {
                assertions::assert_not_leaked(
                    &PLANTED,
                    &sent,
                    &assertions::assert_printable(&error),
                );
                continue;
            }
        };
        let json = serde_json::to_value(&response).expect("a response is JSON");
        assertions::assert_not_leaked(&PLANTED, &sent, &json.to_string());
        account::assert_in_order(&world, &sent);
        if json.get("continuation").is_some_and(|next| !next.is_null()) {
            let next = json!({"continuation": json["continuation"]});
            let next = block_on(auditor.handle(next, REMAINING));
            assert!(next.is_ok(), "its own continuation was refused: {next:?}");
        }
    }
}

pub(crate) fn queue(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let payload = Payload::new(text);
    let mut ids = BTreeSet::new();
    let mut new_secrets = Vec::new();
    match payload.parse() {
        Ok(Trigger::Messages(messages)) => {
            for message in messages {
                assert!(message.receive_count() >= 1, "it was received now");
                if let Some(body) = &message.body {
                    new_secrets.extend(new_secret(body.expose_secret(), text));
                }
                ids.insert(message.message_id);
            }
        }
        Ok(Trigger::Schedule { .. }) => {}
        Err(error) => {
            assertions::assert_printable(&error);
        }
    }
    for vault in VAULTS {
        let world = account::world();
        let requester = requester(&world, vault);
        let answer = match block_on(requester.handle(Payload::new(text))) {
            Ok(report) => report.to_json(),
            Err(error) => assertions::assert_printable(&error).into(),
        };
        assert_batch_in_order(&world, text, &answer, &ids, &new_secrets);

        let world = account::world();
        let receiver = receiver(&world, vault);
        let answer = match block_on(receiver.handle(Payload::new(text), None)) {
            Ok(report) => report.to_json(),
            Err(error) => assertions::assert_printable(&error).into(),
        };
        assert_batch_in_order(&world, text, &answer, &ids, &new_secrets);
    }
}

pub(crate) fn notification(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else {
        return;
    };
    let said = match Notification::parse(&body.into()) {
        Ok(notification) => format!("{notification:?}"),
        Err(error) => assertions::assert_printable(&error),
    };
    if let Some(secret) = new_secret(body, body) {
        assert!(!said.contains(&secret), "{said}");
    }
    let batch = json!({"Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767312000000"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:lwa-new-secret",
    }]});
    queue(batch.to_string().as_bytes());
}

/// The secret of a notification, where it can be searched for: as Amazon makes them, and in no
/// other place of what was sent.
fn new_secret(body: &str, sent: &str) -> Option<String> {
    let Ok(Notification::NewSecret(new)) = Notification::parse(&body.into()) else {
        return None;
    };
    let secret = new.secret.expose_secret();
    let is_amazons = secret.starts_with("amzn1.oa2-cs.") && secret.len() >= 20;
    (is_amazons && sent.matches(secret).count() == 1).then(|| secret.to_owned())
}

fn assert_batch_in_order(
    world: &World,
    sent: &str,
    answer: &Value,
    ids: &BTreeSet<String>,
    new_secrets: &[String],
) {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    for failure in failures.into_iter().flatten() {
        // An id that the batch does not have would return the whole of it.
        let id = failure["itemIdentifier"].as_str();
        assert!(id.is_some_and(|id| ids.contains(id)), "{answer}");
    }
    account::assert_in_order(world, sent);
    let new_secrets: Vec<&str> = new_secrets.iter().map(String::as_str).collect();
    let said = format!("{answer} {:?}", world.published());
    assertions::assert_not_leaked(&PLANTED, sent, &said);
    assertions::assert_not_leaked(&new_secrets, "", &said);
}

fn formatter(world: &World) -> PolicyFormatter<World, World, World, World> {
    let lookup = account::lookup(VaultKind::ParameterStore);
    let settings = policy_formatter::Settings::from_lookup(&lookup);
    let settings = settings.expect("the settings are right");
    let copy = || world.clone();
    PolicyFormatter::new(settings, copy(), copy(), copy(), copy())
}

fn exchanger(world: &World, vault: VaultKind) -> TokenExchanger<World, World, World, World, World> {
    let settings = token_exchanger::Settings::from_lookup(&account::lookup(vault));
    let settings = settings.expect("the settings are right");
    let ports = token_exchanger::Ports {
        vault: Vault::new(world.clone(), vault, account::layout()),
        lwa: world.clone(),
        sp_api: world.clone(),
        clock: world.clone(),
        metrics: world.clone(),
    };
    TokenExchanger::new(settings, ports)
}

/// Also makes the seed that is a continuation.
pub(crate) fn auditor(world: &World) -> Auditor<World, World, World, World> {
    let lookup = account::lookup(VaultKind::ParameterStore);
    let settings = auditor::Settings::from_lookup(&lookup);
    let settings = settings.expect("the settings are right");
    let copy = || world.clone();
    Auditor::new(settings, copy(), copy(), copy(), copy())
}

type Requester = RotationRequester<World, World, World, World, World, World>;

fn requester(world: &World, vault: VaultKind) -> Requester {
    let settings = rotation_requester::Settings::from_lookup(&account::lookup(vault));
    let settings = settings.expect("the settings are right");
    let ports = rotation_requester::Ports {
        vault: Vault::new(world.clone(), vault, account::layout()),
        lwa: world.clone(),
        sp_api: world.clone(),
        notifier: world.clone(),
        clock: world.clone(),
        metrics: world.clone(),
    };
    RotationRequester::new(settings, ports)
}

type Receiver = SecretReceiver<World, World, World, World, World, World>;

fn receiver(world: &World, vault: VaultKind) -> Receiver {
    let settings = secret_receiver::Settings::from_lookup(&account::lookup(vault));
    let settings = settings.expect("the settings are right");
    let ports = secret_receiver::Ports {
        vault: Vault::new(world.clone(), vault, account::layout()),
        lwa: world.clone(),
        queue: world.clone(),
        notifier: world.clone(),
        clock: world.clone(),
        metrics: world.clone(),
    };
    SecretReceiver::new(settings, ports)
}

/// Nothing in memory takes time, so one runtime for each thread is all there is to wait on.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without I/O starts anywhere");
    }
    RUNTIME.with(|runtime| runtime.block_on(Box::pin(future)))
}
