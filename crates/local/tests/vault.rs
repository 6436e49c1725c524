//! The procedures of a vault over the account in memory: what they ask for, and what they make
//! of the answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::{Timestamp, ToSpan};
use lwa_core::ExposeSecret;
use lwa_core::application::{ApplicationName, Layout, Role, SellerId};
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::vault::ports::{
    Page, ParameterFilter, ParameterMetadata, ReadMetadata, SecretMetadata, SecretValueWrite,
    SecretVersionEntry, Tags, WriteValues, stage,
};
use lwa_core::vault::{
    SecretVersion, StoreError, StoredSecret, Vault, VaultError, VaultKind, parameter_store,
};
use lwa_local::{Fault, ScriptedFault, Secret, World};
use serde_json::{Value, json};

const ID: &str = "/my-erp/lwa/clientidentifier";
const SECRET: &str = "/my-erp/lwa/clientsecret";
const NOTIFICATION: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

fn at(day: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    start + (24 * day).hours()
}

fn vault(world: &World, kind: VaultKind) -> Vault<World> {
    let layout = Layout {
        prefixes: vec!["/my-erp".to_owned()],
        client_id_leaf: "lwa/clientidentifier".to_owned(),
        client_secret_leaf: "lwa/clientsecret".to_owned(),
        refresh_token_leaf: "refreshToken".to_owned(),
    };
    Vault::new(world.clone(), kind, layout)
}

fn my_erp() -> ApplicationName {
    ApplicationName::parse("my-erp").unwrap()
}

/// The calls since the last time.
fn calls(world: &World) -> Vec<String> {
    std::mem::take(&mut world.state().calls)
}

fn shown(secret: Option<StoredSecret>) -> Option<(String, String)> {
    let secret = secret?;
    let value = secret.value.expose_secret().to_owned();
    Some((secret.version.as_str().to_owned(), value))
}

fn pair(version: &str, value: &str) -> (String, String) {
    (version.to_owned(), value.to_owned())
}

mod in_parameter_store {
    use super::*;

    /// A vault whose client secret was written with these values, one a day.
    fn written(values: &[&str]) -> (World, Vault<World>) {
        let world = World::new(at(30));
        world.seed_parameter(ID, "the-id\n", at(0));
        for (day, value) in (0..).zip(values) {
            world.seed_parameter(SECRET, value, at(day));
        }
        let vault = vault(&world, VaultKind::ParameterStore);
        (world, vault)
    }

    async fn current(vault: &Vault<World>) -> StoredSecret {
        let read = vault.read(&my_erp(), None).await;
        read.unwrap().client_secret
    }

    #[tokio::test]
    async fn credentials_are_read_by_name_in_one_call() {
        let (world, vault) = written(&["old", "the-secret\n"]);
        world.seed_parameter("/my-erp/sellers/A1/refreshToken", "the-token", at(0));
        let seller = Some(SellerId::parse("A1").unwrap());
        let token = Role::RefreshToken { seller };
        let read = vault.read(&my_erp(), Some(&token)).await.unwrap();
        assert_eq!(read.client_id, "the-id");
        assert_eq!(read.refresh_token.unwrap().expose_secret(), "the-token");
        assert_eq!(read.client_secret.written_at, Some(at(1)));
        assert_eq!(
            shown(Some(read.client_secret)),
            Some(pair("2", "the-secret"))
        );
        let call = format!("GetParameters {ID} {SECRET} /my-erp/sellers/A1/refreshToken");
        assert_eq!(calls(&world), [call]);
        current(&vault).await;
        let call = format!("GetParameters {ID} {SECRET}");
        assert_eq!(
            calls(&world),
            [call],
            "a token that is not needed is not read"
        );
    }

    #[tokio::test]
    async fn one_error_names_all_that_is_missing() {
        let vault = vault(&World::new(at(0)), VaultKind::ParameterStore);
        let read = vault
            .read(&my_erp(), Some(&Role::RefreshToken { seller: None }))
            .await;
        let names = [ID, SECRET, "/my-erp/refreshToken"].map(str::to_owned);
        let names = names.to_vec();
        assert_eq!(read.unwrap_err(), VaultError::Missing { names });
    }

    #[tokio::test]
    async fn a_blank_value_is_named() {
        let (_, vault) = written(&["planted", " \n"]);
        let read = vault.read(&my_erp(), None).await;
        assert_eq!(read.unwrap_err().to_string(), format!("{SECRET} is blank"));
    }

    #[tokio::test]
    async fn a_version_is_read_by_its_number_until_it_is_gone() {
        let (_, vault) = written(&["one", "two"]);
        for (version, expected) in [
            ("1", Some(pair("1", "one"))),
            ("3", None),
            ("no-number", None),
        ] {
            let version = SecretVersion::new(version);
            let found = vault.read_version(&my_erp(), &version).await;
            assert_eq!(shown(found.unwrap()), expected);
        }
    }

    #[tokio::test]
    async fn the_previous_secret_is_up_to_five_versions_back() {
        for (values, previous, since) in [
            (&["now"][..], None, Some(at(0))),
            (&["old", "now"], Some(pair("1", "old")), Some(at(1))),
            (
                &["old", "now\n", " now"],
                Some(pair("1", "old")),
                Some(at(1)),
            ),
            (
                &["old", "now", "now", "now", "now", "now"],
                Some(pair("1", "old")),
                Some(at(1)),
            ),
            (
                &["old", "now", "now", "now", "now", "now", "now"],
                None,
                None,
            ),
        ] {
            let (_, vault) = written(values);
            let current = current(&vault).await;
            let found = vault.read_previous_secret(&my_erp(), &current).await;
            assert_eq!(shown(found.unwrap()), previous, "{values:?}");
            let unchanged = vault.value_unchanged_since(&my_erp(), &current).await;
            assert_eq!(unchanged.unwrap(), since, "{values:?}");
        }
    }

    #[tokio::test]
    async fn a_parameter_is_listed_no_further_than_to_where_it_is() {
        let (world, vault) = written(&["old"]);
        calls(&world);
        let stored = vault.store(&my_erp(), &"new".into(), NOTIFICATION).await;
        stored.unwrap();
        let described = |call: &&String| call.starts_with("DescribeParameters");
        assert_eq!(calls(&world).iter().filter(described).count(), 1);
    }

    #[tokio::test]
    async fn client_ids_are_read_ten_at_a_time() {
        let world = World::new(at(0));
        let vault = vault(&world, VaultKind::ParameterStore);
        for number in 0..23 {
            let root = format!("/my-erp/{number}");
            world.seed_parameter(&format!("{root}/lwa/clientidentifier"), "id", at(0));
            world.seed_parameter(&format!("{root}/lwa/clientsecret"), "planted", at(0));
        }
        let found = vault.applications().await.unwrap();
        assert_eq!(found.len(), 23);
        assert!(found.iter().all(|it| it.client_id.as_deref() == Some("id")));
    }

    #[tokio::test]
    async fn applications_are_found_by_their_secret_and_only_client_ids_are_decrypted() {
        let (world, vault) = written(&["planted"]);
        for name in [
            "/my-erp/us/lwa/clientsecret",
            "/my-erp/refreshToken",
            "/my-erp2/lwa/clientsecret",
        ] {
            world.seed_parameter(name, "planted", at(0));
        }
        let found = vault.applications().await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.name.as_str(), found.client_id.as_deref()))
            .collect();
        assert_eq!(found, [("my-erp", Some("the-id")), ("my-erp/us", None)]);
        let ids = format!("GetParameters {ID} /my-erp/us/lwa/clientidentifier");
        let listing = "DescribeParameters lwa/clientsecret".to_owned();
        assert_eq!(calls(&world), [listing, ids]);
    }

    #[tokio::test]
    async fn storing_keeps_type_key_tier_and_policies() {
        let (world, vault) = written(&["old"]);
        let before = parameter_store::describe(&world, SECRET).await.unwrap();
        let stored = vault.store(&my_erp(), &"new".into(), NOTIFICATION).await;
        assert_eq!(stored.unwrap().as_str(), "2");
        let mut after = parameter_store::describe(&world, SECRET).await.unwrap();
        if let (Some(before), Some(after)) = (&before, &mut after) {
            assert_eq!(after.version, Some(2));
            after.version = before.version;
            after.last_modified = before.last_modified;
        }
        assert_eq!(after, before);
        assert_eq!(shown(Some(current(&vault).await)), Some(pair("2", "new")));
    }

    #[tokio::test]
    async fn what_would_be_refused_is_not_sent() {
        let (world, vault) = written(&["old"]);
        let secret = "planted{{reference}}".into();
        let error = vault.store(&my_erp(), &secret, NOTIFICATION).await;
        let error = error.unwrap_err();
        assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
        assert!(!error.to_string().contains("planted"), "{error}");
        assert_eq!(calls(&world), [format!("DescribeParameters {SECRET}")]);
    }

    #[tokio::test]
    async fn a_name_without_its_leading_slash_is_found() {
        let (world, _) = written(&["x"]);
        let found = parameter_store::describe(&world, &SECRET[1..]).await;
        assert_eq!(found.unwrap().unwrap().name, SECRET);
        let tags = parameter_store::tags(&world, &SECRET[1..]).await;
        assert_eq!(tags.unwrap().len(), 0);
        let gone = parameter_store::tags(&world, "my-erp/gone").await;
        assert_eq!(gone.unwrap().len(), 0);
        let expected = [
            format!("DescribeParameters {SECRET}"),
            format!("ListTagsForResource {SECRET}"),
            "ListTagsForResource /my-erp/gone".to_owned(),
        ];
        assert_eq!(calls(&world), expected);
    }
}

/// An account whose `DescribeParameters` ignores its filter.
struct Unfiltered(World);

impl ReadMetadata for Unfiltered {
    async fn describe_parameters(
        &self,
        _: ParameterFilter<'_>,
        token: Option<&str>,
    ) -> Result<Page<ParameterMetadata>, CallError> {
        let all = ParameterFilter::NameBeginsWith("/");
        self.0.describe_parameters(all, token).await
    }

    async fn list_parameter_tags(&self, name: &str) -> Result<Tags, CallError> {
        self.0.list_parameter_tags(name).await
    }

    async fn list_secrets(
        &self,
        name_prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<SecretMetadata>, CallError> {
        self.0.list_secrets(name_prefix, token).await
    }

    async fn describe_secret(&self, name: &str) -> Result<SecretMetadata, CallError> {
        self.0.describe_secret(name).await
    }

    async fn list_secret_version_ids(
        &self,
        name: &str,
        include_deprecated: bool,
        token: Option<&str>,
    ) -> Result<Page<SecretVersionEntry>, CallError> {
        let secrets = &self.0;
        secrets
            .list_secret_version_ids(name, include_deprecated, token)
            .await
    }
}

#[tokio::test]
async fn a_filter_that_is_ignored_shows_no_other_parameter() {
    let world = World::new(at(0));
    world.seed_parameter(ID, "the-id", at(0));
    let account = Unfiltered(world);
    let found = parameter_store::describe(&account, SECRET).await;
    assert_eq!(found, Ok(None));
    let found = parameter_store::describe(&account, ID).await.unwrap();
    assert_eq!(found.unwrap().name, ID);
}

mod in_secrets_manager {
    use super::*;

    /// A vault with a document that was written as these, one a day.
    fn written(documents: &[Value]) -> (World, Vault<World>) {
        let world = World::new(at(30));
        let mut secret = Secret::default();
        for (day, document) in (0..).zip(documents) {
            let document = match document {
                Value::String(text) => text.clone(),
                document => document.to_string(),
            };
            secret.push_current(&format!("v{day}"), &document.into(), at(day));
        }
        world.state().secrets.insert("my-erp".to_owned(), secret);
        let vault = vault(&world, VaultKind::SecretsManager);
        (world, vault)
    }

    fn document(secret: &str) -> Value {
        json!({"AppClientId": "the-id", "AppClientSecret": secret, "refreshToken": "the-token"})
    }

    async fn current(vault: &Vault<World>) -> StoredSecret {
        let read = vault.read(&my_erp(), None).await;
        read.unwrap().client_secret
    }

    async fn store(vault: &Vault<World>, secret: &str) -> Result<SecretVersion, StoreError> {
        vault.store(&my_erp(), &secret.into(), NOTIFICATION).await
    }

    fn refuse(world: &World, operation: &str, times: u32) {
        world.state().faults.push(ScriptedFault {
            operation: operation.to_owned(),
            target: String::new(),
            fault: Fault::Before(CallFailure::Refused),
            times: Some(times),
        });
    }

    #[tokio::test]
    async fn one_call_reads_the_current_document() {
        let (world, vault) = written(&[document("old"), document("the-secret\n")]);
        let read = vault
            .read(&my_erp(), Some(&Role::RefreshToken { seller: None }))
            .await;
        let read = read.unwrap();
        assert_eq!(read.client_id, "the-id");
        assert_eq!(read.refresh_token.unwrap().expose_secret(), "the-token");
        assert_eq!(read.client_secret.written_at, Some(at(1)));
        assert_eq!(
            shown(Some(read.client_secret)),
            Some(pair("v1", "the-secret"))
        );
        assert_eq!(calls(&world), ["GetSecretValue my-erp AWSCURRENT"]);
    }

    #[tokio::test]
    async fn missing_and_malformed_keys_are_told_apart_and_never_quoted() {
        let missing = "not in the vault: secret my-erp, key AppClientId, secret my-erp, key \
                       AppClientSecret";
        for (stored, expected) in [
            (json!({"other": "planted"}), missing),
            (
                json!({"AppClientId": 7, "AppClientSecret": "planted"}),
                "secret my-erp, key AppClientId is not a string",
            ),
            (
                json!({"AppClientId": "planted", "AppClientSecret": " "}),
                "secret my-erp, key AppClientSecret is blank",
            ),
            (
                json!("planted"),
                "secret my-erp is no JSON object that has each key once (line 1, column 1)",
            ),
        ] {
            let (_, vault) = written(&[stored]);
            let read = vault.read(&my_erp(), None).await;
            assert_eq!(read.unwrap_err().to_string(), expected);
        }
        let vault = vault(&World::new(at(0)), VaultKind::SecretsManager);
        let read = vault.read(&my_erp(), None).await;
        assert_eq!(
            read.unwrap_err().to_string(),
            "not in the vault: secret my-erp"
        );
    }

    #[tokio::test]
    async fn the_previous_secret_is_under_its_label() {
        let (world, vault) = written(&[document("older"), document("old"), document("now")]);
        let current = current(&vault).await;
        calls(&world);
        let found = vault.read_previous_secret(&my_erp(), &current).await;
        assert_eq!(shown(found.unwrap()), Some(pair("v1", "old")));
        assert_eq!(calls(&world), ["GetSecretValue my-erp AWSPREVIOUS"]);
        let since = vault.value_unchanged_since(&my_erp(), &current).await;
        assert_eq!(since.unwrap(), Some(at(2)));
    }

    #[tokio::test]
    async fn deprecated_versions_with_the_same_secret_are_passed_over_newest_first() {
        let documents = ["older", "old", "now", "now", " now"].map(document);
        let (world, vault) = written(&documents);
        let current = current(&vault).await;
        calls(&world);
        let found = vault.read_previous_secret(&my_erp(), &current).await;
        assert_eq!(shown(found.unwrap()), Some(pair("v1", "old")));
        let expected = [
            "GetSecretValue my-erp AWSPREVIOUS",
            "ListSecretVersionIds my-erp",
            "GetSecretValue my-erp v2",
            "GetSecretValue my-erp v1",
        ];
        assert_eq!(calls(&world), expected);
        let since = vault.value_unchanged_since(&my_erp(), &current).await;
        assert_eq!(since.unwrap(), Some(at(2)));
    }

    #[tokio::test]
    async fn versions_without_a_client_secret_are_passed_over_whatever_they_hold() {
        for passed_over in [
            json!("planted"),
            json!({"AppClientId": "i"}),
            json!(["planted"]),
        ] {
            for documents in [
                [
                    passed_over.clone(),
                    document("old"),
                    document("now"),
                    document("now"),
                ],
                [
                    document("old"),
                    passed_over.clone(),
                    document("now"),
                    document("now"),
                ],
                [
                    document("old"),
                    document("now"),
                    passed_over,
                    document("now"),
                ],
            ] {
                let (_, vault) = written(&documents);
                let current = current(&vault).await;
                let found = vault.read_previous_secret(&my_erp(), &current).await;
                let (_, value) = shown(found.unwrap()).unwrap();
                assert_eq!(value, "old", "{documents:?}");
                let since = vault.value_unchanged_since(&my_erp(), &current).await;
                let first = documents.iter().position(|it| *it == document("now"));
                let first = i64::try_from(first.unwrap()).unwrap();
                assert_eq!(since.unwrap(), Some(at(first)), "{documents:?}");
            }
        }
    }

    #[tokio::test]
    async fn since_when_a_value_is_stored_is_not_guessed_beyond_five_versions() {
        let with_blanks = |blanks: usize| {
            let blank = std::iter::repeat_n(json!({"AppClientId": "i"}), blanks);
            let mut documents: Vec<Value> = std::iter::once(document("now")).chain(blank).collect();
            documents.extend([document("now"), document("now")]);
            written(&documents).1
        };
        for (blanks, since) in [(1, Some(at(0))), (2, Some(at(0))), (5, None), (8, None)] {
            let vault = with_blanks(blanks);
            let current = current(&vault).await;
            let found = vault.value_unchanged_since(&my_erp(), &current).await;
            assert_eq!(found.unwrap(), since, "{blanks}");
        }
    }

    #[tokio::test]
    async fn only_documents_with_our_keys_are_applications() {
        let (world, vault) = written(&[document("planted")]);
        for (name, document) in [
            ("my-erp/us", json!({"AppClientSecret": "planted"})),
            ("my-erp/database", json!({"password": "planted"})),
            ("my-erp2", document("planted")),
        ] {
            let document = document.to_string().into();
            let created = world.create_secret(name, &document, "alias/own", &[]).await;
            created.unwrap();
        }
        let found = vault.applications().await.unwrap();
        assert!(!format!("{found:?}").contains("planted"));
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.name.as_str(), found.client_id.as_deref()))
            .collect();
        assert_eq!(found, [("my-erp", Some("the-id")), ("my-erp/us", None)]);
    }

    #[tokio::test]
    async fn a_new_secret_is_put_aside_promoted_and_then_left_alone() {
        let (world, vault) = written(&[document("old")]);
        assert_eq!(store(&vault, "new").await.unwrap().as_str(), NOTIFICATION);
        let expected = [
            "GetSecretValue my-erp AWSCURRENT",
            "PutSecretValue my-erp",
            "UpdateSecretVersionStage my-erp",
        ];
        assert_eq!(calls(&world), expected);
        let described = world.describe_secret("my-erp").await.unwrap();
        assert_eq!(described.stages["v0"], [stage::PREVIOUS]);
        let read = vault
            .read(&my_erp(), Some(&Role::RefreshToken { seller: None }))
            .await;
        assert_eq!(
            read.unwrap().refresh_token.unwrap().expose_secret(),
            "the-token"
        );

        calls(&world);
        assert_eq!(store(&vault, "new").await.unwrap().as_str(), NOTIFICATION);
        assert_eq!(calls(&world), ["GetSecretValue my-erp AWSCURRENT"]);
    }

    #[tokio::test]
    async fn a_promotion_that_failed_is_taken_up_again() {
        let (world, vault) = written(&[document("old")]);
        refuse(&world, "UpdateSecretVersionStage", 1);
        store(&vault, "new").await.unwrap_err();
        assert_eq!(store(&vault, "new").await.unwrap().as_str(), NOTIFICATION);
        assert_eq!(world.state().secrets["my-erp"].versions.len(), 2);
    }

    #[tokio::test]
    async fn a_document_changed_since_it_was_put_aside_is_put_under_another_token() {
        let (world, vault) = written(&[document("old")]);
        refuse(&world, "UpdateSecretVersionStage", 1);
        store(&vault, "new").await.unwrap_err();
        let changed = json!({"AppClientId": "the-id", "AppClientSecret": "old", "note": "changed"});
        let write = SecretValueWrite {
            name: "my-erp".to_owned(),
            document: changed.to_string().into(),
            request_token: None,
            stage: None,
        };
        world.put_secret_value(&write).await.unwrap();

        let version = store(&vault, "new").await.unwrap();
        assert_ne!(version.as_str(), NOTIFICATION);
        let state = world.state();
        let current = state.secrets["my-erp"].labelled(stage::CURRENT).unwrap();
        assert_eq!(current.id, version.as_str());
        let stored = current.value.expose_secret();
        assert!(stored.contains("new") && stored.contains("changed"));
    }

    #[tokio::test]
    async fn a_document_that_is_put_aside_already_is_not_put_again_under_another_token() {
        let (world, vault) = written(&[document("old")]);
        refuse(&world, "UpdateSecretVersionStage", 1);
        store(&vault, "new").await.unwrap_err();
        refuse(&world, "PutSecretValue", 1);
        store(&vault, "new").await.unwrap_err();
        assert_eq!(world.state().secrets["my-erp"].versions.len(), 2);
    }

    #[tokio::test]
    async fn a_key_that_is_there_twice_and_is_not_ours_keeps_no_secret_out() {
        let world = World::new(at(0));
        let text = r#"{"AppClientId":"the-id","note":1,"AppClientSecret":"old","note":2}"#;
        let document = text.into();
        let created = world.create_secret("my-erp", &document, "alias/own", &[]);
        created.await.unwrap();
        let vault = vault(&world, VaultKind::SecretsManager);
        store(&vault, "new").await.unwrap();
        let state = world.state();
        let current = state.secrets["my-erp"].labelled(stage::CURRENT).unwrap();
        assert_eq!(current.value.expose_secret(), text.replace("old", "new"));
    }

    #[tokio::test]
    async fn a_refusal_for_another_reason_is_an_error() {
        let (world, vault) = written(&[document("old")]);
        refuse(&world, "PutSecretValue", 2);
        let error = store(&vault, "planted").await.unwrap_err();
        assert!(!error.to_string().contains("planted"), "{error}");
        assert_eq!(shown(Some(current(&vault).await)), Some(pair("v0", "old")));
    }
}
