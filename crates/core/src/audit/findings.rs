//! What is wrong with one credential.

use serde::{Deserialize, Serialize};

use crate::application::{ApplicationName, Role};
use crate::severity::Severity;
use crate::vault::VaultKind;

pub use crate::audit::catalogue::{Code, EXPLANATIONS, Explanation, UnknownCode};
pub use crate::audit::exemption::Exemption;

/// One thing wrong with one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What is wrong.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The application.
    pub application: ApplicationName,
    /// Where the credential lives.
    pub vault: VaultKind,
    /// The credential: a full parameter name, or a secret's name.
    pub credential: String,
    /// What the credential is for; none for a secret of Secrets Manager, which holds all.
    pub role: Option<Role>,
    /// Who is responsible.
    pub owner: Option<String>,
    /// What was found, in one sentence.
    pub detail: String,
    /// Days to the deadline; none where it is unknown or the credential has none.
    pub days_left: Option<i64>,
    /// The exemption that mutes it.
    pub exemption: Option<Exemption>,
}
