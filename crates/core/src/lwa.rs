//! Login with Amazon (LWA): requests to its token endpoint, and its answers.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::redaction::clean_input;
use crate::text::{elide_end, printable, quotable_input};

/// What a grantless access token may be used for; several scopes are one value, joined with
/// single spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Cow<'static, str>);

impl Scope {
    /// Notification destinations and subscriptions,
    /// <https://developer-docs.amazon.com/sp-api/docs/grantless-operations>.
    pub const NOTIFICATIONS: Self = Self(Cow::Borrowed("sellingpartnerapi::notifications"));
    /// Migration of authorisations, same source.
    pub const MIGRATION: Self = Self(Cow::Borrowed("sellingpartnerapi::migration"));
    /// Rotation of the client secret; `client_credential` is singular,
    /// <https://developer-docs.amazon.com/sp-api/docs/rotate-your-application-client-secret>.
    pub const CLIENT_SECRET_ROTATION: Self = Self(Cow::Borrowed(
        "sellingpartnerapi::client_credential:rotation",
    ));

    /// Every scope that Amazon documents.
    pub const KNOWN: [Self; 3] = [
        Self::NOTIFICATIONS,
        Self::MIGRATION,
        Self::CLIENT_SECRET_ROTATION,
    ];

    /// The scopes that callers may ask for. Rotation is not one of them: with that token anybody
    /// who may ask for tokens could end the client secret.
    pub const ALLOWED: [Self; 2] = [Self::NOTIFICATIONS, Self::MIGRATION];

    /// Accepts what callers may ask for: one or more of [`Self::ALLOWED`]. Scopes are put in
    /// order and taken once, because their order has no meaning and equal scopes should be equal
    /// values.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.dedup();
        let is_allowed = |word: &str| Self::ALLOWED.iter().any(|scope| scope.0 == word);
        let refused = words.iter().copied().find(|word| !is_allowed(word));
        match refused.or_else(|| words.is_empty().then_some("")) {
            Some(word) => Err(InvalidScope::of(word)),
            None => Ok(Self(Cow::Owned(words.join(" ")))),
        }
    }

    /// The scopes that callers may ask for in one list, for messages.
    pub fn allowed() -> String {
        Self::ALLOWED.map(|scope| format!("`{scope}`")).join(", ")
    }

    /// The scope as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the scope, or one of several, is `other`.
    pub fn includes(&self, other: &Self) -> bool {
        self.0.split(' ').any(|word| word == other.0)
    }

    /// Whether every one of its scopes is among `allowed`.
    pub fn is_within(&self, allowed: &[Self]) -> bool {
        let is_allowed = |word: &str| {
            allowed
                .iter()
                .any(|scope| scope.0.split(' ').any(|it| it == word))
        };
        self.0.split(' ').all(is_allowed)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A scope that callers may not ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no scope to ask for: {problem}; allowed are {}",
    Scope::allowed()
)]
pub struct InvalidScope {
    found: String,
    problem: String,
}

impl InvalidScope {
    fn of(word: &str) -> Self {
        let lower = word.to_ascii_lowercase();
        let stems = [
            ("notif", Scope::NOTIFICATIONS),
            ("migrat", Scope::MIGRATION),
            ("rotat", Scope::CLIENT_SECRET_ROTATION),
            ("client_cred", Scope::CLIENT_SECRET_ROTATION),
        ];
        let meant = stems.iter().find(|(stem, _)| lower.contains(stem));
        let problem = match meant {
            None if word.is_empty() => "it is empty".to_owned(),
            None => "it is unknown".to_owned(),
            Some((_, scope)) if *scope == Scope::CLIENT_SECRET_ROTATION => format!(
                "`{scope}`, in which `client_credential` is singular, is only for \
                 rotation-requester and `lwa rotate`"
            ),
            Some((_, scope)) => format!("it is spelt `{scope}`"),
        };
        Self {
            found: quotable_input(word),
            problem,
        }
    }
}

/// What an access token is requested with.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A seller's consent, by its refresh token.
    RefreshToken(SecretString),
    /// The application's own rights, limited to a scope.
    ClientCredentials(Scope),
}

/// One exchange at the token endpoint.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Names the application; not a secret.
    pub client_id: String,
    /// Proves the application.
    pub client_secret: SecretString,
    /// What is exchanged.
    pub grant: Grant,
}

impl TokenRequest {
    /// For a token that allows a rotation, which every application that rotates may have.
    pub const fn for_rotation(client_id: String, client_secret: SecretString) -> Self {
        Self {
            client_id,
            client_secret,
            grant: Grant::ClientCredentials(Scope::CLIENT_SECRET_ROTATION),
        }
    }
}

/// An access token. `Debug` redacts the value.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token itself, at most 2048 bytes.
    pub value: SecretString,
    /// `bearer`.
    pub token_type: String,
    /// How long it works from the moment it was issued, by what LWA says: one hour.
    pub expires_in: Duration,
}

/// An exchange that gave no access token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("LWA {failure}{}", self.said())]
pub struct LwaError {
    /// What kind of failure it was, by who must act.
    pub failure: LwaFailure,
    /// The HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// The OAuth error code, `invalid_client` for example.
    pub code: Option<String>,
    /// LWA's description, or the transport's, safe to show: no value is ever part of it.
    pub description: Option<String>,
    /// How long LWA asks to wait before the next try.
    pub retry_after: Option<Duration>,
}

/// Why an exchange failed, by who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LwaFailure {
    /// `invalid_client`: the client id and secret do not match or no longer work. The credentials
    /// must be replaced, unless a rotation is still propagating.
    #[error("refused the client id and secret")]
    ClientRefused,
    /// `invalid_grant`: the refresh token is not valid. The seller must authorise the application
    /// again.
    #[error("refused the refresh token")]
    GrantRefused,
    /// `unauthorized_client`, `access_denied`: the application lacks a role in the developer
    /// console.
    #[error("denied the application what it asked for")]
    AccessDenied,
    /// `invalid_request`, `invalid_scope`, `unsupported_grant_type`: the caller must ask for
    /// something else.
    #[error("refused the request")]
    RequestRefused,
    /// A refusal without an OAuth code, probably not from LWA: the URL or a proxy is wrong.
    #[error("gave an answer that is not LWA's")]
    NotLwa,
    /// Too many exchanges.
    #[error("throttled the exchange")]
    Throttled,
    /// LWA is broken (5xx, `server_error`, `temporarily_unavailable`).
    #[error("failed")]
    Unavailable,
    /// No complete answer in time.
    #[error("did not answer in time")]
    TimedOut,
    /// No connection, or one that broke.
    #[error("could not be reached")]
    Unreachable,
    /// A success whose body is not a token response, or is longer than one can be.
    #[error("answered with something other than a token")]
    Unintelligible,
}

impl LwaFailure {
    /// Whether trying the same exchange again later may succeed.
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Throttled
                | Self::Unavailable
                | Self::TimedOut
                | Self::Unreachable
                | Self::Unintelligible
        )
    }

    /// The failure that an answer other than a success stands for.
    ///
    /// Codes go before statuses where they are known, because they are what OAuth defines. An
    /// unexplained 401 counts as a refused client, as in Amazon's own Python client.
    pub fn of_answer(status: u16, code: Option<&str>) -> Self {
        match (status, code) {
            (_, Some("invalid_client")) => Self::ClientRefused,
            (_, Some("invalid_grant")) => Self::GrantRefused,
            (429, _) => Self::Throttled,
            (500.., _) | (_, Some("server_error" | "temporarily_unavailable")) => Self::Unavailable,
            (401, _) => Self::ClientRefused,
            (_, Some("unauthorized_client" | "access_denied")) => Self::AccessDenied,
            (_, Some(_)) => Self::RequestRefused,
            (_, None) => Self::NotLwa,
        }
    }
}

impl LwaError {
    /// A failure without an answer.
    pub fn without_answer(failure: LwaFailure, description: impl Into<String>) -> Self {
        Self {
            failure,
            status: None,
            code: None,
            description: Some(description.into()),
            retry_after: None,
        }
    }

    /// Whether trying the same exchange again later may succeed.
    pub const fn is_transient(&self) -> bool {
        self.failure.is_transient()
    }

    /// The answer, in brackets, for messages.
    fn said(&self) -> String {
        let status = self.status.map(|status| format!("HTTP {status}"));
        in_brackets([status, self.code.clone(), self.description.clone()])
    }
}

/// The parts that are there, in brackets after a space; nothing if there are none.
pub(crate) fn in_brackets<const N: usize>(parts: [Option<String>; N]) -> String {
    let parts = parts.into_iter().flatten().filter(|it| !it.is_empty());
    match parts.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        parts => format!(" ({parts})"),
    }
}

/// The LWA token endpoint.
pub trait TokenEndpoint: Send + Sync {
    /// Exchanges credentials for an access token: one request, no retry, answered or given up
    /// within `timeout`.
    fn exchange(
        &self,
        request: &TokenRequest,
        timeout: Duration,
    ) -> impl Future<Output = Result<AccessToken, LwaError>> + Send;
}

/// A service's explanation of a failure as one short line for logs and error messages, with
/// everything redacted that looks like a credential.
///
/// No LWA or SP-API answer is known to repeat a credential, but the documentation does not rule
/// it out.
pub fn safe_words(text: &str) -> String {
    let safe = clean_input(text);
    let words: Vec<&str> = safe.split_whitespace().collect();
    // Longer than a quotation of input: Amazon's explanations are whole sentences.
    elide_end(&printable(&words.join(" ")), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_equal_whatever_order_they_are_given_in() {
        let both = Scope::parse(" sellingpartnerapi::notifications  sellingpartnerapi::migration");
        let both = both.unwrap();
        assert_eq!(
            both.as_str(),
            "sellingpartnerapi::migration sellingpartnerapi::notifications"
        );
        assert!(both.includes(&Scope::NOTIFICATIONS));
        assert!(!both.includes(&Scope::CLIENT_SECRET_ROTATION));
        assert_eq!(
            Scope::parse("sellingpartnerapi::notifications").unwrap(),
            Scope::NOTIFICATIONS
        );
    }

    #[test]
    fn every_scope_but_those_that_callers_may_ask_for_is_refused_with_the_right_spelling() {
        let check = |text: &str, expected: &str| {
            let error = Scope::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text} gave: {error}");
            let allowed = "; allowed are `sellingpartnerapi::notifications`, \
                           `sellingpartnerapi::migration`";
            assert!(error.ends_with(allowed), "{error}");
        };
        let rotation = "`sellingpartnerapi::client_credential:rotation`, in which";
        check("sellingpartnerapi::client_credential:rotation", rotation);
        check("sellingpartnerapi::client_credentials:rotation", rotation);
        check(
            "sellingpartnerapi::notifications sellingpartnerapi::client_credential:rotation",
            rotation,
        );
        let notifications = "it is spelt `sellingpartnerapi::notifications`";
        check("sellingpartnerapi:notifications", notifications);
        check("SellingPartnerAPI::Notifications", notifications);
        check("sellingpartnerapi::notification", notifications);
        check(
            "sellingpartnerapi::migrations",
            "it is spelt `sellingpartnerapi::migration`",
        );
        check("profile", "`profile` is no scope to ask for: it is unknown");
        check("a\nb", "`a?b` is no scope to ask for: it is unknown");
        check("  ", "it is empty");
    }

    #[test]
    fn every_answer_of_the_error_table_has_somebody_to_act() {
        let check = |status, code: &str, expected| {
            let code = Some(code).filter(|code| !code.is_empty());
            assert_eq!(
                LwaFailure::of_answer(status, code),
                expected,
                "{status} {code:?}"
            );
        };
        check(401, "invalid_client", LwaFailure::ClientRefused);
        check(400, "invalid_client", LwaFailure::ClientRefused);
        check(401, "unauthorized_client", LwaFailure::ClientRefused);
        check(401, "", LwaFailure::ClientRefused);
        check(400, "invalid_grant", LwaFailure::GrantRefused);
        check(400, "unauthorized_client", LwaFailure::AccessDenied);
        check(403, "access_denied", LwaFailure::AccessDenied);
        check(400, "unsupported_grant_type", LwaFailure::RequestRefused);
        check(400, "invalid_request", LwaFailure::RequestRefused);
        check(400, "invalid_scope", LwaFailure::RequestRefused);
        check(500, "server_error", LwaFailure::Unavailable);
        check(503, "temporarily_unavailable", LwaFailure::Unavailable);
        check(502, "", LwaFailure::Unavailable);
        check(429, "", LwaFailure::Throttled);
        check(429, "slow_down", LwaFailure::Throttled);
        check(403, "", LwaFailure::NotLwa);
        check(404, "", LwaFailure::NotLwa);
        check(302, "", LwaFailure::NotLwa);
    }

    #[test]
    fn an_error_says_what_lwa_said() {
        let error = LwaError {
            failure: LwaFailure::ClientRefused,
            status: Some(401),
            code: Some("invalid_client".into()),
            description: Some("Client authentication failed".into()),
            retry_after: None,
        };
        assert_eq!(
            error.to_string(),
            "LWA refused the client id and secret \
             (HTTP 401, invalid_client, Client authentication failed)"
        );
    }

    #[test]
    fn what_looks_like_a_credential_is_redacted_in_a_services_explanation() {
        let check = |text: &str, expected: &str| assert_eq!(safe_words(text), expected);
        let ordinary = "The request has an invalid grant parameter : refresh_token. User may have \
                        revoked or didn't grant the permission.";
        check(ordinary, ordinary);
        check(
            "scope sellingpartnerapi::client_credential:rotation is unknown",
            "scope sellingpartnerapi::client_credential:rotation is unknown",
        );
        check(
            "bad token Atzr|IwEBIA, sorry",
            "bad token [redacted], sorry",
        );
        check("bad token (Atzr%7CIwEBIA)", "bad token ([redacted])");
        check("secret=amzn1.oa2-cs.v1.00ff", "secret=[redacted]");
        check(
            "b5f7f8000000000000000000000000000000 is wrong",
            "[redacted] is wrong",
        );
        check("two\nlines", "two lines");
    }

    #[test]
    fn no_secret_is_in_the_debug_form_of_a_request_or_a_token() {
        let request = TokenRequest {
            client_id: "amzn1.application-oa2-client.0".into(),
            client_secret: "planted-1".into(),
            grant: Grant::RefreshToken("planted-2".into()),
        };
        let token = AccessToken {
            value: "planted-3".into(),
            token_type: "bearer".into(),
            expires_in: Duration::from_hours(1),
        };
        assert!(!format!("{request:?} {token:?}").contains("planted"));
    }
}
