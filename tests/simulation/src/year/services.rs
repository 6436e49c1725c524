//! Services that request tokens all day, and use them.

use std::time::Duration;

use jiff::SignedDuration;
use lwa_core::lwa::AccessToken;
use lwa_core::ports::Clock;
use lwa_core::sp_api::{Operation, Refusal, SellingPartnerApi};
use serde_json::{Value, json};
use token_exchanger::{ErrorKind, Response};

use super::event_queue::Event;
use super::invocation::Invocation;
use super::state::Year;
use crate::drive::{Ending, drive};
use crate::invariant::Invariant;
use crate::platform::Exchanger;
use crate::story::Kind;
use crate::time::{DAY, HOUR, instant};

impl Year {
    pub(super) fn services(&mut self) {
        let at = self.now + self.rng.i64(5 * HOUR..15 * HOUR);
        self.at(at, Event::Services);
        for number in 0..self.applications.len() {
            let application = &self.applications[number];
            let mut event = json!({"application": application.name.to_string()});
            let which = self.rng.usize(..=application.sellers.len());
            if let Some(seller) = which.checked_sub(1) {
                event["seller"] = application.sellers[seller].as_str().into();
            }
            self.counts.tokens += 1;
            match self.exchange(event) {
                Some(Ok(Response::Token(token))) => {
                    let seconds = token.expires_in.as_secs();
                    let token = AccessToken {
                        value: token.access_token,
                        token_type: token.token_type,
                        expires_in: token.expires_in,
                    };
                    self.use_token(number, &token);
                    if self.rng.u8(..4) == 0 {
                        let hold = self.rng.u64(1..seconds.saturating_sub(5).max(2));
                        let at = self.now + i64::try_from(hold).unwrap_or(1) * 1_000;
                        self.at(at, Event::Use(number, token));
                    }
                }
                Some(Err(error)) if is_credential_problem(error.kind) => {
                    self.service_failed(number, &error.to_string());
                }
                _ => {}
            }
            if self.violation.is_some() {
                return;
            }
        }
        // Expired tokens only cost memory.
        let before = instant(self.now - HOUR);
        self.world.state().lwa.forget_tokens_expired(before);
    }

    /// One request to the exchanger; none if the invocation died.
    pub(super) fn exchange(
        &mut self,
        event: Value,
    ) -> Option<Result<Response, token_exchanger::ExchangerError>> {
        let limit = Duration::from_secs(30);
        let Invocation {
            function,
            serial,
            output,
        } = self.invoke(
            SignedDuration::from_secs(30),
            async |exchanger: &Exchanger, _| exchanger.handle(event, limit).await,
        );
        let said = output.as_ref().map(|answer| match answer {
            Err(error) => Value::from(error.to_string()),
            Ok(Response::Check(check)) => Value::from(check.detail.clone()),
            Ok(Response::Token(token)) => Value::from(token.secret_version.as_str()),
        });
        self.inspect(&Invocation {
            function,
            serial,
            output: said,
        });
        output
    }

    /// A service calls SP-API.
    pub(super) fn use_token(&mut self, number: usize, token: &AccessToken) {
        self.fault_model.lock().suspended = true;
        let until = self.world.now() + SignedDuration::from_secs(30);
        let operation = Operation::GetMarketplaceParticipations;
        let timeout = Duration::from_secs(10);
        let call = self.world.perform(operation, token, timeout);
        let ending = drive(&self.world, &self.fault_model, until, call);
        self.fault_model.lock().suspended = false;
        if let Ending::Returned(Err(error)) = ending
            && error.refusal() == Some(Refusal::SecretExpired)
        {
            self.service_failed(number, &error.to_string());
        }
    }

    pub(super) fn service_failed(&mut self, number: usize, problem: &str) {
        self.record(Some(number), Kind::ServiceFailed, || {
            format!("a service fails: {problem}")
        });
        // The last chance failed as well. People, who were told daily, store the newest secret.
        if std::mem::take(&mut self.applications[number].is_asked_again) {
            self.applications[number].is_irreparable = true;
            let at = self.now + self.rng.i64(HOUR..DAY);
            self.at(at, Event::StoreLate(number));
        }
        let application = &self.applications[number];
        let is_excused = application.is_irreparable || self.now < application.excused_until;
        if !self.settings.auto_rotate || is_excused {
            self.counts.excused += 1;
            return;
        }
        self.violate(Invariant::ServicesWork, Some(number), || problem.to_owned());
    }
}

pub(super) fn is_credential_problem(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::CredentialRejected | ErrorKind::CredentialMissing
    )
}
