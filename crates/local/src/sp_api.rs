//! SP-API as it behaves towards the tokens that the world's LWA has issued.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use lwa_core::SecretString;
use lwa_core::lwa::AccessToken;
use lwa_core::ports::{CallError, CallFailure};
use lwa_core::sp_api::{Operation, SpApiError, SpApiFailure};
use serde::Deserialize;

use crate::json;
use crate::lwa::{Consent, Lwa};

/// What SP-API does apart from looking at tokens.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpApi {
    /// Answers that are given before the token is looked at, each once; one for another
    /// operation waits for that operation.
    #[serde(deserialize_with = "json::each::<_, AnswerFile, _, _>")]
    pub answers: VecDeque<SpApiError>,
    /// How long a new secret takes to be known to LWA.
    #[serde(rename = "propagation_seconds", deserialize_with = "json::seconds")]
    pub propagation: Duration,
    /// The new client secrets so far, as `client id` and `secret`: what Amazon puts into the
    /// queue.
    #[serde(skip)]
    pub rotated: Vec<(String, SecretString)>,
}

/// One refusal of a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerFile {
    operation: Operation,
    status: u16,
    code: Option<String>,
    message: Option<String>,
    details: Option<String>,
}

impl From<AnswerFile> for SpApiError {
    fn from(file: AnswerFile) -> Self {
        Self {
            operation: file.operation.name_and_scope().0,
            failure: SpApiFailure::of_status(file.status),
            status: Some(file.status),
            code: file.code,
            message: file.message,
            details: file.details,
            request_id: Some("local".into()),
        }
    }
}

impl SpApi {
    /// The client id that a token lets an operation act for.
    pub(crate) fn admit(
        &mut self,
        lwa: &Lwa,
        operation: Operation,
        token: &AccessToken,
        now: Timestamp,
    ) -> Result<String, SpApiError> {
        let (name, scope) = operation.name_and_scope();
        let scripted = self.answers.iter().position(|a| a.operation == name);
        if let Some(answer) = scripted.and_then(|index| self.answers.remove(index)) {
            return Err(answer);
        }
        let details = match lwa.issued(token) {
            None => "The access token you provided is not valid.",
            Some(issued) if now >= issued.expires_at => {
                "The access token you provided has expired."
            }
            Some(issued) if lwa.has_secret_expired(issued, now) => {
                "The LWA secret token you provided has expired."
            }
            Some(issued) => {
                let is_in_scope = match (&scope, &issued.scope) {
                    (None, None) => true,
                    (Some(needed), Some(given)) => given.includes(needed),
                    _ => false,
                };
                if is_in_scope && issued.consent != Some(Consent::RevokedAtSpApi) {
                    return Ok(issued.client_id.clone());
                }
                ""
            }
        };
        let message = "Access to requested resource is denied.";
        Err(SpApiError {
            status: Some(403),
            code: Some("Unauthorized".into()),
            details: Some(details.into()),
            request_id: Some("local".into()),
            ..SpApiError::without_answer(name, SpApiFailure::Refused, message)
        })
    }

    /// Gives an application a new client secret, which LWA knows after the propagation.
    pub(crate) fn rotate(&mut self, lwa: &mut Lwa, client_id: String, now: Timestamp) {
        let new = format!("amzn1.oa2-cs.v1.local{:08}", self.rotated.len() + 1);
        let spread_at = now.saturating_add(self.propagation).unwrap_or(now);
        if let Some(client) = lwa.applications.get_mut(&client_id) {
            client.rotate(&new, now, spread_at);
        }
        self.rotated.push((client_id, new.into()));
    }
}

/// What a failed call is as an answer of SP-API.
pub(crate) fn fault(operation: &'static str, error: CallError) -> SpApiError {
    let status = match error.failure {
        CallFailure::Denied => Some(403),
        CallFailure::Throttled => Some(429),
        CallFailure::TimedOut => None,
        CallFailure::NotFound => Some(404),
        CallFailure::Refused => Some(400),
        CallFailure::Unavailable => Some(503),
    };
    let failure = status.map_or(SpApiFailure::TimedOut, SpApiFailure::of_status);
    SpApiError {
        status,
        ..SpApiError::without_answer(operation, failure, error.detail)
    }
}
