//! The check: do LWA and SP-API still accept the credentials?

use lwa_core::application::Role;
use lwa_core::exchange::{Subject, TokenKey};
use lwa_core::lwa::{AccessToken, TokenEndpoint};
use lwa_core::ports::{Clock, Metrics};
use lwa_core::sp_api::{Operation, Refusal, SellingPartnerApi, SpApiError};
use lwa_core::vault::ports::{ReadMetadata, ReadValues};

use crate::cache::KeptToken;
use crate::error::{ErrorKind, ExchangerError};
use crate::response::{CheckResponse, Verdict};
use crate::{Invocation, LONGEST_ATTEMPT, TokenExchanger};

impl<A, L, S, C, M> TokenExchanger<A, L, S, C, M>
where
    A: ReadMetadata + ReadValues,
    L: TokenEndpoint,
    S: SellingPartnerApi,
    C: Clock,
    M: Metrics,
{
    /// Tries the credentials on LWA and the token on SP-API, because each may still accept what
    /// the other already refuses.
    pub(crate) async fn check(
        &self,
        key: &TokenKey,
        invocation: &mut Invocation,
    ) -> Result<CheckResponse, ExchangerError> {
        let answer = |lwa, sp_api, detail: String| CheckResponse {
            application: key.application.clone(),
            lwa,
            sp_api,
            detail,
        };
        let kept = match self.obtain(key, true, invocation).await {
            Ok((kept, _)) => kept,
            Err(error) => {
                let verdict = match error.kind {
                    ErrorKind::CredentialRejected => Verdict::CredentialRejected,
                    ErrorKind::AuthorizationRevoked => Verdict::AuthorizationRevoked,
                    ErrorKind::InvalidRequest => Verdict::Refused,
                    // These say nothing about the credentials.
                    ErrorKind::CredentialMissing
                    | ErrorKind::VaultUnavailable
                    | ErrorKind::LwaUnavailable
                    | ErrorKind::SpApiUnavailable => return Err(error),
                };
                return Ok(answer(verdict, Verdict::NotChecked, error.to_string()));
            }
        };
        match self.ask_sp_api(key, &kept.token, invocation).await {
            Ok(()) => {
                let detail = format!(
                    "version {} of the client secret works at LWA and SP-API",
                    kept.secret_version
                );
                Ok(answer(Verdict::Ok, Verdict::Ok, detail))
            }
            Err(error) => match error.refusal() {
                None => Err(ExchangerError::of_sp_api(&key.application, &error)),
                Some(refusal) => {
                    if refusal == Refusal::SecretExpired {
                        // Neither this token nor a new one for this secret will work.
                        self.cache.drop_credentials(key);
                    }
                    let (verdict, advice) = self.judge(key, &kept, refusal);
                    Ok(answer(Verdict::Ok, verdict, format!("{error}; {advice}")))
                }
            },
        }
    }

    async fn ask_sp_api(
        &self,
        key: &TokenKey,
        token: &AccessToken,
        invocation: &mut Invocation,
    ) -> Result<(), SpApiError> {
        let sp_api = &self.ports.sp_api;
        let mut attempts = 0;
        loop {
            let time_left = invocation.time_left(&self.ports.clock).min(LONGEST_ATTEMPT);
            attempts += 1;
            let operation = match key.subject {
                Subject::Grantless(_) => Operation::GetDestinations,
                Subject::OwnAccount | Subject::Seller(_) => Operation::GetMarketplaceParticipations,
            };
            let result = sp_api.perform(operation, token, time_left).await;
            let Err(error) = result else { return Ok(()) };
            let retry = (error.is_transient(), None);
            self.pause_or_fail(key, invocation, attempts, error, retry)
                .await?;
        }
    }

    /// What a refusal by SP-API means, and what to do about it.
    fn judge(&self, key: &TokenKey, kept: &KeptToken, refusal: Refusal) -> (Verdict, String) {
        let place = |role: &Role| self.settings.place(key, role);
        match (refusal, key.subject.refresh_token()) {
            (Refusal::SecretExpired, _) => (
                Verdict::CredentialRejected,
                format!(
                    "version {} of the client secret has expired, although LWA still issues \
                     tokens for it; rotate it in the developer console and store the new one \
                     in {}. If it was rotated within the last hour, SP-API may not know the new \
                     one yet. The sellers need not authorise again",
                    kept.secret_version,
                    place(&Role::ClientSecret)
                ),
            ),
            (Refusal::AccessDenied, Some(role)) => (
                Verdict::AuthorizationRevoked,
                format!(
                    "the seller has withdrawn the authorisation, or the application lacks the \
                     role for this call; authorise it again and store the new refresh token \
                     in {}. The client secret works",
                    place(&role)
                ),
            ),
            (Refusal::AccessDenied, None) => (
                Verdict::AccessDenied,
                "the application may not use notifications; give it the role in the developer \
                 console"
                    .to_owned(),
            ),
            (Refusal::TokenMissing, _) => (
                Verdict::Refused,
                "a proxy on the way drops the header x-amz-access-token".to_owned(),
            ),
            (Refusal::TokenExpired | Refusal::Other, _) => (
                Verdict::Refused,
                "SP-API refused a new token for an unknown reason; Amazon's support asks for the \
                 request id"
                    .to_owned(),
            ),
        }
    }
}
