//! An insider, who may write below a path of their own and send to the queues.

use lwa_core::application::ApplicationName;
use lwa_core::tags;

use super::event_queue::{Event, QueueName};
use super::state::Year;
use crate::amazon::{self, About};
use crate::invariant::Invariant;
use crate::story::Kind;
use crate::time::{DAY, HOUR, instant};
use crate::vault_fixture::Contents;

/// A place to which an insider has copied the client id of an application.
pub(super) struct Copy {
    name: ApplicationName,
    number: usize,
    /// What the insider stored there.
    value: String,
}

impl Year {
    /// Does one of the things that an insider may try.
    pub(super) fn insider(&mut self) {
        let at = self.now + self.insider.i64(30 * DAY..200 * DAY);
        self.at(at, Event::Insider);
        let number = self.insider.usize(..self.applications.len());
        match self.insider.u8(..6) {
            0 => self.copy(number),
            1 => self.forge_tags(),
            2 | 3 => self.forge_secret(number),
            _ => self.forge_notice(number),
        }
    }

    fn tell(&mut self, number: usize, what: &'static str) {
        self.record(Some(number), Kind::Trouble, || format!("an insider {what}"));
    }

    fn copy(&mut self, number: usize) {
        let application = &self.applications[number];
        let Ok(name) = ApplicationName::parse(&format!("{}-copy", application.name)) else {
            return;
        };
        if self.copies.iter().any(|copy| copy.name == name) {
            return;
        }
        let value = format!("amzn1.oa2-cs.v1.local-insider-{number:04}");
        let contents = Contents {
            client_id: application.client_id.clone(),
            client_secret: value.clone(),
            refresh_token: "Atzr|local-insider".to_owned(),
            sellers: Vec::new(),
        };
        self.vault.create(&name, &contents, instant(self.now));
        self.copies.push(Copy {
            name,
            number,
            value,
        });
        self.tell(number, "copies its client id to a place of their own");
        self.forge_tags();
    }

    /// Says of every copy that its secret is ending, fresh, or just being rotated.
    fn forge_tags(&mut self) {
        let (key, days) = match self.insider.u8(..3) {
            0 => (tags::SECRET_EXPIRES_AT, 2),
            1 => (tags::SECRET_EXPIRES_AT, 170),
            _ => (tags::ROTATION_REQUESTED_AT, 0),
        };
        let text = instant(self.now + days * DAY).to_string();
        for copy in &self.copies {
            self.vault.tags(&copy.name, |tags| {
                tags.insert(key.to_owned(), text.clone());
            });
        }
    }

    /// Sends a secret that Amazon never made, or one of before, as a new one.
    fn forge_secret(&mut self, number: usize) {
        let application = &self.applications[number];
        let before = self.vault.one_before(&application.name);
        let value = before.filter(|_| self.insider.bool());
        let value = value.unwrap_or_else(|| {
            let number = self.insider.u32(..);
            format!("amzn1.oa2-cs.v1.local-forged-{number:08}")
        });
        // The old secret is said to be over, or as good as that.
        let old_ends = self.now + self.insider.i64(-2 * DAY..8 * DAY);
        let made_at = old_ends - 7 * DAY;
        let client_id = application.client_id.clone();
        let id = self.id();
        let body = amazon::new_secret(
            &client_id,
            &value,
            instant(made_at + 180 * DAY),
            instant(old_ends),
            instant(made_at),
            &id,
        );
        self.tell(number, "sends a forged secret");
        self.send(QueueName::NewSecret, &body, About::Forged, 0);
    }

    /// Sends a notice of a date that no secret can have, or of one that is long over.
    fn forge_notice(&mut self, number: usize) {
        let days = if self.insider.bool() {
            self.insider.i64(190..400)
        } else {
            -self.insider.i64(30..900)
        };
        let expires_at = instant(self.now + days * DAY + HOUR);
        let client_id = self.applications[number].client_id.clone();
        let body = amazon::secret_expiry(&client_id, expires_at, instant(self.now));
        self.tell(number, "sends a forged notice");
        self.send(QueueName::Expiry, &body, About::Forged, 0);
    }

    /// Every copy still holds what the insider stored.
    pub(super) fn check_copies(&mut self) {
        let given = self.copies.iter().find(|copy| {
            let current = self.vault.current(&copy.name);
            current.is_none_or(|(value, _)| value != copy.value)
        });
        if let Some(number) = given.map(|copy| copy.number) {
            self.violate(Invariant::NoSecretIsGivenAway, Some(number), || {
                "a place with a copied client id got another secret".to_owned()
            });
        }
    }
}
