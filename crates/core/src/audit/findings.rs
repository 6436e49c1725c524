//! The findings: what can be wrong, why it matters and what to do, as data.
//!
//! `lwa explain`, the digest and the README's table all print this one list.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::application::{ApplicationName, Role};
use crate::audit::Vault;
use crate::severity::Severity;
use crate::text::quotable;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $code:ident $title:literal, $rule:literal,
        meaning: $meaning:literal, why: $why:literal, remedy: $remedy:literal;)+) => {
        /// The stable code of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $code,)+
        }

        /// Every finding there is, in the order of its code.
        pub const EXPLANATIONS: &[Explanation] = &[
            $(Explanation {
                code: Code::$code,
                title: $title,
                severity: $rule,
                meaning: $meaning,
                why: $why,
                remedy: $remedy,
            },)+
        ];
    };
}

codes! {
    /// The deadline has passed.
    Lwa001 "Deadline passed", "critical",
        meaning: "The client secret's deadline is over.",
        why: "Amazon refuses every Selling Partner API call that uses the secret, even where \
              Login with Amazon still hands out access tokens for it.",
        remedy: "Rotate the client secret in the developer console or with `lwa rotate`, store \
                 the new one, and set its tag lwa:secret-expires-at.";
    /// The deadline is near.
    Lwa002 "Deadline near", "warning from 30 days, critical from 7 days before the deadline",
        meaning: "The client secret's deadline is at most 30 days away.",
        why: "When it passes, every Selling Partner API call of the application fails. Old and \
              new secret overlap for seven days, so rotating now interrupts nothing.",
        remedy: "Rotate the client secret in the developer console or with `lwa rotate`, store \
                 the new one, and set its tag lwa:secret-expires-at.";
    /// The value is stored in plain text.
    Lwa003 "Not a SecureString", "critical; info for a client id",
        meaning: "The parameter is a String or StringList, so its value is stored in plain text.",
        why: "Whoever may read parameters reads the credential, and it shows in consoles and \
              exports. Encryption would ask for permission on the key as well.",
        remedy: "Store it again as a SecureString under a customer key with `lwa store`, and \
                 rotate a client secret that lay in plain text.";
    /// The value is encrypted under the AWS-managed key.
    Lwa004 "AWS-managed key", "warning; info for a client id",
        meaning: "The credential is encrypted under the account's AWS-managed key instead of a \
                  customer key.",
        why: "The AWS-managed key lets every principal of the account decrypt that may read the \
              parameter or secret; its policy cannot be narrowed, and it cannot be disabled.",
        remedy: "Write the credential again under a customer key: `lwa store --key`, or choose \
                 the key in the console.";
    /// No reminder policy, or one that is too late.
    Lwa005 "Reminder policy missing or late",
        "warning when policies fire too late; info when there are none",
        meaning: "No policy of the parameter reminds of a secret that is not rotated, or the \
                  first reminder fires less than seven days before the deadline.",
        why: "The policies are the second way to hear of a deadline, beside this audit. Their \
              timer restarts with every edit of the parameter, while the deadline stays.",
        remedy: "Set NoChangeNotification policies of 90, 150, 165 and 173 days with `lwa \
                 store`; they need the Advanced tier. Where they are late because the \
                 parameter was edited, rotate ahead of the deadline.";
    /// A policy is in status Failed.
    Lwa006 "Policy failed", "warning",
        meaning: "Parameter Store reports a policy of the parameter as Failed.",
        why: "A failed policy reminds nobody and is not retried.",
        remedy: "Set the parameter's policies again with `lwa store`, and read the policy's \
                 failure event for the cause.";
    /// Part of an application is missing.
    Lwa007 "Incomplete application",
        "critical for a client secret without a client id; warning otherwise",
        meaning: "The application has a client secret without a client id, or a client id or \
                  refresh token without a client secret.",
        why: "Without either of the two no access token can be had. What is left of a removed \
              application is a credential that nobody looks after.",
        remedy: "Store what is missing with `lwa store`, or delete the rest. Check that the \
                 names agree with LWA_CLIENT_ID_LEAF and LWA_CLIENT_SECRET_LEAF.";
    /// An `Expiration` policy will delete the credential.
    Lwa008 "Expiration policy on a live credential",
        "critical from 7 days before the deletion; warning before",
        meaning: "The parameter has an Expiration policy, which deletes it at a fixed instant.",
        why: "Writing a new value does not move that instant: Parameter Store deletes a freshly \
              rotated secret all the same.",
        remedy: "Replace the parameter's policies by NoChangeNotification ones with `lwa store`.";
    /// A rotation was requested and nothing was received.
    Lwa009 "Rotation unanswered", "warning; critical from 7 days before the deadline",
        meaning: "A rotation was requested more than 24 hours ago, and no new secret has been \
                  stored since.",
        why: "Amazon may have issued a new secret that never arrived; then the stored one dies \
              seven days after the request.",
        remedy: "Look into the dead-letter queue and the log of secret-receiver, and check that \
                 the queue is registered in the developer console. If a secret was lost, rotate \
                 again there.";
    /// The deadline is an estimate.
    Lwa010 "Deadline only estimated", "info; warning when not even an estimate is possible",
        meaning: "The deadline is not reported by Amazon or an operator but estimated from when \
                  the secret was issued, first stored or last written; or it was reported, and \
                  another value may have been stored since.",
        why: "A secret may have been made days before it was stored, and writing the same value \
              again renews nothing, so the true deadline may be earlier.",
        remedy: "Look up the date in the developer console, and set the tag \
                 lwa:secret-expires-at to it, such as 2026-06-30T00:00:00Z, or give it to \
                 `lwa store --keep --expires-at`, which also confirms a date that is there.";
    /// A staging label of Secrets Manager is left over.
    Lwa011 "Staging label left over", "warning",
        meaning: "A version of the secret has carried the label AWSPENDING for more than an \
                  hour without becoming current.",
        why: "A rotation stopped half-way. The new secret may be stored but not in use, and \
              later rotations fail on the leftover.",
        remedy: "Find out whether Amazon accepts the pending version; promote it to AWSCURRENT \
                 if so, and otherwise remove its label with update-secret-version-stage.";
    /// Somebody unexpected wrote the credential.
    Lwa012 "Unexpected writer", "warning",
        meaning: "The credential was last changed by another principal than \
                  EXPECTED_WRITER_ARN.",
        why: "A change by hand goes past the checks and dates that the system keeps, and a \
              change by nobody you know is an incident.",
        remedy: "Look the change up in CloudTrail. If it was legitimate, write the credential \
                 again with the expected principal; if not, rotate the secret.";
}

impl Code {
    /// The code as people quote it: `LWA005`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lwa001 => "LWA001",
            Self::Lwa002 => "LWA002",
            Self::Lwa003 => "LWA003",
            Self::Lwa004 => "LWA004",
            Self::Lwa005 => "LWA005",
            Self::Lwa006 => "LWA006",
            Self::Lwa007 => "LWA007",
            Self::Lwa008 => "LWA008",
            Self::Lwa009 => "LWA009",
            Self::Lwa010 => "LWA010",
            Self::Lwa011 => "LWA011",
            Self::Lwa012 => "LWA012",
        }
    }

    /// What it means, why it matters and how it is fixed.
    pub fn explanation(self) -> &'static Explanation {
        // The list and the codes are written by one macro, in one order.
        &EXPLANATIONS[self as usize]
    }

    /// Whether it is about the deadline, of which people are reminded on fixed days instead of
    /// on every day on which it holds.
    pub const fn follows_reminder_days(self) -> bool {
        matches!(self, Self::Lwa001 | Self::Lwa002)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no code of a finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no finding; there are LWA001 to LWA{last:03}", last = EXPLANATIONS.len())]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EXPLANATIONS
            .iter()
            .map(|explanation| explanation.code)
            .find(|code| code.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownCode(quotable(text)))
    }
}

/// One kind of finding, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// Its stable code.
    pub code: Code,
    /// Its name, in a few words.
    pub title: &'static str,
    /// How severe it is, in words.
    pub severity: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to fix it.
    pub remedy: &'static str,
}

/// One thing wrong with one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The application.
    pub application: ApplicationName,
    /// Where the credential lives.
    pub vault: Vault,
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

/// Findings on one credential, muted for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// The last day, in UTC, on which it holds.
    pub until: Date,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_explains_itself_and_parses_back() {
        for (index, explanation) in EXPLANATIONS.iter().enumerate() {
            let code = explanation.code;
            assert_eq!(code.as_str(), format!("LWA{:03}", index + 1));
            assert_eq!(code.explanation(), explanation);
            assert_eq!(code.as_str().to_lowercase().parse(), Ok(code));
            for text in [explanation.meaning, explanation.why, explanation.remedy] {
                assert!(
                    text.ends_with('.') && !text.contains("  "),
                    "{code}: {text}"
                );
            }
        }
        assert_eq!(EXPLANATIONS.len(), 12);
    }

    #[test]
    fn an_unknown_code_is_answered_with_what_there_is() {
        assert_eq!(
            "LWA013".parse::<Code>().unwrap_err().to_string(),
            "`LWA013` is no finding; there are LWA001 to LWA012"
        );
    }
}
