//! `lwa store`: through the real binary into both vaults of both emulators, and in memory with
//! every call failed once.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Output, Stdio};

use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging};
use http::Method;
use lwa_aws::account::Account;
use lwa_core::application::{ApplicationName, Role};
use lwa_core::config::Lookup;
use lwa_core::ports::CallFailure;
use lwa_core::store::carry_out::{Outcome, carry_out};
use lwa_core::store::history::dated;
use lwa_core::store::look::look;
use lwa_core::store::plan::plan;
use lwa_core::store::verification::{trials, verify};
use lwa_core::store::{Extent, Order};
use lwa_core::tags::{self, STORE_PENDING, SecretTags};
use lwa_core::vault::{CredentialValues, VaultKind, parameter_store};
use lwa_core::{ExposeSecret, Timestamp};
use lwa_local::lwa::{ClientSecret, OAuthClient};
use lwa_local::{Fault, FaultInjector, World};
use lwa_tests::emulator::{self, Emulator, Kind, VaultClients as _};
use lwa_tests::http_stub::{Answer, HttpStub, Request};
use lwa_tests::leak;
use lwa_tests::runtime_api::Function;
use serde_json::{Value, json};

use crate::cli::{self, text};

const TOKEN_PATH: &str = "/auth/o2/token";
const CLIENT_ID: &str = "amzn1.application-oa2-client.0123";
const OLD: &str = "amzn1.oa2-cs.v1.planted-old-secret";
const NEW: &str = "amzn1.oa2-cs.v1.planted-new-secret";
const OWN: &str = "Atzr|planted-own-refresh-token";
const OF_SELLER: &str = "Atzr|planted-seller-refresh-token";
const ACCESS_TOKEN: &str = "Atza|planted-access-token";
const KINDS: [VaultKind; 2] = [VaultKind::ParameterStore, VaultKind::SecretsManager];

fn planted() -> [(&'static str, &'static str); 5] {
    [
        ("old secret", OLD),
        ("new secret", NEW),
        ("own refresh token", OWN),
        ("seller's refresh token", OF_SELLER),
        ("access token", ACCESS_TOKEN),
    ]
}

fn document(secret: &str) -> String {
    json!({"AppClientId": CLIENT_ID, "AppClientSecret": secret, "refreshToken": OWN,
        "sellers": {"A1": OF_SELLER}})
    .to_string()
}

/// LWA that knows the new and the old secret.
fn amazon() -> HttpStub {
    let stub = HttpStub::start();
    let body = json!({"access_token": ACCESS_TOKEN, "token_type": "bearer", "expires_in": 3600});
    stub.script(&Method::POST, TOKEN_PATH, [Answer::json(200, &body)]);
    stub
}

/// LWA that knows nobody.
fn refusing() -> HttpStub {
    let stub = HttpStub::start();
    let body =
        json!({"error": "invalid_client", "error_description": "Client authentication failed"});
    stub.script(&Method::POST, TOKEN_PATH, [Answer::json(401, &body)]);
    stub
}

/// One application of a test.
struct Desk {
    emulator: Emulator,
    kind: VaultKind,
    variables: BTreeMap<String, String>,
}

impl Desk {
    fn new(emulator: Emulator, kind: VaultKind, amazon: &HttpStub) -> Self {
        let mut variables = emulator.variables();
        let vault = match kind {
            VaultKind::ParameterStore => "parameter-store",
            VaultKind::SecretsManager => "secrets-manager",
        };
        for (name, value) in [
            ("LWA_PARAMETER_PREFIX", emulator.prefix.clone()),
            ("LWA_VAULT", vault.to_owned()),
            ("LWA_TOKEN_URL", format!("{}{TOKEN_PATH}", amazon.url())),
        ] {
            variables.insert(name.to_owned(), value);
        }
        Self {
            emulator,
            kind,
            variables,
        }
    }

    /// Runs the real binary with something on standard input; nothing may leak, ever.
    async fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = cli::lwa(arguments);
        command
            .envs(&self.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let input = input.to_owned();
        let run = move || {
            let mut child = command.spawn().unwrap();
            // It may end without reading.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        leak::assert_none(text(&output.stdout), &planted());
        leak::assert_none(text(&output.stderr), &planted());
        output
    }

    async fn good(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input).await;
        assert_eq!(output.status.code(), Some(0), "{}", cli::shown(&output));
        text(&output.stdout).to_owned()
    }

    fn name(&self, leaf: &str) -> String {
        format!("{}/{leaf}", self.emulator.prefix)
    }

    /// The value and the tags of the client secret.
    async fn stored(&self) -> (String, BTreeMap<String, String>) {
        let aws = self.emulator.aws();
        match self.kind {
            VaultKind::ParameterStore => {
                let name = self.name("lwa/clientsecret");
                let ssm = aws.ssm();
                let get = ssm.get_parameters().names(&name).with_decryption(true);
                let found = get.send().await.unwrap();
                let tags = ssm
                    .list_tags_for_resource()
                    .resource_type(ResourceTypeForTagging::Parameter)
                    .resource_id(&name);
                let tags = tags.send().await.unwrap().tag_list.unwrap_or_default();
                (
                    found.parameters()[0].value().unwrap().to_owned(),
                    tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
                )
            }
            VaultKind::SecretsManager => {
                let client = aws.secrets_manager();
                let id = &self.emulator.prefix[1..];
                let get = client.get_secret_value().secret_id(id);
                let found = get.version_stage("AWSCURRENT").send().await.unwrap();
                let found: Value = serde_json::from_str(found.secret_string().unwrap()).unwrap();
                let described = client.describe_secret().secret_id(id).send().await.unwrap();
                let tags = described.tags.unwrap_or_default();
                (
                    found["AppClientSecret"].as_str().unwrap().to_owned(),
                    tags.into_iter()
                        .map(|tag| (tag.key.unwrap(), tag.value.unwrap()))
                        .collect(),
                )
            }
        }
    }

    /// Whether anything is there at all.
    async fn is_empty(&self) -> bool {
        let aws = self.emulator.aws();
        match self.kind {
            VaultKind::ParameterStore => {
                let ssm = aws.ssm();
                let get = ssm.get_parameters_by_path().path(&self.emulator.prefix);
                let found = get.recursive(true).send().await.unwrap();
                found.parameters().is_empty()
            }
            VaultKind::SecretsManager => {
                let client = aws.secrets_manager();
                let id = &self.emulator.prefix[1..];
                client.describe_secret().secret_id(id).send().await.is_err()
            }
        }
    }

    /// ministack's `DescribeParameters` cannot be parsed once a parameter has policies, so there
    /// nothing can be stored a second time.
    fn takes_a_second_run(&self) -> bool {
        (self.emulator.kind, self.kind) != (Kind::Ministack, VaultKind::ParameterStore)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_vault_to_a_token_with_one_document() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let amazon = amazon();
            let desk = Desk::new(emulator.clone(), kind, &amazon);
            desk.good(&["store", "--dry-run"], &document(OLD)).await;
            assert!(desk.is_empty().await, "{emulator:?} {kind:?}");
            desk.good(&["store", "--yes"], &document(OLD)).await;
            let tried = amazon.requests().len();

            desk.good(&["token"], "").await;
            desk.good(&["token", "--seller", "A1"], "").await;
            let function = Function::start("token-exchanger", desk.variables.clone());
            let answer = function.invoke(&json!({"seller": "A1"})).await.unwrap();
            assert_eq!(
                answer["access_token"], ACCESS_TOKEN,
                "{emulator:?} {kind:?}"
            );
            let requests = amazon.requests();
            let forms: Vec<_> = requests[tried..].iter().map(Request::form).collect();
            assert_eq!(forms.len(), 3);
            for (form, token) in forms.iter().zip([OWN, OF_SELLER, OF_SELLER]) {
                assert_eq!(form["client_id"], CLIENT_ID);
                assert_eq!(form["client_secret"], OLD);
                assert_eq!(form["refresh_token"], token);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_that_is_offered_looks_where_the_credentials_were_stored() {
    let amazon = amazon();
    for path in [
        "/sellers/v1/marketplaceParticipations",
        "/notifications/v1/destinations",
    ] {
        let answer = Answer::json(200, &json!({"payload": []}));
        amazon.script(&Method::GET, path, [answer]);
    }
    let mut desk = Desk::new(emulator::moto(), VaultKind::SecretsManager, &amazon);
    desk.variables
        .insert("SP_API_ENDPOINT".to_owned(), amazon.url());
    // The vault and the region are told by options alone.
    desk.variables.remove("LWA_VAULT");
    desk.variables.remove("AWS_REGION");
    let region = emulator::REGION;
    let place = ["--vault", "secrets-manager", "--region", region, "--yes"];
    let store = [&["store"][..], &place].concat();
    let output = desk.good(&store, &document(OLD)).await;
    let (_, offer) = output.split_once("Check it: lwa ").unwrap();
    let offer: Vec<&str> = offer.lines().next().unwrap().split(' ').collect();
    let checked = desk.good(&offer, "").await;
    assert!(checked.contains("SP-API  ok"), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_after_a_rotation_by_hand_gets_its_dates() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let amazon = amazon();
            let desk = Desk::new(emulator.clone(), kind, &amazon);
            if !desk.takes_a_second_run() {
                continue;
            }
            let story = format!("{emulator:?} {kind:?}");
            desk.good(&["store", "--yes"], &document(OLD)).await;
            let (_, before) = desk.stored().await;
            assert!(before.is_empty(), "{story}: {before:?}");
            let only = ["store", "--only", "client-secret", "--yes"];
            desk.good(&only, &format!("{NEW}\n")).await;
            let (value, after) = desk.stored().await;
            assert_eq!(value, NEW, "{story}");
            let keys: Vec<&str> = after.keys().map(String::as_str).collect();
            assert_eq!(
                keys,
                [tags::SECRET_EXPIRES_AT, tags::SECRET_ISSUED_AT],
                "{story}"
            );
            // The same again, whole this time, changes none of them.
            desk.good(&["store", "--yes"], &document(NEW)).await;
            assert_eq!(desk.stored().await, (value, after), "{story}");
            let end = desk
                .good(
                    &["store", "--keep", "--expires-at", "2027-04-30", "--yes"],
                    "",
                )
                .await;
            assert!(end.contains("2027-04-30"), "{story}: {end}");
            let (_, dates) = desk.stored().await;
            assert_eq!(dates[tags::SECRET_EXPIRES_AT], "2027-04-30T00:00:00Z");
            desk.good(&["token", "--seller", "A1"], "").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_stored_before_is_not_dated_today() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let amazon = amazon();
            let desk = Desk::new(emulator.clone(), kind, &amazon);
            if !desk.takes_a_second_run() {
                continue;
            }
            let story = format!("{emulator:?} {kind:?}");
            let secret = ["store", "--only", "client-secret", "--yes"];
            desk.good(&["store", "--yes"], &document(OLD)).await;
            desk.good(&secret, NEW).await;
            let tags_of_new = desk.stored().await.1;
            let end_of_new: Timestamp = tags_of_new[tags::SECRET_EXPIRES_AT].parse().unwrap();

            let again = [&secret[..], &["--dry-run", "--json"]].concat();
            let shown: Value = serde_json::from_str(&desk.good(&again, OLD).await).unwrap();
            let note = shown["notes"].to_string();
            assert!(note.contains("stored before, first on "), "{story}: {note}");
            assert!(
                note.contains("a newer one was stored on "),
                "{story}: {note}"
            );
            assert_eq!(desk.stored().await.1, tags_of_new, "{story}");

            let shown = desk.good(&secret, OLD).await;
            assert!(
                shown.contains("This client secret was stored before"),
                "{story}: {shown}"
            );
            let (stored, tags) = desk.stored().await;
            assert_eq!(stored, OLD, "{story}");
            let end: Timestamp = tags[tags::SECRET_EXPIRES_AT].parse().unwrap();
            let days = end_of_new.duration_since(end).as_hours() / 24;
            assert!((172..=173).contains(&days), "{story}: {end} {end_of_new}");

            if emulator.kind == Kind::Ministack {
                // It drops a version that loses its labels, and with it which of the two is newer.
                continue;
            }
            // The newer one again is as old as it is.
            desk.good(&secret, NEW).await;
            let end: Timestamp = desk.stored().await.1[tags::SECRET_EXPIRES_AT]
                .parse()
                .unwrap();
            let seconds = end_of_new.duration_since(end).as_secs().abs();
            assert!(seconds < 60, "{story}: {end} {end_of_new}");
        }
    }
}

#[test]
fn a_credentials_file_that_others_may_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.json");
    std::fs::write(&file, document(OLD)).unwrap();
    for (mode, is_warned) in [(0o600, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = cli::lwa(&["store", "--application", "my-erp", "--dry-run", "--from"])
            .arg(&file)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        leak::assert_none(said, &planted());
        let tip = format!("`chmod 600 {}`", file.display());
        assert_eq!(said.contains(&tip), is_warned, "{mode:o}: {said}");
        assert!(text(&output.stdout).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_the_samples_way_is_brought_up_to_standard() {
    let amazon = amazon();
    let desk = Desk::new(emulator::moto(), VaultKind::ParameterStore, &amazon);
    let ssm = desk.emulator.ssm();
    for (leaf, value) in [
        ("lwa/clientidentifier", CLIENT_ID),
        ("lwa/clientsecret", OLD),
    ] {
        let put = ssm.put_parameter().name(desk.name(leaf)).value(value);
        put.r#type(ParameterType::String).send().await.unwrap();
    }
    let keep = ["store", "--keep", "--key", "alias/own", "--yes"];
    let output = desk.good(&keep, "").await;
    assert!(output.contains("plain text"), "{output}");
    let account = Account::new(&desk.emulator.aws());
    for (leaf, tier, policies) in [
        ("lwa/clientidentifier", "Standard", 0),
        ("lwa/clientsecret", "Advanced", 4),
    ] {
        let found = parameter_store::describe(&account, &desk.name(leaf))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.parameter_type, "SecureString", "{leaf}");
        assert_eq!(found.key_id.as_deref(), Some("alias/own"), "{leaf}");
        assert_eq!(found.tier.as_deref(), Some(tier), "{leaf}");
        assert_eq!(found.policies.len(), policies, "{leaf}");
        assert_eq!(found.version, Some(2), "{leaf}");
    }
    let (value, tags) = desk.stored().await;
    assert_eq!(value, OLD);
    assert!(tags.contains_key(tags::SECRET_ISSUED_AT), "{tags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lwa_refuses_is_not_stored_unless_nobody_asks_it() {
    for emulator in emulator::both() {
        for kind in KINDS {
            let amazon = refusing();
            let desk = Desk::new(emulator.clone(), kind, &amazon);
            let output = desk.run(&["store", "--yes"], &document(OLD)).await;
            assert_eq!(output.status.code(), Some(1));
            let said = text(&output.stderr);
            for words in ["nothing was stored", "invalid_client", "--no-verify"] {
                assert!(said.contains(words), "{said}");
            }
            assert!(desk.is_empty().await, "{emulator:?} {kind:?}");
            let asked = amazon.requests().len();
            desk.good(&["store", "--yes", "--no-verify"], &document(OLD))
                .await;
            assert_eq!(amazon.requests().len(), asked);
            assert_eq!(desk.stored().await.0, OLD);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_cannot_be_stored_for_an_application_that_is_not_there() {
    let amazon = amazon();
    for kind in KINDS {
        let desk = Desk::new(emulator::moto(), kind, &amazon);
        let output = desk
            .run(&["store", "--seller", "A1", "--yes"], OF_SELLER)
            .await;
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("without a client id"));
        assert!(desk.is_empty().await);
    }
    assert!(amazon.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_on_the_command_line_is_refused_and_never_repeated() {
    let amazon = amazon();
    let desk = Desk::new(emulator::moto(), VaultKind::ParameterStore, &amazon);
    for arguments in [
        &["store", NEW][..],
        &["store", "--yes", "planted-new-secret"],
        &["store", "--secret", NEW, "--yes"],
        &["store", "--client-secret=planted-new-secret"],
        &["store", "--application", NEW],
        &["store", "--from", OWN],
        &["store", "--key", "planted new secret", "--yes"],
        &["store", "--seller", "planted/new-secret", "--yes"],
        &["store", "--vault", "planted-new-secret"],
        &["store", "--only", "planted-new-secret"],
        &["store", "--expires-at", "planted-new-secret"],
        &["store", "--json=planted-new-secret"],
        &["store", "-y", "--planted-new-secret"],
    ] {
        let output = desk.run(arguments, &document(OLD)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(!said.contains("planted"), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(desk.is_empty().await);
    assert!(amazon.requests().is_empty());
    let output = desk.run(&["store", NEW], "").await;
    insta::assert_snapshot!("store_secret_as_argument", cli::shown(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_explained_and_nothing_is_asked_or_written() {
    let amazon = amazon();
    let desk = Desk::new(emulator::moto(), VaultKind::ParameterStore, &amazon);
    let swapped = json!({"AppClientId": NEW, "AppClientSecret": CLIENT_ID}).to_string();
    let reference =
        json!({"AppClientId": CLIENT_ID, "AppClientSecret": "planted{{old"}).to_string();
    for (arguments, input, words) in [
        (&["store", "--yes"][..], NEW, "--only client-secret"),
        (&["store", "--yes"], "", "no JSON object"),
        (&["store", "--yes"], &swapped, "looks like a client secret"),
        (&["store", "--yes", "--no-verify"], &reference, "{{"),
        (
            &["store", "--only", "client-secret", "--yes"],
            " \n",
            "is blank",
        ),
        (
            &["store", "--only", "client-secret", "--yes"],
            "a\nb",
            "white space",
        ),
        (
            &["store", "--only", "client-secret", "--yes"],
            CLIENT_ID,
            "a client id",
        ),
        (
            &["store", "--from", "no/such/file", "--yes"],
            "",
            "no/such/file",
        ),
        (
            &["store", "--keep", "--yes"],
            "",
            "neither stored nor given",
        ),
    ] {
        let output = desk.run(arguments, input).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(said.contains("nothing was stored"), "{arguments:?}: {said}");
        assert!(!said.contains("planted"), "{said}");
    }
    for arguments in [
        &["store"][..],
        &["store", "--keep", "--only", "client-secret", "--yes"],
        &[
            "store",
            "--seller",
            "A1",
            "--only",
            "client-secret",
            "--yes",
        ],
        &[
            "store",
            "--seller",
            "A1",
            "--expires-at",
            "2027-05-20",
            "--yes",
        ],
        &["store", "--key", "alias/aws/ssm", "--yes"],
    ] {
        let output = desk.run(arguments, &document(OLD)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert!(desk.is_empty().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_outcome_and_help_look_like_this() {
    let amazon = amazon();
    let desk = Desk::new(emulator::moto(), VaultKind::ParameterStore, &amazon);
    let shown = |output: &Output| {
        let shown = cli::shown(output).replace(&desk.emulator.prefix[1..], "my-erp");
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        shown
    };
    let until = ["--yes", "--expires-at"];
    let in_90_days = until_date(90);
    let new = [&["store"][..], &until, &[&in_90_days]].concat();
    let output = desk.run(&new, &document(OLD)).await;
    let issued = until_date(-90);
    let plan = shown(&output)
        .replace(&in_90_days, "[in 90 days]")
        .replace(&issued, "[90 days ago]");
    insta::assert_snapshot!("store_new_application", plan);
    for (name, arguments) in [
        ("store_help", &["store", "--help"][..]),
        ("store_help_short", &["store", "-h"]),
    ] {
        let output = desk.run(arguments, "").await;
        insta::assert_snapshot!(name, shown(&output));
    }
    // What cannot be reached.
    let mut away = Desk::new(emulator::moto(), VaultKind::ParameterStore, &amazon);
    let nowhere = "http://127.0.0.1:9".to_owned();
    away.variables.insert("AWS_ENDPOINT_URL".into(), nowhere);
    let output = away.run(&["store", "--yes"], &document(OLD)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot be read"));
}

/// A date so many days from now.
fn until_date(days: i64) -> String {
    use lwa_core::ports::Clock;
    let now = lwa_aws::clock::SystemClock.now();
    let at = now.checked_add(lwa_core::deadline::days(days)).unwrap();
    lwa_core::wording::date(at)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_is_told_with_the_command_that_goes_on() {
    // Parameter Store that has nothing, takes the client id, and refuses the next write.
    let store = HttpStub::start();
    let nothing = json!({"Parameters": [], "InvalidParameters": []});
    let written = json!({"Version": 1, "Tier": "Standard"});
    let refused = json!({"__type": "InvalidKeyId", "message": "planted-new-secret"});
    store.script(
        &Method::POST,
        "/",
        [
            Answer::json(200, &nothing),
            Answer::json(200, &written),
            Answer::json(400, &refused),
        ],
    );
    let amazon = amazon();
    let mut desk = Desk::new(emulator::moto(), VaultKind::ParameterStore, &amazon);
    desk.variables
        .insert("AWS_ENDPOINT_URL".into(), store.url());
    let arguments = ["store", "--yes", "--key", "alias/no-such-key"];
    let output = desk.run(&arguments, &document(NEW)).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout).replace(&desk.emulator.prefix[1..], "my-erp");
    let (_, outcome) = said.split_once("--expires-at.\n\n").unwrap();
    insta::assert_snapshot!("store_failed", outcome);
    let asked = store.requests();
    let operations: Vec<_> = asked
        .iter()
        .map(|request| request.headers["x-amz-target"].to_str().unwrap())
        .collect();
    assert_eq!(
        operations,
        [
            "AmazonSSM.DescribeParameters",
            "AmazonSSM.PutParameter",
            "AmazonSSM.PutParameter"
        ]
    );
}

// In memory.

const NOW: &str = "2026-11-23T06:00:00Z";
const REPORTED: &str = "2026-12-20T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What somebody wants to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    NewApplication,
    NewSecret,
    UpToStandard,
    OneMoreSeller,
}

const WISHES: [Wish; 4] = [
    Wish::NewApplication,
    Wish::NewSecret,
    Wish::UpToStandard,
    Wish::OneMoreSeller,
];

/// Strikes one call out of all.
struct Strike {
    countdown: usize,
    mode: Fault,
}

impl FaultInjector for Strike {
    fn inject(&mut self, _now: &mut Timestamp, _operation: &str, _target: &str) -> Option<Fault> {
        self.countdown = self.countdown.checked_sub(1)?;
        (self.countdown == 0).then_some(self.mode)
    }
}

struct Rehearsal {
    world: World,
    kind: VaultKind,
    order: Order,
    given: CredentialValues,
}

impl Rehearsal {
    fn new(kind: VaultKind, wish: Wish) -> Self {
        let world = World::new(at(NOW));
        let layout = Lookup::new(|_| None).layout().unwrap();
        let written = at("2026-06-23T00:00:00Z");
        if wish != Wish::NewApplication {
            place(&world, kind, written, wish);
        }
        let known = OAuthClient {
            secrets: vec![
                ClientSecret::new(OLD, written),
                ClientSecret::new(NEW, written),
            ],
            refresh_tokens: [OWN, OF_SELLER]
                .map(|token| (token.to_owned(), lwa_local::lwa::Consent::Given))
                .into(),
        };
        let mut state = world.state();
        state.lwa.applications.insert(CLIENT_ID.into(), known);
        drop(state);
        let seller = || Role::RefreshToken {
            seller: Some(lwa_core::application::SellerId::parse("A1").unwrap()),
        };
        let (extent, given): (_, Vec<(Role, &str)>) = match wish {
            Wish::NewApplication => (
                Extent::Application,
                vec![
                    (Role::ClientId, CLIENT_ID),
                    (Role::ClientSecret, NEW),
                    (Role::RefreshToken { seller: None }, OWN),
                    (seller(), OF_SELLER),
                ],
            ),
            Wish::NewSecret => (
                Extent::Only([Role::ClientSecret].into()),
                vec![(Role::ClientSecret, NEW)],
            ),
            Wish::UpToStandard => (Extent::Application, Vec::new()),
            Wish::OneMoreSeller => (Extent::Only([seller()].into()), vec![(seller(), OF_SELLER)]),
        };
        let order = Order {
            application: ApplicationName::parse("my-erp").unwrap(),
            vault: kind,
            layout,
            extent,
            key: Some("alias/own".to_owned()),
            expires_at: (wish == Wish::NewApplication).then(|| at("2027-04-30T00:00:00Z")),
            first_stored: None,
            lifetime_days: 180,
        };
        Self {
            world,
            kind,
            order,
            given: given
                .into_iter()
                .map(|(role, value)| (role, value.into()))
                .collect(),
        }
    }

    /// As the command does it; whether everything is stored.
    async fn run(&self) -> bool {
        let Ok(found) = look(&self.world, &self.order).await else {
            return false;
        };
        let now = self.world.state().now;
        let order = self.order.clone();
        let Ok((order, _)) = dated(&self.world, order, &self.given, &found, now).await else {
            return false;
        };
        let plan = plan(&order, &self.given, &found, now).unwrap();
        let trials = trials(&order, &self.given, &found).unwrap();
        if verify(&self.world, &self.world, &trials).await.is_err() {
            return false;
        }
        let outcomes = carry_out(&self.world, &plan, |_, _| {}).await;
        outcomes.iter().all(|outcome| *outcome == Outcome::Done)
    }

    /// Values, keys, types, tiers, policies, and the names of tags.
    fn picture(&self) -> Vec<String> {
        let state = self.world.state();
        let names = |tags: &BTreeMap<String, String>| {
            let names: Vec<&str> = tags.keys().map(String::as_str).collect();
            names.join(" ")
        };
        let parameters = state.parameters.iter().map(|(name, found)| {
            let value = found.versions.last().unwrap().value.expose_secret();
            let key = found.key_id.as_deref().unwrap_or_default();
            let (kind, tier, policies) = (&found.parameter_type, &found.tier, found.policies.len());
            format!(
                "{name} {value} {kind} {tier} {key} {policies} {}",
                names(&found.tags)
            )
        });
        let secrets = state.secrets.iter().map(|(name, found)| {
            let current = found.versions.last().unwrap().value.expose_secret();
            let document: Value = serde_json::from_str(current).unwrap();
            format!(
                "{name} {document} {:?} {}",
                found.key_id,
                names(&found.tags)
            )
        });
        parameters.chain(secrets).collect()
    }

    /// The client secret and its tags.
    fn secret(&self) -> Option<(String, BTreeMap<String, String>)> {
        let state = self.world.state();
        match self.kind {
            VaultKind::ParameterStore => {
                let found = state.parameters.get("/my-erp/lwa/clientsecret")?;
                let value = found.versions.last()?.value.expose_secret().to_owned();
                Some((value, found.tags.clone()))
            }
            VaultKind::SecretsManager => {
                let found = state.secrets.get("my-erp")?;
                let current = found.versions.last()?.value.expose_secret();
                let document: Value = serde_json::from_str(current).unwrap();
                let value = document["AppClientSecret"].as_str()?.to_owned();
                Some((value, found.tags.clone()))
            }
        }
    }
}

fn place(world: &World, kind: VaultKind, written: Timestamp, wish: Wish) {
    let mut tags: BTreeMap<String, String> = [
        (tags::ROTATION_REQUESTED_AT, "2026-11-22T06:00:00Z"),
        (tags::OWNER, "erp"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    if wish == Wish::NewSecret {
        tags.insert(tags::SECRET_EXPIRES_AT.to_owned(), REPORTED.to_owned());
    }
    match kind {
        VaultKind::ParameterStore => {
            world.seed_parameter("/my-erp/lwa/clientidentifier", CLIENT_ID, written);
            world.seed_parameter("/my-erp/lwa/clientsecret", OLD, written);
            let mut state = world.state();
            for parameter in state.parameters.values_mut() {
                parameter.parameter_type = "String".to_owned();
                parameter.tier = "Standard".to_owned();
                parameter.key_id = None;
                parameter.policies.clear();
            }
            let secret = state.parameters.get_mut("/my-erp/lwa/clientsecret");
            secret.unwrap().tags = tags;
        }
        VaultKind::SecretsManager => {
            let document = json!({"AppClientId": CLIENT_ID, "AppClientSecret": OLD, "note": 1});
            let version = lwa_local::SecretVersion {
                id: "v1".into(),
                value: document.to_string().into(),
                created_at: written,
                stages: vec!["AWSCURRENT".into()],
            };
            let secret = lwa_local::Secret {
                deleted_at: None,
                arn: "arn".into(),
                key_id: None,
                tags,
                versions: vec![version],
            };
            world.state().secrets.insert("my-erp".into(), secret);
        }
    }
}

/// What must be true whenever a run ends, well or not.
fn check_dates(story: &str, rehearsal: &Rehearsal, wish: Wish) {
    let Some((value, tags)) = rehearsal.secret() else {
        return;
    };
    let dates = SecretTags::from_map(&tags);
    match (wish, value.as_str()) {
        (Wish::NewSecret, OLD) => {
            assert_eq!(dates.expires_at, Some(at(REPORTED)), "{story}");
            assert!(dates.rotation_requested_at.is_some(), "{story}");
        }
        (Wish::NewSecret, _) if tags.contains_key(STORE_PENDING) => {}
        (Wish::NewSecret, _) => {
            let expires_at = dates.expires_at.unwrap();
            assert!(expires_at >= at("2027-05-22T06:00:00Z"), "{story}");
            assert!(expires_at <= at("2027-05-22T06:10:00Z"), "{story}");
        }
        (Wish::NewApplication, _) => {
            assert_eq!(
                dates.expires_at,
                Some(at("2027-04-30T00:00:00Z")),
                "{story}"
            );
        }
        // Written again or not, the estimate rests on when it was first written.
        (Wish::UpToStandard | Wish::OneMoreSeller, _) => {
            assert_eq!(value, OLD, "{story}");
            let is_written_again = rehearsal.world.calls().iter().any(|call| {
                call.starts_with("PutParameter /my-erp/lwa/clientsecret")
                    || call.starts_with("PutSecretValue")
            });
            if is_written_again {
                assert_eq!(dates.issued_at, Some(at("2026-06-23T00:00:00Z")), "{story}");
            }
        }
    }
}

#[tokio::test]
async fn whichever_call_fails_the_same_run_again_ends_in_the_same_state() {
    let mut failures = 0;
    for kind in KINDS {
        for wish in WISHES {
            let clean = Rehearsal::new(kind, wish);
            assert!(clean.run().await, "{kind:?} {wish:?}");
            let expected = clean.picture();
            assert!(!expected.join("\n").contains(STORE_PENDING));
            let calls = clean.world.calls().len();
            for call in 1..=calls {
                for mode in [
                    Fault::Before(CallFailure::Unavailable),
                    Fault::After(CallFailure::TimedOut),
                ] {
                    let story = format!("{kind:?} {wish:?}, call {call} {mode:?}");
                    let rehearsal = Rehearsal::new(kind, wish);
                    let strike = Strike {
                        countdown: call,
                        mode,
                    };
                    rehearsal.world.state().fault_injector = Some(Box::new(strike));
                    // LWA is asked again by itself.
                    if !rehearsal.run().await {
                        failures += 1;
                    }
                    check_dates(&story, &rehearsal, wish);
                    rehearsal.world.set_now(at("2026-11-23T06:09:00Z"));
                    assert!(rehearsal.run().await, "{story}");
                    assert_eq!(rehearsal.picture(), expected, "{story}");
                    check_dates(&story, &rehearsal, wish);
                    // And a third one has nothing to do.
                    let before = rehearsal.world.calls().len();
                    assert!(rehearsal.run().await, "{story}");
                    let calls = rehearsal.world.calls();
                    let writes = ["Put", "Add", "Remove", "Create", "Update", "Tag", "Untag"];
                    let written = calls[before..]
                        .iter()
                        .filter(|call| writes.iter().any(|write| call.starts_with(write)))
                        .count();
                    assert_eq!(written, 0, "{story}: {:?}", &calls[before..]);
                }
            }
        }
    }
    assert!(failures > 40, "only {failures} runs failed");
}
