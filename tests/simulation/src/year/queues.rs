//! The two queues, their dead letters, and the alarms about these.

use std::mem;

use jiff::SignedDuration;
use lwa_core::ports::Clock;
use lwa_core::rotation::queue::Payload;
use serde_json::json;

use super::event_queue::{Event, QueueName};
use super::state::Year;
use crate::amazon::{self, About, Queue, QueuedMessage};
use crate::breakage::Breakage;
use crate::invariant::Invariant;
use crate::platform::{Receiver, Requester};
use crate::settings::{FaultKind, Faults};
use crate::story::Kind;
use crate::time::{DAY, HOUR, MINUTE, instant};

impl Year {
    pub(super) fn queue(&mut self, name: QueueName) -> &mut Queue {
        match name {
            QueueName::Expiry => &mut self.expiry,
            QueueName::NewSecret => &mut self.new_secrets,
        }
    }

    pub(super) fn send(&mut self, name: QueueName, body: &str, about: About, late: i64) {
        let times = if self.once_in(FaultKind::DuplicatedEvents, 6) {
            2
        } else {
            1
        };
        for _ in 0..times {
            let message = QueuedMessage {
                id: self.id(),
                body: body.to_owned(),
                about,
                sent_at: 0,
                visible_at: 0,
                receives: 0,
            };
            let spread = self.rng.i64(0..5 * MINUTE);
            let at = self.now + late + spread;
            self.at(at, Event::Arrive(name, Box::new(message)));
        }
    }

    pub(super) fn arrive(&mut self, name: QueueName, mut message: QueuedMessage) {
        message.sent_at = self.now;
        message.visible_at = self.now;
        self.queue(name).messages.push(message);
        let at = self.now;
        self.at(at, Event::Poll(name));
    }

    /// Hands a batch to the function behind a queue, out of order.
    pub(super) fn poll(&mut self, name: QueueName) {
        let now = self.now;
        let queue = match name {
            QueueName::Expiry => &mut self.expiry,
            QueueName::NewSecret => &mut self.new_secrets,
        };
        let mut due: Vec<usize> = (0..queue.messages.len())
            .filter(|&index| queue.messages[index].visible_at <= now)
            .collect();
        if due.is_empty() {
            return;
        }
        self.rng.shuffle(&mut due);
        due.truncate(10);
        let mut ids = Vec::new();
        let (mut gone, mut dead) = (Vec::new(), Vec::new());
        let visibility = queue.visibility;
        for index in due {
            let (max, retention) = (queue.max_receives, queue.retention);
            let message = &mut queue.messages[index];
            if now - message.sent_at > retention {
                gone.push(message.id.clone());
                continue;
            }
            message.receives += 1;
            message.visible_at = now + visibility;
            if message.receives > max {
                dead.push(message.id.clone());
            } else {
                ids.push(message.id.clone());
            }
        }
        for id in gone {
            self.acknowledge(name, &id, "was too old for its queue");
        }
        for id in dead {
            self.bury(name, &id);
        }
        if !ids.is_empty() {
            let batch = self.queue(name).batch(&ids);
            self.deliver(name, &ids, batch);
        }
        let visible_at = self
            .queue(name)
            .messages
            .iter()
            .map(|message| message.visible_at)
            .min();
        if let Some(at) = visible_at {
            self.at(at.max(now), Event::Poll(name));
        }
    }

    pub(super) fn deliver(&mut self, name: QueueName, ids: &[String], batch: String) {
        let limit = SignedDuration::from_mins(1);
        let payload = Payload::new(batch);
        let invocation = match name {
            QueueName::Expiry => self
                .invoke(limit, async |requester: &Requester, _| {
                    requester.handle(payload).await
                })
                .answer(|report| report.to_json()),
            QueueName::NewSecret => self
                .invoke(limit, async |receiver: &Receiver, ends_at| {
                    receiver.handle(payload, Some(ends_at)).await
                })
                .answer(|report| report.to_json()),
        };
        let is_certain = self.inspect(&invocation);
        self.check_copies();
        let visibility_changes = mem::take(&mut self.traffic.lock().visibility_changes);
        for (id, delay) in visibility_changes {
            let at = self.world.now().as_millisecond()
                + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            let queue = self.queue(name);
            if let Some(message) = queue.messages.iter_mut().find(|message| message.id == id) {
                message.visible_at = at;
            }
        }
        if !is_certain {
            self.mark_uncertain();
        }
        let forgotten = name == QueueName::NewSecret
            && self.settings.breakage == Some(Breakage::AcknowledgesBeforeStoring);
        let Some(answer) = invocation.output else {
            if forgotten {
                for id in ids {
                    self.acknowledge(name, id, "was acknowledged before it was handled");
                }
            }
            return;
        };
        let returned: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["itemIdentifier"].as_str())
            .collect();
        let reports_none = forgotten
            || name == QueueName::NewSecret
                && self.settings.breakage == Some(Breakage::ReportsNoFailures);
        for id in ids {
            if reports_none || !returned.contains(&id.as_str()) {
                self.acknowledge(name, id, "was acknowledged");
            }
        }
    }

    /// A message leaves its queue for good. The vault must hold its secret or a newer one, or have
    /// held one until a person put an older one back.
    pub(super) fn acknowledge(&mut self, name: QueueName, id: &str, how: &str) {
        let queue = self.queue(name);
        let Some(index) = queue.messages.iter().position(|message| message.id == id) else {
            return;
        };
        let message = queue.messages.swap_remove(index);
        if let About::NewSecret(number, secret) = message.about
            && self.applications[number].newest_stored() < secret
        {
            self.violate(Invariant::NoSecretIsLost, Some(number), || {
                format!("the message with secret {secret} {how}, and the secret is not stored")
            });
        }
        if self.once_in(FaultKind::DuplicatedEvents, 20) {
            // The queue delivers at least once.
            let late = self.rng.i64(0..20 * MINUTE);
            let (sent_at, at) = (message.sent_at, self.now + late);
            let again = QueuedMessage {
                visible_at: at,
                sent_at,
                ..message
            };
            self.queue(name).messages.push(again);
            self.at(at, Event::Poll(name));
        }
    }

    /// A message becomes a dead letter.
    pub(super) fn bury(&mut self, name: QueueName, id: &str) {
        let now = self.now;
        let queue = self.queue(name);
        let Some(index) = queue.messages.iter().position(|message| message.id == id) else {
            return;
        };
        let message = queue.messages.swap_remove(index);
        queue.dead.push(now);
        let queue_name = queue.name;
        self.counts.dead_letters += 1;
        let number = match message.about {
            About::NewSecret(number, _) | About::Expiry(number) => Some(number),
            About::Poison | About::Forged => None,
        };
        self.record(number, Kind::DeadLetter, || {
            format!("a message of {queue_name} becomes a dead letter")
        });
        match message.about {
            About::NewSecret(number, secret)
                if self.applications[number].stored < secret && !self.is_left_put_back(number) =>
            {
                self.violate(Invariant::NoSecretIsLost, Some(number), || {
                    format!(
                        "secret {secret} is a dead letter after {} tries",
                        message.receives - 1
                    )
                });
            }
            About::Poison
                if now - message.sent_at > HOUR && self.settings.faults == Faults::NONE =>
            {
                let minutes = (now - message.sent_at) / MINUTE;
                self.violate(Invariant::UnprocessableMessagesEnd, None, || {
                    format!("it took {minutes} minutes")
                });
            }
            _ => {}
        }
        let at = now + self.rng.i64(MINUTE..6 * MINUTE);
        self.at(at, Event::Alarm(name));
        self.at(now + 15 * MINUTE, Event::CheckAlarm(name));
        let at = now + self.rng.i64(HOUR..3 * DAY);
        self.at(at, Event::Purge(name));
    }

    pub(super) fn alarm(&mut self, name: QueueName) {
        if self.settings.breakage == Some(Breakage::IgnoresDeadLetters) {
            return;
        }
        let queue = self.queue(name);
        if queue.dead.is_empty() || queue.alarmed {
            return;
        }
        queue.alarmed = true;
        let queue_name = queue.name;
        self.record(None, Kind::Alarm, || {
            format!("alarm: {queue_name} has dead letters")
        });
    }

    pub(super) fn check_alarm(&mut self, name: QueueName) {
        let now = self.now;
        let queue = self.queue(name);
        let is_old = queue.dead.iter().any(|&at| now - at >= 15 * MINUTE);
        if is_old && !queue.alarmed {
            let queue_name = queue.name;
            self.violate(Invariant::DeadLettersRaiseAlarms, None, || {
                format!("{queue_name} holds a dead letter, and no alarm was raised")
            });
        }
    }

    pub(super) fn poison(&mut self) {
        let kind = self.rng.u8(..4);
        let body = match kind {
            0 => "not JSON".to_owned(),
            1 => json!({"notificationType": "ANY_OFFER_CHANGED", "payload": {}}).to_string(),
            2 => {
                let id = self.id();
                amazon::new_secret(
                    "amzn1.application-oa2-client.nobody",
                    "amzn1.oa2-cs.v1.local-nobody",
                    instant(self.now + 180 * DAY),
                    instant(self.now + 7 * DAY),
                    instant(self.now),
                    &id,
                )
            }
            _ => amazon::secret_expiry(
                "amzn1.application-oa2-client.nobody",
                instant(self.now + 30 * DAY),
                instant(self.now),
            ),
        };
        let name = if self.rng.bool() {
            QueueName::Expiry
        } else {
            QueueName::NewSecret
        };
        self.record(None, Kind::Trouble, || {
            "a message that cannot be processed is sent".to_owned()
        });
        self.send(name, &body, About::Poison, 0);
        let at = self.now + self.gap(60);
        self.at(at, Event::Poison);
    }
}
