//! The vaults' own calls, one suite for three accounts: in memory, on moto, and on ministack.
//!
//! A case makes calls and writes down what it sees. What AWS documents is expected of all three;
//! where an emulator does otherwise, [`DIFFERENCES`] has what it does and why that is known to be
//! the emulator's own. There is no entry for the account in memory: where that differs from the
//! documentation, it is wrong.

use std::fmt::Debug;

use lwa_aws::account::Account;
use lwa_core::SecretString;
use lwa_core::ports::CallError;
use lwa_core::vault::ports::{
    ParameterFilter, ParameterWrite, ReadMetadata, ReadValues, SecretValueWrite, Tags, Tier,
    VersionSelector, WriteTags, WriteValues, stage,
};
use lwa_core::vault::{parameter_store, secrets_manager};
use lwa_local::World;
use lwa_tests::emulator;

/// Everything that can be asked of an account.
trait Vaults: ReadMetadata + ReadValues + WriteTags + WriteValues {}
impl<A: ReadMetadata + ReadValues + WriteTags + WriteValues> Vaults for A {}

/// What an emulator does otherwise: who, in which case, which line of it, what it says instead,
/// and why.
type Difference = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const DIFFERENCES: &[Difference] = &[
    (
        "moto",
        "policies_of_a_parameter",
        "removed",
        "Unavailable",
        "it takes the empty policy for one, and answers 500",
    ),
    (
        "moto",
        "putting_values",
        "65,537 bytes",
        "()",
        "it limits no value",
    ),
    (
        "moto",
        "putting_values",
        "labelled versions",
        "3",
        "it lists deprecated versions always",
    ),
    (
        "moto",
        "secrets_and_their_metadata",
        "its versions, gone",
        "Unavailable",
        "it answers 500 for a secret that does not exist",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "4097 bytes, Standard",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "8193 bytes, Advanced",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "a lower tier",
        r#""taken""#,
        "it lets a tier be lowered",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "a policy of no known type",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "a reference",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "eleven policies",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "policies that are no JSON",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "policies, Standard",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "sixteen levels",
        r#""taken""#,
        "it checks no names",
    ),
    (
        "moto",
        "what_parameter_store_refuses",
        "two expirations",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "moto",
        "what_secrets_manager_refuses_to_promote",
        "another document under its token",
        "()",
        "it replaces the version of a token",
    ),
    (
        "moto",
        "what_secrets_manager_refuses_to_promote",
        "moved to what is not there",
        "Refused",
        "it has taken the label away with the call before",
    ),
    (
        "moto",
        "what_secrets_manager_refuses_to_promote",
        "the current one",
        r#""AWSCURRENT NotFound""#,
        "it takes the label away although the call is refused",
    ),
    (
        "ministack",
        "policies_of_a_parameter",
        "kept by an overwrite without any",
        "Some(0)",
        "it answers policies in a form that is not the API's, and loses them with an overwrite",
    ),
    (
        "ministack",
        "policies_of_a_parameter",
        "removed",
        "Unavailable",
        "it answers policies in a form that is not the API's, and loses them with an overwrite",
    ),
    (
        "ministack",
        "policies_of_a_parameter",
        "replaced",
        "Unavailable",
        "it answers policies in a form that is not the API's, and loses them with an overwrite",
    ),
    (
        "ministack",
        "policies_of_a_parameter",
        "written",
        "Unavailable",
        "it answers policies in a form that is not the API's, and loses them with an overwrite",
    ),
    (
        "ministack",
        "putting_values",
        "65,537 bytes",
        "()",
        "it limits no value",
    ),
    (
        "ministack",
        "putting_values",
        "a short token",
        "()",
        "it checks no token",
    ),
    (
        "ministack",
        "putting_values",
        "with the deprecated",
        "2",
        "it drops a version that loses its labels",
    ),
    (
        "ministack",
        "reading_parameters",
        "eleven names",
        "0",
        "it does not count the names",
    ),
    (
        "ministack",
        "reading_parameters",
        "four names, one of them gone, one twice",
        r#"["/ROOT/a 1 \"a1\\n\"", "/ROOT/b 2 \"b2\"", "/ROOT/b 2 \"b2\""]"#,
        "it answers a name as often as it is asked for",
    ),
    (
        "ministack",
        "tags_of_a_parameter",
        "added to it",
        "()",
        "it keeps tags by name, whether there is such a parameter or not",
    ),
    (
        "ministack",
        "tags_of_a_parameter",
        "of a parameter that is gone",
        "{}",
        "it keeps tags by name, whether there is such a parameter or not",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "4097 bytes, Standard",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "8193 bytes, Advanced",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "a lower tier",
        r#""taken""#,
        "it lets a tier be lowered",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "a policy of no known type",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "a reference",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "an empty value",
        r#""taken""#,
        "it checks no values",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "eleven policies",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "policies that are no JSON",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "policies, Standard",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "sixteen levels",
        r#""taken""#,
        "it checks no names",
    ),
    (
        "ministack",
        "what_parameter_store_refuses",
        "two expirations",
        r#""taken""#,
        "it takes policies as they come",
    ),
    (
        "ministack",
        "what_secrets_manager_refuses_to_promote",
        "another document under its token",
        "()",
        "it replaces the version of a token",
    ),
];

/// What a case has seen, a line for each thing.
#[derive(Default)]
struct Seen(Vec<(&'static str, String)>);

impl Seen {
    fn note(&mut self, what: &'static str, seen: impl Debug) {
        self.0.push((what, format!("{seen:?}")));
    }

    /// How a call ended: its value, or what kind of failure it was.
    fn call<T: Debug>(&mut self, what: &'static str, answer: Result<T, CallError>) {
        match answer {
            Ok(value) => self.note(what, value),
            Err(error) => self.note(what, error.failure),
        }
    }
}

/// A parameter as `lwa store` would write it.
fn write(name: &str, value: &str, overwrite: bool) -> ParameterWrite {
    ParameterWrite {
        name: name.to_owned(),
        value: value.into(),
        parameter_type: "SecureString".to_owned(),
        key: Some("alias/aws/ssm".to_owned()),
        tier: Tier::Standard,
        policies: None,
        overwrite,
        tags: Vec::new(),
    }
}

fn policies(days: &[u32]) -> String {
    let policy = |days: &u32| {
        serde_json::json!({"Type": "NoChangeNotification", "Version": "1.0",
            "Attributes": {"After": days.to_string(), "Unit": "Days"}})
    };
    serde_json::Value::from(days.iter().map(policy).collect::<Vec<_>>()).to_string()
}

fn put(
    name: &str,
    document: &str,
    token: Option<&str>,
    stage: Option<&'static str>,
) -> SecretValueWrite {
    SecretValueWrite {
        name: name.to_owned(),
        document: document.into(),
        request_token: token.map(str::to_owned),
        stage,
    }
}

fn names<T>(items: &[T], name: impl Fn(&T) -> &str, root: &str) -> Vec<String> {
    let mut names: Vec<String> = items
        .iter()
        .map(|item| name(item).trim_start_matches('/').replace(root, "ROOT"))
        .collect();
    names.sort();
    names
}

async fn writing_a_parameter(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    let name = format!("/{root}/secret");
    let mut first = write(&name, "one", false);
    first.tags = vec![("owner", "erp".to_owned())];
    seen.call("the first write", account.put_parameter(&first).await);
    seen.call(
        "it exists",
        account.put_parameter(&write(&name, "two", false)).await,
    );
    let mut tagged = write(&name, "two", true);
    tagged.tags = vec![("owner", "shop".to_owned())];
    seen.call(
        "an overwrite with tags",
        account.put_parameter(&tagged).await,
    );
    seen.call(
        "an overwrite",
        account.put_parameter(&write(&name, "two", true)).await,
    );
    let found = parameter_store::describe(account, &name).await;
    let found = found.map(|found| {
        found.map(|found| {
            (
                found.parameter_type,
                found.tier,
                found.version,
                found.last_modified.is_some(),
                found.policies.len(),
            )
        })
    });
    seen.call("its metadata", found);
    seen.call("its tags", account.list_parameter_tags(&name).await);
    seen
}

async fn reading_parameters(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    let name = |leaf: &str| format!("/{root}/{leaf}");
    for (leaf, value) in [("b", "b1"), ("a", "a1\n"), ("b", "b2")] {
        let write = write(&name(leaf), value, value == "b2");
        account.put_parameter(&write).await.unwrap();
    }
    let asked = [name("b"), name("gone"), name("a"), name("b")];
    let mut found = account.get_parameters(&asked).await.unwrap();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let shown = |found: &[lwa_core::vault::ports::ParameterValue]| -> Vec<String> {
        use lwa_core::ExposeSecret;
        let line = |found: &lwa_core::vault::ports::ParameterValue| {
            let name = found.name.replace(root, "ROOT");
            format!("{name} {} {:?}", found.version, found.value.expose_secret())
        };
        found.iter().map(line).collect()
    };
    seen.note("four names, one of them gone, one twice", shown(&found));
    let versions = account.get_parameters(&[name("b:1")]).await;
    seen.call("a version", versions.map(|found| shown(&found)));
    let gone = account.get_parameters(&[name("b:9")]).await;
    seen.call(
        "a version that does not exist",
        gone.map(|found| shown(&found)),
    );
    let many: Vec<String> = (0..11).map(|number| name(&format!("n{number}"))).collect();
    let many = account.get_parameters(&many).await;
    seen.call("eleven names", many.map(|found| found.len()));
    seen
}

async fn listing_parameters(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    for leaf in ["a/lwa/clientsecret", "a/refreshToken", "b/lwa/clientsecret"] {
        let name = format!("/{root}/{leaf}");
        account
            .put_parameter(&write(&name, "x", false))
            .await
            .unwrap();
    }
    let beside = format!("/{root}x/lwa/clientsecret");
    account
        .put_parameter(&write(&beside, "x", false))
        .await
        .unwrap();
    let (below, begins) = (format!("/{root}"), format!("/{root}/a/"));
    let contains = format!("{root}/b/lwa");
    let wanted = [format!("/{root}/gone"), format!("/{root}/a/refreshToken")];
    for (what, filter) in [
        ("below a path", ParameterFilter::Below(&below)),
        ("names that begin", ParameterFilter::NameBeginsWith(&begins)),
        (
            "names that contain",
            ParameterFilter::NameContains(&contains),
        ),
        ("these names", ParameterFilter::Named(&wanted)),
    ] {
        let listed = parameter_store::list_parameters(account, filter).await;
        seen.call(
            what,
            listed.map(|items| names(&items, |found| &found.name, root)),
        );
    }
    for number in 0..60 {
        let name = format!("/{root}/many/{number}");
        account
            .put_parameter(&write(&name, "x", false))
            .await
            .unwrap();
    }
    let many = format!("/{root}/many");
    let listed = parameter_store::list_parameters(account, ParameterFilter::Below(&many)).await;
    let mut listed: Vec<String> = listed
        .unwrap()
        .into_iter()
        .map(|found| found.name)
        .collect();
    listed.sort();
    listed.dedup();
    seen.note("sixty over all pages, each once", listed.len());
    seen
}

async fn what_parameter_store_refuses(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    let name = format!("/{root}/secret");
    let change = |value: &str, tier, policies: Option<&str>| ParameterWrite {
        tier,
        policies: policies.map(str::to_owned),
        ..write(&name, value, true)
    };
    let expiration = r#"{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}"#;
    let two = format!("[{expiration},{expiration}]");
    for (what, write) in [
        ("an empty value", change("", Tier::Standard, None)),
        ("a reference", change("a{{b}}", Tier::Standard, None)),
        (
            "4097 bytes, Standard",
            change(&"x".repeat(4097), Tier::Standard, None),
        ),
        (
            "8193 bytes, Advanced",
            change(&"x".repeat(8193), Tier::Advanced, None),
        ),
        (
            "policies, Standard",
            change("x", Tier::Standard, Some(&policies(&[90]))),
        ),
        (
            "eleven policies",
            change("x", Tier::Advanced, Some(&policies(&[9; 11]))),
        ),
        (
            "policies that are no JSON",
            change("x", Tier::Advanced, Some("no JSON")),
        ),
        ("two expirations", change("x", Tier::Advanced, Some(&two))),
        (
            "a policy of no known type",
            change(
                "x",
                Tier::Advanced,
                Some(r#"[{"Type":"None","Version":"1.0","Attributes":{}}]"#),
            ),
        ),
        (
            "sixteen levels",
            write(&format!("/{root}{}", "/x".repeat(15)), "x", true),
        ),
        ("a name of AWS", write("/aws/secret", "x", true)),
    ] {
        seen.call(what, account.put_parameter(&write).await.map(|_| "taken"));
    }
    let advanced = change("x", Tier::Advanced, None);
    account.put_parameter(&advanced).await.unwrap();
    let lower = account
        .put_parameter(&change("x", Tier::Standard, None))
        .await;
    seen.call("a lower tier", lower.map(|_| "taken"));
    seen
}

async fn policies_of_a_parameter(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    let name = format!("/{root}/secret");
    for (what, policies) in [
        ("written", Some(policies(&[90, 150]))),
        ("kept by an overwrite without any", None),
        ("replaced", Some(policies(&[30]))),
        ("removed", Some("[{}]".to_owned())),
    ] {
        let write = ParameterWrite {
            tier: Tier::Advanced,
            policies,
            ..write(&name, "x", true)
        };
        account.put_parameter(&write).await.unwrap();
        let found = parameter_store::describe(account, &name).await;
        seen.call(
            what,
            found.map(|found| found.map(|found| found.policies.len())),
        );
    }
    seen
}

async fn tags_of_a_parameter(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    let name = format!("/{root}/secret");
    account
        .put_parameter(&write(&name, "x", false))
        .await
        .unwrap();
    let tags = [("owner", "erp".to_owned()), ("lwa:x", "1".to_owned())];
    seen.call("added", account.add_parameter_tags(&name, &tags).await);
    let tags = [("owner", "shop".to_owned())];
    seen.call("changed", account.add_parameter_tags(&name, &tags).await);
    seen.call("listed", account.list_parameter_tags(&name).await);
    seen.call(
        "removed",
        account
            .remove_parameter_tags(&name, &["lwa:x", "none"])
            .await,
    );
    seen.call("what is left", account.list_parameter_tags(&name).await);
    let gone = format!("/{root}/gone");
    seen.call(
        "of a parameter that is gone",
        account.list_parameter_tags(&gone).await,
    );
    seen.call(
        "added to it",
        account.add_parameter_tags(&gone, &tags).await,
    );
    seen
}

async fn secrets_and_their_metadata(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    let document: SecretString = "{}".into();
    let tags = [("owner", "erp".to_owned())];
    let eu = format!("{root}/eu");
    let create = account
        .create_secret(root, &document, "alias/own", &tags)
        .await;
    seen.call("created", create);
    seen.call(
        "it exists",
        account
            .create_secret(root, &document, "alias/own", &[])
            .await,
    );
    account
        .create_secret(&eu, &document, "alias/own", &[])
        .await
        .unwrap();
    let described = account.describe_secret(root).await.map(|found| {
        let stages: Vec<_> = found.stages.values().cloned().collect();
        (
            found.name.replace(root, "ROOT"),
            found.tags,
            stages,
            found.deleted_at,
        )
    });
    seen.call("described", described);
    let listed = account.list_secrets(root, None).await;
    seen.call(
        "listed",
        listed.map(|page| names(&page.items, |found| &found.name, root)),
    );
    let versions = secrets_manager::versions(account, root, false).await;
    let versions = versions.map(|found| {
        let shown = |found: &lwa_core::vault::ports::SecretVersionEntry| {
            (found.stages.clone(), found.created_at.is_some())
        };
        found.iter().map(shown).collect::<Vec<_>>()
    });
    seen.call("its versions", versions);
    seen.call(
        "tagged",
        account
            .tag_secret(root, &[("owner", "shop".to_owned()), ("x", "1".to_owned())])
            .await,
    );
    seen.call("untagged", account.untag_secret(root, &["x", "none"]).await);
    let tags: Result<Tags, _> = account.describe_secret(root).await.map(|found| found.tags);
    seen.call("its tags", tags);
    seen.call(
        "another key",
        account.update_secret_key(root, "alias/other").await,
    );
    let key = account
        .describe_secret(root)
        .await
        .map(|found| found.key_id);
    seen.call("its key", key);
    let gone = format!("{root}/gone");
    seen.call(
        "what is gone",
        account.describe_secret(&gone).await.map(|_| ()),
    );
    let versions = account.list_secret_version_ids(&gone, true, None).await;
    seen.call("its versions, gone", versions.map(|_| ()));
    seen
}

async fn labels(account: &impl Vaults, root: &str) -> Vec<String> {
    let mut shown = Vec::new();
    for label in [stage::CURRENT, stage::PENDING, stage::PREVIOUS] {
        use lwa_core::ExposeSecret;
        let found = account
            .get_secret_value(root, VersionSelector::Stage(label))
            .await;
        shown.push(match found {
            Ok(found) => {
                let document = found.document.map(|text| text.expose_secret().to_owned());
                format!("{label} {}", document.unwrap_or_default())
            }
            Err(error) => format!("{label} {:?}", error.failure),
        });
    }
    shown
}

const TOKEN: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

async fn promoting_a_version(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    account
        .create_secret(root, &"one".into(), "alias/own", &[])
        .await
        .unwrap();
    let label = VersionSelector::Stage(stage::CURRENT);
    let first = account.get_secret_value(root, label).await.unwrap().version;
    let pending = put(root, "two", Some(TOKEN), Some(stage::PENDING));
    seen.call("put aside", account.put_secret_value(&pending).await);
    seen.note("then", labels(account, root).await);
    seen.call("the same again", account.put_secret_value(&pending).await);
    let moved = account.update_secret_version_stage(root, stage::CURRENT, &first, TOKEN);
    seen.call("promoted", moved.await);
    seen.note("afterwards", labels(account, root).await);
    seen
}

async fn what_secrets_manager_refuses_to_promote(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    account
        .create_secret(root, &"one".into(), "alias/own", &[])
        .await
        .unwrap();
    let label = VersionSelector::Stage(stage::CURRENT);
    let first = account.get_secret_value(root, label).await.unwrap().version;
    let pending = put(root, "two", Some(TOKEN), Some(stage::PENDING));
    account.put_secret_value(&pending).await.unwrap();
    let other = put(root, "three", Some(TOKEN), Some(stage::PENDING));
    seen.call(
        "another document under its token",
        account.put_secret_value(&other).await,
    );
    let wrong = account.update_secret_version_stage(root, stage::CURRENT, TOKEN, TOKEN);
    seen.call("moved from where the label is not", wrong.await);
    let gone = account.update_secret_version_stage(
        root,
        stage::CURRENT,
        &first,
        "00000000-0000-0000-0000-000000000000",
    );
    seen.call("moved to what is not there", gone.await);
    seen.note(
        "the current one",
        labels(account, root).await.swap_remove(0),
    );
    seen
}

async fn putting_values(account: &impl Vaults, root: &str) -> Seen {
    let mut seen = Seen::default();
    account
        .create_secret(root, &"one".into(), "alias/own", &[])
        .await
        .unwrap();
    for document in ["two", "three"] {
        account
            .put_secret_value(&put(root, document, None, None))
            .await
            .unwrap();
    }
    seen.note("current at once", labels(account, root).await);
    let labelled = secrets_manager::versions(account, root, false).await;
    seen.call("labelled versions", labelled.map(|found| found.len()));
    let all = secrets_manager::versions(account, root, true).await;
    seen.call("with the deprecated", all.map(|found| found.len()));
    let short = put(root, "four", Some("short"), None);
    seen.call("a short token", account.put_secret_value(&short).await);
    let long = put(root, &"x".repeat(65_537), None, None);
    seen.call("65,537 bytes", account.put_secret_value(&long).await);
    let gone = put(&format!("{root}/gone"), "x", None, None);
    seen.call("into what is gone", account.put_secret_value(&gone).await);
    let id = VersionSelector::Id("00000000-0000-0000-0000-000000000000");
    seen.call(
        "a version that is gone",
        account.get_secret_value(root, id).await.map(|_| ()),
    );
    let label = VersionSelector::Stage(stage::PENDING);
    seen.call(
        "a label that is nowhere",
        account.get_secret_value(root, label).await.map(|_| ()),
    );
    seen
}

/// Where an account shows something else than AWS documents, but for the known differences.
fn differences(who: &str, case: &str, seen: &Seen, documented: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    assert_eq!(
        seen.0.len(),
        documented.len(),
        "{who}, {case}: {:?}",
        seen.0
    );
    for ((what, seen), (expected_what, documented)) in seen.0.iter().zip(documented) {
        assert_eq!(what, expected_what, "{who}, {case}");
        let known = DIFFERENCES
            .iter()
            .find(|known| (known.0, known.1, known.2) == (who, case, what));
        if known.is_some_and(|known| known.3 == *documented) {
            found.push(format!(
                "{who}, {case}, {what}: no difference, drop it from the table"
            ));
        }
        let expected = known.map_or(*documented, |known| known.3);
        if seen != expected {
            found.push(format!("{who}, {case}, {what}: {seen}, not {expected}"));
        }
    }
    found
}

macro_rules! conformance {
    ($($case:ident: $documented:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let case = stringify!($case);
                let world = World::new("2026-01-01T00:00:00Z".parse().unwrap());
                let seen = super::$case(&world, "t1").await;
                let mut found = differences("memory", case, &seen, $documented);
                for (who, emulator) in [("moto", emulator::moto()), ("ministack", emulator::ministack())] {
                    let account = Account::new(&emulator.aws());
                    let seen = super::$case(&account, &emulator.prefix[1..]).await;
                    found.extend(differences(who, case, &seen, $documented));
                }
                assert!(found.is_empty(), "{}", found.join("\n"));
            }
        )+
    };
}

/// What AWS documents.
mod documented {
    use super::*;

    conformance! {
        writing_a_parameter: &[
            ("the first write", "1"),
            ("it exists", "Refused"),
            ("an overwrite with tags", "Refused"),
            ("an overwrite", "2"),
            ("its metadata", r#"Some(("SecureString", Some("Standard"), Some(2), true, 0))"#),
            ("its tags", r#"{"owner": "erp"}"#),
        ];
        reading_parameters: &[
            ("four names, one of them gone, one twice", r#"["/ROOT/a 1 \"a1\\n\"", "/ROOT/b 2 \"b2\""]"#),
            ("a version", r#"["/ROOT/b 1 \"b1\""]"#),
            ("a version that does not exist", "[]"),
            ("eleven names", "Refused"),
        ];
        listing_parameters: &[
            ("below a path", r#"["ROOT/a/lwa/clientsecret", "ROOT/a/refreshToken", "ROOT/b/lwa/clientsecret"]"#),
            ("names that begin", r#"["ROOT/a/lwa/clientsecret", "ROOT/a/refreshToken"]"#),
            ("names that contain", r#"["ROOT/b/lwa/clientsecret"]"#),
            ("these names", r#"["ROOT/a/refreshToken"]"#),
            ("sixty over all pages, each once", "60"),
        ];
        what_parameter_store_refuses: &[
            ("an empty value", "Refused"),
            ("a reference", "Refused"),
            ("4097 bytes, Standard", "Refused"),
            ("8193 bytes, Advanced", "Refused"),
            ("policies, Standard", "Refused"),
            ("eleven policies", "Refused"),
            ("policies that are no JSON", "Refused"),
            ("two expirations", "Refused"),
            ("a policy of no known type", "Refused"),
            ("sixteen levels", "Refused"),
            ("a name of AWS", "Denied"),
            ("a lower tier", "Refused"),
        ];
        policies_of_a_parameter: &[
            ("written", "Some(2)"),
            ("kept by an overwrite without any", "Some(2)"),
            ("replaced", "Some(1)"),
            ("removed", "Some(0)"),
        ];
        tags_of_a_parameter: &[
            ("added", "()"),
            ("changed", "()"),
            ("listed", r#"{"lwa:x": "1", "owner": "shop"}"#),
            ("removed", "()"),
            ("what is left", r#"{"owner": "shop"}"#),
            ("of a parameter that is gone", "NotFound"),
            ("added to it", "NotFound"),
        ];
        secrets_and_their_metadata: &[
            ("created", "()"),
            ("it exists", "Refused"),
            ("described", r#"("ROOT", {"owner": "erp"}, [["AWSCURRENT"]], None)"#),
            ("listed", r#"["ROOT", "ROOT/eu"]"#),
            ("its versions", r#"[(["AWSCURRENT"], true)]"#),
            ("tagged", "()"),
            ("untagged", "()"),
            ("its tags", r#"{"owner": "shop"}"#),
            ("another key", "()"),
            ("its key", r#"Some("alias/other")"#),
            ("what is gone", "NotFound"),
            ("its versions, gone", "NotFound"),
        ];
        promoting_a_version: &[
            ("put aside", "()"),
            ("then", r#"["AWSCURRENT one", "AWSPENDING two", "AWSPREVIOUS NotFound"]"#),
            ("the same again", "()"),
            ("promoted", "()"),
            ("afterwards", r#"["AWSCURRENT two", "AWSPENDING two", "AWSPREVIOUS one"]"#),
        ];
        what_secrets_manager_refuses_to_promote: &[
            ("another document under its token", "Refused"),
            ("moved from where the label is not", "Refused"),
            ("moved to what is not there", "NotFound"),
            ("the current one", "\"AWSCURRENT one\""),
        ];
        putting_values: &[
            ("current at once", r#"["AWSCURRENT three", "AWSPENDING NotFound", "AWSPREVIOUS two"]"#),
            ("labelled versions", "2"),
            ("with the deprecated", "3"),
            ("a short token", "Refused"),
            ("65,537 bytes", "Refused"),
            ("into what is gone", "NotFound"),
            ("a version that is gone", "NotFound"),
            ("a label that is nowhere", "NotFound"),
        ];
    }
}
