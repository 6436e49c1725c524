//! Events of Parameter Store, and the function that turns them into messages.

use jiff::SignedDuration;
use lwa_core::vault::VaultKind;
use serde_json::Value;

use super::event_queue::Event;
use super::state::Year;
use crate::amazon::{self, POLICY_DAYS};
use crate::invariant::Invariant;
use crate::platform::Formatter;
use crate::settings::FaultKind;
use crate::story::Kind;
use crate::time::{DAY, HOUR, MINUTE, instant};

impl Year {
    pub(super) fn arm_policies(&mut self, number: usize, written: i64) {
        if self.settings.vault != VaultKind::ParameterStore {
            return;
        }
        for after in POLICY_DAYS {
            let late = if self.once_in(FaultKind::LateEvents, 8) {
                self.rng.i64(HOUR..4 * DAY)
            } else {
                self.rng.i64(0..6 * HOUR)
            };
            let at = written + after * DAY + late;
            if at > self.now {
                self.at(at, Event::Policy(number, written, after));
            }
        }
    }

    pub(super) fn policy(&mut self, number: usize, written: i64, after: i64) {
        let name = &self.applications[number].name;
        let secret = self.vault.name(name);
        let last = self
            .vault
            .current(name)
            .map(|(_, written_at)| written_at.as_millisecond());
        if last != Some(written) || self.once_in(FaultKind::LostEvents, 4) {
            return;
        }
        let id = self.id();
        self.emit(amazon::policy_action(
            &secret,
            after,
            &id,
            instant(self.now),
        ));
    }

    pub(super) fn emit(&mut self, event: Value) {
        if self.once_in(FaultKind::DuplicatedEvents, 5) {
            let at = self.now + self.rng.i64(1_000..2 * MINUTE);
            self.at(at, Event::Format(Box::new(event.clone()), 0));
        }
        let at = self.now;
        self.at(at, Event::Format(Box::new(event), 0));
    }

    pub(super) fn format(&mut self, event: Value, attempt: u32) {
        let given = event.clone();
        let invocation = self
            .invoke(
                SignedDuration::from_secs(30),
                async |formatter: &Formatter, _| formatter.handle(given).await,
            )
            .answer(|response| serde_json::to_value(response).unwrap_or_default());
        let is_certain = self.inspect(&invocation);
        let serial = invocation.serial;
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        match invocation.output {
            None if attempt < 2 => {
                let at = self.now + (MINUTE << attempt);
                self.at(at, Event::Format(Box::new(event), attempt + 1));
            }
            None => self.record(None, Kind::Alarm, || {
                "alarm: an event is among the failed invocations".to_owned()
            }),
            Some(response) if response["message_id"].is_string() => {
                let before = self.formatted.insert(id.clone(), (serial, is_certain));
                if before == Some((serial, true)) {
                    self.violate(Invariant::NoMessageIsRepeated, None, || {
                        format!("event {id} was published twice by one environment")
                    });
                }
            }
            Some(_) => {}
        }
    }
}
