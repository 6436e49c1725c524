//! The emulators do the least that other tests take for granted.

use aws_sdk_ssm::types::ParameterType;
use lwa_tests::emulator::{self, Emulator, VaultClients as _};

async fn put(emulator: &Emulator, name: &str, value: &str) {
    let put = emulator.ssm().put_parameter().name(name).value(value);
    put.r#type(ParameterType::SecureString)
        .send()
        .await
        .unwrap();
}

async fn get(emulator: &Emulator, name: &str) -> Option<String> {
    let get = emulator
        .aws()
        .ssm()
        .get_parameters()
        .names(name)
        .with_decryption(true);
    let found = get.send().await.unwrap();
    found.parameters().first()?.value().map(str::to_owned)
}

#[tokio::test]
async fn a_parameter_is_read_as_it_was_written_in_both() {
    for emulator in emulator::both() {
        let name = format!("{}/lwa/clientsecret", emulator.prefix);
        put(&emulator, &name, "planted-value").await;
        assert_eq!(
            get(&emulator, &name).await.as_deref(),
            Some("planted-value"),
            "{emulator:?}"
        );
    }
}

#[tokio::test]
async fn two_tests_do_not_see_each_other_in_ministack() {
    let (one, other) = (emulator::ministack(), emulator::ministack());
    put(&one, "/my-erp/lwa/clientsecret", "planted-value").await;
    assert_eq!(get(&other, "/my-erp/lwa/clientsecret").await, None);
}

#[tokio::test]
async fn two_tests_have_different_names_in_moto() {
    assert_ne!(emulator::moto().prefix, emulator::moto().prefix);
}

#[tokio::test]
async fn a_topic_takes_a_message_in_both() {
    for emulator in emulator::both() {
        let sns = emulator.aws().sns();
        let name = emulator.prefix.trim_start_matches('/');
        let topic = sns.create_topic().name(name).send().await.unwrap();
        let arn = topic.topic_arn().unwrap();
        assert!(
            arn.contains(emulator::REGION) && arn.contains(&emulator.account),
            "{arn}"
        );
        let sent = sns
            .publish()
            .topic_arn(arn)
            .message("hello")
            .send()
            .await
            .unwrap();
        assert!(sent.message_id().is_some(), "{emulator:?}");
    }
}
