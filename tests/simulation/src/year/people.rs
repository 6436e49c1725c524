//! What people change by hand, with more or less care.

use jiff::{SignedDuration, Timestamp};
use lwa_core::ports::Clock;
use lwa_core::tags;
use lwa_core::vault::VaultKind;

use super::event_queue::Event;
use super::state::Year;
use crate::amazon;
use crate::settings::FaultKind;
use crate::story::Kind;
use crate::time::{DAY, HOUR, instant};

impl Year {
    /// A person rotates: in time, late, or after weeks of reminders.
    pub(super) fn manual_rotation(&mut self, number: usize, secret: usize) {
        if secret + 1 == self.applications[number].issued.len() {
            let with_tags = self.rng.u8(..5) < 3;
            let posted = self.rng.bool();
            self.rotate_by_hand(number, posted);
            self.store_by_hand(number, with_tags);
        }
    }

    pub(super) fn manual_change(&mut self, number: usize) {
        let at = self.now + self.gap(140);
        self.at(at, Event::ManualChange(number));
        match self.rng.u8(..20) {
            0..9 => self.rewrite(number),
            9..13 => {
                let posted = self.rng.bool();
                self.rotate_by_hand(number, posted);
                self.store_by_hand(number, true);
            }
            13..16 => {
                let posted = self.rng.bool();
                self.rotate_by_hand(number, posted);
                self.store_by_hand(number, false);
            }
            16..18 => self.rotate_by_hand(number, true),
            18 => {
                self.rotate_by_hand(number, false);
                self.applications[number].is_irreparable = true;
                let at = self.now + self.rng.i64(DAY..9 * DAY);
                self.at(at, Event::StoreLate(number));
            }
            _ => {
                let name = &self.applications[number].name;
                self.vault.tags(name, |tags| {
                    tags.insert(tags::OWNER.into(), "Team ERP".into());
                });
            }
        }
    }

    pub(super) fn rewrite(&mut self, number: usize) {
        let application = &self.applications[number];
        let value = application.issued[application.stored].value.clone();
        self.vault.put(&application.name, &value);
        // Where no tag tells how old the value is, an earlier version does in Parameter Store.
        // Otherwise only a notice of Amazon does, and it may be lost.
        let is_known = self.vault.tags(&application.name, |tags| {
            tags.contains_key(tags::SECRET_EXPIRES_AT)
                || tags.contains_key(tags::SECRET_ISSUED_AT)
                || tags.contains_key(tags::SECRET_VERSION)
        });
        self.applications[number].is_irreparable |=
            is_known == Some(false) && self.settings.vault == VaultKind::SecretsManager;
        self.record(Some(number), Kind::Person, || {
            "a person edits the description, which writes the same value again".to_owned()
        });
        self.written(number);
    }

    /// A person believes that a new secret does not work, and stores its predecessor again, which
    /// works for most of the overlap.
    pub(super) fn put_back(&mut self, number: usize, secret: usize, before: usize) {
        let application = &self.applications[number];
        let is_newest = secret + 1 == application.issued.len() && secret == application.stored;
        let is_old = self.now - application.issued[before + 1].at > DAY;
        if !is_newest || is_old {
            return;
        }
        self.vault
            .put(&application.name, &application.issued[before].value);
        self.applications[number].stored = before;
        self.applications[number].put_back_from = Some(secret);
        let ends = self.actual_deadline(number);
        self.record_until(Some(number), Kind::Stored, ends, || {
            format!("a person puts secret {before} back")
        });
        self.written(number);
    }

    /// Whether a person put a secret back and the system may not request another: then it keeps
    /// the stored one as long as LWA accepts it.
    pub(super) fn is_left_put_back(&self, number: usize) -> bool {
        self.applications[number].put_back_from.is_some() && !self.settings.auto_rotate
    }

    pub(super) fn rotate_by_hand(&mut self, number: usize, posted: bool) {
        self.counts.console_rotations += 1;
        let application = &self.applications[number];
        let value = format!(
            "amzn1.oa2-cs.v1.local-{number:04}-{:04}",
            application.issued.len()
        );
        let now = self.world.now();
        let spread = i64::try_from(self.traffic.lock().propagation.as_secs()).unwrap_or_default();
        {
            let mut state = self.world.state();
            if let Some(client) = state.lwa.applications.get_mut(&application.client_id) {
                client.rotate(&value, now, now + SignedDuration::from_secs(spread));
            }
        }
        self.record(Some(number), Kind::Person, || {
            "a person rotates in the developer console".to_owned()
        });
        self.issue(number, &value, false, posted);
    }

    /// A person stores the newest secret: with `lwa store`, or the value alone.
    pub(super) fn store_by_hand(&mut self, number: usize, with_tags: bool) {
        let application = &mut self.applications[number];
        let secret = application.issued.len() - 1;
        let issued = &application.issued[secret];
        let (issued_at, expires_at) = (instant(issued.at), instant(issued.expires_at));
        self.vault.put(&application.name, &issued.value);
        if with_tags {
            self.vault.tags(&application.name, |tags| {
                tags.insert(tags::SECRET_ISSUED_AT.into(), issued_at.to_string());
                tags.insert(tags::SECRET_EXPIRES_AT.into(), expires_at.to_string());
            });
        }
        self.record_until(
            Some(number),
            Kind::Stored,
            Some(expires_at.as_millisecond()),
            || {
                format!(
                    "a person stores secret {secret} by hand{}",
                    if with_tags { "" } else { ", without its dates" }
                )
            },
        );
        self.stored(number, secret);
        self.written(number);
    }

    /// The vault holds another secret.
    pub(super) fn stored(&mut self, number: usize, secret: usize) {
        let old_ends = self.actual_deadline(number);
        let known_from = self.known_from(number, secret);
        let before_known_from = self.known_from(number, self.applications[number].stored);
        let application = &mut self.applications[number];
        application.stored = secret;
        // If a second secret is stored before LWA knows the first, neither of the two that
        // services try works.
        if before_known_from > self.now {
            let until = before_known_from.min(known_from) + HOUR;
            application.excused_until = application.excused_until.max(until);
        }
        let is_newest = secret + 1 == application.issued.len();
        if is_newest {
            application.put_back_from = None;
            application.is_asked_again = false;
        }
        if is_newest && application.is_irreparable {
            application.is_irreparable = false;
            // If the old one ends before LWA accepts the new one, nothing works in between.
            let nothing_works = old_ends.is_some_and(|ends| ends < known_from);
            let from = if nothing_works { known_from } else { self.now };
            application.excused_until = from.max(self.now) + HOUR;
        }
    }

    /// From when on every host of LWA accepts a secret.
    fn known_from(&self, number: usize, secret: usize) -> i64 {
        let application = &self.applications[number];
        let state = self.world.state();
        let client = state.lwa.applications.get(&application.client_id);
        let works_from = client.and_then(|client| Some(client.secrets.get(secret)?.works_from));
        let traffic = self.traffic.lock();
        let partly_known_until = traffic.partly_known.get(&application.issued[secret].value);
        works_from
            .max(partly_known_until.copied())
            .map_or(self.now, Timestamp::as_millisecond)
    }

    /// The secret was written. Parameter Store sends an event and restarts its policies; Secrets
    /// Manager has no such events.
    pub(super) fn written(&mut self, number: usize) {
        if self.settings.vault != VaultKind::ParameterStore {
            return;
        }
        let written = self.world.now().as_millisecond();
        self.arm_policies(number, written);
        if !self.once_in(FaultKind::LostEvents, 10) {
            let id = self.id();
            let secret = self.vault.name(&self.applications[number].name);
            let event = amazon::parameter_update(&secret, &id, instant(written));
            self.emit(event);
        }
    }
}
