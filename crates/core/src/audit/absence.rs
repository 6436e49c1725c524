//! What should be there and is not.

use serde::{Deserialize, Serialize};

use crate::application::{ApplicationName, Layout};
use crate::audit::assessment::ApplicationDeadline;
use crate::audit::findings::{Code, Finding};
use crate::audit::sentences;
use crate::severity::Severity;
use crate::vault::VaultKind;

/// What an audit has seen below one prefix, in all its vaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Below {
    /// Client secrets, each of which makes an application.
    pub client_secrets: u64,
    /// Everything else.
    pub others: u64,
}

impl Below {
    /// What is wrong with a prefix below which there is no client secret.
    pub fn finding(self, prefix: &str, vault: VaultKind, layout: &Layout) -> Option<Finding> {
        if self.client_secrets > 0 {
            return None;
        }
        let application = ApplicationName::parse(prefix).ok()?;
        let leaf = &layout.client_secret_leaf;
        let detail = sentences::no_application(prefix, leaf, self.others);
        let nothing = ApplicationDeadline::new(&application, vault, prefix);
        Some(nothing.finding(None, (Code::Lwa013, Severity::Warning, detail)))
    }
}
