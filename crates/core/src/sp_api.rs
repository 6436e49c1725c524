//! Amazon's Selling Partner API (SP-API): the calls that are made, and its answers.

use std::time::Duration;

use serde::Deserialize;

use crate::lwa::{AccessToken, Scope, in_brackets};
use crate::text::after;

/// Where an SP-API call goes,
/// <https://developer-docs.amazon.com/sp-api/docs/sp-api-endpoints>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Region {
    /// North America.
    Na,
    /// Europe.
    Eu,
    /// Far East.
    Fe,
    /// The sandbox of North America.
    SandboxNa,
    /// The sandbox of Europe.
    SandboxEu,
    /// The sandbox of the Far East.
    SandboxFe,
}

impl Region {
    /// Every region.
    pub const ALL: [Self; 6] = [
        Self::Na,
        Self::Eu,
        Self::Fe,
        Self::SandboxNa,
        Self::SandboxEu,
        Self::SandboxFe,
    ];

    /// Reads the region as `SP_API_REGION` spells it; upper case is tolerated.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|region| region.as_str().eq_ignore_ascii_case(text))
    }

    /// The region as `SP_API_REGION` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Na => "na",
            Self::Eu => "eu",
            Self::Fe => "fe",
            Self::SandboxNa => "sandbox-na",
            Self::SandboxEu => "sandbox-eu",
            Self::SandboxFe => "sandbox-fe",
        }
    }

    /// The base URL, without a slash at the end.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::Na => "https://sellingpartnerapi-na.amazon.com",
            Self::Eu => "https://sellingpartnerapi-eu.amazon.com",
            Self::Fe => "https://sellingpartnerapi-fe.amazon.com",
            Self::SandboxNa => "https://sandbox.sellingpartnerapi-na.amazon.com",
            Self::SandboxEu => "https://sandbox.sellingpartnerapi-eu.amazon.com",
            Self::SandboxFe => "https://sandbox.sellingpartnerapi-fe.amazon.com",
        }
    }
}

/// An SP-API call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SP-API {failure} {operation}{}", self.said())]
pub struct SpApiError {
    /// The operation, as the API's model names it: `getMarketplaceParticipations`.
    pub operation: &'static str,
    /// What kind of failure it was.
    pub failure: SpApiFailure,
    /// The HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// The first error's code, `Unauthorized` for example.
    pub code: Option<String>,
    /// The first error's message, or the transport's words.
    pub message: Option<String>,
    /// The first error's details: the only thing that tells an expired secret from other
    /// refusals.
    pub details: Option<String>,
    /// `x-amzn-RequestId`, which Amazon's support asks for.
    pub request_id: Option<String>,
}

/// Why an SP-API call failed, and whether it may have had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SpApiFailure {
    /// SP-API understood the request and refused it (4xx except 429): nothing was done.
    #[error("refused")]
    Refused,
    /// Too many calls (429): nothing was done.
    #[error("throttled")]
    Throttled,
    /// No connection was made: nothing was done.
    #[error("could not be reached for")]
    Unreachable,
    /// No complete answer in time, or the connection broke: it may have been done.
    #[error("did not answer in time to")]
    TimedOut,
    /// SP-API is broken (5xx), or the answer is not SP-API's: it may have been done.
    #[error("failed at")]
    Unavailable,
}

impl SpApiFailure {
    /// The failure that an answer other than a success stands for.
    pub const fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Throttled,
            400..=499 => Self::Refused,
            _ => Self::Unavailable,
        }
    }
}

/// What a refusal by SP-API means for the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The client secret that the access token was minted with has expired, although LWA may go
    /// on minting tokens with it.
    SecretExpired,
    /// The access token itself has expired.
    TokenExpired,
    /// The access token did not reach SP-API: a proxy dropped the header.
    TokenMissing,
    /// The application lacks the role, or the seller the authorisation.
    AccessDenied,
    /// Anything else.
    Other,
}

impl SpApiError {
    /// A failure without an answer.
    pub fn without_answer(
        operation: &'static str,
        failure: SpApiFailure,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation,
            failure,
            status: None,
            code: None,
            message: Some(message.into()),
            details: None,
            request_id: None,
        }
    }

    /// Whether trying the same call again later may succeed. A call that is not idempotent must
    /// not be repeated for that alone.
    pub const fn is_transient(&self) -> bool {
        !matches!(self.failure, SpApiFailure::Refused)
    }

    /// What a refusal means; none when it was none.
    ///
    /// There is no code for an expired secret, and reports disagree on the status (403 and
    /// 401), so the words decide, in upper or lower case:
    /// <https://github.com/amzn/selling-partner-api-models/issues/4489>.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.failure != SpApiFailure::Refused {
            return None;
        }
        let [details, message] =
            [&self.details, &self.message].map(|said| after("\n", said.as_ref()));
        let words = (details + &message).to_ascii_lowercase();
        let expired = words.contains("expired");
        let of_secret = words.contains("lwa secret") || words.contains("client secret");
        Some(match self.status {
            _ if expired && of_secret => Refusal::SecretExpired,
            _ if expired && words.contains("access token") => Refusal::TokenExpired,
            _ if words.contains("access token is missing") => Refusal::TokenMissing,
            Some(401 | 403) => Refusal::AccessDenied,
            _ => Refusal::Other,
        })
    }

    /// The answer, in brackets, for messages.
    fn said(&self) -> String {
        let request_id = self.request_id.as_ref();
        in_brackets([
            self.status.map(|status| format!("HTTP {status}")),
            self.code.clone(),
            self.message.clone(),
            self.details.clone(),
            request_id.map(|id| format!("request id {id}")),
        ])
    }
}

/// The SP-API operations that are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Harmless, and needs a seller's token.
    GetMarketplaceParticipations,
    /// Harmless, and needs a grantless token.
    GetDestinations,
    /// Asks for a new client secret, which arrives by queue; the one in use dies seven days
    /// later. Needs a grantless token.
    ///
    /// Not idempotent: after an [unclear](crate::rotation::request::Answer::Unclear) answer it
    /// must not be called again.
    RotateApplicationClientSecret,
}

impl Operation {
    /// Its name, as the API's model spells it, and the scope of a grantless operation.
    pub const fn name_and_scope(self) -> (&'static str, Option<Scope>) {
        match self {
            Self::GetMarketplaceParticipations => ("getMarketplaceParticipations", None),
            Self::GetDestinations => ("getDestinations", Some(Scope::NOTIFICATIONS)),
            Self::RotateApplicationClientSecret => (
                "rotateApplicationClientSecret",
                Some(Scope::CLIENT_SECRET_ROTATION),
            ),
        }
    }
}

/// The calls to SP-API.
pub trait SellingPartnerApi: Send + Sync {
    /// One request, without a retry, answered or given up within `timeout`.
    fn perform(
        &self,
        operation: Operation,
        token: &AccessToken,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), SpApiError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, message: &str, details: &str) -> SpApiError {
        SpApiError {
            operation: "getMarketplaceParticipations",
            failure: SpApiFailure::of_status(status),
            status: Some(status),
            code: Some("Unauthorized".into()),
            message: Some(message.into()),
            details: Some(details.into()),
            request_id: Some("4d1f".into()),
        }
    }

    #[test]
    fn an_expired_secret_is_told_by_its_words_whatever_the_status_and_the_case() {
        let check = |status, details: &str, expected| {
            let error = refused(status, "Access to requested resource is denied.", details);
            assert_eq!(error.refusal(), expected, "{status} {details}");
        };
        let expired = "The LWA secret token you provided has expired.";
        check(403, expired, Some(Refusal::SecretExpired));
        check(401, expired, Some(Refusal::SecretExpired));
        check(403, &expired.to_uppercase(), Some(Refusal::SecretExpired));
        check(
            403,
            "The access token you provided has expired.",
            Some(Refusal::TokenExpired),
        );
        check(
            403,
            "Access token is missing in the request header.",
            Some(Refusal::TokenMissing),
        );
        check(403, "", Some(Refusal::AccessDenied));
        check(400, "", Some(Refusal::Other));
        check(429, expired, None);
        check(503, expired, None);
    }

    #[test]
    fn only_a_refusal_is_not_asked_for_again() {
        let check = |failure, transient| {
            let error = SpApiError::without_answer("rotateApplicationClientSecret", failure, "");
            assert_eq!(error.is_transient(), transient, "{failure:?}");
        };
        check(SpApiFailure::Refused, false);
        check(SpApiFailure::Throttled, true);
        check(SpApiFailure::Unreachable, true);
        check(SpApiFailure::TimedOut, true);
        check(SpApiFailure::Unavailable, true);
        assert_eq!(SpApiFailure::of_status(302), SpApiFailure::Unavailable);
    }

    #[test]
    fn an_error_carries_the_request_id_that_support_asks_for() {
        let error = refused(403, "Access to requested resource is denied.", "").to_string();
        assert_eq!(
            error,
            "SP-API refused getMarketplaceParticipations (HTTP 403, Unauthorized, \
             Access to requested resource is denied., request id 4d1f)"
        );
    }

    #[test]
    fn a_region_is_read_as_it_is_written() {
        for region in Region::ALL {
            assert_eq!(Region::parse(region.as_str()), Some(region));
            assert_eq!(
                region.endpoint().contains("sandbox"),
                region.as_str().contains("sandbox")
            );
        }
        assert_eq!(Region::parse("EU"), Some(Region::Eu));
        assert_eq!(Region::parse("us"), None);
    }
}
