//! What the schedules start, and the retries when it fails.

use std::time::Duration;

use jiff::SignedDuration;
use lwa_core::rotation::queue::Payload;
use serde_json::json;
use token_exchanger::Response;

use super::event_queue::{Event, Scheduled};
use super::services::is_credential_problem;
use super::state::{AuditDay, Year};
use crate::invariant::Invariant;
use crate::platform::{Auditor, Requester};
use crate::settings::FaultKind;
use crate::story::Kind;
use crate::time::{DAY, HOUR, MINUTE};

/// In how many attempts an audit has to succeed while nothing is down. After an outage of thirteen
/// hours only one may be left.
const FAIR_TRIES: u32 = 3;

impl Year {
    pub(super) fn schedule(&mut self, scheduled: Scheduled) {
        self.at(
            self.now - self.now % MINUTE + DAY,
            Event::Schedule(scheduled),
        );
        let at = self.now + self.rng.i64(0..30_000);
        self.at(at, Event::Invoke(scheduled, 0));
        if scheduled != Scheduled::Canary && self.once_in(FaultKind::DuplicatedEvents, 30) {
            let at = at + self.rng.i64(20_000..2 * MINUTE);
            self.at(at, Event::Invoke(scheduled, 0));
        }
    }

    /// Retries an invocation that failed, and raises an alarm after three failures.
    pub(super) fn again(&mut self, scheduled: Scheduled, attempt: u32) {
        let retries = match scheduled {
            // The state machine retries for thirteen hours.
            Scheduled::Audit => 18,
            Scheduled::Canary | Scheduled::Rotation => 2,
        };
        if attempt == 2 {
            self.record(None, Kind::Alarm, || {
                format!("alarm: {scheduled:?} failed three times")
            });
        }
        if scheduled == Scheduled::Audit && !self.fault_model.lock().is_degraded() {
            self.audit.fair_tries += 1;
        }
        if attempt < retries {
            let at = self.now + (MINUTE << attempt).min(HOUR);
            self.at(at, Event::Invoke(scheduled, attempt + 1));
        } else if scheduled == Scheduled::Audit && self.audit.fair_tries >= FAIR_TRIES {
            self.violate(Invariant::EveryReminderIsSent, None, || {
                "the audit of the day never succeeded, although nothing was down".to_owned()
            });
        }
    }

    pub(super) fn daily_rotation(&mut self, attempt: u32) {
        let limit = SignedDuration::from_mins(1);
        let invocation = self
            .invoke(limit, async |requester: &Requester, _| {
                requester.handle(Payload::new("{}")).await
            })
            .answer(|report| report.to_json());
        if !self.inspect(&invocation) {
            self.mark_uncertain();
        }
        if invocation.output.is_none() {
            self.again(Scheduled::Rotation, attempt);
        }
    }

    pub(super) fn canary(&mut self) {
        for number in 0..self.applications.len() {
            let name = self.applications[number].name.to_string();
            let event = json!({"action": "check", "application": name});
            let answer = self.exchange(event);
            let problem = match answer {
                Some(Ok(Response::Check(check))) if !check.is_ok() => Some(check.detail),
                Some(Err(error)) if is_credential_problem(error.kind) => Some(error.to_string()),
                _ => None,
            };
            if let Some(problem) = problem {
                self.service_failed(number, &format!("the canary: {problem}"));
            }
        }
        self.check_waiting_secrets();
    }

    pub(super) fn audit(&mut self, attempt: u32) {
        let day = self.now.div_euclid(DAY);
        if self.audit.day != day {
            self.audit = AuditDay {
                day,
                ..AuditDay::default()
            };
        }
        let beliefs = self.expected_deadlines();
        let mut event = json!({});
        loop {
            let limit = Duration::from_mins(5);
            let invocation = self
                .invoke(
                    SignedDuration::from_mins(5),
                    async |auditor: &Auditor, _| auditor.handle(event, limit).await,
                )
                .answer(|response| serde_json::to_value(response).unwrap_or_default());
            self.inspect(&invocation);
            match invocation.output {
                None => {
                    self.again(Scheduled::Audit, attempt);
                    return;
                }
                Some(response) if response["continuation"].is_object() => {
                    event = json!({"continuation": response["continuation"]});
                }
                Some(response) => {
                    self.check_audit(&response, &beliefs);
                    return;
                }
            }
        }
    }
}
