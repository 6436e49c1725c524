//! What Amazon does: it makes new secrets, and sends notices about the old ones.

use std::time::Duration;

use jiff::SignedDuration;
use lwa_core::deadline::SECRET_LIFETIME_DAYS;
use lwa_core::ports::Clock;
use lwa_core::{ExposeSecret, SecretString};

use super::application::Issued;
use super::event_queue::{Event, QueueName};
use super::state::Year;
use crate::amazon::{self, About, NOTICE_DAYS};
use crate::settings::FaultKind;
use crate::story::Kind;
use crate::time::{DAY, HOUR, MINUTE, date, instant};

impl Year {
    /// Plans the notices about a secret, and if rotation is left to people, when they rotate.
    pub(super) fn announce(&mut self, number: usize, secret: usize) {
        let expires_at = self.applications[number].issued[secret].expires_at;
        for left in NOTICE_DAYS {
            let at = expires_at - left * DAY;
            if at > self.now {
                self.at(at, Event::Notice(number, secret, left));
            }
        }
        if !self.settings.auto_rotate {
            let early = match self.rng.u8(..10) {
                0..5 => self.rng.i64(2..45) * DAY,
                5..8 => self.rng.i64(-3 * DAY..3 * DAY),
                _ => self.rng.i64(-40 * DAY..-3 * DAY),
            };
            let at = (expires_at - early).max(self.now + HOUR);
            self.at(at, Event::ManualRotation(number, secret));
        }
    }

    pub(super) fn notice(&mut self, number: usize, secret: usize, left: i64) {
        let application = &self.applications[number];
        if secret + 1 != application.issued.len() {
            return;
        }
        let issued = &application.issued[secret];
        let (expires_at, client_id) = (issued.expires_at, application.client_id.clone());
        if self.once_in(FaultKind::LostEvents, 3) {
            self.record(Some(number), Kind::Notice, || {
                format!("Amazon's notice of {left} days is lost")
            });
            return;
        }
        self.record(Some(number), Kind::Notice, || {
            format!("Amazon sends its notice of {left} days")
        });
        let body = amazon::secret_expiry(&client_id, instant(expires_at), instant(self.now));
        // It may arrive after a rotation.
        let late = if self.once_in(FaultKind::LateEvents, 8) {
            self.rng.i64(HOUR..5 * DAY)
        } else {
            self.rng.i64(0..10 * MINUTE)
        };
        self.send(QueueName::Expiry, &body, About::Expiry(number), late);
    }

    /// Issues the secrets that were requested through SP-API since the last check.
    pub(super) fn notice_rotations(&mut self) {
        let new: Vec<(String, SecretString)> = {
            let state = self.world.state();
            state.sp_api.rotated[self.rotated_seen..].to_vec()
        };
        self.rotated_seen += new.len();
        for (client_id, secret) in new {
            self.counts.rotations += 1;
            if let Some(&number) = self.by_client.get(&client_id) {
                self.issue(number, secret.expose_secret(), true, true);
            }
        }
    }

    /// Amazon has made a new secret, the last of those that LWA knows for this application.
    pub(super) fn issue(&mut self, number: usize, value: &str, by_system: bool, posted: bool) {
        let now = self.world.now();
        let expires_at = now.as_millisecond() + i64::from(SECRET_LIFETIME_DAYS) * DAY;
        let looks_away = self.rng.bool();
        let (works_from, old_ends) = {
            let mut state = self.world.state();
            let client_id = &self.applications[number].client_id;
            let mut works_from = now;
            let mut old_ends = now;
            if let Some(client) = state.lwa.applications.get_mut(client_id) {
                if let Some(newest) = client.secrets.last_mut() {
                    newest.works_until = Some(instant(expires_at));
                    newest.lwa_looks_away = looks_away;
                    works_from = newest.works_from;
                }
                let before = client.secrets.iter().rev().nth(1);
                old_ends = before
                    .and_then(|before| before.works_until)
                    .unwrap_or(now)
                    .max(now);
            }
            (works_from, old_ends)
        };
        if self.once_in(FaultKind::SlowPropagation, 3) {
            let partly_known = works_from + SignedDuration::from_mins(self.rng.i64(1..360));
            self.traffic
                .lock()
                .partly_known
                .insert(value.to_owned(), partly_known);
        }
        let propagation = if self.once_in(FaultKind::SlowPropagation, 5) {
            self.rng.u64(600..48 * 3600)
        } else {
            self.rng.u64(..180)
        };
        self.traffic.lock().propagation = Duration::from_secs(propagation);
        let lost = posted && by_system && self.once_in(FaultKind::LostEvents, 25);
        let application = &mut self.applications[number];
        // The system asks twice in one overlap, the second time when little of it is left. Where
        // that message fails as well, only people can help, and they are told daily.
        let before = application.issued.last();
        let is_last_chance = before.is_some_and(|before| !before.is_posted);
        let lost = lost && !is_last_chance;
        let secret = application.issued.len();
        application.issued.push(Issued {
            value: value.to_owned(),
            at: now.as_millisecond(),
            expires_at,
            is_posted: posted && !lost,
        });
        let client_id = application.client_id.clone();
        self.record_until(Some(number), Kind::Issued, Some(expires_at), || {
            format!(
                "Amazon makes secret {secret}, good to {}{}",
                date(expires_at),
                if lost {
                    ", and its message is lost"
                } else {
                    ""
                }
            )
        });
        if posted && !lost {
            let id = self.id();
            let body =
                amazon::new_secret(&client_id, value, instant(expires_at), old_ends, now, &id);
            let is_late = self.once_in(FaultKind::LateEvents, 8);
            let late = if is_late && !is_last_chance {
                self.rng.i64(HOUR..50 * HOUR)
            } else {
                self.rng.i64(1_000..2 * MINUTE)
            };
            self.send(
                QueueName::NewSecret,
                &body,
                About::NewSecret(number, secret),
                late,
            );
        }
        self.announce(number, secret);
    }
}
