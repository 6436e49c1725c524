//! The deployed functions, by name.

use std::fmt;

use clap::ValueEnum;

/// One of the deployed functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Function {
    /// Exchanges stored credentials for access tokens.
    TokenExchanger,
    /// Turns events about credentials into messages.
    PolicyFormatter,
    /// Audits the whole estate, daily.
    Auditor,
    /// Asks Amazon for a new client secret.
    RotationRequester,
    /// Stores the new client secret.
    SecretReceiver,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TokenExchanger,
        Self::PolicyFormatter,
        Self::Auditor,
        Self::RotationRequester,
        Self::SecretReceiver,
    ];

    /// The name it is deployed under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenExchanger => "token-exchanger",
            Self::PolicyFormatter => "policy-formatter",
            Self::Auditor => "auditor",
            Self::RotationRequester => "rotation-requester",
            Self::SecretReceiver => "secret-receiver",
        }
    }

    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|function| function.as_str() == name)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
