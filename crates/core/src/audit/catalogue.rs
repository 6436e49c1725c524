//! The catalogue of findings: what can be wrong, why it matters and how to fix it.
//!
//! `lwa explain`, the digest, the reports and the README's table all print this one list.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::quotable_input;

macro_rules! codes {
    ($($code:ident $name:literal $title:literal, $severity:literal,
        meaning: $meaning:literal, why: $why:literal, remedy: $remedy:literal;)+) => {
        /// The stable code of a finding.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "UPPERCASE")]
        pub enum Code {
            $(#[doc = $title] $code,)+
        }

        impl Code {
            /// The code as people quote it: `LWA005`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }
        }

        /// Every finding there is, in the order of its code.
        pub const EXPLANATIONS: &[Explanation] = &[
            $(Explanation {
                code: Code::$code,
                title: $title,
                severity: $severity,
                meaning: $meaning,
                why: $why,
                remedy: $remedy,
            },)+
        ];
    };
}

codes! {
    Lwa001 "LWA001" "Deadline passed", "critical",
        meaning: "The client secret's deadline has passed.",
        why: "Amazon refuses every Selling Partner API call that uses the secret, even where \
              Login with Amazon still issues access tokens for it.",
        remedy: "Rotate the client secret in the developer console: the system cannot ask for a \
                 new one with a dead one. If secret-receiver does not store the new one, use \
                 `lwa store`.";
    Lwa002 "LWA002" "Deadline near, or rotation late",
        "warning when a rotation is three days late, or from 30 days before the deadline without \
         automatic rotation; critical from 7 days before the deadline",
        meaning: "The client secret's deadline is near, or the system was to rotate it by itself \
                  and has not.",
        why: "When the deadline passes, every Selling Partner API call of the application fails. \
              Old and new secret overlap for seven days, so rotating now interrupts nothing.",
        remedy: "Rotate the client secret with `lwa rotate`, which says why if it cannot, or in \
                 the developer console. If secret-receiver does not store the new one, use \
                 `lwa store`.";
    Lwa003 "LWA003" "Not a SecureString", "critical; info for a client id",
        meaning: "The parameter is a String or StringList, so its value is stored in plain text.",
        why: "Anyone who may read parameters can read the credential, and it appears in consoles \
              and exports. Reading an encrypted one also takes permission on its key.",
        remedy: "Store it again as a SecureString under a customer key with `lwa store`, and \
                 rotate a client secret that was stored in plain text.";
    Lwa004 "LWA004" "AWS-managed key", "warning; info for a client id",
        meaning: "The credential is encrypted under the account's AWS-managed key instead of a \
                  customer key.",
        why: "Under the AWS-managed key, every principal of the account that may read the \
              parameter or secret can also decrypt it; the key's policy cannot be restricted, \
              and the key cannot be disabled.",
        remedy: "Write the credential again under a customer key: `lwa store --key`, or choose \
                 the key in the console.";
    Lwa005 "LWA005" "Reminder policy missing or late",
        "warning when policies fire too late; info when there are none",
        meaning: "The parameter has no policy that reminds you to rotate the secret, or the \
                  first reminder fires less than seven days before the deadline.",
        why: "The policies are a second source of reminders, besides this audit. Every edit of \
              the parameter restarts their timer, while the deadline stays.",
        remedy: "Set NoChangeNotification policies of 90, 150, 165 and 173 days with `lwa \
                 store`; they need the Advanced tier. If they are late because the parameter \
                 was edited, rotate ahead of the deadline.";
    Lwa006 "LWA006" "Policy failed", "warning",
        meaning: "Parameter Store reports a policy of the parameter as Failed.",
        why: "A failed policy sends no reminder and is not retried.",
        remedy: "Set the parameter's policies again with `lwa store`, and read the policy's \
                 failure event for the cause.";
    Lwa007 "LWA007" "Incomplete application",
        "critical for a client secret without a client id; warning otherwise",
        meaning: "The application has a client secret without a client id, or a client id or \
                  refresh token without a client secret.",
        why: "An access token takes both. What remains of a removed application is a credential \
              that has no owner any more.",
        remedy: "Store what is missing with `lwa store`, or delete the rest. Check that the \
                 names match LWA_CLIENT_ID_LEAF and LWA_CLIENT_SECRET_LEAF.";
    Lwa008 "LWA008" "Expiration policy on a live credential",
        "critical from 7 days before the deletion; warning before",
        meaning: "The parameter has an Expiration policy, which deletes it at a fixed time.",
        why: "Writing a new value does not move that time: Parameter Store deletes even a \
              freshly rotated secret.",
        remedy: "Replace the parameter's policies with NoChangeNotification ones, using `lwa \
                 store`.";
    Lwa009 "LWA009" "Rotation unanswered",
        "warning; critical when the stored secret may end within three days",
        meaning: "A rotation was requested more than 24 hours ago, and no new secret has been \
                  stored since.",
        why: "Amazon may have issued a new secret that never arrived; then the stored one stops \
              working seven days after the request.",
        remedy: "Check the dead-letter queue and the log of secret-receiver, and that the queue \
                 is registered in the developer console. If a secret was lost, rotate again \
                 there.";
    Lwa010 "LWA010" "Deadline only estimated",
        "info; warning when not even an estimate is possible",
        meaning: "The deadline is not reported by Amazon or an operator but estimated from when \
                  the secret was issued, first stored or last written; or it was reported, and \
                  another value may have been stored since.",
        why: "A secret may have been issued days before it was stored, and writing the same \
              value again renews nothing, so the true deadline may be earlier.",
        remedy: "Look up the date in the developer console, and set the tag \
                 lwa:secret-expires-at to it, such as 2026-06-30T00:00:00Z, or give it to \
                 `lwa store --keep --expires-at`, which also confirms a date that is there.";
    Lwa011 "LWA011" "Staging label left over", "warning",
        meaning: "A version of the secret has carried the label AWSPENDING for more than an \
                  hour without becoming current.",
        why: "A rotation stopped half-way. The new secret may be stored but not in use, and \
              later rotations fail because of the label.",
        remedy: "Find out whether Amazon accepts the pending version; promote it to AWSCURRENT \
                 if so, and otherwise remove its label with update-secret-version-stage.";
    Lwa012 "LWA012" "Unexpected writer", "warning",
        meaning: "The credential was last changed by a principal other than \
                  EXPECTED_WRITER_ARN.",
        why: "A manual change bypasses the checks and dates that the system keeps, and a change \
              by a principal you do not know is an incident.",
        remedy: "Look the change up in CloudTrail. If it was legitimate, write the credential \
                 again with the expected principal; if not, rotate the secret.";
    Lwa013 "LWA013" "Prefix without applications", "warning",
        meaning: "No client secret is stored below a configured prefix.",
        why: "Nothing watches what is stored under another name or in another region, and an \
              audit that sees nothing would otherwise look like one that finds nothing wrong.",
        remedy: "Compare LWA_PARAMETER_PREFIX, LWA_VAULT and the leaf names with what is stored, \
                 and look whether it is in another region. Store an application with \
                 `lwa store`, or take the prefix out of the settings.";
    Lwa016 "LWA016" "Unproven look-alike", "warning",
        meaning: "The credential has the client id of another application, and Login with \
                  Amazon does not accept its secret with it. rotation-requester, which may \
                  decrypt, has compared them and set the tag lwa:unproven-since.",
        why: "A client id is no secret, so anyone who may write there can have copied it, \
              hoping for the next client secret. The place gets none, and its tags count for \
              nothing.",
        remedy: "If it should share the secret, store the one that is in use with `lwa store`. \
                 Otherwise find out who wrote it, and delete it or give it its own client id.";
}

impl Code {
    /// What it means, why it matters and how it is fixed.
    pub fn explanation(self) -> &'static Explanation {
        // The list and the codes are written by one macro, in one order.
        &EXPLANATIONS[self as usize]
    }

    /// Whether it is about the deadline, of which people are reminded on fixed days instead of
    /// on every day on which it holds.
    pub const fn follows_reminder_days(self) -> bool {
        matches!(self, Self::Lwa001 | Self::Lwa002 | Self::Lwa009)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not the code of a finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a finding; there are {codes}", codes = all_codes())]
pub struct UnknownCode(String);

fn all_codes() -> String {
    let codes: Vec<&str> = EXPLANATIONS.iter().map(|it| it.code.as_str()).collect();
    codes.join(", ")
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EXPLANATIONS
            .iter()
            .map(|explanation| explanation.code)
            .find(|code| code.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownCode(quotable_input(text)))
    }
}

/// One kind of finding, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_explains_itself_and_parses_back() {
        for explanation in EXPLANATIONS {
            let code = explanation.code;
            assert_eq!(code.explanation(), explanation);
            assert_eq!(code.as_str().to_lowercase().parse(), Ok(code));
            assert_eq!(serde_json::json!(code), code.as_str());
            for text in [explanation.meaning, explanation.why, explanation.remedy] {
                assert!(
                    text.ends_with('.') && !text.contains("  "),
                    "{code}: {text}"
                );
            }
        }
        assert_eq!(EXPLANATIONS.len(), 14);
        assert!(EXPLANATIONS.is_sorted_by_key(|explanation| explanation.code.as_str()));
    }

    #[test]
    fn an_unknown_code_is_answered_with_what_there_is() {
        let error = "LWA099".parse::<Code>().unwrap_err().to_string();
        assert!(error.starts_with("`LWA099` is not a finding; there are LWA001, LWA002, "));
        assert!(error.ends_with(", LWA013, LWA016"), "{error}");
    }
}
