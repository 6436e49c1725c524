//! One invocation of a function, and everything that is checked after it.

use std::mem;

use jiff::{SignedDuration, Timestamp};
use lwa_core::ports::Clock;
use serde_json::Value;

use super::state::Year;
use crate::drive::{Ending, drive};
use crate::fault_model::Function;
use crate::invariant::Invariant;
use crate::platform::Deployed;
use crate::story::Kind;

/// How an invocation went.
pub(super) struct Invocation<T> {
    pub(super) function: Function,
    /// The number of its environment.
    pub(super) serial: u64,
    /// What it returned; none when it did not.
    pub(super) output: Option<T>,
}

impl<T, E> Invocation<Result<T, E>> {
    /// With the answer as JSON; none if the invocation failed in any way.
    pub(super) fn answer(self, to_json: impl FnOnce(T) -> Value) -> Invocation<Value> {
        Invocation {
            function: self.function,
            serial: self.serial,
            output: self.output.and_then(Result::ok).map(to_json),
        }
    }
}

impl Year {
    /// Invokes a function in its warm environment or a new one, and lets it work until it
    /// returns, dies, or has used up its time. What died takes its environment with it.
    pub(super) fn invoke<H: Deployed, T>(
        &mut self,
        limit: SignedDuration,
        handle: impl AsyncFnOnce(&H, Timestamp) -> T,
    ) -> Invocation<T> {
        let warm = H::slot(&mut self.environments).take();
        let environment = self.platform.lease(warm, self.now);
        self.counts.invocations += 1;
        self.fault_model.lock().begin(H::FUNCTION);
        let until = self.world.now() + limit;
        // As its own clock shows it.
        let ends_at = until + environment.skew;
        let handling = Box::pin(handle(&environment.handler, ends_at));
        let ending = drive(&self.world, &self.fault_model, until, handling);
        let serial = environment.serial;
        let output = match ending {
            Ending::Returned(output) => {
                *H::slot(&mut self.environments) = Some(environment);
                Some(output)
            }
            Ending::Died | Ending::TimedOut => None,
        };
        Invocation {
            function: H::FUNCTION,
            serial,
            output,
        }
    }

    /// Checks everything that an invocation did. Returns whether no fault was injected into it, so
    /// that its effects are certain.
    pub(super) fn inspect(&mut self, invocation: &Invocation<Value>) -> bool {
        let &Invocation {
            function,
            output: ref answer,
            ..
        } = invocation;
        let (is_faulted, last) = {
            let mut fault_model = self.fault_model.lock();
            fault_model.died = false;
            (fault_model.is_faulted, fault_model.last.take())
        };
        if let Some(last) = last {
            let number = mentioned(&last);
            self.record(number, Kind::Trouble, || {
                format!("{}: {last}", function.as_str())
            });
        }
        if answer.is_none() {
            self.counts.deaths += 1;
        }
        let is_certain = !is_faulted && answer.is_some();
        if function == Function::Auditor {
            self.audit.is_uncertain |= !is_certain;
        }
        let (calls, published, metrics) = {
            let mut state = self.world.state();
            (
                mem::take(&mut state.calls),
                mem::take(&mut state.published),
                mem::take(&mut state.metrics),
            )
        };
        if let Some(answer) = answer {
            let text = answer.to_string();
            self.check_for_secrets(&text, "an answer");
        }
        if let Some(line) = self.first_leak.take() {
            self.violate(Invariant::NoSecretIsExposed, None, || {
                format!(
                    "a log line contains a secret:{}",
                    line.replace("local", "…")
                )
            });
        }
        self.notice_rotations();
        let requests = mem::take(&mut self.traffic.lock().requests);
        for request in requests {
            self.check_request(&request);
        }
        for call in calls {
            let stores = ["PutParameter ", "UpdateSecretVersionStage "];
            if stores.iter().any(|operation| call.starts_with(operation))
                && let Some(number) = mentioned(&call)
            {
                self.check_put(number);
            }
        }
        for message in published {
            self.check_message(function, &message, is_certain);
        }
        if function == Function::Auditor {
            for set in metrics {
                if let [("Application", name)] = set.dimensions.as_slice() {
                    let days = set
                        .metrics
                        .iter()
                        .find(|metric| metric.name == "DaysToDeadline");
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "a number of days is far below 2^53"
                    )]
                    if let Some(days) = days {
                        self.audit.days_left.insert(name.clone(), days.value as i64);
                    }
                }
            }
        }
        is_certain
    }
}

/// The application that a call is about, by its name.
fn mentioned(call: &str) -> Option<usize> {
    let (_, rest) = call.split_once("erp/app-")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}
