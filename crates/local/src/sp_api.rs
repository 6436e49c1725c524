//! SP-API as it behaves towards the tokens that the world's LWA has issued.

use std::collections::VecDeque;
use std::time::Duration;

use lwa_core::lwa::{AccessToken, Scope};
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::sp_api::{SellingPartnerApi, SpApiError, SpApiFailure};

use crate::lwa::Consent;
use crate::world::{State, World};

/// What SP-API does apart from looking at tokens.
#[derive(Clone, Default)]
pub struct SpApi {
    /// Answers that are given before the token is looked at, each once; one for another
    /// operation waits for that operation.
    pub answers: VecDeque<SpApiError>,
    /// How long a new secret takes to be known to LWA.
    pub propagation: Duration,
    /// The new client secrets so far, as `client id` and `secret`: what Amazon puts into the
    /// queue.
    pub rotated: Vec<(String, lwa_core::SecretString)>,
}

impl SellingPartnerApi for World {
    async fn marketplace_participations(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        self.operation(
            "getMarketplaceParticipations",
            None,
            token,
            timeout,
            |_, _| {},
        )
        .await
    }

    async fn notification_destinations(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        let scope = Some(Scope::NOTIFICATIONS);
        self.operation("getDestinations", scope, token, timeout, |_, _| {})
            .await
    }

    async fn rotate_client_secret(
        &self,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        let scope = Some(Scope::CLIENT_SECRET_ROTATION);
        let operation = "rotateApplicationClientSecret";
        self.operation(operation, scope, token, timeout, |state, client_id| {
            let new = format!("amzn1.oa2-cs.v1.local{:08}", state.sp_api.rotated.len() + 1);
            let now = state.now;
            let spread_at = now.saturating_add(state.sp_api.propagation).unwrap_or(now);
            if let Some(client) = state.lwa.applications.get_mut(client_id) {
                client.rotate(&new, now, spread_at);
            }
            state
                .sp_api
                .rotated
                .push((client_id.to_owned(), new.into()));
        })
        .await
    }
}

impl World {
    async fn operation(
        &self,
        operation: &'static str,
        scope: Option<Scope>,
        token: &AccessToken,
        timeout: Duration,
        effect: impl FnOnce(&mut State, &str) + Send,
    ) -> Result<(), SpApiError> {
        let apply = |state: &mut State| Ok(state.admit(operation, scope.as_ref(), token, effect));
        tokio::select! {
            biased;
            answer = self.call(operation, "", apply) => {
                answer.map_err(|error| fault(operation, &error)).flatten()
            }
            () = self.sleep(timeout) => {
                let failure = SpApiFailure::TimedOut;
                Err(SpApiError::without_answer(operation, failure, "no answer (scripted)"))
            }
        }
    }
}

impl State {
    fn admit(
        &mut self,
        operation: &'static str,
        scope: Option<&Scope>,
        token: &AccessToken,
        effect: impl FnOnce(&mut Self, &str),
    ) -> Result<(), SpApiError> {
        let answers = &mut self.sp_api.answers;
        if let Some(index) = answers
            .iter()
            .position(|answer| answer.operation == operation)
            && let Some(answer) = answers.remove(index)
        {
            return Err(answer);
        }
        let denied = |details: &str| refused(operation, details);
        let Some(issued) = self.lwa.issued(token) else {
            return Err(denied("The access token you provided is not valid."));
        };
        if self.now >= issued.expires_at {
            return Err(denied("The access token you provided has expired."));
        }
        let secret = issued.secret.and_then(|index| {
            self.lwa
                .applications
                .get(&issued.client_id)?
                .secrets
                .get(index)
        });
        if secret.is_some_and(|secret| secret.has_expired(self.now)) {
            return Err(denied("The LWA secret token you provided has expired."));
        }
        let in_scope = match (scope, &issued.scope) {
            (None, None) => true,
            (Some(needed), Some(given)) => given.includes(needed),
            _ => false,
        };
        if !in_scope || issued.consent == Some(Consent::RevokedAtSpApi) {
            return Err(denied(""));
        }
        let client_id = issued.client_id.clone();
        effect(self, &client_id);
        Ok(())
    }
}

fn refused(operation: &'static str, details: &str) -> SpApiError {
    SpApiError {
        operation,
        failure: SpApiFailure::Refused,
        status: Some(403),
        code: Some("Unauthorized".into()),
        message: Some("Access to requested resource is denied.".into()),
        details: Some(details.into()),
        request_id: Some("local".into()),
    }
}

fn fault(operation: &'static str, error: &CallError) -> SpApiError {
    let (failure, status) = match error.failure {
        CallFailure::Denied => (SpApiFailure::Refused, Some(403)),
        CallFailure::Throttled => (SpApiFailure::Throttled, Some(429)),
        CallFailure::TimedOut => (SpApiFailure::TimedOut, None),
        CallFailure::NotFound => (SpApiFailure::Refused, Some(404)),
        CallFailure::Refused => (SpApiFailure::Refused, Some(400)),
        CallFailure::Unavailable => (SpApiFailure::Unavailable, Some(503)),
    };
    SpApiError {
        status,
        ..SpApiError::without_answer(operation, failure, error.detail.clone())
    }
}
