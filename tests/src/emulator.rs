//! The AWS emulators that `cargo xtask` runs, with room of its own for each test.
//!
//! A test that passes only because of one emulator's quirk proves nothing: run a test against
//! [`both`] if both can serve it.

use std::collections::BTreeMap;
use std::time::Duration;

use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::environment;

pub use crate::runtime_api::protocol::REGION;

/// Which program plays AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// moto: one API call at a time.
    Moto,
    /// ministack: also what a deployed system does by itself.
    Ministack,
}

/// An emulator, as one test sees it.
#[derive(Debug, Clone)]
pub struct Emulator {
    /// Which program plays AWS.
    pub kind: Kind,
    /// Its endpoint for all services, without a slash at the end.
    pub url: String,
    /// The account, 12 digits: in ministack only this test's, in moto shared by all tests.
    pub account: String,
    /// What the names of this test's parameters begin with, like `/t123456789`; secrets and
    /// topics can use it without the slash. Only moto needs it, but a test should not have to know.
    pub prefix: String,
}

/// moto, for one test.
pub fn moto() -> Emulator {
    Emulator::new(Kind::Moto, "LWA_TEST_MOTO_URL", "123456789012".to_owned())
}

/// A second moto, for tests that make it enforce IAM, which it then does for all of its callers.
pub fn moto_with_iam() -> Emulator {
    Emulator::new(
        Kind::Moto,
        "LWA_TEST_MOTO_IAM_URL",
        "123456789012".to_owned(),
    )
}

/// ministack, for one test: it gives every access key of 12 digits an account of its own.
pub fn ministack() -> Emulator {
    let account = fastrand::u64(100_000_000_000..1_000_000_000_000).to_string();
    Emulator::new(Kind::Ministack, "LWA_TEST_MINISTACK_URL", account)
}

/// Both, for one test that runs against each.
pub fn both() -> [Emulator; 2] {
    [moto(), ministack()]
}

impl Emulator {
    fn new(kind: Kind, variable: &str, account: String) -> Self {
        let Some(url) = environment::variable(variable) else {
            panic!(
                "{variable} is not set, so there is no emulator to test against; run `cargo xtask test`, or keep `cargo xtask emulators` running and paste what it prints"
            );
        };
        let prefix = format!("/t{}", fastrand::u64(100_000_000..1_000_000_000));
        Self {
            kind,
            url,
            account,
            prefix,
        }
    }

    /// What a program needs in its environment to take this emulator for AWS.
    pub fn variables(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.account),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Clients for this emulator, made as a function makes them.
    pub fn aws(&self) -> Aws {
        let variables = self.variables();
        let timeouts = Timeouts {
            attempt: Duration::from_secs(20),
            operation: Duration::from_secs(30),
        };
        Aws::from_environment(|name| variables.get(name).cloned(), timeouts)
            .expect("the variables of an emulator should make a configuration")
    }

    /// A client of Parameter Store.
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        self.aws().ssm()
    }

    /// A client of Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        self.aws().secrets_manager()
    }
}

/// Clients of the vaults themselves, for what tests prepare and look at.
pub trait VaultClients {
    /// A client of Parameter Store.
    fn ssm(&self) -> aws_sdk_ssm::Client;

    /// A client of Secrets Manager.
    fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client;
}

impl VaultClients for Aws {
    fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(self.sdk_config())
    }

    fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(self.sdk_config())
    }
}
