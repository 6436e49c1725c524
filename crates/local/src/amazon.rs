//! The calls to LWA and SP-API, made to the account in memory.

use std::time::Duration;

use lwa_core::lwa::{AccessToken, Grant, LwaError, TokenEndpoint, TokenRequest};
use lwa_core::ports::{CallError, CallFailure, Clock};
use lwa_core::sp_api::{Operation, SellingPartnerApi, SpApiError};

use crate::world::{State, World};
use crate::{lwa, sp_api};

impl TokenEndpoint for World {
    async fn exchange(
        &self,
        request: &TokenRequest,
        timeout: Duration,
    ) -> Result<AccessToken, LwaError> {
        let purpose = match &request.grant {
            Grant::RefreshToken(_) => "refresh_token".to_owned(),
            Grant::ClientCredentials(scope) => format!("client_credentials {scope}"),
        };
        let issue = |state: &mut State| state.lwa.issue(request, state.now);
        let answer = self.call_within(timeout, "ExchangeToken", &purpose, issue);
        answer.await.map_err(|error| lwa::fault(&error)).flatten()
    }
}

impl SellingPartnerApi for World {
    async fn perform(
        &self,
        operation: Operation,
        token: &AccessToken,
        timeout: Duration,
    ) -> Result<(), SpApiError> {
        let apply = |state: &mut State| {
            let (lwa, now) = (&mut state.lwa, state.now);
            let client_id = state.sp_api.admit(lwa, operation, token, now)?;
            if let Operation::RotateApplicationClientSecret = operation {
                state.sp_api.rotate(lwa, client_id, now);
            }
            Ok(())
        };
        let (name, _) = operation.name_and_scope();
        let answer = self.call_within(timeout, name, "", apply).await;
        answer.map_err(|error| sp_api::fault(name, error)).flatten()
    }
}

impl World {
    /// A call whose caller waits no longer than `timeout`. The service's own answer, which may
    /// be a refusal, is inside.
    async fn call_within<T>(
        &self,
        timeout: Duration,
        operation: &'static str,
        target: &str,
        answer: impl FnOnce(&mut State) -> T + Send,
    ) -> Result<T, CallError> {
        tokio::select! {
            biased;
            answer = self.call(operation, target, |state| Ok(answer(state))) => answer,
            () = self.sleep(timeout) => Err(CallError {
                operation,
                failure: CallFailure::TimedOut,
                code: None,
                detail: "no answer (scripted)".to_owned(),
            }),
        }
    }
}
