//! What only the account in memory can show of what AWS documents: an emulator lists everything,
//! at once, on pages that are full.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, ToSpan};
use lwa_core::ExposeSecret;
use lwa_core::ports::CallFailure;
use lwa_core::vault::ports::{
    ParameterFilter, ParameterWrite, ReadMetadata, ReadValues, SecretValueWrite, Tier,
    VersionSelector, WriteTags, WriteValues, stage,
};
use lwa_core::vault::{parameter_store, secrets_manager};
use lwa_local::World;

const NAME: &str = "/my-erp/lwa/clientsecret";
const SECRET: &str = "my-erp";

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn write(value: &str, overwrite: bool) -> ParameterWrite {
    ParameterWrite {
        name: NAME.to_owned(),
        value: value.into(),
        parameter_type: "SecureString".to_owned(),
        key: Some("alias/own".to_owned()),
        tier: Tier::Advanced,
        policies: None,
        overwrite,
        tags: Vec::new(),
    }
}

async fn create(world: &World, name: &str) {
    let tags = [("owner", "erp".to_owned())];
    world
        .create_secret(name, &"one".into(), "alias/own", &tags)
        .await
        .unwrap();
}

async fn put(world: &World, document: &str) {
    let write = SecretValueWrite {
        name: SECRET.to_owned(),
        document: document.into(),
        request_token: None,
        stage: None,
    };
    world.put_secret_value(&write).await.unwrap();
}

/// Every name and owner that `ListSecrets` shows.
async fn listed(world: &World) -> Vec<(String, String)> {
    let page = world.list_secrets("", None).await.unwrap();
    let shown = page.items.into_iter();
    shown
        .map(|secret| (secret.name, secret.tags["owner"].clone()))
        .collect()
}

/// A listing stops at a limit of the service's own, and only a missing token is its end:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html>.
#[tokio::test]
async fn an_empty_page_with_a_token_is_not_the_end_of_a_listing() {
    let world = World::new(start());
    world.seed_parameter(NAME, "x", start());
    create(&world, SECRET).await;
    world.state().listing.has_empty_pages = true;

    let filter = ParameterFilter::Below("/my-erp");
    let first = world.describe_parameters(filter, None).await.unwrap();
    assert!(first.items.is_empty());
    let second = world.describe_parameters(filter, first.next.as_deref());
    let second = second.await.unwrap();
    assert_eq!((&*second.items[0].name, second.next), (NAME, None));

    let first = world.list_secrets("my", None).await.unwrap();
    assert!(first.items.is_empty());
    let second = world.list_secrets("my", first.next.as_deref()).await;
    assert_eq!(second.unwrap().items[0].name, SECRET);

    let first = world.list_secret_version_ids(SECRET, true, None).await;
    assert!(first.unwrap().items.is_empty());
    let all = secrets_manager::versions(&world, SECRET, true).await;
    assert_eq!(all.unwrap().len(), 1);
}

#[tokio::test]
async fn every_page_of_a_long_listing_may_follow_an_empty_one() {
    let world = World::new(start());
    for number in 0..120 {
        world.seed_parameter(&format!("/my-erp/{number}"), "x", start());
    }
    world.state().listing.has_empty_pages = true;
    let all = parameter_store::list_parameters(&world, ParameterFilter::Below("/my-erp")).await;
    let names: BTreeSet<String> = all.unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names.len(), 120);
    assert_eq!(world.calls().len(), 6, "{:?}", world.calls());
}

/// Both listings are best effort, and reading by name is not:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>.
#[tokio::test]
async fn what_a_listing_leaves_out_can_still_be_read() {
    let world = World::new(start());
    world.seed_parameter(NAME, "x", start());
    create(&world, SECRET).await;
    let hidden = [NAME, SECRET].map(str::to_owned);
    world.state().listing.hidden.extend(hidden.clone());

    let filter = ParameterFilter::Named(&hidden);
    let page = world.describe_parameters(filter, None).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(listed(&world).await, []);

    assert_eq!(world.get_parameters(&hidden[..1]).await.unwrap().len(), 1);
    world.list_parameter_tags(NAME).await.unwrap();
    world.describe_secret(SECRET).await.unwrap();
}

/// `ListSecrets` is eventually consistent, up to five minutes late, and `DescribeSecret` is not:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>.
#[tokio::test]
async fn a_new_secret_and_a_changed_tag_are_listed_after_the_lag() {
    let world = World::new(start());
    world.state().listing.secrets_lag = SignedDuration::from_mins(5);
    let at = |minutes: i64| world.set_now(start() + minutes.minutes());
    let shown = |owner: &str| vec![(SECRET.to_owned(), owner.to_owned())];

    create(&world, SECRET).await;
    assert_eq!(listed(&world).await, []);
    at(4);
    assert_eq!(listed(&world).await, []);
    at(5);
    assert_eq!(listed(&world).await, shown("erp"));

    let tags = [("owner", "shop".to_owned())];
    world.tag_secret(SECRET, &tags).await.unwrap();
    let described = world.describe_secret(SECRET).await.unwrap();
    assert_eq!(described.tags["owner"], "shop");
    at(9);
    assert_eq!(listed(&world).await, shown("erp"));
    at(10);
    assert_eq!(listed(&world).await, shown("shop"));
}

/// Such a secret is listed only for a caller that includes planned deletions, and its value
/// cannot be read:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>.
#[tokio::test]
async fn a_secret_marked_for_deletion_is_described_but_neither_listed_read_nor_changed() {
    let world = World::new(start());
    create(&world, SECRET).await;
    let deleted_at = Some(start());
    world.state().secrets.get_mut(SECRET).unwrap().deleted_at = deleted_at;

    assert_eq!(listed(&world).await, []);
    let described = world.describe_secret(SECRET).await.unwrap();
    assert_eq!(described.deleted_at, deleted_at);
    let label = VersionSelector::Stage(stage::CURRENT);
    let read = world.get_secret_value(SECRET, label).await.unwrap_err();
    let tags = [("owner", "shop".to_owned())];
    let tagged = world.tag_secret(SECRET, &tags).await.unwrap_err();
    for error in [read, tagged] {
        assert_eq!(error.failure, CallFailure::Refused);
        assert_eq!(error.detail, "InvalidRequestException");
    }
}

/// Parameter Store keeps the latest hundred versions:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html>.
#[tokio::test]
async fn a_parameter_keeps_a_hundred_versions_and_goes_on_counting() {
    let world = World::new(start());
    for number in 1..=101 {
        let written = world.put_parameter(&write("x", number > 1)).await;
        assert_eq!(written.unwrap(), number);
    }
    for (version, is_kept) in [(1, false), (2, true), (101, true)] {
        let name = [format!("{NAME}:{version}")];
        let found = world.get_parameters(&name).await.unwrap();
        assert_eq!(!found.is_empty(), is_kept, "{version}");
    }
}

/// Tags belong to the parameter, and policies that are not given stay and begin anew:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html>.
#[tokio::test]
async fn an_overwrite_keeps_tags_and_restarts_the_policies() {
    let world = World::new(start());
    let mut first = write("one", false);
    first.tags = vec![("owner", "erp".to_owned())];
    first.policies = Some(
        r#"[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"90","Unit":"Days"}}]"#
            .to_owned(),
    );
    world.put_parameter(&first).await.unwrap();
    world.state().parameters.get_mut(NAME).unwrap().policies[0].status = "Finished".to_owned();

    world.put_parameter(&write("two", true)).await.unwrap();

    let tags = world.list_parameter_tags(NAME).await.unwrap();
    assert_eq!(tags["owner"], "erp");
    let found = parameter_store::describe(&world, NAME).await.unwrap();
    let policies = found.unwrap().policies;
    assert_eq!((policies.len(), &*policies[0].status), (1, "Pending"));
}

/// A version is asked for by its number in Parameter Store, and by its label or its id in
/// Secrets Manager:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.
#[tokio::test]
async fn a_version_is_chosen_by_number_label_or_id() {
    let world = World::new(start());
    world.put_parameter(&write("one", false)).await.unwrap();
    world.put_parameter(&write("two", true)).await.unwrap();
    for (selector, expected) in [("", Some("two")), (":1", Some("one")), (":3", None)] {
        let found = world.get_parameters(&[format!("{NAME}{selector}")]).await;
        let found = found.unwrap().pop();
        let value = found.as_ref().map(|found| found.value.expose_secret());
        assert_eq!(value, expected, "{selector}");
        assert!(found.is_none_or(|found| found.name == NAME));
    }

    create(&world, SECRET).await;
    put(&world, "two").await;
    for (selector, expected) in [
        (VersionSelector::Stage(stage::CURRENT), Some("two")),
        (VersionSelector::Stage(stage::PREVIOUS), Some("one")),
        (VersionSelector::Stage(stage::PENDING), None),
        (VersionSelector::Id("version-1"), Some("one")),
        (VersionSelector::Id("version-3"), None),
    ] {
        let found = secrets_manager::value(&world, SECRET, selector).await;
        let document = found.unwrap().and_then(|found| found.document);
        let document = document.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(document, expected, "{selector:?}");
    }
}
