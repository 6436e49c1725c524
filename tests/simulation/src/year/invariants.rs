//! Checks the invariants against what the model knows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;

use jiff::{SignedDuration, Timestamp};
use lwa_core::Severity;
use lwa_core::deadline::{OVERLAP_DAYS, SECRET_LIFETIME_DAYS};
use lwa_core::message::Message;
use lwa_core::tags;
use serde_json::Value;

use super::application::{Application, Issued};
use super::event_queue::Event;
use super::state::{Told, Year};
use crate::amazon::About;
use crate::fault_model::Function;
use crate::faulty_ports::RotationRequest;
use crate::invariant::Invariant;
use crate::leak_detector::secret_in;
use crate::settings::FaultKind;
use crate::story::Kind;
use crate::time::{DAY, HOUR, MINUTE, START, span};

/// Days before a deadline on which the audit reminds, as it is configured unless set otherwise.
const REMINDER_DAYS: [i64; 7] = [90, 60, 30, 14, 7, 3, 1];

/// Messages about one deadline, from whichever function.
const OF_A_DEADLINE: [&str; 5] = [
    "secret-unchanged",
    "rotation-due",
    "rotation-refused",
    "rotation-postponed",
    "rotation-requested-again",
];

/// How long the system may take to look at secrets that were stored before it was deployed.
const FIRST_LOOK: i64 = 3 * DAY;

impl Year {
    /// A new secret that is not stored for a week is lost.
    pub(super) fn check_waiting_secrets(&mut self) {
        for number in 0..self.applications.len() {
            let application = &self.applications[number];
            let Some(newest) = application.issued.last() else {
                continue;
            };
            let waits =
                newest.is_posted && application.newest_stored() + 1 < application.issued.len();
            if waits && self.now - newest.at > 7 * DAY {
                self.violate(Invariant::NoSecretIsLost, Some(number), || {
                    "its newest secret is not stored after seven days".to_owned()
                });
            }
        }
    }

    pub(super) fn check_for_secrets(&mut self, text: &str, what: &str) {
        if let Some(mark) = secret_in(text) {
            self.violate(Invariant::NoSecretIsExposed, None, || {
                format!("{what} has `{mark}` in it")
            });
        }
    }

    /// People got a message.
    pub(super) fn check_message(
        &mut self,
        function: Function,
        message: &Message,
        is_certain: bool,
    ) {
        self.counts.messages += 1;
        for text in [
            &message.subject,
            &message.default,
            &message.email,
            &message.sms,
            &message.https,
        ] {
            self.check_for_secrets(text, "a message to people");
        }
        let number = message
            .attributes
            .application
            .as_ref()
            .and_then(|name| self.by_name.get(name))
            .copied();
        let (kind, severity) = (message.attributes.kind, message.attributes.severity);
        self.heard.entry(kind).or_default()[severity as usize] += 1;
        let shown = if kind == "rotation-due" {
            Kind::Reminder
        } else {
            Kind::Message
        };
        self.record(number, shown, || format!("message: {}", message.subject));
        match (function, number) {
            (Function::Auditor, _) => self.check_digest(message, is_certain),
            (_, Some(number)) if OF_A_DEADLINE.contains(&kind) => {
                self.hear(number, severity, is_certain);
                let asks = message.email.contains("Ask for a new one: lwa rotate");
                // A refusal is news, however much time there is.
                if asks && kind != "rotation-refused" {
                    self.check_asked(number);
                }
            }
            _ => {}
        }
    }

    fn check_digest(&mut self, message: &Message, is_certain: bool) {
        let body = |text: &str| {
            text.rsplit_once("\nAudit of")
                .map_or_else(String::new, |(body, _)| body.to_owned())
        };
        let mut earlier = self.audit.digests.iter();
        let same = earlier.any(|earlier| body(earlier) == body(&message.email));
        if same && !self.audit.is_uncertain {
            self.violate(Invariant::NoReminderIsRepeated, None, || {
                format!("a second digest on one day: {}", message.subject)
            });
        }
        self.audit.digests.push(message.email.clone());
        for (name, row) in reminders(&message.email) {
            if let Some(&number) = self.by_name.get(&name) {
                self.hear(number, message.attributes.severity, is_certain);
                if row.contains("rotate it") {
                    self.check_asked(number);
                }
            }
        }
    }

    /// People hear of a deadline.
    fn hear(&mut self, number: usize, severity: Severity, is_certain: bool) {
        let day = self.now.div_euclid(DAY);
        let told = Told {
            at: self.now,
            severity,
            is_certain,
        };
        let before = self.told.insert(number, told);
        let is_repeated = before.is_some_and(|before| {
            let is_today = before.at.div_euclid(DAY) == day;
            is_today && before.is_certain && before.severity >= severity
        });
        // The functions' clocks may be on different days.
        let is_near_midnight = (self.now - day * DAY).min((day + 1) * DAY - self.now) < 5 * MINUTE;
        if is_repeated && is_certain && !is_near_midnight {
            self.violate(Invariant::NoReminderIsRepeated, Some(number), || {
                "people hear of its deadline twice on one day".to_owned()
            });
        }
    }

    /// People are asked to rotate a secret: only because they chose to, or because the system is
    /// late, and never while a new one is on its way.
    fn check_asked(&mut self, number: usize) {
        let (deadline, _) = self.expected_deadlines()[number];
        let requested = self.tag_instant(number, tags::ROTATION_REQUESTED_AT);
        let ends = requested.map_or(deadline, |at| deadline.min(at + 7 * DAY));
        let is_late = self.now > ends - (60 - 3) * DAY - 5 * MINUTE;
        // The audit reads tags minutes before it publishes.
        let is_under_way =
            requested.is_some_and(|at| (30 * MINUTE..DAY - 30 * MINUTE).contains(&(self.now - at)));
        if (self.settings.auto_rotate && !is_late) || is_under_way {
            self.violate(Invariant::NobodyIsAskedInVain, Some(number), || {
                "people are asked to rotate what the system rotates in time".to_owned()
            });
        }
    }

    fn tag_instant(&self, number: usize, name: &str) -> Option<i64> {
        let read = |tags: &mut BTreeMap<String, String>| tags.get(name)?.parse().ok();
        let name = &self.applications[number].name;
        let at: Option<Timestamp> = self.vault.tags(name, read)?;
        at.map(Timestamp::as_millisecond)
    }

    /// What was done in an invocation that failed may be done again.
    pub(super) fn mark_uncertain(&mut self) {
        let day = self.now.div_euclid(DAY);
        for told in self.told.values_mut() {
            told.is_certain &= told.at.div_euclid(DAY) != day;
        }
    }

    /// Whether people have to hear of a deadline today, if nobody has heard of it yet.
    fn is_reminder_due(&self, number: usize, left: i64) -> bool {
        if left <= 7 {
            return true;
        }
        let name = &self.applications[number].name;
        let is_rotating = self.vault.tags(name, |tags| {
            tags.contains_key(tags::ROTATION_REQUESTED_AT)
                || tags.contains_key(tags::NEW_SECRET_PENDING)
        });
        let is_for_people = !self.settings.auto_rotate || left < 57;
        REMINDER_DAYS.contains(&left) && is_for_people && is_rotating == Some(false)
    }

    /// A rotation was requested.
    pub(super) fn check_request(&mut self, request: &RotationRequest) {
        let Some(&number) = self.by_client.get(&request.client_id) else {
            return;
        };
        self.record(Some(number), Kind::Requested, || {
            if request.counts {
                "the system requests a new secret".to_owned()
            } else {
                "the system requests a new secret, and is refused".to_owned()
            }
        });
        if !self.settings.auto_rotate {
            self.violate(Invariant::RotationsAreRequestedOnce, Some(number), || {
                "AUTO_ROTATE is false, and a rotation was requested".to_owned()
            });
        }
        if !request.counts {
            return;
        }
        let before = self.requests.insert(request.client_id.clone(), request.at);
        let application = &mut self.applications[number];
        let is_fruitless = |newest: &Issued| {
            let before = before.map(Timestamp::as_millisecond);
            !newest.is_posted || before.is_some_and(|at| at > newest.at && self.now - at < 7 * DAY)
        };
        application.is_asked_again |= application.issued.last().is_some_and(is_fruitless);
        // Two environments' clocks may differ by four minutes.
        let quiet = SignedDuration::from_mins(24 * 60 - 5);
        if let Some(before) = before
            && request.at.duration_since(before) < quiet
        {
            self.violate(Invariant::RotationsAreRequestedOnce, Some(number), || {
                format!(
                    "a second request, {} after the first",
                    span(request.at, before)
                )
            });
        }
    }

    /// A function wrote a client secret.
    pub(super) fn check_put(&mut self, number: usize) {
        let application = &self.applications[number];
        let Some((current, written)) = self.vault.current(&application.name) else {
            return;
        };
        let Some(secret) = application
            .issued
            .iter()
            .position(|issued| issued.value == current)
        else {
            // Where nothing works, it cannot be told from one that has to spread.
            let written = written.as_millisecond();
            let ends = self.actual_deadline(number);
            if ends.is_none_or(|ends| written < ends) {
                self.violate(Invariant::StoredSecretsWork, Some(number), || {
                    "a secret that Amazon never made is stored in place of one that works"
                        .to_owned()
                });
            }
            self.applications[number].is_irreparable = true;
            return;
        };
        let before = application.stored;
        if secret == before {
            return;
        }
        if secret < before {
            self.violate(Invariant::NoOlderSecretIsStored, Some(number), || {
                format!("secret {secret} replaces secret {before}")
            });
        }
        let (works_from, old_ends) = {
            let state = self.world.state();
            let secrets = state
                .lwa
                .applications
                .get(&self.applications[number].client_id)
                .map(|client| &client.secrets);
            (
                secrets.and_then(|secrets| Some(secrets.get(secret)?.works_from)),
                secrets.and_then(|secrets| secrets.get(before)?.works_until),
            )
        };
        let is_unknown = works_from.is_some_and(|from| from > written);
        let is_dead = old_ends.is_some_and(|ends| ends <= written);
        if is_unknown && !is_dead {
            self.violate(Invariant::StoredSecretsWork, Some(number), || {
                format!("secret {secret} is stored before LWA knows it, in place of one that works")
            });
        }
        let expires_at = self.applications[number].issued[secret].expires_at;
        self.record_until(Some(number), Kind::Stored, Some(expires_at), || {
            format!("secret {secret} is stored")
        });
        self.stored(number, secret);
        self.written(number);
        if self.once_in(FaultKind::People, 20) {
            let at = self.now + self.rng.i64(MINUTE..20 * HOUR);
            self.at(at, Event::PutBack(number, secret, before));
        }
    }

    /// What the vault says about each deadline, computed independently of the product: the
    /// instant, and whether it was reported.
    pub(super) fn expected_deadlines(&self) -> Vec<(i64, bool)> {
        let lifetime = i64::from(SECRET_LIFETIME_DAYS) * DAY;
        let believed = |application: &Application| {
            let read = |name: &str| {
                let read = |tags: &mut BTreeMap<String, String>| tags.get(name)?.parse().ok();
                let at: Option<Timestamp> = self.vault.tags(&application.name, read)?;
                at.map(Timestamp::as_millisecond)
            };
            let looked_at = self
                .vault
                .tags(&application.name, |tags| {
                    tags.get(tags::SECRET_VERSION).cloned()
                })
                .flatten()
                .unwrap_or_default();
            let looked_at: Vec<&str> = looked_at.split(' ').collect();
            let millisecond = |text: &str| -> Option<i64> {
                let at: Timestamp = text.parse().ok()?;
                Some(at.as_millisecond())
            };
            if let Some(at) = read(tags::SECRET_EXPIRES_AT) {
                let is_old = looked_at
                    .get(2)
                    .is_some_and(|date| millisecond(date) == Some(at));
                let version = self.vault.version(&application.name);
                let is_looked_at = looked_at.first().copied() == version.as_deref();
                return (at, !is_old || (is_looked_at && looked_at.len() == 3));
            }
            let since = read(tags::SECRET_ISSUED_AT)
                .or_else(|| millisecond(looked_at.get(1)?))
                .or_else(|| {
                    let (_, written_at) = self.vault.current(&application.name)?;
                    Some(written_at.as_millisecond())
                });
            (since.unwrap_or_default() + lifetime, false)
        };
        self.applications.iter().map(believed).collect()
    }

    /// The day on which Amazon ends the secret that is stored.
    pub(super) fn actual_deadline(&self, number: usize) -> Option<i64> {
        let application = &self.applications[number];
        let state = self.world.state();
        let client = state.lwa.applications.get(&application.client_id)?;
        let until = client.secrets.get(application.stored)?.works_until?;
        Some(until.as_millisecond())
    }

    pub(super) fn check_audit(&mut self, response: &Value, beliefs: &[(i64, bool)]) {
        let partial = response["partial"].as_bool().unwrap_or_default();
        let started: Option<Timestamp> = response["started_at"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let now = started.map_or(self.now, Timestamp::as_millisecond);
        let days_left = mem::take(&mut self.audit.days_left);
        let listed: HashSet<String> = self
            .audit
            .digests
            .iter()
            .flat_map(|digest| reminders(digest))
            .map(|(name, _)| name)
            .collect();
        // The rows of the answer say whether their date was reported.
        let said_to_be_reported: HashMap<&str, bool> = response["next_deadlines"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| Some((row["application"].as_str()?, row["basis"] == "reported")))
            .collect();
        for (number, &(belief, reported)) in beliefs.iter().enumerate() {
            let name = self.applications[number].name.to_string();
            let reported = *said_to_be_reported.get(&*name).unwrap_or(&reported);
            let left = belief.div_euclid(DAY) - now.div_euclid(DAY);
            match days_left.get(&name) {
                None if partial => {}
                None => self.violate(Invariant::EveryApplicationIsAudited, Some(number), || {
                    "the audit of the day does not say when its secret ends".to_owned()
                }),
                Some(&said) => self.check_deadline(number, said, reported, partial),
            }
            if !self.is_reminder_due(number, left) || self.violation.is_some() {
                continue;
            }
            // A function whose clock is ahead may have spoken just before midnight.
            let today = now - now.rem_euclid(DAY) - 5 * MINUTE;
            let is_told = self.told.get(&number).is_some_and(|told| told.at >= today);
            if listed.contains(&name) || is_told {
                self.counts.reminders += 1;
                self.record(Some(number), Kind::Reminder, || {
                    format!("people are reminded of {left} days")
                });
            } else if !partial {
                self.violate(Invariant::EveryReminderIsSent, Some(number), || {
                    format!("{left} days before the deadline nobody hears of it")
                });
            }
        }
    }

    /// Compares what the audit says about a deadline with the time at which Amazon ends the secret.
    pub(super) fn check_deadline(
        &mut self,
        number: usize,
        said: i64,
        reported: bool,
        partial: bool,
    ) {
        let Some(truth) = self.actual_deadline(number) else {
            return;
        };
        let today = self.now.div_euclid(DAY);
        let left = truth.div_euclid(DAY) - today;
        if said == left {
            return;
        }
        let application = &self.applications[number];
        let newest = application.issued.last();
        // Until the new secret is stored, its predecessor lives for the overlap, and people
        // have been told so.
        let is_waited_for = application.stored + 1 < application.issued.len()
            && newest
                .is_some_and(|newest| self.now - newest.at < i64::from(OVERLAP_DAYS + 1) * DAY);
        // Stored, but its dates are not: the message stays in the queue until they are.
        let is_half_done = self
            .new_secrets
            .messages
            .iter()
            .any(|message| matches!(message.about, About::NewSecret(of, _) if of == number));
        let is_rotating = is_waited_for || is_half_done;
        // The dates that people set before the system was deployed are taken as they are until it
        // has looked at the value, which an outage may delay.
        let is_not_looked_at = self.now - START < FIRST_LOOK
            && self
                .vault
                .tags(&application.name, |tags| {
                    !tags.contains_key(tags::SECRET_VERSION)
                })
                .unwrap_or_default();
        let is_excused = is_rotating || is_not_looked_at || application.is_irreparable || partial;
        if reported && !is_excused {
            self.violate(Invariant::DeadlinesAreRight, Some(number), || {
                format!("the audit says {said} days, and Amazon ends the secret in {left}")
            });
        }
    }
}

/// The applications among the reminders of a digest, each with the rest of its row.
fn reminders(email: &str) -> Vec<(String, String)> {
    let titled = email
        .split_once("Client secrets that need you\n")
        .map(|(_, list)| list.split("\n\n").next().unwrap_or(list).to_owned());
    let mut rows: Vec<String> = Vec::new();
    for line in titled.unwrap_or_default().lines() {
        match line.strip_prefix("  - ") {
            Some(row) => rows.push(row.to_owned()),
            None => {
                if let Some(row) = rows.last_mut() {
                    row.push(' ');
                    row.push_str(line.trim());
                }
            }
        }
    }
    let rows = rows.iter().filter_map(|row| row.split_once(": "));
    rows.map(|(name, row)| (name.to_owned(), row.to_owned()))
        .collect()
}
